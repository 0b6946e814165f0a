"""The rules of one day, asked of records of any day: what later rules would say of what stands here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date

from mappings.findings import Finding, Judgement
from mappings.in_force import DayPack
from mappings.library import Library
from mappings.library_parts import Code, Table

SHOWN = ("fail", "indeterminate")


@dataclass(frozen=True)
class _AsOf(Library):
    day: date = date.min

    def on(
        self,
        jurisdiction: str,
        on: date,  # noqa: ARG002  the day is the library's own
        program_kind: str | None = None,
        payer: str | None = None,
    ) -> DayPack | None:
        """What is in force on the library's own day, whatever day is asked for."""
        return super().on(jurisdiction, self.day, program_kind, payer)


def as_of(library: Library, day: date) -> Library:
    """The library as if every day were `day`: its rules, values and codes judge records of any day."""
    own = {each.name: getattr(library, each.name) for each in fields(Library)}
    tables = {id: _table(table, day) for id, table in library.tables.items()}
    return _AsOf(**{**own, "tables": tables, "_days": {}}, day=day)


@dataclass(frozen=True, slots=True)
class Turn:
    """One rule that says otherwise of a record by the rules of a later day; None where it does not stand."""

    rule: str
    before: str | None
    after: str | None

    def to_json(self) -> dict[str, str | None]:
        """The turn as JSON data."""
        return {"rule": self.rule, "before": self.before, "after": self.after}


def turns(before: Judgement, after: Judgement) -> tuple[Turn, ...]:
    """Where two judgements of one record differ, in the order of the later one, then of the earlier one."""
    old, new = _results(before), _results(after)
    return tuple(
        Turn(rule, old.get(rule), new.get(rule))
        for rule in dict.fromkeys([*new, *old])
        if old.get(rule) != new.get(rule)
    )


def renewed(before: Judgement, after: Judgement) -> tuple[Turn, ...]:
    """The rules that say the same of a record by another version of theirs, where they apply."""
    old = {finding.rule: finding for finding in before.findings}
    return tuple(
        Turn(finding.rule, finding.result, finding.result)
        for finding in after.findings
        if _same_by_another_version(old.get(finding.rule), finding)
    )


def _same_by_another_version(old: Finding | None, new: Finding) -> bool:
    if old is None or new.result == "not-applicable" or old.result != new.result:
        return False
    return old.version_from != new.version_from


def _results(judgement: Judgement) -> Mapping[str, str]:
    return dict(_said(judgement))


def _said(judgement: Judgement) -> Iterator[tuple[str, str]]:
    for finding in judgement.findings:
        if finding.result == "not-applicable":
            continue
        # A severity that changes turns a warning into what holds, though the result is the same.
        harder = f" ({finding.severity})" if finding.result in SHOWN else ""
        yield finding.rule, finding.result + harder


def _table(table: Table, day: date) -> Table:
    codes = {name: _always(code) for name, code in table.codes.items() if code.covers(day)}
    return replace(table, codes=codes)


def _always(code: Code) -> Code:
    return replace(code, from_=None, until=None)
