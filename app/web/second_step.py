"""Signing asks again: a PIN beside the signature, or a fresh sign-in at the EHR for which it waits.

Inside the EHR's frame the sign-in opens in a window of its own, since sign-in pages refuse to be framed. A
browser that keeps cookies apart by the site at the top does not send the launch's cookie there: the way out
and back is bound by a state and a cookie of that window, and the window with the note asks how it went.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from flask import Blueprint, Response, g, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import addenda, planning, second_step, signing, signing_pins
from app.actor import CLINICIAN, LPHA, PEER
from app.judging import PLAN_ENTRY
from app.problems import MendInput
from app.second_step import PIN, TO_DO, Step, StepNeeded
from app.signing_pins import PinLocked, PinNotSet, PinState
from app.tables import Launch, PendingLaunch
from app.web import launches, tokens
from app.web.access import actor, allow, cookie_name, drop_secret, set_secret
from app.web.errors import plain
from app.web.kit import kit
from app.web.launches import OpenLaunch
from app.web.registry import issuer_of
from app.web.view import shown_clock
from smart_launch import reauthorize
from smart_launch.context import LaunchContext
from smart_launch.issuers import Issuer
from smart_launch.launch import PendingLaunch as OnTheWay
from smart_launch.reauthorize import SignedInAgain
from smart_launch.refusal import LaunchRefused

T = TypeVar("T")

again = Blueprint("second_step", __name__)

SIGNERS = (PEER, LPHA, CLINICIAN)
_OVER = (
    "This way to sign in again is over",
    "Nothing was signed here.",
    "Go back to the window with the note and start to sign anew.",
)


@dataclass(frozen=True)
class Here:
    """What the page of a signature says of the second step: its method, and where the signer's PIN stands."""

    method: str
    pin: PinState


def carried_out(sign: Callable[[Session], T]) -> T:
    """What `sign` does in a transaction of its own. Where only a PIN is missing, the one that came with the
    form is looked at and `sign` is done again. Raises what `sign` raises, and MendInput beside the field
    `pin`; StepNeeded, where the person has to sign in again, leads to the page that waits for it."""
    try:
        with kit().store.write() as session:
            return sign(session)
    except StepNeeded as needed:
        if needed.method != PIN:
            raise
        _answer(request.form.get("pin", ""))
        with kit().store.write() as session:
            second_step.proved(session, actor(), needed, kit().now())
    with kit().store.write() as session:
        return sign(session)


@again.app_errorhandler(StepNeeded)
def _asked(needed: StepNeeded) -> ResponseReturnValue:
    """To the page on which the signature waits for the fresh sign-in."""
    with kit().store.write() as session:
        step = second_step.ask(session, actor(), needed, kit().now())
    said = "not-yet" if request.form.get("step") == step.id else None
    return redirect(url_for("second_step.wait", step_id=step.id, said=said), 303)


def _answer(typed: str) -> None:
    """Pass when this is the signer's PIN. Raises MendInput beside the field."""
    if not typed:
        raise _beside_pin("Type your signing PIN.")
    right = held_against(typed)
    if not right[0]:
        raise _beside_pin(right[1])


def held_against(typed: str) -> tuple[bool, str]:
    """Whether this is the PIN of the person at the screen, and the words for one that is not, or cannot be
    looked at."""
    now = kit().now()
    try:
        with kit().store.write() as session:
            kept = signing_pins.begin_answer(session, actor(), now)
    except PinNotSet as unset:
        return False, f"{unset.message} {unset.what_to_do}"
    except PinLocked as locked:
        return False, f"{locked.message} It opens at {shown_clock(locked.until)}. {locked.what_to_do}"
    right = signing_pins.is_right(kept, typed)
    with kit().store.write() as session:
        answer = signing_pins.end_answer(session, actor(), kept, right, now)
    if answer.right:
        return True, ""
    if answer.locked_until is not None:
        return False, (
            f"This is not your signing PIN. It is locked now until {shown_clock(answer.locked_until)}; what "
            "you wrote is saved."
        )
    tries = f"{answer.left} tries are" if answer.left != 1 else "One try is"
    return False, f"This is not your signing PIN. {tries} left before it is locked."


def _beside_pin(words: str) -> MendInput:
    return MendInput("Nothing was signed.", words, {"pin": words})


@again.app_context_processor
def _for_templates() -> dict[str, object]:
    return {"second_step_here": here}


