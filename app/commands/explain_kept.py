"""`peerchart rules explain --contact`: what the rules said when a note or a plan entry was decided upon."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.commands.installation import opened, operator, settings_of, utc_now
from app.commands.options import json_line, library_at
from app.printable import printable

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.explained import Decision, Explained
    from app.tables import ContactRow, PlanEntryRow
    from mappings.library import Library

RESULTS = {
    "fail": "did not pass",
    "indeterminate": "could not be decided",
    "advice": "advised",
    "pass": "passed",
}
OCCASIONS = {
    "signed": "Signed",
    "co-signed": "Co-signed",
    "released": "Released",
    "held": "In no claim since",
}
NOT_KEPT = "The library of that day was not kept: below stands what was kept with the finding itself."


def explain_kept(
    contact: str | None,
    entry: str | None,
    version: int | None,
    rule: str | None,
    issuer: str | None,
    site: Path | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Say what the rules said of a signed version, as they stood then. What is not there is wrong usage."""
    from app.explained import to_json
    from app.problems import Problem

    settings = settings_of(data)
    try:
        with opened(settings) as installation, installation.store.write() as session:
            found = _found(session, contact, entry, version, issuer, partial(library_at, settings, site))
    except Problem as problem:
        raise click.UsageError(str(problem)) from problem
    if rule is not None and not to_json(found, rule):
        raise click.UsageError(f"the rules said nothing of {rule!r} there; leave --rule out to see all")
    if as_json:
        for each in to_json(found, rule):
            click.echo(json_line(each))
        return
    for line in _lines(found, rule):
        click.echo(printable(line))


def _found(
    session: Session,
    contact: str | None,
    entry: str | None,
    version: int | None,
    issuer: str | None,
    library_of: Callable[[str], Library],
) -> Sequence[Decision]:
    from app import explained
    from app.tables import ClaimHoldRow

    if contact is None:
        entry_row, number = explained.find_entry(session, entry or "", issuer, version)
        _looked(session, entry_row, number)
        library = library_of(entry_row.issuer)
        return explained.of_plan_entry(session, entry_row.issuer, entry_row.id, number, library, utc_now())
    row = explained.find_contact(session, contact, issuer)
    library = library_of(row.issuer)
    number = version or explained.last_signed(session, row)
    found = explained.of_contact(session, row, number, library, utc_now())
    hold = session.get(ClaimHoldRow, (row.issuer, row.id))
    if hold is not None and hold.version == number:
        found = (*found, explained.of_hold(session, hold, library, utc_now()))
    _looked(session, row, number)
    return found


def _looked(session: Session, row: ContactRow | PlanEntryRow, version: int) -> None:
    from app import audit

    who = operator(row.issuer)
    action = "findings explained"
    audit.did(session, who, action, utc_now(), subject=row.id, version=version, patient=row.patient)


def _lines(found: Sequence[Decision], rule: str | None) -> Iterator[str]:
    from app.explained import of_rule

    for decision in found:
        yield from _head(decision)
        shown = of_rule(decision, rule)
        if not shown and rule is None:
            yield "  No rule held, warned or advised."
        for each in shown:
            yield from _finding(each)
        if rule is None and decision.passed is not None:
            yield f"  Passed: {', '.join(one.reason.rule for one in decision.passed) or 'none'}"


def _head(decision: Decision) -> Iterator[str]:
    from app.decisions import claim_named

    claim = claim_named(decision.occasion)
    word = OCCASIONS.get(decision.occasion, decision.occasion) if claim is None else f"Released in {claim}"
    by = f" by {decision.by}" if decision.by else ""
    yield f"{decision.subject} version {decision.version}: {word} {decision.at.isoformat()}{by}"
    units = "" if decision.units is None else f", {decision.units} unit{'' if decision.units == 1 else 's'}"
    yield f"  Signing: {decision.signing}. Claim: {decision.claim}{units}. Day of the rules: {decision.on}."
    yield f"  Library: {decision.library}" + (f" (Peerchart {decision.product})" if decision.product else "")
    if decision.product is None:
        yield f"  {NOT_KEPT}"


def _finding(each: Explained) -> Iterator[str]:
    reason, then = each.reason, each.then
    yield f"  {reason.rule} {RESULTS.get(reason.result, reason.result)} ({reason.severity} at {reason.stage})"
    if then is not None and then.says != reason.message:
        yield f"    The rule: {then.says}"
    yield f"    {reason.message}"
    if reason.fix:
        yield f"    What to do: {reason.fix}"
    if reason.left:
        yield f"    The author left as it was: {', '.join(f'“{words}”' for words in reason.left)}"
    if then is not None:
        until = f" until {then.until}" if then.until else ""
        yield f"    Version in force: from {then.from_}{until}"
    cite = reason.cite or (None if then is None else then.cite.to_json())
    if cite is not None:
        yield f"    Source: {cite['title']}, {cite['at']}" + (
            f", {cite['address']}" if cite["address"] else ""
        )
        if cite["quote"]:
            yield f"    “{cite['quote']}”"
    if then is not None:
        for name, value in then.values.items():
            if len(value.value) < 200:
                yield f"    {name} = {value.value or 'empty'} (from {value.from_})"
        for line in each.otherwise:
            yield f"    Today's library says otherwise: {line}"
        if not each.otherwise:
            yield "    Today's library says the same."
    if each.now is not None:
        yield f"    Asked again today, with all that is recorded by now: {RESULTS.get(each.now, each.now)}."
