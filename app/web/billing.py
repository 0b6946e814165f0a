"""Claims: each ready, or held with the reason, until a biller releases it; then where it stands."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import billing as office
from app import staff
from app.actor import ADMINISTRATOR, BILLER, SUPERVISOR
from app.billing import ClaimView
from app.problems import Held, MendInput, Problem, Stale
from app.web.access import actor, allow
from app.web.formkit import Values, first, values_of
from app.web.kit import kit
from app.web.view import FormView
from mappings.authorizing import concerns_units

claims = Blueprint("billing", __name__, url_prefix="/l/<launch_id>/claims")

READERS = (BILLER, SUPERVISOR, ADMINISTRATOR)
STATES = {"ready": "Ready to release", "held": "Held", "released": "Released"}
LABELS = {"reason": "Why it is held"}


@claims.get("")
@allow(*READERS)
def listing() -> ResponseReturnValue:
    """The claims of the programme, or of the person whose chart is open."""
    state = request.args.get("state", "")
    with kit().store.read() as session:
        found = office.listing(session, actor())
    shown = [claim for claim in found if state in ("", claim.state)]
    return render_template(
        "claims/list.html",
        claims=shown,
        state=state,
        states=STATES,
        any_at_all=bool(found),
        asks_for_units=_asks_for_units,
    )


@claims.post("/redraft")
@allow(*READERS)
def redraft() -> ResponseReturnValue:
    """Draft every claim anew: time, staff and coverage change what the rules say."""
    with kit().store.write() as session:
        office.redraft_all(session, actor(), kit().library, kit().now())
    return redirect(url_for("billing.listing", said="redrafted"), 303)


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


def _claim(reference: str) -> ClaimView:
    with kit().store.read() as session:
        return office.view(session, actor(), reference)


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
        asks_for_units=_asks_for_units,
    )


def _asks_for_units(claim: ClaimView) -> bool:
    """Whether it is held for want of an authorization, or of units of one."""
    return any(concerns_units(each.rule, kit().library) for each in claim.findings)
