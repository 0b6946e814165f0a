"""The launch: from the chart of the EHR to a launch of ours with an address and a cookie of its own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, NoReturn
from urllib.parse import urlsplit
from uuid import uuid4

from flask import Blueprint, Response, g, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import audit, staff
from app.actor import Actor
from app.chart import ChartFacts, Practitioner, remember
from app.chart.granted import may_ask
from app.chart.reading import reference as reference_of
from app.problems import Problem
from app.staff import StaffMember
from app.web import landing, launches, second_step, tokens
from app.web.access import cookie_name, drop_secret, set_secret
from app.web.errors import no_cookie
from app.web.kit import kit
from app.web.links import Links
from app.web.registry import issuer_of, registered
from app.web.rereading import our_program, read_facts, read_with
from smart_launch import launch as smart
from smart_launch import style as styles
from smart_launch.authorization import AuthorizationForm, as_form
from smart_launch.context import LaunchContext
from smart_launch.fhir_client import FhirClient, FhirTrouble, ForeignReference
from smart_launch.issuers import Issuer
from smart_launch.keys import ClientKey
from smart_launch.launch import PENDING_LIFE, PendingLaunch
from smart_launch.refusal import LaunchRefused

door = Blueprint("launch", __name__)

MAX_LAUNCH = 4096
_REOPEN = "Close this window and open Peerchart from the chart again."


@dataclass(frozen=True)
class Pending:
    """A launch on its way, taken out of memory: it can be taken once."""

    plain: PendingLaunch


@door.get("/launch")
def begin() -> ResponseReturnValue:
    """Begin an EHR launch (`iss` and `launch`) or a standalone one (`iss` alone)."""
    iss, handle = request.args.get("iss", ""), request.args.get("launch")
    try:
        issuer = registered().by_iss(iss)
        g.frame_issuer, g.frame_origins = issuer.id, issuer.frame_origins
        if handle is not None and len(handle) > MAX_LAUNCH:
            raise _refuse("code-missing", "The EHR's launch address is too long to be one.")
        profile = kit().profiles.get(kit().http, issuer, kit().now())
        pending, address = smart.begin(issuer, profile, handle, kit().now())
    except LaunchRefused as refused:
        _audit_refusal(refused, g.get("frame_issuer", ""))
        raise
    browser = launches.new_secret()
    _keep(issuer, pending, browser)
    response = _to_sign_in(as_form(profile, address), address)
    set_secret(response, _pending_cookie(pending.state), browser, PENDING_LIFE)
    return response


def _to_sign_in(form: AuthorizationForm | None, address: str) -> Response:
    """To the EHR's sign-in: by redirect, or by a form where the address would be too long."""
    if form is None:
        return redirect(address, 302)  # type: ignore[return-value]  # a Flask Response in an application
    parts = urlsplit(form.action)
    g.form_action = f"'self' https: {parts.scheme}://{parts.netloc}"
    return make_response(render_template("launch/sign_in.html", form=form))


@door.get("/cb/<issuer_id>")
def callback(issuer_id: str) -> ResponseReturnValue:
    """The way back from the EHR's sign-in: check, exchange, read the chart, open a launch."""
    state = request.args.get("state", "")
    kit().store.stand_still()
    # A browser that comes with the secret of a launch for this state is on its way into a launch.
    begun = _pending_cookie(state) in request.cookies
    answered = None if begun else second_step.came_back(issuer_id, state)
    if answered is not None:
        return answered
    try:
        issuer = issuer_of(issuer_id)
        g.frame_issuer, g.frame_origins = issuer.id, issuer.frame_origins
        _require_each_once()
        key, ours = tokens.client_key(kit(), issuer), our_program(issuer)
        # The EHR may take its time: no transaction waits for it.
        kit().store.move_on()
        context = _finish(issuer, key, _take(issuer, state))
        _require_practitioner(context)
        facts = read_with(issuer, context, ours)
        launch_id, secret, (endpoint, values) = _let_in(issuer, context, facts)
    except LaunchRefused as refused:
        _audit_refusal(refused, g.get("frame_issuer", ""))
        if refused.reason_code == "wrong-state" and _cookie_refused(state):
            return no_cookie(issuer_id)
        raise
    except Problem:
        _audit(g.frame_issuer, "chart-unusable")
        raise
    where: dict[str, Any] = {"launch_id": launch_id, **values}
    response = redirect(Links()(endpoint, **where), 303)
    set_secret(response, cookie_name(launch_id), secret, timedelta(hours=kit().settings.absolute_hours))
    drop_secret(response, _pending_cookie(state))
    return response


