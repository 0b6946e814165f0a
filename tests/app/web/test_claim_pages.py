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


def _released(biller: Desk) -> str:
    reference = _reference(biller)
    shown = Forms(biller.get(f"/claims/{reference}").text).fields
    assert biller.post(f"/claims/{reference}/release", dict(shown)).status_code == 303
    return reference


def test_a_biller_writes_down_a_denial_and_asks_for_the_correction(office: Office, contact: str) -> None:
    biller = office.sit("moreno")
    reference = _released(biller)
    blank = biller.post(f"/claims/{reference}/answer", {"status": "denied"})
    assert blank.status_code == 422
    assert "The reason is blank." in blank.text
    told = {"status": "denied", "payer_reason": "CO-16: lacks information", "payer_number": "ICN-7"}
    assert biller.post(f"/claims/{reference}/answer", told).status_code == 303
    page = biller.get(f"/claims/{reference}").text
    assert "Denied by the payer" in page
    assert "CO-16: lacks information" in page
    assert biller.post(f"/claims/{reference}/ask", {"how": "", "change_reason": "x"}).status_code == 422
    assert biller.post(f"/claims/{reference}/ask", {"how": "correct"}).status_code == 422
    asked = biller.post(f"/claims/{reference}/ask", {"how": "correct", "change_reason": "Denied for data"})
    assert asked.headers["Location"].split("?")[0].endswith(f"/claims/{reference[:-1]}B")
    fresh = biller.get(f"/claims/{reference[:-1]}B").text
    assert "Corrects" in fresh
    assert "Release the claim" in fresh
    assert biller.get("/claims?state=denied").text.count("Denied by the payer") >= 1


def test_a_voided_claim_says_so_and_is_not_asked_about_again(office: Office, contact: str) -> None:
    biller = office.sit("moreno")
    reference = _released(biller)
    biller.post(f"/claims/{reference}/ask", {"how": "void", "change_reason": "Another payer"})
    void = f"{reference[:-1]}B"
    shown = Forms(biller.get(f"/claims/{void}").text).fields
    assert biller.post(f"/claims/{void}/release", dict(shown)).status_code == 303
    page = biller.get(f"/claims/{reference}").text
    assert "Voided" in page
    assert "Correct or void this claim" not in page
    late = biller.post(f"/claims/{reference}/ask", {"how": "void", "change_reason": "Again"})
    assert late.status_code == 409


def test_after_a_void_the_note_leaves_in_a_new_claim_once_its_hold_is_lifted(
    office: Office, contact: str
) -> None:
    biller = office.sit("moreno")
    reference = _released(biller)
    biller.post(f"/claims/{reference}/ask", {"how": "void", "change_reason": "Another payer"})
    void, anew = f"{reference[:-1]}B", f"{reference[:-1]}C"
    shown = Forms(biller.get(f"/claims/{void}").text).fields
    assert biller.post(f"/claims/{void}/release", dict(shown)).status_code == 303
    biller.post("/claims/redraft")
    assert "Another payer" in biller.get(f"/claims/{anew}").text
    assert biller.post(f"/claims/{anew}/unhold").status_code == 303
    shown = Forms(biller.get(f"/claims/{anew}").text).fields
    assert biller.post(f"/claims/{anew}/release", dict(shown)).headers["Location"].endswith("said=released")
    assert "When the claim was released" in biller.get(f"/claims/{reference}/why").text
    assert f"When the claim {anew} was released" in biller.get(f"/claims/{anew}/why").text


def test_a_charge_file_is_downloaded_once_and_again_by_its_batch(office: Office, contact: str) -> None:
    biller = office.sit("moreno")
    assert "No charge file yet." in biller.get("/claims/charges").text
    assert biller.post("/claims/charges").headers["Location"].endswith("said=no-charges")
    reference = _released(biller)
    file = biller.post("/claims/charges")
    assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert reference in file.text
    assert biller.post("/claims/charges").status_code == 303
    page = biller.get("/claims/charges").text
    batch = page.split("Download batch ")[1].split(" ")[0]
    assert biller.post(f"/claims/charges/{batch}").text == file.text
    assert office.sit("rivera").get("/claims/charges").status_code == 403
    assert office.sit("moreno", "pat-moss").get("/claims/charges").status_code == 403
