"""No fault without a test that shows it, and none that cannot be planned both ways."""

import importlib
from pathlib import Path
from typing import Any

import pytest

from smart_launch.sandbox_ehr.fault_catalogue import KINDS
from smart_launch.sandbox_ehr.fault_kinds import PLACES
from tests.smart_launch.sandbox_ehr.office import Office

HERE = Path(__file__).parent


def shown() -> set[str]:
    modules = [importlib.import_module(f"{__package__}.{file.stem}") for file in HERE.glob("test_fault*.py")]
    tests = [test for module in modules for name, test in vars(module).items() if name.startswith("test_")]
    return {name for test in tests for name in getattr(test, "shows", ())}


def test_every_fault_is_shown_by_a_test() -> None:
    assert shown() == set(KINDS)


def test_every_fault_is_listed_with_one_line(office: Office) -> None:
    listed = office.get("/_faults").json()["faults"]
    assert [one["name"] for one in listed] == list(KINDS)
    for one in listed:
        assert one["says"].endswith(".")
        assert "\n" not in one["says"]
        assert one["strikes"]


@pytest.mark.parametrize("name", KINDS)
def test_every_fault_can_be_planned_for_the_ehr_and_for_a_launch(office: Office, name: str) -> None:
    office.plan(name, count=0)
    office.launched_with(name)
    office.launched_with({"name": name, "count": 3, **defaults(name)})
    assert office.delete("/_faults").status_code == 204


def defaults(name: str) -> dict[str, Any]:
    return {one.name: one.default for one in KINDS[name].options if one.default is not None}


def test_each_place_is_a_place_of_the_catalogue() -> None:
    assert all(kind.default("at") in (None, *PLACES) for kind in KINDS.values())
