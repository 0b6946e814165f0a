"""Findings as they are kept with a decision: enough to explain it years later."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app import library_shelf
from app.tables import VersionRow
from mappings.findings import Finding
from mappings.left_wording import left_hits, left_of
from mappings.library import Library

LEFT = "left"


@dataclass(frozen=True)
class Reason:
    """A kept finding: the rule's id and version, what it said, what to do and its citation; `library` is the
    digest of the rules that were asked, `left` the words that it advised on and the author left as they
    are."""

    rule: str
    result: str
    severity: str
    stage: str
    message: str
    fix: str
    cite: Mapping[str, str] | None
    version_from: str | None
    library: str
    left: Sequence[str] = ()


def left_wording(version: VersionRow) -> tuple[str, ...]:
    """The keys of the advice on wording that the author of this version left as it is."""
    return tuple((version.typed or {}).get(LEFT, ()))


def keep(
    session: Session,
    findings: Iterable[Finding],
    library: Library,
    now: datetime,
    left: Collection[str] = (),
) -> list[dict[str, Any]]:
    """The findings as JSON data, with rule version and library digest; the texts of the library are kept
    with them in this transaction, so that they can be explained whatever the rules become. `left` are the
    keys of the advice that the author left: it is kept as given and left."""
    library_shelf.put(session, library, now)
    everything = tuple(findings)
    words = left_hits(everything, left)
    return [_kept(finding, left_of(finding, words)) for finding in everything]


def _kept(finding: Finding, left: Sequence[str]) -> dict[str, Any]:
    return {
        **finding.to_json(),
        "version_from": None if finding.version_from is None else finding.version_from.isoformat(),
        "library": finding.library,
        **({"left": list(left)} if left else {}),
    }


def read_kept(kept: Sequence[Mapping[str, Any]]) -> tuple[Reason, ...]:
    """What `keep` wrote."""
    return tuple(Reason(**each) for each in kept)
