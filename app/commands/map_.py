"""`peerchart map`: intake records as FHIR Bundles."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from app.commands.files import STDOUT, written_whole
from app.commands.inputs import read_intake
from app.commands.known import known_option, known_records
from app.commands.leaving import Departure, Reason, claim_reasons, departure
from app.commands.options import (
    HELD,
    REFUSED,
    WELL,
    finish,
    json_line,
    json_option,
    load_library,
    now_option,
    printable,
    site_option,
)

if TYPE_CHECKING:
    from mappings.claims import ClaimDraft
    from mappings.findings import Judgement
    from mappings.library import Library
    from mappings.office import Surroundings
    from mappings.records import Contact, PlanEntry, ProgramFields, Record

EXAMPLE = """\b
Examples:
  peerchart map contacts.ndjson --out bundles.ndjson --claims claims.ndjson
  peerchart map contacts.ndjson --out bundles.xml --format xml --report held.txt
"""
Written = dict[str, Any]
_HELD_OUTCOMES = frozenset({"held", "claim held"})
_LONG = 200


@dataclass(frozen=True)
class Line:
    """One line of the report: a record or claim, how it went, and why where it did not leave."""

    id: str
    kind: str
    outcome: str
    reasons: tuple[Reason, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The line as JSON data."""
        return {
            "id": self.id,
            "kind": self.kind,
            "outcome": self.outcome,
            "reasons": [reason.to_json() for reason in self.reasons],
        }

    def __str__(self) -> str:
        head = f"{self.outcome}: {self.kind} {self.id}"
        return "\n".join([head, *(f"  {_words(reason)}" for reason in self.reasons)])


