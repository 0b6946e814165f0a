"""Fields that no form has, sent with one that exists: nothing of them is taken (mass assignment)."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tests.app.web.office import Office
from tests.app.web.test_plan_staff_and_engagement import ENTRY
from tests.app.web.test_plan_staff_and_engagement import _begin as begin_entry
from tests.app.web.test_writing_and_signing import WRITTEN, _begin, _form, _sign, _write

FORGED: dict[str, list[str]] = {
    "id": ["C-forged"],
    "issuer": ["elsewhere"],
    "patient": ["pat-farrell"],
    "individual.id": ["MRN-70003"],
    "author": ["1900000047"],
    "peer.id": ["1900000047"],
    "state": ["final"],
    "status": ["entered-in-error"],
    "version": ["9"],
    "units": ["99"],
    "signed_by": ["1900000039"],
    "signatures.0.by": ["1900000039"],
    "signatures.0.meaning": ["cosigner"],
    "frozen_at": ["2026-01-01T00:00:00Z"],
    "claim.control_number": ["X"],
    "authorization.number": ["X"],
    "program.id": ["X"],
    "jurisdiction": ["us-id"],
    "note.edited_at": ["2020-01-01T00:00:00Z"],
    "plan.author": ["1900000047"],
    "roles": ["administrator"],
}


def _kept(office: Office, table: str) -> list[tuple[object, ...]]:
    """The rows of a table without the record's text."""
    with office.kit.store.read() as session:
        rows = session.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2, 3"))  # noqa: S608  # a name below
        return [tuple(row) for row in rows]


@pytest.mark.parametrize("how", ["edit", "autosave"])
def test_a_note_is_the_same_whatever_else_its_form_brings(office: Office, how: str) -> None:
    peer = office.sit("rivera", "pat-moss")
    contact = _begin(peer)
    form = _form(peer, f"/contacts/{contact}/edit") | WRITTEN
    peer.post(f"/contacts/{contact}/{how}", form)
    honest = [_kept(office, table) for table in ("contacts", "contact_versions", "staff")]
    again = _form(peer, f"/contacts/{contact}/edit") | {
        name: value for name, value in FORGED.items() if name not in form
    }
    peer.post(f"/contacts/{contact}/{how}", again)
    assert [_kept(office, table) for table in ("contacts", "contact_versions", "staff")] == honest


def test_a_signature_is_that_of_the_person_at_the_screen_whatever_the_form_says(office: Office) -> None:
    peer = office.sit("rivera", "pat-moss")
    contact = _write(peer)
    form = _form(peer, f"/contacts/{contact}/sign") | {"confirm": "yes"}
    assert peer.post(f"/contacts/{contact}/sign", {**FORGED, **form}).status_code == 303
    with office.kit.store.read() as session:
        [signed] = session.execute(text('SELECT "by", meaning, version FROM signatures'))
        [state] = session.execute(text("SELECT state FROM contact_versions"))
    assert tuple(signed) == ("1900000021", "author", 1)
    assert tuple(state) == ("awaiting-cosignature",)


def test_a_plan_entry_is_its_writers_whatever_the_form_says(office: Office) -> None:
    clinician = office.sit("chen", "pat-lindqvist")
    entry = begin_entry(clinician)
    form = _form(clinician, f"/plan/{entry}/edit") | ENTRY
    others = {name: value for name, value in FORGED.items() if name not in form}
    assert clinician.post(f"/plan/{entry}/edit", {**others, **form}).status_code == 303
    with office.kit.store.read() as session:
        [row] = session.execute(
            text("SELECT issuer, id, version, patient, author, state, frozen_at FROM plan_entries")
        )
    assert tuple(row) == ("sandbox", entry, 1, "pat-lindqvist", "1900000039", "draft", None)


def test_what_was_signed_is_exactly_what_was_shown(office: Office) -> None:
    peer = office.sit("rivera", "pat-moss")
    contact = _write(peer)
    shown = _form(peer, f"/contacts/{contact}/sign") | {"confirm": "yes"}
    changed = _form(peer, f"/contacts/{contact}/edit") | {"note.outcome": ["Another outcome."]}
    assert peer.post(f"/contacts/{contact}/edit", changed).status_code == 303
    peer.post(f"/contacts/{contact}/sign", shown)
    with office.kit.store.read() as session:
        assert session.execute(text("SELECT count(*) FROM signatures")).scalar() == 0
    _sign(peer, contact)
