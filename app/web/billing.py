"""Claims: each ready, or held with the reason, until a biller releases it; then where it stands."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import billing as office
from app import charges as charge_files
from app import claim_status, staff
from app.actor import ADMINISTRATOR, BILLER, SUPERVISOR
from app.billing import ClaimView
from app.charges import ChargeFile
from app.problems import Held, MendInput, NotAllowed, Problem, Stale
from app.web.access import actor, allow
from app.web.billing_x12 import goes_to_payers
from app.web.formkit import Values, first, values_of
from app.web.kit import kit
from app.web.view import FormView
from app.words import ANSWERED
from mappings.authorizing import concerns_units

claims = Blueprint("billing", __name__, url_prefix="/l/<launch_id>/claims")

READERS = (BILLER, SUPERVISOR, ADMINISTRATOR)
STATES = {
    "ready": "Ready to release",
    "held": "Held",
    "released": "Released",
    "accepted": "Accepted by the payer",
    "rejected": "Rejected by the payer",
    "denied": "Denied by the payer",
    "adjusted": "Paid in part",
    "paid": "Paid",
    "corrected": "Corrected",
    "voided": "Voided",
}
ANSWERS = {code: STATES[code] for code in ANSWERED}
CHANGES = {
    "correct": "Correct it: a replacement is drafted from the notes as they are signed now",
    "void": "Void it: it is taken back from the payer",
}
LABELS = {
    "reason": "Why it is held",
    "how": "What is to be done",
    "change_reason": "Why",
    "status": "What the payer answered",
    "payer_reason": "The payer's reason",
    "payer_number": "The payer's claim number",
    "paid": "Amount paid, in dollars",
}


@claims.get("")
@allow(*READERS)
def listing() -> ResponseReturnValue:
    """The claims of the programme, or of the person whose chart is open."""
    state = request.args.get("state", "")
    with kit().store.read() as session:
        found = office.listing(session, actor())
    shown = [claim for claim in found if state in ("", claim.state, claim.standing)]
    return render_template(
        "claims/list.html",
        claims=shown,
        state=state,
        states=STATES,
        may_export=_may_export(),
        any_at_all=bool(found),
        sole=goes_to_payers(),
        asks_for_units=_asks_for_units,
    )


@claims.post("/redraft")
@allow(*READERS)
def redraft() -> ResponseReturnValue:
    """Draft every claim anew: time, staff and coverage change what the rules say."""
    with kit().store.write() as session:
        office.redraft_all(session, actor(), kit().library, kit().now())
    return redirect(url_for("billing.listing", said="redrafted"), 303)


@claims.get("/charges")
@allow(BILLER, ADMINISTRATOR, person=False)
def charges() -> ResponseReturnValue:
    """The charge files that were made, and how to make the next."""
    with kit().store.read() as session:
        made = charge_files.batches(session, actor())
        waiting = charge_files.waiting(session, actor(), kit().now())
    return render_template("claims/charges.html", batches=made, waiting=waiting, sole=goes_to_payers())


@claims.post("/charges")
@allow(BILLER, ADMINISTRATOR, person=False)
def make_charges() -> ResponseReturnValue:
    """The charge file of what was released since the last one; without such a claim the page says so."""
    with kit().store.write() as session:
        if goes_to_payers():
            words = "This site is the sole biller: its claims go to the payer, not into a charge file."
            raise NotAllowed(words, "Make a file for the payer instead, from the list of claims.")
        made = charge_files.export(session, actor(), kit().now())
    said = "charges-wait" if made.waiting else "no-charges"
    return _file(made) if made.claims else redirect(url_for("billing.charges", said=said), 303)


@claims.post("/charges/<batch>")
@allow(BILLER, ADMINISTRATOR, person=False)
def charges_again(batch: str) -> ResponseReturnValue:
    """An earlier charge file once more."""
    with kit().store.write() as session:
        made = charge_files.again(session, actor(), batch, kit().now())
    return _file(made) if made.claims else redirect(url_for("billing.charges", said="charges-revoked"), 303)


def _file(made: ChargeFile) -> Response:
    response: Response = make_response(made.text)
    response.headers["Content-Type"] = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="charges-{made.batch}.csv"'
    return response


@claims.get("/<reference>")
@allow(*READERS)
def one(reference: str) -> ResponseReturnValue:
    """One claim, or one contact that is in none, with the reason."""
    return _page(_claim(reference), {})


@claims.post("/<reference>/release")
@allow(BILLER)
def release(reference: str) -> ResponseReturnValue:
    """Release a claim once; a second click shows where it stands."""
    try:
        with kit().store.write() as session:
            seen = request.form.get("seen", "")
            done = office.release(session, actor(), reference, kit().library, kit().now(), seen)
    except Stale:
        return redirect(url_for("billing.one", reference=reference), 303)
    except Held as held:
        return _page(_claim(reference), {}, trouble=held), 409
    if not done.released:
        return _page(done.claim, {}, trouble=Problem(done.reason, done.what_to_do)), 409
    return redirect(url_for("billing.one", reference=reference, said="released"), 303)


@claims.post("/<reference>/hold")
@allow(BILLER)
def hold(reference: str) -> ResponseReturnValue:
    """Keep a claim back for a reason of one's own."""
    values = values_of(request.form.to_dict(flat=False))
    try:
        with kit().store.write() as session:
            office.hold(session, actor(), reference, first(values, "reason"), kit().now())
    except MendInput as problem:
        errors = {"reason": f"{problem.message} {problem.what_to_do}"}
        return _page(_claim(reference), values, errors=errors), 422
    except Stale:
        return redirect(url_for("billing.one", reference=reference), 303)
    return redirect(url_for("billing.one", reference=reference, said="held"), 303)


