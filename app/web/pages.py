"""The first page, sign-out, and the few addresses that are open to everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import (
    Blueprint,
    Flask,
    abort,
    g,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from app import audit, ending, individuals, staff
from app.actor import ADMINISTRATOR, BILLER, CLINICIAN, ENGINEER, LPHA, SUPERVISOR
from app.chart.granted import reasons_on
from app.web import launches, lists, tokens
from app.web.access import EVERYBODY, actor, allow, cookie_name, drop_secret, launch
from app.web.errors import plain
from app.web.kit import kit
from app.web.knowing import worth_knowing
from app.web.links import Links

pages = Blueprint("pages", __name__)

KEYS_KEPT_SECONDS = 300


@dataclass(frozen=True)
class Shown:
    """Whose chart is open, as the top of every page says it."""

    name: str
    birth_date: Any
    mrn: str


@dataclass(frozen=True)
class NavItem:
    """One entry of the navigation."""

    label: str
    href: str
    here: bool


@pages.get("/")
def front() -> ResponseReturnValue:
    """The bare address: what this is and how it is opened."""
    return plain(
        "Peerchart opens from the chart",
        "Peerchart is the place where peer support is written down inside the health record.",
        "Open it from the chart of your EHR. Nobody signs in here directly.",
        200,
    )


@pages.get("/healthz")
def health() -> ResponseReturnValue:
    """Whether the service stands and its memory answers."""
    with kit().store.read() as session:
        session.connection().exec_driver_sql("SELECT 1")
    return jsonify(status="ok")


@pages.get("/.well-known/jwks.json")
def client_keys() -> ResponseReturnValue:
    """The public keys by which EHRs know us."""
    return _key_set(kit().keyring.public_client_keys())


@pages.get("/.well-known/jwks/<issuer_id>.json")
def client_keys_of(issuer_id: str) -> ResponseReturnValue:
    """The public keys by which one EHR knows us."""
    keys = kit().keyring.public_client_keys(issuer_id)
    if not keys["keys"]:
        abort(404)
    return _key_set(keys)


@pages.get("/.well-known/seal-keys.json")
def seal_keys() -> ResponseReturnValue:
    """The public keys by which anybody can check the seal of a signature."""
    return _key_set(kit().keyring.public_seal_keys())


@pages.get("/l/<launch_id>/")
@allow(*EVERYBODY)
def home() -> ResponseReturnValue:
    """The person's page in a chart, the worklists without one."""
    if launch().patient is not None:
        return lists.person_page()
    return lists.worklists_page()


@pages.post("/l/<launch_id>/sign-out")
@allow(*EVERYBODY)
def sign_out() -> ResponseReturnValue:
    """Close this launch and those of the same worklist; tokens are put aside for the EHR to end, and the
    cookie is taken back."""
    now = kit().now()
    with kit().store.write() as session:
        ending.put_aside(session, kit().keyring, tokens.of_launches(session, launch()), now)
        launches.close_all(session, launch(), "signed-out", now)
        audit.did(session, actor(), "signed out", now)
    response = make_response(render_template("signed_out.html", actor=None))
    drop_secret(response, cookie_name(launch().id))
    return response


def install(app: Flask) -> None:
    """Hang the pages in, and what every template is given."""
    app.register_blueprint(pages)
    app.context_processor(_for_templates)


def _key_set(keys: dict[str, Any]) -> ResponseReturnValue:
    response = jsonify(keys)
    response.headers["Cache-Control"] = f"public, max-age={KEYS_KEPT_SECONDS}"
    return response


def set_zone() -> None:
    """Find the programme's time zone for this request."""
    if g.get("actor") is None:
        return
    with kit().store.read() as session:
        program = staff.program_of(session, g.actor.issuer)
    name = program.time_zone if program else None
    try:
        g.zone = ZoneInfo(name or "America/New_York")
    except (ZoneInfoNotFoundError, ValueError):
        g.zone = ZoneInfo("UTC")


def _for_templates() -> dict[str, Any]:
    if g.get("actor") is None:
        return {"person": None, "banner": False, "navigation": tuple, "said": None, "now": kit().now()}
    return {
        "person": _person(),
        "banner": launch().context.get("banner", True),
        "navigation": _navigation,
        "worth_knowing": worth_knowing,
        "not_granted": lambda page: reasons_on(page, launch().context),
        "said": SAID.get(request.args.get("said", "")),
        "now": kit().now(),
    }


