"""What the rules say of a record: findings with their citation, and the judgement that sums them up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, NamedTuple

from mappings.language import Hit

Result = Literal["pass", "fail", "indeterminate", "advice", "not-applicable"]
Severity = Literal["block", "warn", "info"]
Stage = Literal["signing", "claim", "set-up", "dashboard", "workflow"]
Signing = Literal["ready", "held"]
ClaimState = Literal["ready", "held", "none"]

SEVERITIES: tuple[Severity, ...] = ("info", "warn", "block")
STAGES: tuple[Stage, ...] = ("signing", "claim", "set-up", "dashboard", "workflow")
NO_PACK = "NO_PACK"
SUPERSEDED = "SUPERSEDED"
_HOLDING = ("fail", "indeterminate")


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a rule comes from: source id and title, the place in it, its address, the words quoted."""

    source: str
    title: str
    at: str
    address: str = ""
    quote: str = ""

    def to_json(self) -> dict[str, str]:
        """The citation as JSON data."""
        return {
            "source": self.source,
            "title": self.title,
            "at": self.at,
            "address": self.address,
            "quote": self.quote,
        }


class Finding(NamedTuple):
    """What one rule says of one record.

    `fields` are intake paths the finding stands beside; `version_from` is the first day of the rule's
    version and `library` the digest of the library, so that an old finding can be explained later. `words`
    are the places in the note that advice on wording is about.
    """

    rule: str
    result: Result
    severity: Severity
    stage: Stage
    message: str
    fix: str
    cite: Citation | None
    fields: tuple[str, ...] = ()
    version_from: date | None = None
    library: str = ""
    words: Sequence[Hit] = ()

    @property
    def shown(self) -> bool:
        """Whether a reader is shown it unasked: it failed, could not be decided, or advises."""
        return self.result in ("fail", "indeterminate", "advice")

    @property
    def blocks(self) -> bool:
        """Whether it holds what its stage names: a block that failed or could not be decided."""
        return self.severity == "block" and self.result in _HOLDING

    def to_json(self) -> dict[str, Any]:
        """The finding in the form of the command line."""
        return {
            "rule": self.rule,
            "result": self.result,
            "severity": self.severity,
            "stage": self.stage,
            "message": self.message,
            "fix": self.fix,
            "cite": None if self.cite is None else self.cite.to_json(),
        }


# Not frozen alone because setting the fields of a frozen one costs four times as much for each record.
@dataclass(slots=True)
class Judgement:
    """All that the rules say of one contact or plan entry; what it says is never changed.

    `units` are the record's own, `billed_units` what is left of them for a claim after caps. `findings`
    holds every rule of the pack, passed and inapplicable ones too. `counts` is False for a version that a
    higher one has replaced.
    """

    id: str
    kind: str
    version: int
    signing: Signing
    claim: ClaimState
    units: int
    billed_units: int
    findings: tuple[Finding, ...]
    minutes: int | None = None
    state: str = ""
    counts: bool = True
    _by_rule: Mapping[str, Finding] | None = field(default=None, repr=False, compare=False)
    _blocking: tuple[Finding, ...] | None = field(default=None, repr=False, compare=False)

    @property
    def shown(self) -> tuple[Finding, ...]:
        """The findings that a reader is shown unasked, in the order of the library."""
        return tuple(finding for finding in self.findings if finding.shown)

    def finding(self, rule: str) -> Finding | None:
        """The finding of one rule by its id, or None where the rule is not in the pack."""
        if self._by_rule is None:
            self._by_rule = {finding.rule: finding for finding in self.findings}
        return self._by_rule.get(rule)

    def holding(self, *stages: Stage) -> tuple[Finding, ...]:
        """The findings that hold the stages given (all of them when none is given)."""
        if self._blocking is None:
            self._blocking = tuple([finding for finding in self.findings if finding.blocks])
        return tuple([f for f in self._blocking if f.stage in stages]) if stages else self._blocking

    def to_json(self, all: bool = False) -> Mapping[str, Any]:
        """The judgement as one line of `peerchart check`; `all` lists passing and inapplicable rules too."""
        findings = self.findings if all else self.shown
        return {
            "id": self.id,
            "kind": self.kind,
            "signing": self.signing,
            "claim": self.claim,
            "units": self.units,
            "billed_units": self.billed_units,
            "findings": [{**finding.to_json(), **_words(finding)} for finding in findings],
        }


def _words(finding: Finding) -> dict[str, Any]:
    return {"words": [hit.to_json() for hit in finding.words]} if finding.words else {}
