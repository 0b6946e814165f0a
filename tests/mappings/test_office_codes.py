"""Codes of an office: tables and what packs add; the unknown is refused with the right form."""

from __future__ import annotations

from typing import Any

import pytest

from mappings.intake import record_from
from mappings.library import Library, load
from mappings.office_codes import office_codes, unknown_codes
from mappings.records import Program, Staff


def unknown(library: Library | None = None, **data: Any) -> dict[str, str]:
    kind = "program" if "policies" in data else "staff"
    record = record_from({"kind": kind, "id": "1", "jurisdiction": "us-ny", **data})
    assert isinstance(record, Staff | Program)
    return unknown_codes(record, office_codes(library or load()))


def test_every_code_that_a_rule_asks_for_has_words() -> None:
    codes = office_codes(load())
    for words in (codes.credentials, codes.categories, codes.attestations, codes.policies, codes.topics):
        assert all(word and word != code for code, word in words.items() if code not in ("lp", "pa"))


@pytest.mark.parametrize(
    ("data", "path", "right"),
    [
        ({"credentials": [{"code": "nycps"}, {"code": "nycsp"}]}, "credentials.1.code", "nycps-provisional"),
        ({"attestations": [{"kind": "bipolar"}]}, "attestations.0.kind", "lived-experience"),
        ({"supervision": [{"kind": "tea"}]}, "supervision.0.kind", "in-discipline-support"),
        ({"supervisor": {"category": "boss"}}, "supervisor.category", "lcsw"),
        ({"earlier_supervisors": [{"category": "boss"}]}, "earlier_supervisors.0.category", "lcsw"),
        ({"policies": [{"kind": "peer-suport"}]}, "policies.0.kind", "peer-support"),
    ],
)
def test_an_unknown_code_is_named_with_its_place_and_the_right_form(
    data: dict[str, Any], path: str, right: str
) -> None:
    found = unknown(**data)
    assert set(found) == {path}
    assert right in found[path]


def test_a_blank_code_is_no_unknown_one_and_a_licence_is_a_credential() -> None:
    assert unknown(credentials=[{"code": None}, {"code": "lcsw"}]) == {}


def test_a_topic_of_education_may_be_of_ones_own_words() -> None:
    assert unknown(education=[{"topic": "Ethics of support"}]) == {}


def test_a_pack_of_a_new_place_adds_its_credentials() -> None:
    from pathlib import Path

    packs = Path(__file__).parents[1] / "guidance" / "packs"
    library = load(packs=packs)
    own = set(office_codes(library).credentials) - set(office_codes(load()).credentials)
    assert own
    assert unknown(library, credentials=[{"code": code} for code in sorted(own)]) == {}
    assert unknown(credentials=[{"code": code} for code in sorted(own)]) != {}