def here() -> Here:
    """What this programme asks the person at the screen for when they sign."""
    with kit().store.read() as session:
        method = second_step.method_of(session, actor().issuer)
        pin = signing_pins.state_of(session, actor().issuer, actor().staff_id, kit().now())
    return Here(method, pin)


@again.get("/l/<launch_id>/again/<step_id>")
@allow(*SIGNERS, person=True)
def wait(step_id: str) -> ResponseReturnValue:
    """The signature waits for the fresh sign-in: the text once more, the way to the EHR, and the button that
    signs when the person is back."""
    step = _step(step_id)
    text = _text(step)
    if step.state == "used" or text is None:
        return redirect(_page_of(step), 303)
    return render_template(
        "second_step/wait.html",
        step=step,
        text=text,
        action=_action_of(step),
        back=_page_of(step),
        # Whoever does not say where the page stands may be in a frame.
        framed=request.headers.get("Sec-Fetch-Dest", "iframe") != "document",
        not_yet=request.args.get("said") == "not-yet" and step.state == "asked",
        minutes=int(TO_DO.total_seconds()) // 60,
    )


@again.get("/l/<launch_id>/again/<step_id>/state")
@allow(*SIGNERS, person=True)
def state(step_id: str) -> ResponseReturnValue:
    """How the step stands, for the page that waits."""
    return jsonify(state=_step(step_id).state)


@again.get("/again/<step_id>")
def go(step_id: str) -> ResponseReturnValue:
    """To the EHR's sign-in. Who holds the step's id comes here without the launch's cookie; only the EHR's
    answer about the right person counts afterwards."""
    now = kit().now()
    with kit().store.read() as session:
        step = second_step.by_id(session, step_id, now)
        launch = None if step is None else launches.find(session, step.launch)
    if step is None or step.state not in ("asked", "refused") or not _is_open(launch):
        return plain(*_OVER, 409)
    g.frame_issuer = step.issuer
    issuer = issuer_of(step.issuer)
    try:
        profile = kit().profiles.get(kit().http, issuer, now)
        pending, address = reauthorize.begin(issuer, profile, now)
    except LaunchRefused as refused:
        return _not_signed_in(refused, 502)
    browser = launches.new_secret()
    _keep(step, pending, browser)
    response = redirect(address, 302)
    set_secret(response, _cookie(pending.state), browser, TO_DO)
    return response


def came_back(issuer_id: str, given: str) -> ResponseReturnValue | None:
    """The EHR's answer to a fresh sign-in, None when this state belongs to no second step. The step is done
    when the same person signed in just now, in the browser that went there."""
    now = kit().now()
    with kit().store.read() as session:
        found = second_step.by_state(session, issuer_id, launches.digest(given), now) if given else None
        launch = None if found is None else launches.find(session, found[0].launch)
    if found is None:
        return None
    kit().store.move_on()
    step, g.frame_issuer = found[0], issuer_id
    pending = _take(step, given)
    if pending is None or launch is None or not _is_open(launch):
        return plain(*_OVER, 409)
    try:
        _same_person(launch, step, _finish(issuer_of(issuer_id), pending))
    except LaunchRefused as refused:
        with kit().store.write() as session:
            second_step.refuse(session, step.id, refused.message, kit().now())
        return _not_signed_in(refused, 502 if refused.passing else 403)
    with kit().store.write() as session:
        step = second_step.done(session, step.id, kit().now())
    response = _on(step, launch)
    drop_secret(response, _cookie(given))
    return response


def _on(step: Step, launch: OpenLaunch) -> ResponseReturnValue:
    """On to the note in the window that holds the launch; another window says that it is done."""
    if step.state != "done":
        return plain(*_OVER, 409)
    if launches.matches(request.cookies.get(cookie_name(launch.id), ""), launch.cookie_hash):
        return redirect(url_for("second_step.wait", launch_id=launch.id, step_id=step.id), 303)
    return plain(
        "You signed in again",
        "The EHR confirmed that it is you.",
        "Go back to the window with the text you are signing: it goes on there. This window can be closed.",
        200,
    )


def _not_signed_in(refused: LaunchRefused, status: int) -> Response:
    return plain(
        "Nothing was signed",
        refused.message,
        "Go back to the window with the text you are signing and sign in once more there. If it goes on, "
        "tell your administrator.",
        status,
        code=refused.reason_code,
    )


def _is_open(launch: OpenLaunch | None) -> bool:
    idle = timedelta(minutes=kit().settings.idle_minutes)
    return launch is not None and launch.ended(kit().now(), idle) is None


