"""Reading and signing: the frozen text, who signed it, the peer's signature and the LPHA's answer to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import ndiff

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import addenda, assignments, individuals, outbox
from app import signing as office
from app.actor import CLINICIAN, LPHA, PEER, SUPERVISOR
from app.assignments import Reach
from app.charting import note_key
from app.outbox import DeliveryLine
from app.problems import Held, MendInput, NotFound, Stale
from app.signing import QueueItem, Shown
from app.web.access import actor, allow, launch
from app.web.deliveries import AGAIN, KINDS, MAY_RETRY
from app.web.formkit import values_of
from app.web.kit import kit
from app.web.second_step import carried_out
from app.web.view import FormView, age_words
from mappings.note_forms import FORMS

signing = Blueprint("signing", __name__, url_prefix="/l/<launch_id>")

READERS = (PEER, LPHA, CLINICIAN, SUPERVISOR)
DRAFT, AWAITING, FINAL = "draft", "awaiting-cosignature", "final"
NO_CONFIRMATION = {"confirm": "Tick the box to say that you have read the text."}
LABELS = {
    "confirm": "I have read this text",
    "comment": "What the author should change",
    "pin": "Your signing PIN",
}


@dataclass(frozen=True)
class Waiting:
    """One line of the queue with the words of its age."""

    item: QueueItem
    age: str
    days: int
    assigned: bool


@signing.get("/contacts/<contact_id>")
@allow(*READERS, person=True)
def one(contact_id: str) -> ResponseReturnValue:
    """A contact to read: its text, signatures, versions, where it stands and what may be done."""
    shown = _shown(contact_id, asked_version())
    if shown.state == DRAFT:
        return redirect(url_for("charting.edit", contact_id=contact_id), 303)
    return render_template(
        "contact/read.html",
        shown=shown,
        contact_id=contact_id,
        current=shown.contact.version == max(shown.versions),
        lines=_deliveries(contact_id),
        kinds=KINDS,
        may_retry=actor().is_any(*MAY_RETRY),
        again=AGAIN,
        may_review=_may_review(shown),
        forms=FORMS.values(),
        **_added(contact_id),
    )


@signing.get("/contacts/<contact_id>/sign")
@allow(PEER, person=True)
def page(contact_id: str) -> ResponseReturnValue:
    """Exactly the text that a signature would freeze, and what the rules say of it."""
    shown = _shown(contact_id)
    if shown.state != DRAFT:
        return redirect(url_for("signing.one", contact_id=contact_id), 303)
    return _sign_page(shown, {})


@signing.post("/contacts/<contact_id>/sign")
@allow(PEER, person=True)
def sign(contact_id: str) -> ResponseReturnValue:
    """The author signs what was shown. A second click shows the outcome of the first."""
    shown = _shown(contact_id)
    if shown.state != DRAFT:
        return redirect(url_for("signing.one", contact_id=contact_id), 303)
    if "confirm" not in request.form:
        return _sign_page(shown, dict(NO_CONFIRMATION)), 422
    digest = request.form.get("digest", "")
    try:
        signed = carried_out(
            lambda session: office.sign(
                session, actor(), contact_id, digest, kit().library, kit().keyring, kit().now()
            )
        )
    except MendInput as problem:
        return _sign_page(_shown(contact_id), dict(problem.errors)), 422
    except Stale as stale:
        return _changed(contact_id, stale)
    except Held as held:
        return make_response(_sign_page(_shown(contact_id), {}, held=held), 409)
    said = "signed" if signed.final else "waiting"
    return redirect(url_for("signing.one", contact_id=contact_id, said=said), 303)


@signing.post("/contacts/<contact_id>/recall")
@allow(PEER, person=True)
def recall(contact_id: str) -> ResponseReturnValue:
    """The author takes a note back that nobody co-signed yet; too late shows where it stands."""
    said = "recalled"
    with kit().store.write() as session:
        try:
            office.recall(session, actor(), contact_id, kit().now())
        except Stale:
            said = ""
    return redirect(url_for("signing.one", contact_id=contact_id, said=said or None), 303)


@signing.get("/contacts/<contact_id>/review")
@allow(LPHA, person=True)
def review(contact_id: str) -> ResponseReturnValue:
    """A note that waits for a co-signature: read it, co-sign it, or send it back."""
    shown = _shown(contact_id)
    if shown.state != AWAITING:
        return redirect(url_for("signing.one", contact_id=contact_id), 303)
    return _review_page(shown, FormView({}, LABELS))


@signing.post("/contacts/<contact_id>/cosign")
@allow(LPHA, person=True)
def cosign(contact_id: str) -> ResponseReturnValue:
    """Co-sign what was shown. A second click, or a colleague who was faster, shows the outcome."""
    shown = _shown(contact_id)
    if shown.state != AWAITING:
        return redirect(url_for("signing.one", contact_id=contact_id), 303)
    if "confirm" not in request.form:
        return _review_page(shown, FormView({}, LABELS, dict(NO_CONFIRMATION))), 422
    digest = request.form.get("digest", "")
    try:
        carried_out(
            lambda session: office.cosign(
                session, actor(), contact_id, digest, kit().library, kit().keyring, kit().now()
            )
        )
    except MendInput as problem:
        return _review_page(_shown(contact_id), FormView({}, LABELS, dict(problem.errors))), 422
    except Stale:
        return redirect(url_for("signing.review", contact_id=contact_id, said="changed"), 303)
    except Held as held:
        return _review_page(_shown(contact_id), FormView({}, LABELS), held=held), 409
    return redirect(url_for("signing.one", contact_id=contact_id, said="cosigned"), 303)


@signing.post("/contacts/<contact_id>/send-back")
@allow(LPHA, person=True)
def send_back(contact_id: str) -> ResponseReturnValue:
    """Send a note back to its author with a comment."""
    values = values_of(request.form.to_dict(flat=False))
    try:
        with kit().store.write() as session:
            office.send_back(session, actor(), contact_id, "".join(values.get("comment", [])), kit().now())
    except MendInput as problem:
        errors = {"comment": f"{problem.message} {problem.what_to_do}"}
        return _review_page(_shown(contact_id), FormView(values, LABELS, errors)), 422
    except Stale:
        return redirect(url_for("signing.one", contact_id=contact_id), 303)
    return redirect(url_for("signing.one", contact_id=contact_id, said="sent-back"), 303)


@signing.get("/queue")
@allow(LPHA)
def queue() -> ResponseReturnValue:
    """The notes that wait for a co-signature, the longest waiting first; found by name, filtered by author,
    type and age."""
    with kit().store.read() as session:
        items = office.queue(session, actor())
        reach = assignments.reach(session, actor(), kit().now())
    waiting = [_waiting(item, reach) for item in items]
    wanted = {name: request.args.get(name, "").strip() for name in ("q", "author", "type", "age")}
    return render_template(
        "queue.html",
        waiting=[each for each in waiting if _fits(each, wanted)],
        all_of_them=len(waiting),
        authors=sorted({(item.author, item.author_name) for item in items}, key=lambda pair: pair[1]),
        wanted=wanted,
    )


def _waiting(item: QueueItem, reach: Reach) -> Waiting:
    """One line; who it is about is named to whom the person is assigned."""
    now = kit().now()
    assigned = reach.reviews or reach.covers(item.patient) or item.patient == launch().patient
    shown = item if assigned else replace(item, individual="")
    return Waiting(shown, age_words(item.opened_at, now), item.age(now).days, assigned)


def _fits(each: Waiting, wanted: dict[str, str]) -> bool:
    return (
        wanted["q"].casefold() in f"{each.item.individual} {each.item.author_name}".casefold()
        and wanted["author"] in ("", each.item.author)
        and wanted["type"] in ("", each.item.service_type or "")
        and (not wanted["age"].isdigit() or each.days >= int(wanted["age"][:4]))
    )


def asked_version() -> int | None:
    """The version that the address names, None for the newest; raises NotFound for one that is none."""
    typed = request.args.get("version", "")
    if not typed:
        return None
    if not (typed.isascii() and typed.isdigit() and len(typed) < 6):
        raise NotFound("There is no such version.", "Choose one from the list of versions.")
    return int(typed)


def _shown(contact_id: str, version: int | None = None) -> Shown:
    with kit().store.read() as session:
        return office.shown(session, actor(), contact_id, kit().library, kit().now(), version)


def _deliveries(contact_id: str) -> list[DeliveryLine]:
    begins = note_key(contact_id, "")
    with kit().store.read() as session:
        found = outbox.listing(session, actor())
    # What was added to a note goes under its subject too, and says nothing of where the note stands.
    return [
        line
        for line in found
        if line.subject == contact_id and (line.kind != outbox.NOTE or line.key.startswith(begins))
    ]


def _added(contact_id: str) -> dict[str, object]:
    with kit().store.read() as session:
        return {
            "addenda": addenda.of_note(session, actor(), contact_id),
            "may_add": actor().is_any(*addenda.WRITERS) and addenda.may_add(session, actor(), contact_id),
        }


def _may_review(shown: Shown) -> bool:
    return shown.state == AWAITING and actor().is_any(LPHA) and not shown.mine


def _sign_page(shown: Shown, errors: dict[str, str], held: Held | None = None) -> str:
    return render_template(
        "contact/sign.html", shown=shown, form=FormView({}, LABELS, errors), held=held, changes=None
    )


def _changed(contact_id: str, stale: Stale) -> ResponseReturnValue:
    shown = _shown(contact_id)
    if shown.state != DRAFT:
        return redirect(url_for("signing.one", contact_id=contact_id), 303)
    before = request.form.get("text", "").replace("\r\n", "\n").rstrip("\n").split("\n")
    page_ = render_template(
        "contact/sign.html",
        shown=shown,
        form=FormView({}, LABELS),
        held=None,
        stale=stale,
        changes=changes(before, shown.text.rstrip("\n").split("\n")),
    )
    return make_response(page_, 409)


def changes(before: list[str], after: list[str]) -> list[tuple[str, str]]:
    """The lines that are gone and those that are new, in order, as ("was" or "now", line)."""
    words = {"- ": "was", "+ ": "now"}
    return [(words[line[:2]], line[2:]) for line in ndiff(before, after) if line[:2] in words]


def _review_page(shown: Shown, form: FormView, held: Held | None = None) -> str:
    with kit().store.read() as session:
        record = individuals.find(session, actor().issuer, str(actor().patient)).record
    return render_template(
        "contact/review.html", shown=shown, form=form, held=held, individual=individuals.name_of(record)
    )
