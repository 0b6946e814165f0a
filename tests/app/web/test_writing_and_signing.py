"""Writing, signing, reviewing: what a peer and an LPHA do with one note, by the forms of the pages."""

from __future__ import annotations

from typing import Any

import pytest

from app import staff
from app.web.signing import changes
from tests.app.web.office import ADMIN, EHR, STAFF, Desk, Forms, Office

WRITTEN: dict[str, list[str]] = {
    "start_date": ["2026-03-04"],
    "start_time": ["09:00"],
    "end_time": ["09:44"],
    "service.type": ["adult"],
    "service.format": ["individual"],
    "service.place": ["onsite"],
    "service.modality": ["in-person"],
    "service.location.kind": ["clinic"],
    "service.components": ["A-EBT"],
    "service.voluntary": ["yes"],
    "recipients": ["individual"],
    "note.purpose": ["Talk about what brought Alex here."],
    "note.response": ["Alex was open."],
    "note.progress": ["Alex named two hopes."],
    "note.outcome": ["We meet again on Thursday."],
    "note.data_verified": ["yes"],
    "engagement.goal": ["Decide whether treatment here is right"],
}


def _begin(desk: Desk) -> str:
    return str(desk.post("/contacts/new").headers["Location"].split("/")[-2])


def _form(desk: Desk, path: str) -> dict[str, Any]:
    return dict(Forms(desk.get(path).text).fields)


def _write(desk: Desk, **changed: list[str]) -> str:
    contact = _begin(desk)
    form = _form(desk, f"/contacts/{contact}/edit") | WRITTEN | changed
    assert desk.post(f"/contacts/{contact}/edit", form).status_code == 303
    return contact


def _sign(desk: Desk, contact: str) -> None:
    form = _form(desk, f"/contacts/{contact}/sign") | {"confirm": "yes"}
    answer = desk.post(f"/contacts/{contact}/sign", form)
    assert answer.status_code == 303, answer.text


def _cosign(desk: Desk, contact: str) -> None:
    form = _form(desk, f"/contacts/{contact}/review") | {"confirm": "yes"}
    assert desk.post(f"/contacts/{contact}/cosign", form).status_code == 303


@pytest.fixture
def peer(office: Office) -> Desk:
    return office.sit("rivera", "pat-moss")


@pytest.fixture
def lpha(office: Office) -> Desk:
    return office.sit("chen", "pat-moss")


def test_a_double_click_begins_one_contact(peer: Desk) -> None:
    assert _begin(peer) == _begin(peer)


def test_the_type_of_service_is_that_of_the_peers_own_credential(office: Office) -> None:
    desk = office.sit("okafor", "pat-moss")
    assert _form(desk, f"/contacts/{_begin(desk)}/edit")["service.type"] == ["family"]


def test_what_was_typed_stands_in_the_form_when_it_is_opened_again(peer: Desk) -> None:
    contact = _write(peer)
    form = _form(peer, f"/contacts/{contact}/edit")
    assert {name: form[name] for name in WRITTEN} == WRITTEN
    assert "Draft resumed" in peer.get(f"/contacts/{contact}/edit").text


def test_what_cannot_be_read_is_kept_named_and_linked_and_the_rest_is_saved(peer: Desk) -> None:
    contact = _begin(peer)
    form = _form(peer, f"/contacts/{contact}/edit") | WRITTEN | {"end_time": ["quarter to ten"]}
    page = peer.post(f"/contacts/{contact}/edit", form)
    assert page.status_code == 422
    assert 'href="#end-time"' in page.text
    assert 'value="quarter to ten"' in page.text
    assert _form(peer, f"/contacts/{contact}/edit")["note.purpose"] == WRITTEN["note.purpose"]


def test_a_save_over_a_newer_saving_keeps_what_was_typed_and_says_so(peer: Desk) -> None:
    contact = _write(peer)
    old = _form(peer, f"/contacts/{contact}/edit")
    assert (
        peer.post(f"/contacts/{contact}/edit", old | {"note.outcome": ["In the other window"]}).status_code
        == 303
    )
    page = peer.post(f"/contacts/{contact}/edit", old | {"note.outcome": ["In this window"]})
    assert page.status_code == 409
    assert "changed in another window" in page.text
    again = Forms(page.text).fields
    assert again["note.outcome"] == ["In this window"]
    assert peer.post(f"/contacts/{contact}/edit", again).status_code == 303
    assert _form(peer, f"/contacts/{contact}/edit")["note.outcome"] == ["In this window"]


def test_findings_come_for_the_form_as_it_stands_and_nothing_is_saved(peer: Desk) -> None:
    contact = _begin(peer)
    form = _form(peer, f"/contacts/{contact}/edit") | WRITTEN | {"note.outcome": [""]}
    part = peer.post(f"/contacts/{contact}/findings", form, headers={"HX-Request": "true"})
    assert "44 minutes: 2 units" in part.text
    assert "14 minutes are left over" in part.text
    assert "NY.PRE.NOTE_FIELDS" in part.text
    assert 'hx-target="#f-note-outcome"' in part.text
    assert _form(peer, f"/contacts/{contact}/edit")["note.purpose"] == [""]


