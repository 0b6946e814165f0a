"""What every page works with: the store, the rules, the keys, the line to the EHRs and the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import requests
from flask import Flask, current_app, g, has_app_context

from app.keyring import Keyring
from app.settings import Settings
from app.shared_counts import SharedCounts
from app.site_rules import SiteRules
from app.store import Store
from app.web.limits import Limits
from mappings.library import Library
from smart_launch.discovery import ProfileCache
from smart_launch.id_token import KeySets
from smart_launch.style import StyleCache


@dataclass(frozen=True)
class Kit:
    """The pieces that `create_app` joined; `clock` gives an aware time, `counts` is where all processes
    that serve together count requests."""

    settings: Settings
    store: Store
    keyring: Keyring
    rules: SiteRules
    http: requests.Session
    clock: Callable[[], datetime]
    counts: SharedCounts = field(default_factory=SharedCounts)
    profiles: ProfileCache = field(default_factory=ProfileCache)
    key_sets: KeySets = field(default_factory=KeySets)
    limits: Limits = field(init=False)
    styles: StyleCache = field(default_factory=StyleCache)

    def __post_init__(self) -> None:
        object.__setattr__(self, "limits", Limits(self.settings, self.counts))

    @property
    def library(self) -> Library:
        """The rules that count at the EHR of whoever is at the screen in this request."""
        who = g.get("actor") if has_app_context() else None
        return self.rules.of(who.issuer if who is not None else None)

    def now(self) -> datetime:
        """The time of the clock, aware."""
        return self.clock()


def kit() -> Kit:
    """The kit of the running application."""
    # Asked for a score of times in each request: the application itself, not each attribute by its proxy.
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # of Flask's proxies
    found: Kit = app.extensions["peerchart"]
    return found
