"""google-fhir-r4, HL7's R4 as protocol buffers, finds nothing wrong with what is written."""

from __future__ import annotations

from tests.judges.judging import asked, generated, golden, own_artefacts, unhurried

pytestmark = unhurried


def test_no_golden_file_is_refused() -> None:
    assert asked("google", golden().values()) == []


def test_no_bundle_of_2000_generated_records_is_refused() -> None:
    assert asked("google", generated()) == []


def test_no_artefact_of_our_package_is_refused() -> None:
    assert asked("google", own_artefacts()) == []


def test_it_refuses_what_is_broken() -> None:
    found = asked(
        "google",
        [
            b'{"resourceType": "Encounter", "status": "bogus", "class": {"code": "AMB"}}',
            b'{"resourceType": "Encounter", "status": "finished"}',
            b'{"resourceType": "Patient", "gender": "female"}',
            b'{"resourceType": "Patient", "birthDate": "1990-2-3"}',
        ],
    )
    assert [each.partition(":")[0] for each in found] == ["1", "2", "4"]
