"""The place where the pieces are joined: settings, memory, rules, keys and pages become one application."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

import requests
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app import migrations
from app.keyring import Keyring
from app.settings import Settings
from app.shared_counts import SharedCounts
from app.site_rules import SiteRules
from app.store import Store, open_store
from app.web import access, errors, headers, links, pages, view
from app.web.addenda import addenda
from app.web.authorizations import authorizations
from app.web.beside import beside
from app.web.billing import claims
from app.web.billing_x12 import x12
from app.web.caseload import caseload
from app.web.charting import charts
from app.web.consents import consents
from app.web.copies import copies
from app.web.deliveries import deliveries
from app.web.duties import duties
from app.web.engagement import engagement
from app.web.issuers import issuers
from app.web.kit import Kit
from app.web.launch import door
from app.web.meetings import meetings
from app.web.opening import opening
from app.web.own_record import own_record
from app.web.planning import planning
from app.web.preferences import preferences
from app.web.rereading import rereading
from app.web.rules import rules
from app.web.second_step import again
from app.web.signing import signing
from app.web.signing_pins import pins
from app.web.staff import staff
from app.web.staff_fhir import staff_fhir
from app.web.staff_ledgers import staff_ledgers
from app.web.staff_program import staff_program
from app.web.styling import styling
from app.web.why import why
from app.web.wrong_chart import wrong_charts
from smart_launch.fhir_client import http_session

MAX_FORM_BYTES = 1024 * 1024
BLUEPRINTS = (
    door,
    opening,
    charts,
    signing,
    copies,
    again,
    pins,
    planning,
    engagement,
    beside,
    consents,
    wrong_charts,
    addenda,
    meetings,
    staff,
    staff_fhir,
    caseload,
    staff_ledgers,
    staff_program,
    own_record,
    claims,
    x12,
    authorizations,
    deliveries,
    issuers,
    duties,
    rules,
    why,
    preferences,
    rereading,
    styling,
)


def utc_now() -> datetime:
    """The time of this machine, aware."""
    return datetime.now(UTC)


def create_app(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    http: requests.Session | None = None,
    store: Store | None = None,
    counts: SharedCounts | None = None,
) -> Flask:
    """The application of one installation. `clock` gives an aware time; `http` is the line to the EHRs;
    `store` an open memory, else the one of the settings is opened and its schema brought up; `counts` is
    where all processes that serve this installation count requests. Raises LibraryError when the guidance is
    not sound, KeyFileProblem when the master key cannot be used."""
    if store is None:
        migrations.upgrade(settings)
        store = open_store(settings)
    app = view.Pages("app.web")
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_FORM_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_FORM_BYTES,
        MAX_FORM_PARTS=2000,
        TRUSTED_HOSTS=[urlsplit(settings.base_url).hostname],
        PROPAGATE_EXCEPTIONS=False,
    )
    if settings.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.proxies, x_proto=0, x_host=0)  # type: ignore[method-assign]
    app.extensions["peerchart"] = Kit(
        settings=settings,
        store=store,
        keyring=Keyring(store, settings, clock),
        rules=SiteRules(settings),
        http=http or http_session(),
        clock=clock,
        counts=counts or SharedCounts(),
    )
    _hang_in(app)
    return app


def _hang_in(app: Flask) -> None:
    links.install(app)
    access.install(app)
    app.before_request(pages.set_zone)
    errors.install(app)
    headers.install(app)
    view.install(app)
    pages.install(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
