"""The delivery worker of a running installation: it drains the outbox again and again until told to stop."""

from __future__ import annotations

import os
import socket
import threading
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta

import requests
import structlog

from app.delivery.ehr import BackendEhrs
from app.delivery.overrides import override_of
from app.delivery.token_ends import TokenEnds
from app.delivery.work import Pace, Report, Worker
from app.keyring import Keyring
from app.registry import registered
from app.settings import Settings
from app.store import Store
from smart_launch.issuers import Issuer
from smart_launch.keys import ClientKey

log = structlog.get_logger("peerchart.delivery")


def worker_of(
    settings: Settings,
    store: Store,
    keyring: Keyring,
    http: requests.Session,
    clock: Callable[[], datetime],
    pace: Pace | None = None,
) -> Worker:
    """The worker of one installation: EHRs as registered, by backend services, as its operator allows."""

    def issuer_of(issuer_id: str) -> Issuer:
        with store.read() as session:
            return registered(session, keyring).by_id(issuer_id)

    def key_of(issuer_id: str) -> ClientKey:
        with store.read() as session:
            return keyring.client_key(session, issuer_id)

    ehrs = BackendEhrs(http, issuer_of, key_of, lambda issuer: override_of(settings.data_dir, issuer))
    name = f"{socket.gethostname()}/{os.getpid()}/{threading.get_ident()}"
    return Worker(store, ehrs, name, clock, pace=pace or Pace())


def token_ends_of(
    settings: Settings,
    store: Store,
    keyring: Keyring,
    http: requests.Session,
    clock: Callable[[], datetime],
) -> TokenEnds:
    """Who ends launches that nobody comes back to, and their tokens at the EHRs."""
    return TokenEnds(store, keyring, http, clock, timedelta(minutes=settings.idle_minutes))


def keep_delivering(
    worker: Worker,
    stop: threading.Event,
    every: float,
    told: Callable[[Report], None] | None = None,
    beside: Callable[[], object] | None = None,
) -> None:
    """Drain the outbox every `every` seconds until `stop` is set, and do each time what is `beside` it. What
    goes wrong with the worker itself is logged and tried again: a delivery must never end because one attempt
    did."""
    while not stop.is_set():
        try:
            for report in worker.drain(most=100):
                log.info("delivery", row=report.id, state=report.state)
                if told is not None:
                    told(report)
                if stop.is_set():
                    return
            if beside is not None:
                beside()
        except Exception as error:  # noqa: BLE001 - no failure of one round may end the deliveries
            # Without the values of variables: they hold notes and tokens.
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("delivery round failed", error=type(error).__name__, where=where)
        stop.wait(every)
