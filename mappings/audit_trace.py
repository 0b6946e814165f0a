"""One line of the audit trail as plain data, for whoever writes it in another form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Trace:
    """One line of the trail: its number, when (aware), who (staff id, blank for the application), what, the
    EHR's id of the person, the record and its version, plain details and the line's hash."""

    number: int
    at: datetime
    actor: str
    action: str
    patient: str | None
    subject: str | None
    version: int | None
    detail: Mapping[str, Any]
    digest: str
