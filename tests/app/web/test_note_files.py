"""A signed note as a file: for whoever may read the note, each reading written down."""

from __future__ import annotations

import pytest

from app import audit
from mappings.note_xhtml import STYLE_HASH, copy_in_xhtml
from tests.app.web.office import EHR, Desk, Office
from tests.app.web.test_writing_and_signing import _cosign, _sign, _write

FORMS = {"txt": "text/plain; charset=utf-8", "xhtml": "application/xhtml+xml", "pdf": "application/pdf"}


@pytest.fixture
def peer(office: Office) -> Desk:
    return office.sit("rivera", "pat-moss")


@pytest.fixture
def note(office: Office, peer: Desk) -> str:
    contact = _write(peer)
    _sign(peer, contact)
    _cosign(office.sit("chen", "pat-moss"), contact)
    return contact


def test_the_page_of_a_signed_note_leads_to_each_form_to_open_and_to_keep(peer: Desk, note: str) -> None:
    page = peer.get(f"/contacts/{note}").text
    assert "The note as a file" in page
    for ending, kind in FORMS.items():
        address = f"/contacts/{note}/file?version=1&form={ending}"
        assert address.replace("&", "&amp;") in page
        opened, kept = peer.get(address), peer.get(f"{address}&keep=1")
        assert (opened.status_code, opened.headers["Content-Type"]) == (200, kind)
        assert opened.headers["Content-Disposition"].startswith("inline")
        assert kept.headers["Content-Disposition"] == f'attachment; filename="note-version-1.{ending}"'
        assert opened.data == kept.data
        assert opened.headers["Cache-Control"] == "no-store"


def test_the_web_page_shows_both_signatures_and_only_its_own_style_is_let_in(peer: Desk, note: str) -> None:
    answer = peer.get(f"/contacts/{note}/file?form=xhtml")
    assert [one.words for one in copy_in_xhtml(answer.data).signatures] == [
        "Signed as the author",
        "Co-signed",
    ]
    policy = answer.headers["Content-Security-Policy"]
    assert f"style-src 'self' '{STYLE_HASH}';" in policy
    assert "script-src 'self';" in policy


def test_each_reading_of_a_file_stands_in_the_trail(office: Office, peer: Desk, note: str) -> None:
    peer.get(f"/contacts/{note}/file?form=pdf")
    with office.kit.store.read() as session:
        lines = [each for each in audit.of_subject(session, EHR, note) if each.action == "note read as file"]
    assert [each.detail["form"] for each in lines] == ["pdf"]


@pytest.mark.parametrize("query", ["form=docx", "form=txt&version=7", "form=txt&version=x"])
def test_a_form_or_version_that_is_none_is_not_there(peer: Desk, note: str, query: str) -> None:
    assert peer.get(f"/contacts/{note}/file?{query}").status_code == 404


def test_a_draft_and_another_persons_note_have_no_file(office: Office, peer: Desk, note: str) -> None:
    draft = _write(peer)
    assert peer.get(f"/contacts/{draft}/file?form=pdf").status_code == 404
    assert office.sit("rivera", "pat-lindqvist").get(f"/contacts/{note}/file").status_code == 404
