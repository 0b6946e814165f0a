"""Findings as they are kept with a decision: enough to explain it years later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app import library_shelf
from mappings.findings import Finding
from mappings.library import Library


@dataclass(frozen=True)
class Reason:
    """A kept finding: the rule's id and version, what it said, what to do and its citation; `library` is the
    digest of the rules that were asked."""

    rule: str
    result: str
    severity: str
    stage: str
    message: str
    fix: str
    cite: Mapping[str, str] | None
    version_from: str | None
    library: str


def keep(
    session: Session, findings: Iterable[Finding], library: Library, now: datetime
) -> list[dict[str, Any]]:
    """The findings as JSON data, with rule version and library digest; the texts of the library are kept
    with them in this transaction, so that they can be explained whatever the rules become."""
    library_shelf.put(session, library, now)
    return [
        {
            **finding.to_json(),
            "version_from": None if finding.version_from is None else finding.version_from.isoformat(),
            "library": finding.library,
        }
        for finding in findings
    ]


def read_kept(kept: Sequence[Mapping[str, Any]]) -> tuple[Reason, ...]:
    """What `keep` wrote."""
    return tuple(Reason(**each) for each in kept)