def test_a_draft_saves_itself_and_tells_when(peer: Desk) -> None:
    contact = _begin(peer)
    form = _form(peer, f"/contacts/{contact}/edit") | WRITTEN
    part = peer.post(f"/contacts/{contact}/autosave", form, headers={"HX-Request": "true"})
    assert "Saved at 10:00 AM" in part.text
    assert 'name="edit" id="edit" value="1"' in part.text
    assert _form(peer, f"/contacts/{contact}/edit")["note.purpose"] == WRITTEN["note.purpose"]


def test_a_saving_by_itself_after_the_session_ended_says_that_nothing_was_saved(
    office: Office, peer: Desk
) -> None:
    contact = _begin(peer)
    form = _form(peer, f"/contacts/{contact}/edit") | WRITTEN
    office.clock.forward(minutes=20)
    part = peer.post(f"/contacts/{contact}/autosave", form, headers={"HX-Request": "true"})
    assert part.status_code == 401
    assert part.text.startswith("<span>Not saved.")


def test_another_type_of_service_brings_its_own_components(peer: Desk) -> None:
    contact = _begin(peer)
    form = _form(peer, f"/contacts/{contact}/edit") | {"service.type": ["youth"]}
    part = peer.post(f"/contacts/{contact}/findings", form)
    assert 'value="Y-SKILL"' in part.text
    assert 'value="A-SASE"' not in part.text


def test_the_peer_signs_what_was_shown_and_a_second_click_shows_the_outcome(peer: Desk) -> None:
    contact = _write(peer)
    form = _form(peer, f"/contacts/{contact}/sign") | {"confirm": "yes"}
    assert peer.post(f"/contacts/{contact}/sign", form).status_code == 303
    assert peer.post(f"/contacts/{contact}/sign", form).status_code == 303
    page = peer.follow()
    assert "Waiting for co-signature" in page.text
    assert page.text.count("Signed by") == 1


def test_nobody_signs_without_saying_that_they_read_it(peer: Desk) -> None:
    contact = _write(peer)
    form = _form(peer, f"/contacts/{contact}/sign")
    page = peer.post(f"/contacts/{contact}/sign", form)
    assert page.status_code == 422
    assert "Tick the box" in page.text


def test_a_text_that_changed_after_it_was_shown_is_not_signed_and_the_change_is_shown(peer: Desk) -> None:
    contact = _write(peer)
    shown = _form(peer, f"/contacts/{contact}/sign") | {"confirm": "yes"}
    later = _form(peer, f"/contacts/{contact}/edit") | {"note.outcome": ["We meet on Friday."]}
    assert peer.post(f"/contacts/{contact}/edit", later).status_code == 303
    page = peer.post(f"/contacts/{contact}/sign", shown)
    assert page.status_code == 409
    assert "<dd>We meet again on Thursday.</dd>" in page.text
    assert "<dd>We meet on Friday.</dd>" in page.text


def test_the_rules_hold_a_note_that_lacks_its_outcome(peer: Desk) -> None:
    contact = _write(peer, **{"note.outcome": [""]})
    page = peer.get(f"/contacts/{contact}/sign").text
    assert "Must be mended before signing" in page
    assert ">Sign</button>" not in page
    digest = "0" * 64
    assert peer.post(f"/contacts/{contact}/sign", {"confirm": "yes", "digest": digest}).status_code == 409


def test_an_lpha_reads_and_cosigns_and_the_note_is_on_its_way(peer: Desk, lpha: Desk) -> None:
    contact = _write(peer)
    _sign(peer, contact)
    form = _form(lpha, f"/contacts/{contact}/review") | {"confirm": "yes"}
    assert lpha.post(f"/contacts/{contact}/cosign", form).status_code == 303
    assert lpha.post(f"/contacts/{contact}/cosign", form).status_code == 303
    page = lpha.follow().text
    assert "Signed, waiting to be sent" in page
    assert "Co-signed by" in page
    assert page.count("Dana Chen (LCSW)") == 1


def test_nobody_cosigns_a_note_of_their_own(office: Office) -> None:
    with office.kit.store.write() as session:
        member = staff.find(session, EHR, STAFF["chen"][0])
        assert member is not None
        roles = frozenset({"peer", "lpha"})
        staff.save(session, ADMIN, member.record, roles, True, office.clock())
    desk = office.sit("chen", "pat-moss")
    contact = _write(desk)
    page = desk.get(f"/contacts/{contact}/sign").text
    if ">Sign</button>" in page:
        _sign(desk, contact)
        refused = desk.post(f"/contacts/{contact}/cosign", {"confirm": "yes", "digest": "0" * 64})
        assert refused.status_code == 403
    assert contact not in desk.get("/queue").text