def _require_each_once() -> None:
    """Refuse an answer that says one thing twice: two readers may read it in two ways (RFC 6749, 3.1)."""
    if any(len(values) > 1 for _, values in request.args.lists()):
        raise _refuse("code-missing", "The EHR's answer is not to be understood: it says one thing twice.")


def _keep(issuer: Issuer, pending: PendingLaunch, browser: str) -> None:
    row = launches.digest(pending.state)
    sealed = kit().keyring.encrypt(
        pending.to_json().encode(), table="pending_launches", row=row, issuer=issuer.id
    )
    with kit().store.write(lasting=False) as session:
        launches.keep_pending(
            session, issuer.id, pending.state, browser, sealed, kit().now(), pending.expires_at
        )


def _take(issuer: Issuer, state: str) -> Pending:
    """The pending launch of this state and this browser, marked as used; raises LaunchRefused for another
    browser, a second use or a state nobody gave out."""
    browser = request.cookies.get(_pending_cookie(state), "")
    now = kit().now()
    with kit().store.write(lasting=False) as session:
        row = launches.take_pending(session, issuer.id, state, now) if state else None
        if row is None or not launches.matches(browser, row.browser_hash):
            raise _refuse("wrong-state", "This answer does not belong to a launch begun in this browser.")
        if row.used_at is not None:
            raise _refuse("code-refused", "This launch was used already; nothing was opened a second time.")
        sealed = row.secret
    row_id = launches.digest(state)
    text = kit().keyring.decrypt(sealed, table="pending_launches", row=row_id, issuer=issuer.id)
    return Pending(PendingLaunch.from_json(text.decode()))


def _finish(issuer: Issuer, key: ClientKey | None, pending: Pending) -> LaunchContext:
    ours = kit()
    profile = ours.profiles.get(ours.http, issuer, ours.now())
    return smart.finish(
        ours.http,
        issuer,
        profile,
        key,
        pending.plain,
        request.args.to_dict(),
        ours.now(),
        key_sets=ours.key_sets,
    )


def _require_practitioner(context: LaunchContext) -> None:
    """Only a Practitioner or PractitionerRole of this EHR works here; whoever else may sign in there is told
    so."""
    who = context.fhir_user or ""
    if who.partition("/")[0] in ("Practitioner", "PractitionerRole"):
        return
    elsewhere = "://" in who
    raise LaunchRefused(
        "not-a-practitioner" if who else "no-fhir-user",
        "The EHR says that you are a person of another system than this one."
        if elsewhere
        else "You are signed in to the EHR, but not as a practitioner: Peerchart is for staff only.",
        "Sign in to the EHR with your own staff account. If that is what you did, ask the administrator of "
        "your EHR to link your sign-in to your practitioner record.",
    )


def _task(issuer: Issuer, context: LaunchContext) -> dict[str, Any] | None:
    """The Task that the launch is for, where it lies on this EHR and we may read it; else nothing."""
    reference = landing.task_of(context)
    if reference is None or not may_ask(context.scope, "Task", "r"):
        return None
    client = FhirClient(kit().http, issuer.base, lambda: context.access_token)
    try:
        found = client.read(reference, request_id=str(uuid4())).body
    except (FhirTrouble, ForeignReference):
        return None
    whose = reference_of((found or {}).get("for"))
    return found if whose in (None, f"Patient/{context.patient}") else None


