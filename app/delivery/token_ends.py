"""Beside the deliveries: launches that nobody came back to are ended, and EHRs are told so (RFC 7009)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import requests
import structlog

from app import ending
from app.ending import Ending
from app.keyring import Keyring
from app.registry import registered
from app.store import Store
from smart_launch import token_care
from smart_launch.context import LaunchContext
from smart_launch.discovery import ProfileCache
from smart_launch.issuers import Issuer
from smart_launch.refusal import LaunchRefused, UnknownIssuer

log = structlog.get_logger("peerchart.delivery")


@dataclass
class TokenEnds:
    """`idle` is how long a launch lives that nobody uses; `clock` answers the time (aware)."""

    store: Store
    keyring: Keyring
    http: requests.Session
    clock: Callable[[], datetime]
    idle: timedelta
    profiles: ProfileCache = field(default_factory=ProfileCache)

    def round(self) -> int:
        """End what is over, and tell the EHRs of a few launches; of how many an EHR was told."""
        with self.store.read() as session:
            waiting = ending.due(session, self.keyring, self.clock())
            over = ending.is_any_overdue(session, self.idle, self.clock())
        if over:
            with self.store.write() as session:
                ending.end_overdue(session, self.keyring, self.idle, self.clock())
        return sum(self._told(one) for one in waiting)

    def _told(self, one: Ending) -> bool:
        """Ask the EHR to end the tokens; whatever it does, nothing here depends on it."""
        try:
            with self.store.read() as session:
                issuer = registered(session, self.keyring).by_id(one.issuer)
            done, ended = self._revoked(issuer, one.context) if one.context else (True, 0)
        except UnknownIssuer:  # taken off the registry: nobody is left to be told
            done, ended = True, 0
        except LaunchRefused as refused:
            log.info("tokens not revoked", issuer=one.issuer, why=refused.reason_code)
            done, ended = False, 0
        with self.store.write() as session:
            ending.settle(session, one, done, ended, self.clock())
        return done

    def _revoked(self, issuer: Issuer, text: str) -> tuple[bool, int]:
        context, key = LaunchContext.from_json(text), None
        profile = self.profiles.get(self.http, issuer, self.clock())
        if issuer.auth_method == "private_key_jwt":
            with self.store.read() as session:
                key = self.keyring.client_key(session, issuer.id)
        pairs: tuple[tuple[str | None, token_care.Kind], ...] = (
            (context.refresh_token, "refresh_token"),
            (context.access_token, "access_token"),
        )
        said = [
            token_care.revoke(self.http, issuer, profile, key, token, kind, self.clock())
            for token, kind in pairs
            if token
        ]
        return False not in said, said.count(True)