def _keep(step: Step, pending: OnTheWay, browser: str) -> None:
    row = launches.digest(pending.state)
    sealed = kit().keyring.encrypt(
        pending.to_json().encode(), table="pending_launches", row=row, issuer=step.issuer
    )
    now = kit().now()
    with kit().store.write() as session:
        second_step.sent(session, step.id, row, now)
        launches.keep_pending(session, step.issuer, pending.state, browser, sealed, now, pending.expires_at)


def _take(step: Step, given: str) -> OnTheWay | None:
    """What was kept for this way to the EHR, once, for the browser that went there."""
    row_id, now = launches.digest(given), kit().now()
    with kit().store.write() as session:
        row = session.get(PendingLaunch, row_id)
        browser = request.cookies.get(_cookie(given), "")
        if row is None or row.used_at is not None or not launches.matches(browser, row.browser_hash):
            return None
        row.used_at = now
        sealed = row.secret
    text = kit().keyring.decrypt(sealed, table="pending_launches", row=row_id, issuer=step.issuer)
    return OnTheWay.from_json(text.decode())


def _finish(issuer: Issuer, pending: OnTheWay) -> SignedInAgain:
    profile = kit().profiles.get(kit().http, issuer, kit().now())
    return reauthorize.finish(
        kit().http,
        issuer,
        profile,
        tokens.client_key(kit(), issuer),
        pending,
        request.args.to_dict(),
        kit().now(),
        key_sets=kit().key_sets,
    )


def _same_person(launch: OpenLaunch, step: Step, found: SignedInAgain) -> None:
    """Pass when the person who signed in is the one of the launch, and no other chart came along. Raises
    LaunchRefused."""
    contexts = _contexts_of(launch)
    known = {launch.practitioner, *(context.fhir_user for context in contexts)}
    subjects = {context.subject for context in contexts if context.subject}
    if found.fhir_user not in known or (subjects and found.subject not in subjects):
        raise LaunchRefused(
            "id-token-invalid",
            "Somebody else signed in than the person who is signing.",
            "Sign in with your own account.",
        )
    if found.patient is not None and found.patient != step.patient:
        raise LaunchRefused(
            "patient-changed",
            "The EHR now has another patient in view than the one the text is about.",
            "Open Peerchart from the right chart again.",
        )


def _contexts_of(launch: OpenLaunch) -> list[LaunchContext]:
    """What the EHR said when this launch was opened, or the worklist it was opened from."""
    found = []
    with kit().store.read() as session:
        for launch_id in (launch.id, launch.context.get("list")):
            row = session.get(Launch, launch_id) if launch_id else None
            if row is not None and row.secret is not None:
                text = kit().keyring.decrypt(row.secret, table="launches", row=row.id, issuer=row.issuer)
                found.append(LaunchContext.from_json(text.decode()))
    return found


def _step(step_id: str) -> Step:
    with kit().store.read() as session:
        return second_step.find(session, actor(), step_id, kit().now())


def _text(step: Step) -> str | None:
    """The text as it would be signed now; None when it is no longer the one the step was asked for."""
    with kit().store.read() as session:
        shown: signing.Shown | planning.ShownEntry | addenda.Shown
        if step.act.kind == addenda.KIND:
            shown = addenda.shown(session, actor(), step.act.subject)
        elif step.act.kind == PLAN_ENTRY:
            shown = planning.shown_entry(session, actor(), step.act.subject, kit().library, kit().now())
        else:
            shown = signing.shown(session, actor(), step.act.subject, kit().library, kit().now())
    return shown.text if shown.digest == step.act.digest else None


def _action_of(step: Step) -> str:
    if step.act.kind == addenda.KIND:
        return url_for("addenda.sign", addendum_id=step.act.subject)
    if step.act.kind == PLAN_ENTRY:
        return url_for("planning.sign", entry_id=step.act.subject)
    endpoint = "signing.sign" if step.act.meaning == signing.AUTHOR else "signing.cosign"
    return url_for(endpoint, contact_id=step.act.subject)


def _page_of(step: Step) -> str:
    if step.act.kind == addenda.KIND:
        return url_for("addenda.page", addendum_id=step.act.subject)
    if step.act.kind == PLAN_ENTRY:
        return url_for("planning.sign_page", entry_id=step.act.subject)
    endpoint = "signing.page" if step.act.meaning == signing.AUTHOR else "signing.review"
    return url_for(endpoint, contact_id=step.act.subject)


def _cookie(given: str) -> str:
    return f"__Host-pc-again-{launches.digest(given)[:12]}"
