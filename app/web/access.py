"""The door of the pages: which launch, which person, which role, from which page of ours.

Every route names who may use it with `allow`; a route that names nobody lets nobody in. The launch stands in
the address, its secret in a cookie of its own, so that several charts in one browser never mix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from hmac import compare_digest
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

from flask import Flask, abort, current_app, g, request
from flask.typing import ResponseReturnValue
from itsdangerous import BadData, URLSafeSerializer
from markupsafe import Markup

from app import ending, staff
from app.actor import KNOW_PEOPLE, ROLES, Actor
from app.problems import NotAllowed, OtherChart
from app.web import launches
from app.web.kit import kit
from app.web.launches import OpenLaunch
from app.web.links import Links

V = TypeVar("V", bound=Callable[..., Any])

# Everything else stands below a launch and has a guard of its own.
PUBLIC = frozenset(
    {
        "static",
        "launch.begin",
        "launch.callback",
        "second_step.go",
        "pages.health",
        "pages.client_keys",
        "pages.client_keys_of",
        "pages.seal_keys",
        "pages.front",
    }
)
EVERYBODY = tuple(sorted(ROLES))
KNOWS_PEOPLE = tuple(sorted(KNOW_PEOPLE))
_FORM = "peerchart-form"
_FIELD = Markup('<input type="hidden" name="csrf" value="%s">')


@dataclass(frozen=True)
class Guard:
    """Who may use a route; `person` True only in a person's chart, False only without one, None in both."""

    roles: frozenset[str]
    person: bool | None


class Locked(Exception):
    """The door stays shut: `reason` is no-launch, no-cookie, signed-out, idle, absolute or inactive."""

    def __init__(self, reason: str, launch: OpenLaunch | None = None) -> None:
        super().__init__(reason)
        self.reason, self.launch = reason, launch


class TooMany(Exception):
    """More requests than one person or address may make; `seconds` until it is worth trying again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many requests, again in {seconds} seconds")
        self.seconds = seconds


def allow(*roles: str, person: bool | None = None) -> Callable[[V], V]:
    """Declare who may use a route."""
    unknown = set(roles) - ROLES
    if unknown or not roles:
        raise ValueError(f"a route needs roles of {sorted(ROLES)}, not {sorted(unknown)}")

    def declare(view: V) -> V:
        view.guard = Guard(frozenset(roles), person)  # type: ignore[attr-defined]
        return view

    return declare


def guard_of(app: Flask, endpoint: str) -> Guard | None:
    """The guard that a route declares, None when it declares none."""
    return getattr(app.view_functions.get(endpoint), "guard", None)


def install(app: Flask) -> None:
    """Hang the door into an application."""
    app.url_value_preprocessor(_take_launch)
    app.url_defaults(_give_launch)
    app.before_request(_stand_still)
    app.before_request(_door)
    app.teardown_request(_move_on)
    app.context_processor(_for_templates)


def actor() -> Actor:
    """Who is at the screen in this request."""
    found: Actor = g.actor
    return found


def launch() -> OpenLaunch:
    """The launch of this request."""
    found: OpenLaunch = g.launch
    return found


def cookie_name(launch_id: str) -> str:
    """The cookie of one launch."""
    return f"__Host-pc-{launch_id[:12]}"


def set_secret(response: Any, name: str, secret: str, lifetime: timedelta) -> None:
    """Set a cookie that works inside the EHR's frame and nowhere else (RFC 6265bis, CHIPS)."""
    response.set_cookie(
        name,
        secret,
        max_age=int(lifetime.total_seconds()),
        path="/",
        secure=True,
        httponly=True,
        samesite="None",
        partitioned=True,
    )