@click.command("map", epilog=EXAMPLE)
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--out", required=True, metavar="FILE", help="Where the Bundles go, one a line; - is output.")
@click.option("--claims", metavar="FILE", help="Where the Claims go, a Bundle each, one a line.")
@click.option("--report", metavar="FILE", help="Where the report of what was held goes, not standard error.")
@click.option(
    "--format", "form", type=click.Choice(["json", "xml"]), default="json", show_default=True,
    help="FHIR JSON or FHIR XML.",
)  # fmt: skip
@now_option
@site_option
@known_option
@json_option
def map_records(
    files: Sequence[str],
    out: str,
    claims: str | None,
    report: str | None,
    form: str,
    now: datetime,
    site: Path | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Write one transaction Bundle a line for each record that may leave, in input order.

    Claims go in Bundles of their own, one for each individual, day and rate code. What is held, and why, is
    reported on standard error.
    """
    _require_apart(out, claims, report)
    library = load_library(site)
    known = known_records(data)
    intake = read_intake(files, as_json)
    job = Job([*known, *intake.records], library, now)
    write = _writer(form)
    with ExitStack() as stack:
        bundles = stack.enter_context(written_whole(out))
        claimed = stack.enter_context(written_whole(claims)) if claims else None
        lines = list(job.bundles(bundles, write)) + list(job.claims(claimed, write))
        _report(stack, report, [line for line in lines if line.outcome != "leaves"], as_json)
    held = any(line.outcome in _HELD_OUTCOMES for line in lines)
    finish(REFUSED if intake.refusals else HELD if held else WELL)


class Job:
    """The records of one input, judged together, on their way to Bundles."""

    def __init__(self, records: Sequence[Record], library: Library, now: datetime) -> None:
        from mappings.rules import judge

        self.library, self.now = library, now
        self.judgements = judge(records, library, now)
        records = _with_named_plans(records)
        self.records = [one for one in records if one.kind in {"contact", "plan-entry"}]
        self.around = surroundings_of(records, self.judgements)

    def bundles(self, stream: BinaryIO, write: Callable[[Written], bytes]) -> Iterator[Line]:
        """Write the Bundle of each record that may leave; yields a line for every record."""
        with _progress(self.records) as shown:
            for record, judgement in zip(shown, self.judgements, strict=True):
                standing = departure(record, judgement, self.library)
                if standing.outcome == "leaves":
                    standing = self._write(record, judgement, stream, write)
                yield Line(record.id, record.kind, standing.outcome, standing.reasons)

    def claims(self, stream: BinaryIO | None, write: Callable[[Written], bytes]) -> Iterator[Line]:
        """Write the Bundle of each claim; yields a line for every contact whose claim is held."""
        from mappings.fhir.bundle import ChartLinks, NotFit
        from mappings.fhir.claim import claim_bundle

        for draft in self._drafts():
            try:
                bundle = claim_bundle(
                    draft, self._around(draft.program), ChartLinks(), self.library, self.now
                )
            except NotFit as error:
                yield Line(draft.control_number, "claim", "held", _unfit(error.problems))
                continue
            if stream is not None:
                stream.write(write(bundle))
        for judgement in self.judgements:
            if judgement.counts and (reasons := claim_reasons(judgement)):
                yield Line(judgement.id, judgement.kind, "claim held", reasons)
        yield from self._filed_elsewhere()
        yield from self._without_form()

    def _without_form(self) -> Iterator[Line]:
        """What the rules let pass and no claim form, or no place of service, is configured for."""
        from mappings.claim_forms import unready
        from mappings.claims import filed_elsewhere

        for record, judgement in zip(self.records, self.judgements, strict=True):
            ready = judgement.counts and judgement.claim == "ready" and judgement.billed_units > 0
            if record.kind == "contact" and ready and not filed_elsewhere(record):
                around = self._around(record.program)
                why = unready(record, around.day_of(record), around, self.library)
                if why is not None:
                    yield Line(record.id, "claim", "held", (Reason(*why),))

    def _filed_elsewhere(self) -> Iterator[Line]:
        from mappings.claims import filed_elsewhere

        for record, judgement in zip(self.records, self.judgements, strict=True):
            ready = judgement.counts and judgement.claim == "ready"
            if record.kind == "contact" and ready and filed_elsewhere(record):
                yield Line(record.id, "claim", "left-out", (Reason("its claim is filed elsewhere", ""),))

    def _drafts(self) -> Iterator[ClaimDraft]:
        """The claims, programme by programme: the programme's time zone says which day a contact was."""
        from mappings.claims import draft_claims

        by_program: dict[str, list[Contact]] = {}
        for one in self.records:
            if one.kind == "contact":
                by_program.setdefault(one.program.id if one.program else "", []).append(one)
        for _, contacts in sorted(by_program.items()):
            around = self._around(contacts[0].program)
            yield from draft_claims(contacts, self.judgements, around, self.library)

    def _write(
        self,
        record: Contact | PlanEntry,
        judgement: Judgement,
        stream: BinaryIO,
        write: Callable[[Written], bytes],
    ) -> Departure:
        from mappings.fhir.bundle import NotFit

        try:
            stream.write(write(self._bundle(record, judgement)))
        except NotFit as error:
            return Departure("held", _unfit(error.problems))
        return Departure("leaves")

    def _bundle(self, record: Contact | PlanEntry, judgement: Judgement) -> Written:
        from mappings.fhir.bundle import ChartLinks, contact_bundle, plan_bundle

        around, links = self._around(record.program), ChartLinks()
        if record.kind == "contact":
            return contact_bundle(record, judgement, around, (), links, self.library, self.now)
        return plan_bundle(around.plan_of(record), around, (), links, self.library, self.now)

    def _around(self, named: ProgramFields | None) -> Surroundings:
        return self.around.get(named.id if named else None) or self.around[None]


def _with_named_plans(records: Iterable[Record]) -> list[Record]:
    from mappings.office import known_individuals, named
    from mappings.records import Contact, PlanEntry

    every = list(records)
    known = known_individuals(one for one in every if isinstance(one, Contact))
    return [named(one, known) if isinstance(one, PlanEntry) else one for one in every]


def surroundings_of(
    records: Iterable[Record], judgements: Iterable[Judgement]
) -> dict[str | None, Surroundings]:
    """Staff and programme of the input, and the plan entries that may leave, by id of the programme; under
    None those of a record that names no programme of the input."""
    from mappings.office import Surroundings
    from mappings.records import Authorization, PlanEntry, Program, Staff

    records = list(records)
    staff = {one.id: one for one in records if isinstance(one, Staff)}
    programs = {one.id: one for one in records if isinstance(one, Program)}
    ready = {
        (judged.id, judged.version)
        for judged in judgements
        if judged.kind == "plan-entry" and judged.counts and judged.signing == "ready"
    }
    entries = {
        one.id: one for one in records if isinstance(one, PlanEntry) and (one.id, one.version) in ready
    }
    granted = {one.id: one for one in records if isinstance(one, Authorization)}
    known: list[tuple[str | None, Program | None]] = [(None, None), *programs.items()]
    return {key: Surroundings(staff, program, entries, granted) for key, program in known}


def _unfit(problems: Sequence[tuple[str, str]]) -> tuple[Reason, ...]:
    return tuple(
        Reason(f"{path} {words}".strip(), "Correct the record; it does not make valid FHIR.")
        for path, words in problems
    )


def _writer(form: str) -> Callable[[Written], bytes]:
    if form == "xml":
        return _xml_line
    import orjson

    return lambda bundle: orjson.dumps(bundle, default=_decimal) + b"\n"


def _decimal(value: object) -> object:
    from decimal import Decimal

    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(type(value).__name__)


def _xml_line(bundle: Written) -> bytes:
    from mappings.fhir.xml import to_xml

    declaration, _, body = to_xml(bundle).partition(b"\n")
    # A line break inside a text is written as a character reference, so that a Bundle stays one line.
    return declaration + body.rstrip(b"\n").replace(b"\n", b"&#10;") + b"\n"


def _require_apart(*names: str | None) -> None:
    paths = [str(Path(name).absolute()) if name != STDOUT else STDOUT for name in names if name]
    if len(set(paths)) != len(paths):
        raise click.UsageError("--out, --claims and --report need different files")


def _progress(records: Sequence[Any]) -> AbstractContextManager[Iterable[Any]]:
    if len(records) < _LONG or not sys.stderr.isatty():
        return nullcontext(records)
    return click.progressbar(records, label="Writing Bundles", file=sys.stderr)


def _report(stack: ExitStack, name: str | None, lines: Sequence[Line], as_json: bool) -> None:
    texts = [json_line(line.to_json()) if as_json else str(line) for line in lines]
    if name is None:
        for text in texts:
            click.echo(text if as_json else _shown(text), err=True)
        return
    stream = stack.enter_context(written_whole(name))
    stream.write("".join(f"{text if as_json else _shown(text)}\n" for text in texts).encode())


def _shown(text: str) -> str:
    return "\n".join(printable(line) for line in text.split("\n"))


def _words(reason: Reason) -> str:
    return " ".join(filter(None, [f"{reason.rule}:" if reason.rule else "", reason.message, reason.fix]))
