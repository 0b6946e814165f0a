"""The pages of the signing PIN, for each signer, and of the second step at signing, for the administrator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, render_template, request, url_for
from flask import redirect as to
from flask.typing import ResponseReturnValue

from app import second_step, signing_pins, staff
from app.actor import ADMINISTRATOR
from app.problems import MendInput, NotAllowed, NotFound
from app.second_step import NONE, PIN, REAUTHORIZE
from app.signing_pins import FRESH_LAUNCH, SHORTEST, PinState
from app.tables import Launch
from app.web.access import actor, allow, launch
from app.web.kit import kit
from app.web.registry import issuer_of
from app.web.second_step import SIGNERS, held_against
from app.web.view import FormView

pins = Blueprint("signing_pins", __name__, url_prefix="/l/<launch_id>")

LABELS = {
    "old": "Your PIN until now",
    "new": "New signing PIN",
    "again": "The new PIN once more",
    "method": "What signing asks for",
}
METHODS = (
    (NONE, "Nothing more: the open chart is enough"),
    (
        REAUTHORIZE,
        "Signing in to the EHR again, at each signature; for an EHR that supports max_age and auth_time",
    ),
    (PIN, "A signing PIN of one's own, at each signature"),
)


@dataclass(frozen=True)
class PinLine:
    """One member of the staff who signs, and where the PIN stands."""

    staff_id: str
    name: str
    pin: PinState


@pins.get("/signing-pin")
@allow(*SIGNERS)
def own() -> ResponseReturnValue:
    """One's own PIN: set it, change it, or read why neither is possible now."""
    return _own_page({})


@pins.post("/signing-pin")
@allow(*SIGNERS)
def keep() -> ResponseReturnValue:
    """Set the first PIN, or change it with the old one."""
    new, again_ = request.form.get("new", ""), request.form.get("again", "")
    try:
        kept = signing_pins.hashed(new, again_)
        if _own_state().is_set:
            _change(kept)
        else:
            _set(kept)
    except MendInput as problem:
        return _own_page(dict(problem.errors)), 422
    except NotAllowed as problem:
        return _own_page({"new": f"{problem.message} {problem.what_to_do}"}), 422
    return to(url_for("signing_pins.own", said="pin-kept"), 303)


@pins.get("/signing-step")
@allow(ADMINISTRATOR)
def rule() -> ResponseReturnValue:
    """What signing asks for in this programme, and whose PIN is set, locked or taken back."""
    return _rule_page({})


@pins.post("/signing-step")
@allow(ADMINISTRATOR)
def choose() -> ResponseReturnValue:
    """Decide what signing asks for from now on."""
    method = request.form.get("method", "")
    try:
        with kit().store.write() as session:
            scopes = issuer_of(actor().issuer).scopes
            second_step.choose(session, actor(), method, scopes, kit().now())
    except MendInput as problem:
        return _rule_page(dict(problem.errors)), 422
    return to(url_for("signing_pins.rule", said="step-kept"), 303)


@pins.post("/signing-step/pins/<staff_id>/reset")
@allow(ADMINISTRATOR)
def reset(staff_id: str) -> ResponseReturnValue:
    """Take back somebody's PIN: that person sets a new one. Done twice it stays done."""
    with kit().store.write() as session:
        if staff.find(session, actor().issuer, staff_id) is None:
            raise NotFound("There is nobody of this name on the staff list.", "Choose somebody of the list.")
        if signing_pins.state_of(session, actor().issuer, staff_id, kit().now()).is_set:
            signing_pins.reset(session, actor(), staff_id, kit().now())
    return to(url_for("signing_pins.rule", said="pin-reset"), 303)


def _set(kept: str) -> None:
    with kit().store.write() as session:
        signing_pins.set_first(session, actor(), _opened_at(), kept, kit().now())


def _change(kept: str) -> None:
    old = request.form.get("old", "")
    with kit().store.read() as session:
        standing = signing_pins.kept_of(session, actor())
    right, words = held_against(old) if old else (False, "Type your PIN until now.")
    if not right:
        raise MendInput("Nothing was changed.", words, {"old": words})
    with kit().store.write() as session:
        signing_pins.change(session, actor(), standing, kept, kit().now())


def _opened_at() -> datetime:
    """When the EHR opened this launch, or the worklist it was opened from."""
    with kit().store.read() as session:
        return session.get_one(Launch, launch().context.get("list") or launch().id).opened_at


def _own_state() -> PinState:
    with kit().store.read() as session:
        return signing_pins.state_of(session, actor().issuer, actor().staff_id, kit().now())


def _own_page(errors: dict[str, str]) -> str:
    return render_template(
        "second_step/pin.html",
        form=FormView({}, LABELS, errors),
        pin=_own_state(),
        fresh=signing_pins.is_fresh(_opened_at(), kit().now()),
        shortest=SHORTEST,
        minutes=int(FRESH_LAUNCH.total_seconds()) // 60,
    )


def _rule_page(errors: dict[str, str]) -> str:
    with kit().store.read() as session:
        method = second_step.method_of(session, actor().issuer)
        known = signing_pins.states(session, actor().issuer, kit().now())
        people = [
            PinLine(each.record.id, each.name, known.get(each.record.id, PinState(False, False, None, None)))
            for each in staff.everyone(session, actor().issuer)
            if each.active and set(each.roles) & set(SIGNERS)
        ]
    return render_template(
        "second_step/rule.html",
        form=FormView({"method": [method]}, LABELS, errors),
        method=method,
        methods=METHODS,
        people=people,
    )