@claims.post("/<reference>/unhold")
@allow(BILLER)
def unhold(reference: str) -> ResponseReturnValue:
    """Let a claim go on that somebody held."""
    said = "unheld"
    with kit().store.write() as session:
        try:
            office.unhold(session, actor(), reference, kit().now())
        except Stale:
            said = ""
    return redirect(url_for("billing.one", reference=reference, said=said or None), 303)


@claims.post("/<reference>/ask")
@allow(BILLER)
def ask(reference: str) -> ResponseReturnValue:
    """Ask for the correction or the void of a released claim; its draft is shown."""
    values = values_of(request.form.to_dict(flat=False))
    how, why = first(values, "how"), first(values, "change_reason")
    if how not in CHANGES:
        return _page(_claim(reference), values, errors={"how": "Choose what is to be done."}), 422
    try:
        with kit().store.write() as session:
            made = office.ask(session, actor(), reference, how, why, kit().library, kit().now())
    except MendInput as problem:
        errors = {"change_reason": f"{problem.message} {problem.what_to_do}"}
        return _page(_claim(reference), values, errors=errors), 422
    except (Held, Stale) as problem:
        return _page(_claim(reference), values, trouble=problem), 409
    return redirect(url_for("billing.one", reference=made.reference, said="claim-drafted"), 303)


@claims.post("/<reference>/answer")
@allow(BILLER)
def answer(reference: str) -> ResponseReturnValue:
    """Write down what the payer answered."""
    values = values_of(request.form.to_dict(flat=False))
    status, reason, number, paid = (
        first(values, name) for name in ("status", "payer_reason", "payer_number", "paid")
    )
    try:
        with kit().store.write() as session:
            claim_status.answer_by_hand(
                session, actor(), reference, status, reason, number, paid, kit().now()
            )
    except MendInput as problem:
        words = f"{problem.message} {problem.what_to_do}"
        errors = {"payer_reason" if name == "reason" else name: words for name in problem.errors}
        return _page(_claim(reference), values, errors=errors), 422
    return redirect(url_for("billing.one", reference=reference, said="answer-kept"), 303)


def _may_export() -> bool:
    return actor().is_any(BILLER, ADMINISTRATOR) and actor().patient is None


def _claim(reference: str) -> ClaimView:
    with kit().store.read() as session:
        return office.view(session, actor(), reference, kit().now())


def _page(
    claim: ClaimView, values: Values, *, errors: dict[str, str] | None = None, trouble: Problem | None = None
) -> str:
    with kit().store.read() as session:
        names = {each.record.id: each.name for each in staff.everyone(session, actor().issuer)}
    return render_template(
        "claims/one.html",
        claim=claim,
        form=FormView(values, LABELS, errors or {}),
        trouble=trouble,
        names=names,
        may_release=actor().is_any(BILLER),
        may_export=_may_export(),
        answers=list(ANSWERS.items()),
        changes=list(CHANGES.items()),
        asks_for_units=_asks_for_units,
    )


def _asks_for_units(claim: ClaimView) -> bool:
    """Whether it is held for want of an authorization, or of units of one."""
    return any(concerns_units(each.rule, kit().library) for each in claim.findings)
