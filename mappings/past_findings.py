"""A rule as it stood when a finding was kept, and what today's library says otherwise of the same day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from mappings.findings import Citation, Severity
from mappings.layering import shown
from mappings.library import Library
from mappings.library_parts import Rule, RuleVersion, Source, Value

GONE = "Today's library has no such rule."
NOT_IN_FORCE = "In today's library the rule is not in force on that day."


@dataclass(frozen=True, slots=True)
class PastValue:
    """A value that the rule used: as people read it, its standing (blank when confirmed), its first day."""

    value: str
    standing: str
    from_: date

    def to_json(self) -> dict[str, str]:
        """The value as JSON data."""
        return {"value": self.value, "standing": self.standing, "from": self.from_.isoformat()}


@dataclass(frozen=True, slots=True)
class PastRule:
    """One rule of one library as it stood on a day: its words, how hard it was, the version in force with
    its citation and source, and the values it used, by parameter."""

    id: str
    title: str
    says: str
    fix: str
    severity: Severity
    stage: str
    check: str
    from_: date
    until: date | None
    cite: Citation
    source: Source
    values: Mapping[str, PastValue] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The rule as JSON data."""
        return {
            "title": self.title,
            "says": self.says,
            "fix": self.fix,
            "severity": self.severity,
            "stage": self.stage,
            "check": self.check,
            "from": self.from_.isoformat(),
            "until": None if self.until is None else self.until.isoformat(),
            "cite": self.cite.to_json(),
            "checked": self.source.checked.isoformat(),
            "values": {name: value.to_json() for name, value in self.values.items()},
        }


def as_it_stood(
    library: Library,
    id: str,
    layers: Sequence[str],
    jurisdiction: str,
    on: date,
    version_from: date | None = None,
) -> PastRule | None:
    """A rule on a day as the packs `layers` (ids, highest first) of a library have it; the version that
    began on `version_from` where that is given. None where the library has no such rule or version."""
    rule = library.rules_by_id.get(id)
    version = None if rule is None else _version(rule, on, version_from)
    if rule is None or version is None:
        return None
    values = library.values_on(tuple(layers), jurisdiction, on)
    return PastRule(
        rule.id,
        rule.title,
        rule.says,
        rule.fix,
        library.severity_on(rule, tuple(layers), jurisdiction, on),
        rule.stage,
        version.check,
        version.from_,
        version.until,
        version.cite,
        library.sources[version.cite.source],
        {name: _past(values[name]) for name in version.parameters if name in values},
    )


def otherwise(
    then: PastRule, today: Library, layers: Sequence[str], jurisdiction: str, on: date
) -> list[str]:
    """What today's library says otherwise of the same rule and day, a sentence each; empty when nothing."""
    if then.id not in today.rules_by_id:
        return [GONE]
    now = as_it_stood(today, then.id, layers, jurisdiction, on)
    return [NOT_IN_FORCE] if now is None else list(_differences(then, now))


def _version(rule: Rule, on: date, version_from: date | None) -> RuleVersion | None:
    named = (version for version in rule.versions if version.from_ == version_from)
    return rule.at(on) if version_from is None else next(named, None)


def _past(value: Value) -> PastValue:
    return PastValue("nothing" if value.value is None else shown(value.value), value.standing, value.from_)


def _differences(then: PastRule, now: PastRule) -> Iterator[str]:
    if then.says != now.says:
        yield f"Its sentence is now: {now.says}"
    if then.severity != now.severity:
        yield f"It is now {now.severity}; then it was {then.severity}."
    if (then.from_, then.until) != (now.from_, now.until):
        yield f"The version of that day now runs {_days(now)}; then it ran {_days(then)}."
    if then.check != now.check:
        yield f"It is now decided by {now.check}; then it was by {then.check}."
    if (then.cite.source, then.cite.at) != (now.cite.source, now.cite.at):
        yield f"It now cites {_place(now)}; then it cited {_place(then)}."
    if then.cite.quote != now.cite.quote:
        yield f"It now quotes “{now.cite.quote}”." if now.cite.quote else "It now quotes nothing."
    for name in sorted({*then.values, *now.values}):
        old, new = _plain(then, name), _plain(now, name)
        if old != new:
            yield f"{name} is now {new}; then it was {old}."


def _days(rule: PastRule) -> str:
    return f"from {rule.from_}" + (f" until {rule.until}" if rule.until is not None else "")


def _place(rule: PastRule) -> str:
    return f"{rule.cite.title}, {rule.cite.at}"


def _plain(rule: PastRule, name: str) -> str:
    found = rule.values.get(name)
    return "not used" if found is None else found.value or "empty"
