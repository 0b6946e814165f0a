"""Staff from a FHIR file: shown first with what would change, then saved as chosen."""

from __future__ import annotations

import base64
import binascii
from datetime import date

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import registry
from app.actor import ADMINISTRATOR
from app.fhir_files import read_fhir
from app.problems import MendInput, Stale
from app.staff_fhir import Preview, Source, preview, take
from app.web import choices
from app.web.access import actor, allow
from app.web.kit import kit
from app.web.staff import KEEPERS, import_page
from app.web.view import zone

staff_fhir = Blueprint("staff_fhir", __name__, url_prefix="/l/<launch_id>/staff/import/fhir")

# The file comes back with the form that confirms it, in base64, within what one form may hold.
MOST_BYTES = 256 * 1024


@staff_fhir.get("")
@allow(*KEEPERS)
def again() -> ResponseReturnValue:
    """A reloaded preview begins anew at the upload."""
    return redirect(url_for("staff.import_form"), 303)


@staff_fhir.post("")
@allow(*KEEPERS)
def show() -> ResponseReturnValue:
    """What the import of an uploaded file would change."""
    try:
        data = _uploaded()
        return _preview_page(data, _preview(data), "", 200)
    except MendInput as problem:
        return import_page(problem=problem), 422


@staff_fhir.post("/save")
@allow(*KEEPERS)
def save() -> ResponseReturnValue:
    """Save who was ticked, with the roles ticked; what changed meanwhile is shown again."""
    try:
        data = _carried()
        seen = _preview(data)
    except MendInput as problem:
        return import_page(problem=problem), 422
    chosen = _chosen(seen)
    amiss = _amiss(seen, chosen)
    if amiss:
        return _preview_page(data, seen, amiss, 422)
    try:
        with kit().store.write() as session:
            shown = request.form.get("shown", "")
            taken = take(session, actor(), _source(data), chosen, shown, kit().library, _today(), kit().now())
    except Stale as problem:
        return _preview_page(data, _preview(data), str(problem), 409)
    return import_page(taken=taken)


def _today() -> date:
    return kit().now().astimezone(zone()).date()


def _uploaded() -> bytes:
    file = request.files.get("file")
    if file is None or not file.filename:
        raise MendInput("No file was chosen.", "Choose a FHIR file.")
    return bytes(file.read(MOST_BYTES + 1))


def _carried() -> bytes:
    try:
        return base64.b64decode(request.form.get("data", ""), validate=True)
    except binascii.Error:
        raise MendInput("The file did not come back whole.", "Choose the file again.") from None


def _source(data: bytes) -> Source:
    reading = read_fhir(data, most_bytes=MOST_BYTES)
    with kit().store.read() as session:
        known = registry.registered(session, kit().keyring)
    return Source(reading, known.by_id(actor().issuer).base)


def _preview(data: bytes) -> Preview:
    source = _source(data)
    with kit().store.read() as session:
        return preview(session, actor(), source, kit().library, _today())


def _chosen(seen: Preview) -> dict[str, frozenset[str]]:
    ticked = set(request.form.getlist("take"))
    return {
        entry.key: frozenset(request.form.getlist(f"roles.{number}"))
        for number, entry in enumerate(seen.entries)
        if str(number) in ticked
    }


def _amiss(seen: Preview, chosen: dict[str, frozenset[str]]) -> str:
    roles = [entry.name for n, entry in enumerate(seen.entries) if request.form.getlist(f"roles.{n}")]
    alone = [name for name in roles if name not in {one.name for one in seen.entries if one.key in chosen}]
    if alone:
        return f"A role is ticked for {', '.join(alone)}, who is not ticked. Tick both, or neither."
    return "" if chosen else "Nobody is ticked. Tick whom to save."


def _preview_page(data: bytes, seen: Preview, amiss: str, status: int) -> ResponseReturnValue:
    page = render_template(
        "staff/import_fhir.html",
        seen=seen,
        data=base64.b64encode(data).decode(),
        amiss=amiss,
        ticked=request.form.getlist("take") if amiss else None,
        roles_ticked={n: request.form.getlist(f"roles.{n}") for n in range(len(seen.entries))},
        administrator=actor().is_any(ADMINISTRATOR),
        choices=choices,
    )
    return page, status