def _let_in(issuer: Issuer, context: LaunchContext, facts: ChartFacts) -> tuple[str, str, landing.Place]:
    """Keep what the chart said and open the launch, both or neither: its id, its secret and where it opens.
    Raises LaunchRefused for somebody who is not on the staff list."""
    launch_id, secret, task = launches.new_id(), launches.new_secret(), _task(issuer, context)
    sealed = kit().keyring.encrypt(
        context.to_json().encode(), table="launches", row=launch_id, issuer=issuer.id
    )
    told = {
        **_told(issuer, context),
        **tokens.facts_of(context, issuer),
        **read_facts(facts, kit().now().isoformat()),
    }
    with kit().store.write(together=True) as session:
        member = _remember(session, issuer, facts)
        actor = Actor(
            issuer.id,
            member.record.id,
            member.name,
            frozenset(member.roles),
            launch_id,
            context.patient,
            facts.encounter,
        )
        opens = landing.place(session, actor, context, task)
        _open(session, actor, facts, context, secret, sealed, told)
    return launch_id, secret, opens


def _remember(session: Session, issuer: Issuer, facts: ChartFacts) -> StaffMember:
    who, member = facts.practitioner, None
    remember(session, issuer.id, facts, kit().now())
    if who is not None:
        member = staff.by_practitioner(session, issuer.id, who.reference)
        member = member or (staff.by_npi(session, issuer.id, who.npi) if who.npi else None)
    if member is None or not member.active or _is_somebody_else(member, who):
        _not_on_staff()
    return member


def _is_somebody_else(member: StaffMember, who: Practitioner | None) -> bool:
    """Whether the EHR's login and the entry it was once found to be of now carry different NPIs."""
    return bool(who and who.npi and member.record.npi and who.npi != member.record.npi)


def _not_on_staff() -> NoReturn:
    raise LaunchRefused(
        "no-fhir-user",
        "You are signed in to the EHR, but you are not on this programme's staff list.",
        "Ask the person who keeps the staff list to add you with your NPI, then open Peerchart again.",
    )


def _open(
    session: Session,
    actor: Actor,
    facts: ChartFacts,
    context: LaunchContext,
    secret: str,
    sealed: bytes,
    told: dict[str, Any],
) -> None:
    now = kit().now()
    launches.open_launch(
        session,
        launch_id=actor.launch_id,
        issuer=actor.issuer,
        staff_id=actor.staff_id,
        practitioner=facts.practitioner.reference if facts.practitioner else context.fhir_user,
        patient=context.patient,
        encounter=facts.encounter,
        cookie_secret=secret,
        context=told,
        sealed=sealed,
        now=now,
        good_until=now + timedelta(hours=kit().settings.absolute_hours),
    )
    audit.did(session, actor, "launch opened", now)


def _told(issuer: Issuer, context: LaunchContext) -> dict[str, Any]:
    """What the EHR said of this launch besides the person; its style only from where one may be asked for."""
    style = context.smart_style_url
    profile = kit().profiles.get(kit().http, issuer, kit().now())
    return {
        "banner": context.need_patient_banner,
        "intent": context.intent,
        "tenant": context.tenant,
        "style": style if styles.allowed(issuer, style) else None,
        "fhir_context": [asdict(item) for item in context.fhir_context],
        "app_context": context.app_context,
        "app_state": profile.app_state_base is not None,
    }


def _audit_refusal(refused: LaunchRefused, issuer: str) -> None:
    _audit(issuer, refused.reason_code)


def _audit(issuer: str, why: str) -> None:
    with kit().store.write() as session:
        audit.write(session, issuer, "launch refused", kit().now(), why=why)


def _cookie_refused(state: str) -> bool:
    """True when the state is one of ours, unused, and the browser brought no cookie with it."""
    if not state or _pending_cookie(state) in request.cookies or not g.get("frame_issuer"):
        return False
    with kit().store.read() as session:
        row = launches.pending_of(session, g.frame_issuer, state)
        return row is not None and row.used_at is None


def _pending_cookie(state: str) -> str:
    return f"__Host-pc-go-{launches.digest(state)[:12]}"


def _refuse(code: str, message: str) -> LaunchRefused:
    return LaunchRefused(code, message, _REOPEN)  # type: ignore[arg-type]  # one of the codes named above
