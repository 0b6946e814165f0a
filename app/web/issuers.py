"""The registered EHR as its administrators see it: registration, probe, registration sheet and keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app import also_sent, audit, issuer_care
from app.actor import ADMINISTRATOR, ENGINEER
from app.delivery.overrides import override_of
from app.delivery.probed import WORDS, Report
from app.delivery.probing import probe as ask
from app.key_rotation import STAYS, Rotation, rotate_key
from app.keyring import CLIENT
from app.problems import MendInput
from app.registration_sheet import open_points as open_points_of
from app.registration_sheet import own_redirect, sheet
from app.tables import KeyRow
from app.web.access import actor, allow
from app.web.formkit import Errors, Values, first, values_of
from app.web.kit import kit
from app.web.view import FormView
from smart_launch.issuers import Issuer

issuers = Blueprint("issuers", __name__, url_prefix="/l/<launch_id>/issuers")

LOOKERS = (ADMINISTRATOR, ENGINEER)
LABELS = {
    "scopes": "Scopes of a launch",
    "backend_scopes": "Scopes of the backend client",
    "also": "Beside the records it gets",
}
# The word for a screen of each answer, beside the colour.
TONES = {"works": "good", "otherwise": "wait", "not": "stop", "unknown": "wait"}


@dataclass(frozen=True)
class KeyLine:
    """One client key as the page shows it."""

    kid: str
    alg: str
    state: str
    at: Any


@issuers.get("")
@allow(*LOOKERS, person=False)
def page() -> ResponseReturnValue:
    """How the EHR of this launch is registered."""
    return _page({}, {}, 200)


@issuers.post("")
@allow(ADMINISTRATOR, person=False)
def change() -> ResponseReturnValue:
    """Change the scopes; everything else is changed by command."""
    values = values_of(request.form.to_dict(flat=False))
    wanted = {name: first(values, name).split() for name in issuer_care.INSIDE if name in values}
    try:
        with kit().store.write() as session:
            issuer_care.change(
                session, kit().keyring, actor(), wanted, kit().now(), seen=first(values, "seen")
            )
    except MendInput as problem:
        errors = {
            name: f"{LABELS[name]}: {words}" for name, words in problem.errors.items() if name in LABELS
        }
        return _page(values, errors or {"scopes": str(problem)}, 422)
    return redirect(url_for("issuers.page", said="saved"), 303)


@issuers.post("/also")
@allow(ADMINISTRATOR, person=False)
def also() -> ResponseReturnValue:
    """Change what this EHR gets beside the records."""
    values = values_of(request.form.to_dict(flat=False))
    try:
        with kit().store.write() as session:
            also_sent.switch(session, actor(), values.get("also", ()), kit().now())
    except MendInput as problem:
        return _page(values, {"also": f"{LABELS['also']}: {problem.what_to_do}"}, 422)
    return redirect(url_for("issuers.page", said="saved"), 303)


@issuers.post("/rotate")
@allow(ADMINISTRATOR, person=False)
def rotate() -> ResponseReturnValue:
    """Make the next client key; the one in use signs until the EHR can know it."""
    with kit().store.write() as session:
        rotate_key(session, kit().keyring, actor(), Rotation(), kit().now())
    return redirect(url_for("issuers.page", said="rotated"), 303)


@issuers.get("/probe")
@allow(*LOOKERS, person=False)
def probe_form() -> ResponseReturnValue:
    """What a probe asks, and the button that begins one."""
    return render_template("issuers/probe.html", report=None, issuer=_own())


@issuers.post("/probe")
@allow(*LOOKERS, person=False)
def probe() -> ResponseReturnValue:
    """Ask the EHR what it is and show function by function what will work."""
    issuer, now = _own(), kit().now()
    with kit().store.read() as session:
        key = kit().keyring.client_key(session, issuer.id)
    report = ask(kit().http, issuer, override_of(kit().settings.data_dir, issuer.id), key, now)
    with kit().store.write() as session:
        audit.did(session, actor(), "EHR probed", now, subject=issuer.id, stands=report.stands)
    return render_template("issuers/probe.html", report=report, issuer=issuer, areas=_areas(report))


@issuers.get("/sheet")
@allow(*LOOKERS, person=False)
def registration_sheet() -> ResponseReturnValue:
    """What an EHR's app gallery asks for, to be read."""
    issuer = _own()
    made, points = sheet(issuer, kit().settings), open_points_of(issuer, kit().settings)
    return render_template("issuers/sheet.html", sheet=made, open_points=points)


@issuers.get("/sheet.json")
@allow(*LOOKERS, person=False)
def registration_json() -> ResponseReturnValue:
    """The registration sheet as a file."""
    issuer = _own()
    response: Response = make_response(jsonify(sheet(issuer, kit().settings)))
    name = f"peerchart-{issuer.id}.json"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _own() -> Issuer:
    with kit().store.read() as session:
        return issuer_care.own(session, kit().keyring, actor())


def _page(values: Values, errors: Errors, status: int) -> ResponseReturnValue:
    with kit().store.read() as session:
        issuer = issuer_care.own(session, kit().keyring, actor())
        seen = issuer_care.edit_of(session, actor())
        history = audit.of_subject(session, issuer.id, issuer.id)
        also_goes = also_sent.asked(session, issuer.id)
        keys = session.scalars(
            select(KeyRow)
            .where(KeyRow.issuer == issuer.id, KeyRow.purpose == CLIENT)
            .order_by(KeyRow.made_at.desc())
        ).all()
    shown = {
        "scopes": ["\n".join(issuer.scopes)],
        "backend_scopes": ["\n".join(issuer.backend_scopes)],
        "seen": [seen],
        "also": list(also_goes),
        **values,
    }
    page = render_template(
        "issuers/page.html",
        issuer=issuer,
        form=FormView(shown, LABELS, errors),
        may_change=actor().is_any(ADMINISTRATOR),
        keys=[line for row in keys if (line := _key_line(row)) is not None],
        jwks=f"{kit().settings.base_url.rstrip('/')}/.well-known/jwks/{issuer.id}.json",
        answers_at=own_redirect(issuer, kit().settings),
        also_words=also_sent.WORDS,
        also_goes=also_goes,
        also_lacks=also_sent.scopes_missing(also_goes, issuer.backend_scopes),
        takes=override_of(kit().settings.data_dir, issuer.id),
        history=history[::-1][:20],
        overlay=kit().library.overlay,
        own_overlay=kit().rules.has_own(issuer.id),
        stays_days=STAYS.days,
    )
    return page, status


def _key_line(row: KeyRow) -> KeyLine | None:
    """None for a key that has left the published set."""
    now, alg = kit().now(), str(row.public.get("alg", ""))
    if row.published_until is not None and row.published_until <= now:
        return None
    if row.retired_at is not None and row.retired_at <= now:
        return KeyLine(row.kid, alg, "retired, published until", row.published_until)
    if row.signs_from is not None and row.signs_from > now:
        return KeyLine(row.kid, alg, "signs from", row.signs_from)
    return KeyLine(row.kid, alg, "in use since", row.signs_from or row.made_at)


def _areas(report: Report) -> list[tuple[str, list[Any]]]:
    areas: dict[str, list[Any]] = {}
    for line in report.lines:
        areas.setdefault(line.area, []).append((line, WORDS[line.answer], TONES[line.answer]))
    return list(areas.items())
