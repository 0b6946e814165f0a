"""Scopes in v1 and v2 form (SMART App Launch 2.2, scopes and launch context)."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_launch.profile import EhrProfile
from smart_launch.scopes import allows, for_launch, missing, parse, render, speaks_v2

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("configured", "v1", "v2"),
    [
        ("user/Patient.rs", ("user/Patient.read",), ("user/Patient.rs",)),
        ("user/Task.cu", ("user/Task.write",), ("user/Task.cu",)),
        ("user/Goal.cruds", ("user/Goal.read", "user/Goal.write"), ("user/Goal.cruds",)),
        ("user/Goal.read", ("user/Goal.read",), ("user/Goal.rs",)),
        ("user/Goal.write", ("user/Goal.write",), ("user/Goal.cud",)),
        ("system/*.*", ("system/*.read", "system/*.write"), ("system/*.cruds",)),
        (
            "user/DocumentReference.c?category=clinical-note",
            ("user/DocumentReference.write",),
            ("user/DocumentReference.c?category=clinical-note",),
        ),
        ("openid", ("openid",), ("openid",)),
        ("user/Patient.sr", ("user/Patient.sr",), ("user/Patient.sr",)),
    ],
)
def test_a_scope_is_said_in_the_form_the_server_speaks(
    configured: str, v1: tuple[str, ...], v2: tuple[str, ...]
) -> None:
    assert render([configured], v2=False) == v1
    assert render([configured], v2=True) == v2


def test_scopes_that_become_the_same_are_asked_once() -> None:
    assert render(["user/Goal.r", "user/Goal.s", "openid", "openid"], v2=False) == (
        "user/Goal.read",
        "openid",
    )


@pytest.mark.parametrize(
    ("facts", "v2"),
    [
        ({"capabilities": frozenset({"permission-v2"})}, True),
        ({"capabilities": frozenset({"permission-v1", "permission-v2"})}, True),
        ({"capabilities": frozenset({"permission-v1"})}, False),
        ({"capabilities": frozenset({"launch-ehr"}), "scopes_supported": ("user/Patient.rs",)}, True),
        ({"capabilities": frozenset({"launch-ehr"}), "scopes_supported": ("user/*.*",)}, False),
        ({"capabilities": frozenset({"launch-ehr"})}, False),
        ({"scopes_supported": ("openid",)}, True),
        ({}, True),
    ],
)
def test_the_form_follows_what_the_server_states(facts: dict[str, Any], v2: bool) -> None:
    assert speaks_v2(EhrProfile("x", NOW, **facts)) is v2


def test_launch_is_asked_from_the_ehr_and_launch_patient_only_standalone() -> None:
    configured = ("openid", "launch", "launch/patient", "user/Patient.r")
    assert for_launch(configured, from_ehr=True) == ("openid", "launch", "user/Patient.r")
    assert for_launch(configured, from_ehr=False) == ("openid", "launch/patient", "user/Patient.r")
    assert for_launch(("openid",), from_ehr=True) == ("launch", "openid")


@pytest.mark.parametrize(
    ("granted", "requested", "left"),
    [
        ("user/Patient.rs", "user/Patient.r", ""),
        ("user/Patient.read", "user/Patient.rs", ""),
        ("user/*.*", "user/Patient.cruds", ""),
        ("user/Patient.r user/Patient.s", "user/Patient.rs", ""),
        ("user/Patient.r", "user/Patient.rs", "user/Patient.rs"),
        ("patient/Patient.rs", "user/Patient.rs", "user/Patient.rs"),
        ("user/*.read", "user/Task.u", "user/Task.u"),
        ("user/Task.c", "user/Task.c?status=x", ""),
        ("user/Task.c?status=x", "user/Task.c?status=x", ""),
        ("user/Task.c?status=x", "user/Task.c", "user/Task.c"),
        ("user/Task.c?status=x", "user/Task.c?status=y", "user/Task.c?status=y"),
        ("launch", "launch openid", "openid"),
        ("", "user/Patient.r", "user/Patient.r"),
    ],
)
def test_what_was_not_granted_is_named(granted: str, requested: str, left: str) -> None:
    assert missing(requested.split(), granted.split()) == tuple(left.split())


LETTERS = st.sets(st.sampled_from("cruds"), min_size=1).map(lambda s: "".join(c for c in "cruds" if c in s))
SCOPE = st.builds(
    "{}/{}.{}".format,
    st.sampled_from(["user", "patient", "system"]),
    st.sampled_from(["*", "Patient", "Task"]),
    LETTERS,
)


@given(st.lists(SCOPE, max_size=6))
def test_what_is_granted_as_asked_leaves_nothing_missing_in_either_form(asked: list[str]) -> None:
    assert missing(asked, render(asked, v2=True)) == ()
    assert missing(asked, render(asked, v2=False)) == ()


@given(st.lists(SCOPE, max_size=6), SCOPE)
def test_nothing_is_allowed_that_no_granted_scope_names(granted: list[str], wanted: str) -> None:
    permission = parse(wanted)
    assert permission is not None
    named = {letter for one in map(parse, granted) if one and one.level == permission.level
             and one.resource in {"*", permission.resource} for letter in one.letters}  # fmt: skip
    for letter in "cruds":
        assert allows(granted, permission.level, permission.resource, letter) == (letter in named)  # type: ignore[arg-type]