# What a page says after something was done; the address carries the word, never the sentence.
SAID = {
    "discarded": "The draft was discarded.",
    "saved": "Saved.",
    "signed": "Signed. The text is now frozen.",
    "waiting": "Signed. It now waits for a co-signature.",
    "cosigned": "Co-signed. The note is final and goes to the chart.",
    "changed": "Nothing was signed: the note changed while you were reading. Read it again.",
    "sent-back": "Sent back to the author with your comment.",
    "recalled": "Taken back. You can change it and sign it again.",
    "plan-signed": "Signed. The entry now counts and goes to the chart.",
    "plan-ended": "Ended. The entry no longer counts after that day.",
    "engagement": "Recorded.",
    "withdrawn": "Withdrawn. It counts nowhere any more and stays to be read.",
    "staff": "Saved. It counts from now on.",
    "program": "Saved. What is missing was asked anew.",
    "imported": "The list was read.",
    "pin-kept": "Your signing PIN is set. It is asked for when you sign.",
    "pin-reset": "Taken back. The person sets a new PIN right after opening Peerchart.",
    "step-kept": "Kept. It counts from the next signature on.",
    "released": "Released. The claim goes out now.",
    "redrafted": "The rules were asked again for every claim.",
    "no-charges": "No claim was released since the last charge file.",
    "x12-made": "The file is made. Download it, and send it to the payer.",
    "x12-files": "The files are made. Download each, and send them to the payer.",
    "x12-none": "No released claim can go to the payer now.",
    "charges-wait": "No claim can go into a charge file now. See below what waits, and for what.",
    "charges-revoked": "No claim of that file may leave again: the consents to it are revoked or over.",
    "claim-drafted": "The claim is drafted. It leaves when you release it.",
    "answer-kept": "The payer's answer is written down.",
    "unheld": "The hold is lifted. The claim can be released.",
    "held": "Held. It will not go out until it is released.",
    "again": "It will be sent again.",
    "rotated": "The next key is made. It signs in ten minutes.",
    "seen": "Recorded that you have seen it.",
    "authorized": "Recorded. The claims were drafted anew.",
    "remembered": "Remembered: this list opens like this for you.",
    "not-remembered": "The EHR did not keep it; the list opens unfiltered next time.",
    "read-again": "The chart was read again.",
    "consented": "Recorded. What waited for this consent goes on now.",
    "revoked": "Revoked. From this moment nothing leaves by this consent.",
    "revoked-late": "Revoked. One record was already on its way at that moment; nothing more leaves.",
    "addendum-signed": "Signed. The addendum stands beside the note.",
    "addendum-discarded": "The addendum was discarded; the note is as it was.",
    "not-final": "Only a final note is added to. Change the note itself, or wait for its last signature.",
    "wrong-chart": "The note is out of this chart. Write the contact anew in the right one.",
    "assigned": "Assigned. The record opens from their worklist now.",
    "assignment-ended": "Ended.",
    "authorization-ended": "Ended. Later contacts take no units of it.",
}


def _person() -> Shown | None:
    patient = launch().patient
    if patient is None or not actor().knows_people:
        return None
    if "shown_person" not in g:
        with kit().store.read() as session:
            record = individuals.find(session, actor().issuer, patient).record
        g.shown_person = Shown(individuals.name_of(record), record.birth_date, record.id)
    shown: Shown = g.shown_person
    return shown


def _navigation() -> list[NavItem]:
    who, in_chart = actor(), launch().patient is not None
    items = [("pages.home", "Contacts" if in_chart else "My work")]
    if in_chart:
        items += [("planning.listing", "Plan"), ("engagement.page", "Engagement")]
        if who.is_any(*lists.READERS):
            items += [("beside.page", "Rights and wishes"), ("consents.page", "Consents")]
    elif who.is_any(LPHA):
        items += [("signing.queue", "To co-sign")]
    if who.is_any(BILLER, SUPERVISOR, ADMINISTRATOR):
        items += [("billing.listing", "Claims")]
    if who.is_any(BILLER, SUPERVISOR, ADMINISTRATOR, CLINICIAN, LPHA):
        items += [("authorizations.listing", "Authorizations")]
    if who.is_any(ADMINISTRATOR, SUPERVISOR) and not in_chart:
        items += [("staff.listing", "Staff"), ("caseload.listing", "Assignments")]
    if who.is_any(ADMINISTRATOR, ENGINEER) and not in_chart:
        items += [("issuers.page", "This EHR")]
    if who.is_any(*lists.READERS):
        items += [("meetings.listing", "Meetings"), ("own_record.page", "My record")]
    if who.is_any(ADMINISTRATOR) and not in_chart:
        items += [("signing_pins.rule", "Signing")]
    items += [("deliveries.listing", "Deliveries"), ("rules.listing", "Rules")]
    here, link = (request.endpoint or "").partition(".")[0], Links()
    return [NavItem(label, link(end), _here(end, here)) for end, label in items]


def _here(endpoint: str, room: str) -> bool:
    if endpoint == "pages.home":
        in_chart = launch().patient is not None
        return request.endpoint == endpoint or room == "charting" or (in_chart and room == "signing")
    own = endpoint.partition(".")[0]
    return room == own or room.startswith(f"{own}_")


def back_home(said: str = "") -> ResponseReturnValue:
    """To the first page, with a word of what was done."""
    return redirect(url_for("pages.home", said=said or None), 303)
