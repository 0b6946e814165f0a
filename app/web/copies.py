"""A signed note as a file: text, web page or PDF, for whoever may read the note; each reading is written."""

from __future__ import annotations

from flask import Blueprint, Response, g, make_response, request
from flask.typing import ResponseReturnValue

from app import audit
from app.actor import CLINICIAN, LPHA, PEER, SUPERVISOR
from app.note_copies import copy_for
from app.problems import NotFound
from app.web.access import actor, allow
from app.web.kit import kit
from app.web.signing import asked_version
from mappings.note_forms import FORMS
from mappings.note_xhtml import STYLE_HASH

copies = Blueprint("copies", __name__, url_prefix="/l/<launch_id>")


@copies.get("/contacts/<contact_id>/file")
@allow(PEER, LPHA, CLINICIAN, SUPERVISOR, person=True)
def one(contact_id: str) -> ResponseReturnValue:
    """A signed version (`version`, else the newest that may be read) in one form (`form`: txt, xhtml, pdf),
    shown by the browser, or kept as a file with `keep`."""
    ending = request.args.get("form", "txt")
    form = next((each for each in FORMS.values() if each.ending == ending), None)
    if form is None:
        raise NotFound("There is no such form of a note.", "Choose text, web page or PDF.")
    with kit().store.write() as session:
        found = copy_for(session, actor(), contact_id, asked_version())
        number = found.version
        audit.did(
            session,
            actor(),
            "note read as file",
            kit().now(),
            subject=contact_id,
            version=number,
            form=ending,
        )
    response: Response = make_response(form.make(found.copy))
    response.headers["Content-Type"] = form.media_type
    way = "attachment" if "keep" in request.args else "inline"
    response.headers["Content-Disposition"] = f'{way}; filename="note-version-{number}.{ending}"'
    g.style_hash = STYLE_HASH
    return response
