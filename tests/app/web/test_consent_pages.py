"""Pages of consents, of the accounting of disclosures, and of a note that stands in the wrong chart."""

import pytest

from app import disclosures, staff
from app.actor import Actor
from mappings.disclosure import CHART
from tests.app.web.office import EHR, Office
from tests.app.web.test_writing_and_signing import _cosign, _sign, _write

MOSS = "pat-moss"
CONSENT = {
    "scope": "tpo",
    "destinations": ["chart", "claims"],
    "recipient": "my treating providers",
    "from": "2026-03-01",
    "copy": "Binder 7",
}


def text(response) -> str:
    return response.get_data(as_text=True)


@pytest.fixture
def part2(office: Office) -> Office:
    keeper = Actor(EHR, "setup", "Set Up", frozenset({"administrator"}), "setup")
    with office.kit.store.write() as session:
        program = staff.program_of(session, EHR)
        assert program is not None
        staff.save_program(session, keeper, program.model_copy(update={"part2": True}), office.clock())
    return office


def test_a_consent_is_recorded_and_revoked_on_the_page_and_what_is_missing_is_said(part2: Office) -> None:
    peer = part2.sit("rivera", MOSS)
    assert "No consent in force lets records go to payers, by claims" in text(peer.get("/consents"))
    peer.post("/consents", CONSENT)
    page = text(peer.follow())
    assert "What waited for this consent goes on now." in page
    assert "to disclose records of peer support to my treating providers" in page
    assert "No consent in force" not in page
    refused = peer.post("/consents/1/revoke", {"said": ""})
    assert refused.status_code == 422
    assert 'id="said-1-error"' in text(refused)
    peer.post("/consents/1/revoke", {"said": "On the phone"})
    page = text(peer.follow())
    assert "From this moment nothing leaves by this consent." in page
    assert "No consent in force lets records go" in page


def test_a_consent_that_says_too_little_is_refused_with_words_beside_each_field(part2: Office) -> None:
    peer = part2.sit("rivera", MOSS)
    page = peer.post("/consents", {"from": "soon", "recipient": "Aunt <b>"})
    assert page.status_code == 422
    assert 'id="from-error"' in text(page)
    assert "Aunt &lt;b&gt;" in text(page)
    page = text(peer.post("/consents", {"from": "2026-03-01"}))
    assert all(f'id="{name}-error"' in page for name in ("scope", "destinations", "recipient", "copy"))


def test_a_programme_that_is_not_under_part_2_waits_for_no_consent(office: Office) -> None:
    page = text(office.sit("rivera", MOSS).get("/consents"))
    assert "nothing waits for one" in page
    assert "Records are held" not in page


def test_the_accounting_is_read_by_clinicians_and_supervisors_and_asking_for_it_is_written_down(
    part2: Office,
) -> None:
    part2.sit("rivera", MOSS).post("/consents", CONSENT)
    with part2.kit.store.write() as session:
        disclosures.leaves(
            session, EHR, MOSS, CHART, "note", "note/C-1/1", "ab", part2.clock(), part2=True, consent=1
        )
    chen = part2.sit("chen", MOSS)
    assert "Signed note for treatment" in text(chen.get("/consents"))
    assert "What was disclosed" not in text(part2.sit("rivera", MOSS).get("/consents"))
    file = chen.get("/consents/disclosures.csv")
    assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
    heading, line = text(file).splitlines()
    assert heading.startswith("when,recipient,purpose,what")
    assert ",treatment,Signed note,note/C-1/1,ab,1,yes," in line


def test_a_note_is_taken_out_of_the_wrong_chart_on_its_page(office: Office) -> None:
    peer = office.sit("rivera", MOSS)
    contact = _write(peer)
    _sign(peer, contact)
    assert "This note stands in the wrong chart" in text(peer.get(f"/contacts/{contact}"))
    path = f"/contacts/{contact}/wrong-chart"
    refused = peer.post(path, {"reason": "Same name"})
    assert refused.status_code == 422
    assert 'id="confirm-error">Tick the box' in text(refused)
    nothing = text(peer.post(path, {"reason": " "}))
    assert 'id="confirm-error">Tick the box' in nothing
    assert 'id="reason-error">Write why this chart is wrong' in nothing
    assert "Write why this chart is wrong" in text(peer.post(path, {"confirm": "yes", "reason": " "}))
    peer.post(path, {"confirm": "yes", "reason": "Two people of the same name"})
    assert "The note is out of this chart" in text(peer.follow())
    assert peer.get(f"/contacts/{contact}").status_code == 404
    assert peer.get(f"/contacts/{contact}/file").status_code == 404
    assert "Two people of the same name" in text(office.sit("whitfield", MOSS).get("/"))
    assert "Two people of the same name" not in text(peer.get("/"))


def test_an_lpha_is_not_offered_to_take_out_a_note_of_somebody_else(office: Office) -> None:
    peer, chen = office.sit("rivera", MOSS), office.sit("chen", MOSS)
    contact = _write(peer)
    _sign(peer, contact)
    _cosign(chen, contact)
    assert "wrong chart" not in text(chen.get(f"/contacts/{contact}"))
    assert chen.get(f"/contacts/{contact}/wrong-chart").status_code == 403