def test_a_note_that_is_sent_back_shows_the_comment_and_is_revised(peer: Desk, lpha: Desk) -> None:
    contact = _write(peer)
    _sign(peer, contact)
    assert lpha.post(f"/contacts/{contact}/send-back", {"comment": " "}).status_code == 422
    assert lpha.post(f"/contacts/{contact}/send-back", {"comment": "Whose hopes?"}).status_code == 303
    page = peer.get(f"/contacts/{contact}").text
    assert "Whose hopes?" in page
    assert "Revise" in page
    assert peer.post(f"/contacts/{contact}/amend").status_code == 303
    assert "Whose hopes?" in peer.follow().text
    _sign(peer, contact)
    assert "version 2" in peer.get(f"/contacts/{contact}").text
    assert "Whose hopes?" in peer.get(f"/contacts/{contact}?version=1").text


def test_an_author_takes_a_note_back_until_it_is_cosigned(peer: Desk, lpha: Desk) -> None:
    contact = _write(peer)
    _sign(peer, contact)
    assert peer.post(f"/contacts/{contact}/recall").status_code == 303
    assert "Taken back" in peer.get(f"/contacts/{contact}").text
    assert lpha.get(f"/contacts/{contact}/review").status_code == 303


def test_the_queue_finds_by_name_and_opens_each_note_in_a_launch_of_its_own(
    office: Office, peer: Desk
) -> None:
    contact = _write(peer)
    _sign(peer, contact)
    menu = office.sit("chen")
    assert "Alex Moss" in menu.get("/queue?q=moss").text
    assert "No note fits" in menu.get("/queue?q=nobody").text
    assert "No note fits" in menu.get("/queue?age=1").text
    opened = menu.post(f"/queue/{contact}/open")
    assert menu.launch_id not in opened.headers["Location"]
    assert "Review before co-signing" in menu.follow().text
    assert menu.get(f"/contacts/{contact}/review").status_code == 403


def test_nobody_opens_a_chart_from_the_list_that_is_not_in_it(office: Office, peer: Desk) -> None:
    draft = _write(peer)
    assert office.sit("chen").post(f"/queue/{draft}/open").status_code == 404
    assert office.sit("okafor").post(f"/drafts/{draft}/open").status_code == 404
    assert office.sit("rivera").post(f"/drafts/{draft}/open").status_code == 303


def test_a_draft_of_somebody_else_is_not_there(office: Office, peer: Desk, lpha: Desk) -> None:
    contact = _write(peer)
    for desk in (lpha, office.sit("okafor", "pat-moss")):
        assert desk.get(f"/contacts/{contact}").status_code == 404
        assert "Talk about" not in desk.get("/").text


def test_a_discarded_draft_is_gone_and_stays_gone(peer: Desk) -> None:
    contact = _write(peer)
    assert peer.post(f"/contacts/{contact}/discard").status_code == 303
    assert "No contact is written yet" in peer.get("/").text


def test_a_biller_releases_a_claim_once(office: Office, peer: Desk, lpha: Desk) -> None:
    contact = _write(peer)
    _sign(peer, contact)
    _cosign(lpha, contact)
    biller = office.sit("moreno")
    page = biller.get("/claims").text
    assert "Ready to release" in page
    reference = page.split("/claims/")[-1].split('"')[0]
    shown = _form(biller, f"/claims/{reference}")
    assert biller.post(f"/claims/{reference}/release", shown).headers["Location"].endswith("said=released")
    again = biller.post(f"/claims/{reference}/release", shown)
    assert again.status_code == 303
    assert "Released" in biller.follow().text
    assert office.sit("whitfield").post(f"/claims/{reference}/release").status_code == 403


def test_a_script_in_a_note_is_text(peer: Desk) -> None:
    attack = "</textarea><script>alert(1)</script>"
    contact = _write(
        peer, **{"note.purpose": [attack], "service.location.name": ['"><img src=x onerror=alert(1)>']}
    )
    for path in (f"/contacts/{contact}/edit", f"/contacts/{contact}/sign"):
        page = peer.get(path).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_what_changed_is_told_line_by_line() -> None:
    assert changes(["a", "b", "c"], ["a", "x", "c"]) == [("was", "b"), ("now", "x")]
    assert changes(["a"], ["a"]) == []


def test_a_form_that_was_opened_before_does_not_take_back_the_goal_a_colleague_worded(
    peer: Desk, lpha: Desk
) -> None:
    contact = _write(peer)
    old = _form(peer, f"/contacts/{contact}/edit")
    lpha.post("/engagement/goal", {"goal": "See the group room first"})
    assert (
        peer.post(f"/contacts/{contact}/autosave", old | {"note.outcome": ["Thursday."]}).status_code == 200
    )
    assert _form(lpha, "/engagement")["goal"] == ["See the group room first"]
    assert _form(peer, f"/contacts/{contact}/edit")["engagement.goal"] == ["See the group room first"]
    mine = _form(peer, f"/contacts/{contact}/edit") | {"engagement.goal": ["Meet the group"]}
    assert peer.post(f"/contacts/{contact}/edit", mine).status_code == 303
    assert _form(lpha, "/engagement")["goal"] == ["Meet the group"]
