"""The claims of the pages: a biller releases what was shown, and nothing leaves the list unsaid."""

from __future__ import annotations

from typing import Any

import pytest

from tests.app.web.office import Desk, Forms, Office
from tests.app.web.test_writing_and_signing import _cosign, _form, _sign, _write


@pytest.fixture
def peer(office: Office) -> Desk:
    return office.sit("rivera", "pat-moss")


@pytest.fixture
def contact(office: Office, peer: Desk) -> str:
    made = _write(peer)
    _sign(peer, made)
    _cosign(office.sit("chen", "pat-moss"), made)
    return made


def _reference(biller: Desk) -> str:
    return biller.get("/claims").text.split("/claims/")[-1].split('"')[0]


def _longer(peer: Desk, contact: str) -> None:
    peer.post(f"/contacts/{contact}/amend")
    form: dict[str, Any] = _form(peer, f"/contacts/{contact}/edit") | {"end_time": ["09:59"]}
    assert peer.post(f"/contacts/{contact}/edit", form).status_code == 303


def test_a_claim_that_changed_after_it_was_shown_is_not_released(
    office: Office, peer: Desk, contact: str
) -> None:
    biller = office.sit("moreno")
    reference = _reference(biller)
    shown = Forms(biller.get(f"/claims/{reference}").text).fields
    _longer(peer, contact)
    _sign(peer, contact)
    _cosign(office.sit("chen", "pat-moss"), contact)
    late = biller.post(f"/claims/{reference}/release", dict(shown))
    assert late.status_code == 409
    assert "changed since it was shown" in late.text
    again = biller.post(f"/claims/{reference}/release", dict(Forms(late.text).fields))
    assert again.headers["Location"].endswith("said=released")


def test_a_claim_is_not_released_by_who_was_shown_none(office: Office, contact: str) -> None:
    biller = office.sit("moreno")
    assert biller.post(f"/claims/{_reference(biller)}/release").status_code == 409


def test_a_note_under_amendment_stands_in_the_list_of_claims_as_held(
    office: Office, peer: Desk, contact: str
) -> None:
    biller = office.sit("moreno")
    _longer(peer, contact)
    page = biller.get("/claims").text
    assert "Alex Moss" in page
    assert "is being changed by its author" in biller.get(f"/claims/{contact}").text
    peer.post(f"/contacts/{contact}/discard")
    assert "Ready to release" in biller.get("/claims").text


def test_a_signed_note_can_be_read_by_others_while_its_author_changes_it(
    office: Office, peer: Desk, contact: str
) -> None:
    _longer(peer, contact)
    for who in ("chen", "okafor"):
        desk = office.sit(who, "pat-moss")
        assert contact in desk.get("/").text
        page = desk.get(f"/contacts/{contact}")
        assert page.status_code == 200
        assert "9:59" not in page.text
        assert desk.get(f"/contacts/{contact}?version=2").status_code == 404
