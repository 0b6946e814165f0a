"""Claims on their way to the payer as X12: files of released claims, and the answers to them."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import staff, x12_answers, x12_batches, x12_views
from app.actor import ADMINISTRATOR, BILLER
from app.problems import NotAllowed, Problem, Stale
from app.registry import jurisdiction_of
from app.web.access import actor, allow
from app.web.kit import kit
from app.x12_answers import NotTaken, Reading
from app.x12_batches import Batch, Outlook
from mappings.claim_forms import sole_biller

x12 = Blueprint("billing_x12", __name__, url_prefix="/l/<launch_id>/claims/x12")

SENDERS = (BILLER, ADMINISTRATOR)
# A payer's file and the rest of its form stay within what one form may hold.
MOST_BYTES = 512 * 1024
MOST_DIGITS = 9


def goes_to_payers() -> bool:
    """Whether the claims of today go from here to the payer, and not into a charge file."""
    with kit().store.read() as session:
        return sole_biller(kit().library, jurisdiction_of(session, actor().issuer), kit().now().date())


@x12.get("")
@allow(*SENDERS, person=False)
def listing() -> ResponseReturnValue:
    """What would leave now, what waits and why, and the files that were made."""
    return _page()


@x12.post("")
@allow(*SENDERS, person=False)
def make() -> ResponseReturnValue:
    """The files of what was shown, one for each form; where something else would leave it is shown first."""
    seen, now = request.form.get("seen", ""), kit().now()
    try:
        with kit().store.read() as session:
            checked = x12_batches.check(session, actor(), kit().library, now)
        with kit().store.write() as session:
            made = x12_batches.export(session, actor(), kit().library, now, seen, checked).batches
    except Stale as problem:
        return _page(problem), 409
    if len(made) == 1:
        return redirect(url_for("billing_x12.one", batch=made[0].batch, said="x12-made"), 303)
    return redirect(url_for("billing_x12.listing", said="x12-files" if made else "x12-none"), 303)


@x12.get("/<batch>")
@allow(*SENDERS, person=False)
def one(batch: str) -> ResponseReturnValue:
    """One file: its control numbers, its claims and how each stands with the payer."""
    with kit().store.read() as session:
        view = x12_views.one(session, actor(), batch)
    return render_template("claims/x12_batch.html", view=view, names=_names())


@x12.post("/<batch>")
@allow(*SENDERS, person=False)
def download(batch: str) -> ResponseReturnValue:
    """A file as it was made, byte for byte; each time stands in the trail."""
    with kit().store.write() as session:
        made = x12_batches.again(session, actor(), batch, kit().now())
    return _file(made)


@x12.get("/answers")
@allow(*SENDERS, person=False)
def answers() -> ResponseReturnValue:
    """Where a payer's file is chosen."""
    return _answers()


@x12.post("/answers")
@allow(*SENDERS, person=False)
def take_in() -> ResponseReturnValue:
    """Keep what a payer's file says of our claims; one that is damaged or another's is refused whole."""
    data = b""
    try:
        data = _uploaded()
        with kit().store.write() as session:
            done = x12_answers.take_whole(session, actor(), data, kit().now())
        return _answers(done=done)
    except NotTaken as problem:
        if data:
            with kit().store.write() as session:
                x12_answers.refused(session, actor(), data, problem, kit().now())
        return _answers(problem=problem), 422


def _uploaded() -> bytes:
    file = request.files.get("file")
    if file is None or not file.filename:
        raise NotTaken("No file was chosen.", "Choose the payer's file.")
    data = bytes(file.read(MOST_BYTES + 1))
    if not data:
        raise NotTaken("The file is empty.", "Fetch it from the payer once more.")
    if len(data) > MOST_BYTES:
        words = f"The file has more than {MOST_BYTES // 1024} KiB: nothing of it was kept."
        raise NotTaken(words, "Ask your administrator to take it in with the command peerchart claims read.")
    return data


def _page(trouble: Problem | None = None) -> str:
    below = request.args.get("below", "")
    number = int(below) if below.isascii() and below.isdigit() and len(below) <= MOST_DIGITS else None
    ready, amiss = _outlook()
    with kit().store.read() as session:
        made = x12_views.batches(session, actor(), number)
        unreleased = x12_views.unreleased(session, actor())
        waiting = [each.control_number for each in ready.waiting] if ready else []
        whose = x12_views.whose(session, actor(), waiting)
    return render_template(
        "claims/x12.html",
        sole=goes_to_payers(),
        outlook=ready,
        trouble=trouble or amiss,
        unreleased=unreleased,
        whose=whose,
        batches=made,
        earlier=made[-1].number if len(made) == x12_views.AT_ONCE else "",
        later=number is not None,
    )


def _outlook() -> tuple[Outlook | None, Problem | None]:
    """What would leave, or why nothing can: another hand-off, or a configuration that is not whole."""
    try:
        with kit().store.read() as session:
            return x12_batches.outlook(session, actor(), kit().library, kit().now()), None
    except NotAllowed:
        return None, None
    except Stale as problem:
        return None, problem


def _answers(*, problem: NotTaken | None = None, done: Reading | None = None) -> str:
    changed = [each.control_number for each in done.changes] if done else []
    with kit().store.read() as session:
        whose = x12_views.whose(session, actor(), changed)
    return render_template(
        "claims/x12_answers.html",
        problem=problem,
        done=done,
        whose=whose,
        most=MOST_BYTES // 1024,
        sole=goes_to_payers(),
    )


def _names() -> dict[str, str]:
    with kit().store.read() as session:
        return {each.record.id: each.name for each in staff.everyone(session, actor().issuer)}


def _file(made: Batch) -> Response:
    response: Response = make_response(made.text.encode("ascii"))
    response.headers["Content-Type"] = "application/edi-x12"
    response.headers["Content-Disposition"] = f'attachment; filename="{made.batch}.x12"'
    return response