def drop_secret(response: Any, name: str) -> None:
    """Take a cookie back."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="None", partitioned=True)


def csrf_token(launch_id: str, secret: str, patient: str | None) -> str:
    """The token of the forms of one launch in one browser; it also says for whom the form was shown."""
    mark = launches.digest(f"{secret} {patient or ''}")[:16]
    return str(URLSafeSerializer(secret, salt=_FORM).dumps([launch_id, mark]))


def csrf_field() -> Markup:
    """The hidden field that every form carries."""
    field: Markup = _FIELD % g.csrf
    return field


def _take_launch(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    g.launch_id = (values or {}).pop("launch_id", None) if values else None


def _give_launch(endpoint: str, values: dict[str, Any]) -> None:
    known = g.get("launch_id")
    if (
        known
        and "launch_id" not in values
        and current_app.url_map.is_endpoint_expecting(endpoint, "launch_id")
    ):
        values["launch_id"] = known


def _stand_still() -> None:
    """What a page of a launch shows is of one moment, from the door to the headers."""
    if request.method in ("GET", "HEAD") and g.get("launch_id") is not None:
        kit().store.stand_still()


def _move_on(_error: BaseException | None) -> None:
    kit().store.move_on()


def _door() -> ResponseReturnValue | None:
    _within(kit().limits.address(_address()))
    if request.endpoint is None or request.endpoint in PUBLIC:
        return None
    guard = guard_of(current_app, request.endpoint)
    if guard is None or g.get("launch_id") is None:
        abort(404)
    _from_our_own_page()
    _open(g.launch_id)
    _check_form_token()
    _check_guard(guard)
    return None


def _address() -> str:
    return request.remote_addr or ""


def _within(seconds: int | None) -> None:
    if seconds is not None:
        raise TooMany(seconds)


def _from_our_own_page() -> None:
    """Refuse what another site sent: nothing below a launch is ever posted from elsewhere."""
    if request.method in ("GET", "HEAD"):
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    # A page under Referrer-Policy: no-referrer sends "null" as its own origin.
    foreign = origin not in (None, "null") and not _is_ours(str(origin))
    if foreign or site not in (None, "same-origin") or (origin == "null" and site is None):
        _refuse_form()


def _is_ours(origin: str) -> bool:
    ours = urlsplit(kit().settings.base_url)
    try:
        theirs = urlsplit(origin)
    except ValueError:
        return False
    return (theirs.scheme, theirs.netloc) == (ours.scheme, ours.netloc)


def _open(launch_id: str) -> None:
    secret = request.cookies.get(cookie_name(launch_id), "")
    now = kit().now()
    with kit().store.read() as session:
        found = launches.find(session, launch_id)
        if found is None:
            raise Locked("no-launch")
        if not launches.matches(secret, found.cookie_hash):
            # Signing out takes the cookie back: who goes back to the page then is told so.
            raise Locked("signed-out" if found.closed_why == "signed-out" else "no-cookie", found)
        why = found.ended(now, timedelta(minutes=kit().settings.idle_minutes))
        member = None if why else staff.find(session, found.issuer, found.staff_id)
    g.frame_issuer = found.issuer
    _within(kit().limits.person(found.issuer, found.staff_id, _address()))
    if why:
        _note_end(found, why)
        raise Locked(why, found)
    if member is None or not member.active:
        raise Locked("inactive", found)
    _stay_open(found)
    g.launch, g.csrf = found, csrf_token(launch_id, secret, found.patient)
    g.actor = Actor(
        issuer=found.issuer,
        staff_id=found.staff_id,
        name=member.name,
        roles=frozenset(member.roles),
        launch_id=found.id,
        patient=found.patient,
        encounter=found.encounter,
    )


def _note_end(found: OpenLaunch, why: str) -> None:
    now = kit().now()
    with kit().store.write() as session:
        ending.end(session, kit().keyring, found.id, why, now)


def _stay_open(found: OpenLaunch) -> None:
    now = kit().now()
    if now - found.seen_at >= launches.TOUCH_EVERY:
        with kit().store.write() as session:
            launches.touch(session, found.id, now)


def _check_form_token() -> None:
    if request.method in ("GET", "HEAD"):
        return
    token = request.headers.get("X-CSRF") or request.form.get("csrf", "")
    if compare_digest(token.encode(), g.csrf.encode()):
        return
    if not _is_of_a_page_of_ours(token):
        _refuse_form()
    raise OtherChart(
        "This form was shown for another chart than the one that is open here. Nothing was changed.",
        "Look at the name at the top of the page, then go back to the window in which you wrote.",
    )


def _is_of_a_page_of_ours(token: str) -> bool:
    """Whether a launch that this browser holds the cookie of gave out the token, be it another launch."""
    try:
        _, payload = URLSafeSerializer("", salt=_FORM).loads_unsafe(token)
        launch_id = str(payload[0])
        secret = request.cookies.get(cookie_name(launch_id), "")
        return bool(secret) and bool(URLSafeSerializer(secret, salt=_FORM).loads(token))
    except (BadData, TypeError, LookupError):
        return False


def _refuse_chart() -> None:
    if request.endpoint != "pages.sign_out":
        raise NotAllowed(
            "Your role does not open charts.", "Open Peerchart from the EHR's menu, outside a chart."
        )


def _refuse_form() -> NoReturn:
    raise NotAllowed(
        "This form did not come from the page that is open here, so nothing was changed.",
        "Go back, load the page again and send it once more.",
    )


def _check_guard(guard: Guard) -> None:
    if launch().patient is not None and actor().roles and not actor().knows_people:
        _refuse_chart()
    if not actor().is_any(*guard.roles):
        wanted = " or ".join(sorted(guard.roles))
        raise NotAllowed("Your role does not open this page.", f"Ask a colleague with the role {wanted}.")
    if guard.person is not None and guard.person != (launch().patient is not None):
        where = "in a person's chart" if guard.person else "from the list, outside a chart"
        raise NotAllowed("This page does not belong here.", f"Open Peerchart {where}.")


def _for_templates() -> dict[str, Any]:
    return {"actor": g.get("actor"), "launch": g.get("launch"), "csrf_field": csrf_field, "url_for": Links()}
