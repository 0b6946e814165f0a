"""The way of an addendum over the pages: written, read once more, signed, and beside the note for readers."""

import re

import pytest

from app import second_step
from tests.app.web.office import EHR, Desk, Office
from tests.app.web.test_writing_and_signing import _cosign, _sign, _write

MOSS = "pat-moss"
WORDS = "The mother called later: Friday suits her."


def text(response) -> str:
    return response.get_data(as_text=True)


@pytest.fixture
def note(office: Office) -> str:
    peer = office.sit("rivera", MOSS)
    contact = _write(peer)
    _sign(peer, contact)
    _cosign(office.sit("chen", MOSS), contact)
    return contact


def shown(desk: Desk, note: str, said: str = WORDS) -> tuple[str, str]:
    """The address of the page to sign and the digest of what it shows."""
    desk.post(f"/contacts/{note}/addendum", {"said": said})
    page = text(desk.follow())
    assert said in page
    digest, action = (
        re.search(r'name="digest" value="(\w+)"', page),
        re.search(r"/addenda/([^/]+)/sign", page),
    )
    assert digest and action
    return f"/addenda/{action[1]}", digest[1]


def test_what_is_added_is_read_once_more_signed_and_stands_beside_the_note(office: Office, note: str) -> None:
    peer = office.sit("rivera", MOSS)
    assert "Add to it" in text(peer.get(f"/contacts/{note}"))
    address, digest = shown(peer, note)
    assert peer.post(f"{address}/sign", {"digest": digest}).status_code == 422
    peer.post(f"{address}/sign", {"digest": digest, "confirm": "yes"})
    page = text(peer.follow())
    assert "Signed. The addendum stands beside the note." in page
    assert WORDS in page
    assert "To the EHR: waiting." in page
    for reader in ("chen", "whitfield"):
        assert WORDS in text(office.sit(reader, MOSS).get(f"/contacts/{note}"))
    assert WORDS in text(peer.get(f"/contacts/{note}/file?form=txt"))
    again = peer.post(f"{address}/sign", {"digest": digest, "confirm": "yes"})
    assert (again.status_code, text(peer.get(f"/contacts/{note}")).count(WORDS)) == (303, 1)


def test_a_text_that_changed_after_it_was_shown_is_not_signed(office: Office, note: str) -> None:
    peer = office.sit("rivera", MOSS)
    address, digest = shown(peer, note)
    shown(peer, note, "Something else.")
    page = peer.post(f"{address}/sign", {"digest": digest, "confirm": "yes"})
    assert page.status_code == 409
    assert "Not signed: something changed" in text(page)


def test_a_blank_addendum_is_refused_beside_its_field_and_a_draft_can_be_dropped(
    office: Office, note: str
) -> None:
    peer = office.sit("rivera", MOSS)
    refused = peer.post(f"/contacts/{note}/addendum", {"said": " "})
    assert refused.status_code == 422
    assert 'id="said-error"' in text(refused)
    address, _ = shown(peer, note)
    assert WORDS in text(peer.get(f"/contacts/{note}/addendum"))
    peer.post(f"{address}/discard")
    assert "The addendum was discarded" in text(peer.follow())
    assert peer.get(address).status_code == 404


def test_who_neither_wrote_nor_co_signed_it_is_offered_nothing_and_refused(office: Office, note: str) -> None:
    other = office.sit("okafor", MOSS)
    assert "Add to it" not in text(other.get(f"/contacts/{note}"))
    assert other.post(f"/contacts/{note}/addendum", {"said": WORDS}).status_code == 403


def test_a_signature_on_an_addendum_asks_for_the_pin(office: Office, note: str) -> None:
    peer = office.sit("rivera", MOSS)
    with office.kit.store.write() as session:
        second_step.decide(session, EHR, second_step.PIN, ("openid", "fhirUser"), "test", office.clock())
    address, digest = shown(peer, note)
    page = peer.post(f"{address}/sign", {"digest": digest, "confirm": "yes"})
    assert page.status_code == 422
    assert "PIN" in text(page)
    assert text(peer.get(f"/contacts/{note}")).count(WORDS) == 0


def test_advice_on_the_words_of_an_addendum_stands_above_the_signature_and_holds_nothing(
    office: Office, note: str
) -> None:
    peer = office.sit("rivera", MOSS)
    address, digest = shown(peer, note, "He was noncompliant on Friday. He refused.")
    page = text(peer.get(address))
    assert "“refused”: better “said no to”." in page
    assert "Before you sign: advice on wording" in page
    assert "“noncompliant”" in page
    peer.post(f"{address}/sign", {"digest": digest, "confirm": "yes"})
    assert "Signed. The addendum stands beside the note." in text(peer.follow())


def test_an_addendum_in_plain_words_comes_without_advice(office: Office, note: str) -> None:
    peer = office.sit("rivera", MOSS)
    address, _ = shown(peer, note)
    assert "Before you sign" not in text(peer.get(address))
