"""What is done with one group of records: judged, and for `map` made into Bundles and Claims."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from app.bulk.beside import Beside, Looked, MeetingsOf, Reader
from app.bulk.leaving import Departure, Reason, claim_reasons, departure
from app.bulk.lines import Source, text_at
from mappings.claim_forms import unready
from mappings.claims import ClaimDraft, draft_claims, filed_elsewhere
from mappings.findings import Judgement
from mappings.intake import read_again
from mappings.library import Library, load
from mappings.office import Surroundings, known_individuals, named
from mappings.records import AuthorizationFields, Contact, PlanEntry, Program, ProgramFields, StaffFields
from mappings.rules import judge, judge_office

if TYPE_CHECKING:
    from mappings.fhir.writing import Writer

Written = dict[str, Any]
Judged = Contact | PlanEntry
OUT, CLAIMS, REPORT, OFFICE = "out", "claims", "report", "office"
# The report tells of records in input order, then of claims that make no valid FHIR, then of those held.
_RECORDS, _CLAIMED, _UNFIT, _HELD, _ELSEWHERE, _WITHOUT_FORM = range(6)


class Piece(NamedTuple):
    """Something to be written: where to, its place among the others there, and its bytes."""

    stream: str
    section: int
    program: str
    person: str
    day: str
    code: str
    number: int
    data: bytes


@dataclass(frozen=True)
class Order:
    """What is asked of every group: check or map, how, and by which rules; `source` say where lines stand.

    `digest` is that of the library, so that a worker elsewhere with other rules is found out. A dry run tells
    of everything and keeps no Bundle. `us_core` is the version of US Core whose form is asked for, None where
    a Bundle is to be right for all of them.
    """

    sources: tuple[Source, ...]
    site: Path | None
    digest: str
    now: datetime
    mapping: bool
    form: str = "json"
    everything: bool = False
    dry: bool = False
    us_core: str | None = None


@dataclass
class Outcome:
    """What one group gave: the pieces, and how many of what."""

    chunk: int
    records: int
    pieces: list[Piece] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


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


class OtherRules(RuntimeError):
    """A worker has other rules than whoever asks it."""


def _writer(library: Library, now: datetime) -> Writer:
    # To check imports nothing of FHIR.
    from mappings.fhir.writing import Writer

    return Writer(library, now)


class Worker:
    """Judges groups of one input; one for each process."""

    def __init__(self, order: Order, index: Path) -> None:
        self.order, self.library = order, load(order.site)
        if self.library.digest != order.digest:
            raise OtherRules("a worker has other rules than this machine; install the same Peerchart there")
        self.reader = Reader(index)
        self.writer = _writer(self.library, order.now) if order.mapping else None

    def group(self, chunk: int, texts: Mapping[int, bytes] | None = None) -> Outcome:
        """The outcome of one group; `texts` are its lines where the inputs cannot be read here."""
        numbers = self.reader.numbers(chunk)
        foreign = self.reader.foreign_entries(chunk)
        texts = texts if texts is not None else texts_of(self.order.sources, [*numbers, *foreign])
        records = [read_again(texts[number]) for number in numbers]
        own = [one for one in records if isinstance(one, Judged)]
        others = [one for n in foreign if isinstance(one := read_again(texts[n]), PlanEntry)]
        beside = Beside(own, others, self.reader, chunk, self.library)
        judged = judge(own, self.library, self.order.now, around=beside)
        outcome = Outcome(chunk, len(own))
        for judgement in judged:
            outcome.counts[f"signing {judgement.signing}"] += 1
            outcome.counts[f"claim {judgement.claim}"] += 1
            outcome.counts["units"] += judgement.billed_units
        if self.order.mapping:
            outcome.pieces += Mapped(self, numbers, own, judged).pieces(outcome.counts)
        else:
            outcome.pieces += [
                _at(OUT, n, json_bytes(each.to_json(all=self.order.everything)))
                for n, each in zip(numbers, judged, strict=True)
            ]
        return outcome

    def office(self) -> Iterator[bytes]:
        """One line for each staff member and programme of the input, in order."""
        meetings = MeetingsOf(self.reader)
        rows = self.reader.db.execute(
            "SELECT number FROM office WHERE kind IN ('staff', 'program') AND number >= 0 ORDER BY number"
        )
        for (number,) in rows:
            record = self.reader.office(number)
            for each in judge_office([record], self.library, self.order.now, meetings=meetings):
                yield json_bytes(each.to_json(all=self.order.everything))


class Mapped:
    """The judged records of one group on their way to Bundles."""

    def __init__(
        self, worker: Worker, numbers: Sequence[int], records: Sequence[Judged], judged: Sequence[Judgement]
    ) -> None:
        self.order, self.library, self.worker = worker.order, worker.library, worker
        self.judged, self.numbers = judged, numbers
        known = known_individuals(one for one in records if isinstance(one, Contact))
        self.records = [named(one, known) if isinstance(one, PlanEntry) else one for one in records]
        self._arounds: dict[str | None, Surroundings] = {}
        reader = worker.reader
        self._staff = cast("Mapping[str, StaffFields]", Looked(lambda key: reader.known("any staff", key)))
        self._granted = cast(
            "Mapping[str, AuthorizationFields]", Looked(lambda key: reader.known("any authorization", key))
        )
        ready = {
            (each.id, each.version)
            for each in judged
            if each.kind == "plan-entry" and each.counts and each.signing == "ready"
        }
        self._entries = {
            one.id: one
            for one in self.records
            if isinstance(one, PlanEntry) and (one.id, one.version) in ready
        }

    def pieces(self, counts: Counter[str]) -> Iterator[Piece]:
        """Bundles, Claims and lines of the report."""
        told: list[tuple[Piece, Line]] = []
        for number, record, judgement in zip(self.numbers, self.records, self.judged, strict=True):
            standing = departure(record, judgement, self.library)
            if standing.outcome == "leaves":
                made = self._bundle(record, judgement)
                if isinstance(made, bytes) and not self.order.dry:
                    yield _at(OUT, number, made)
                standing = Departure("leaves") if isinstance(made, bytes) else made
            line = Line(record.id, record.kind, standing.outcome, standing.reasons)
            told.append((_at(REPORT, number, b"", _RECORDS), line))
        for place, number_of_claim, made_claim in self._claims():
            if isinstance(made_claim, bytes):
                counts["claims"] += 1
                if self.order.dry:
                    line = Line(number_of_claim, "claim", "claimed")
                    told.append((Piece(REPORT, _CLAIMED, *place, 0, b""), line))
                else:
                    yield Piece(CLAIMS, 0, *place, 0, made_claim)
            else:
                told.append((Piece(REPORT, _UNFIT, *place, 0, b""), made_claim))
        told += self._held()
        for piece, line in told:
            counts[line.outcome] += 1
            if self.order.dry or line.outcome != "leaves":
                yield piece._replace(data=json_bytes(line.to_json()))

    def _held(self) -> Iterator[tuple[Piece, Line]]:
        """What the rules hold, what is filed elsewhere, and what no claim form is configured for."""
        for number, record, judgement in zip(self.numbers, self.records, self.judged, strict=True):
            if not judgement.counts:
                continue
            if reasons := claim_reasons(judgement):
                line = Line(judgement.id, judgement.kind, "claim held", reasons)
                yield _at(REPORT, number, b"", _HELD), line
            if not isinstance(record, Contact) or judgement.claim != "ready":
                continue
            if filed_elsewhere(record):
                reason = Reason("its claim is filed elsewhere", "")
                yield _at(REPORT, number, b"", _ELSEWHERE), Line(record.id, "claim", "left-out", (reason,))
            elif judgement.billed_units > 0:
                around = self.around(record.program)
                why = unready(record, around.day_of(record), around, self.library)
                if why is not None:
                    line = Line(record.id, "claim", "held", (Reason(*why),))
                    yield _at(REPORT, number, b"", _WITHOUT_FORM), line

    def _bundle(self, record: Judged, judgement: Judgement) -> bytes | Departure:
        from mappings.fhir.bundle import NotFit

        around = self.around(record.program)
        try:
            return self._write(record, judgement, around)
        except NotFit as error:
            return Departure("held", _unfit(error.problems))

    def _write(self, record: Judged, judgement: Judgement, around: Surroundings) -> bytes:
        from mappings.fhir.bundle import ChartLinks, contact_bundle, plan_bundle

        writer, rest = self.worker.writer, (ChartLinks(), self.library, self.order.now)
        if writer is not None and self._as_written:
            if isinstance(record, Contact):
                return writer.contact(record, judgement, around) + b"\n"
            return writer.plan(around.plan_of(record), around) + b"\n"
        if isinstance(record, Contact):
            return self._line(contact_bundle(record, judgement, around, (), *rest))
        return self._line(plan_bundle(around.plan_of(record), around, (), *rest))

    @property
    def _as_written(self) -> bool:
        """Whether a Bundle leaves just as the writer writes it."""
        return self.order.form == "json" and self.order.us_core is None

    def _line(self, bundle: Written) -> bytes:
        """A Bundle on one line, in the form and for the version of US Core that are asked for."""
        from mappings.fhir.elements import to_bytes
        from mappings.fhir.us_core import fitted

        if self.order.us_core is not None:
            bundle = fitted(bundle, self.order.us_core, self.library)
        return to_bytes(bundle) + b"\n" if self.order.form == "json" else xml_line(bundle)

    def _claims(self) -> Iterator[tuple[tuple[str, str, str, str], str, bytes | Line]]:
        """Each claim's place among all claims, its control number, and its Bundle or why there is none."""
        from mappings.fhir.bundle import ChartLinks, NotFit
        from mappings.fhir.claim import claim_bundle

        for program, draft in self._drafts():
            place = program, draft.individual.id, draft.day.isoformat(), _code(draft)
            around = self.around(draft.program)
            try:
                if self.worker.writer is not None and self._as_written:
                    yield place, draft.control_number, self.worker.writer.claim(draft, around) + b"\n"
                else:
                    bundle = claim_bundle(draft, around, ChartLinks(), self.library, self.order.now)
                    yield place, draft.control_number, self._line(bundle)
            except NotFit as error:
                line = Line(draft.control_number, "claim", "held", _unfit(error.problems))
                yield place, draft.control_number, line

    def _drafts(self) -> Iterator[tuple[str, ClaimDraft]]:
        """The claims, programme by programme: the programme's time zone says which day a contact was."""
        by_program: dict[str, list[Contact]] = {}
        counting = [each for each in self.judged if each.counts]
        for one, judgement in zip(self.records, self.judged, strict=True):
            if isinstance(one, Contact) and judgement.counts:
                by_program.setdefault(one.program.id if one.program else "", []).append(one)
        for program, contacts in by_program.items():
            around = self.around(contacts[0].program)
            for draft in draft_claims(contacts, counting, around, self.library):
                yield program, draft

    def around(self, program: ProgramFields | None) -> Surroundings:
        """What stands around a record that names a programme."""
        id = program.id if program is not None else None
        if id not in self._arounds:
            known = self.worker.reader.known("any program", id) if id is not None else None
            ours = known if isinstance(known, Program) else None
            self._arounds[id] = Surroundings(self._staff, ours, self._entries, self._granted)
        return self._arounds[id]


def texts_of(sources: Sequence[Source], numbers: Sequence[int]) -> dict[int, bytes]:
    """The lines of records by their numbers."""
    found: dict[int, bytes] = {}
    with ExitStack() as stack:
        opened: dict[str, BinaryIO] = {}
        for number in numbers:
            source = next(s for s in reversed(sources) if s.base <= number)
            if source.path not in opened:
                opened[source.path] = stack.enter_context(Path(source.path).open("rb"))
            found[number] = text_at(opened[source.path], number - source.base)
    return found


_workers: dict[tuple[Order, Path], Worker] = {}


def worker_of(order: Order, index: Path) -> Worker:
    """The worker of this process for an order, made when it is first asked for."""
    if (order, index) not in _workers:
        let_go()
        _workers[order, index] = Worker(order, index)
    return _workers[order, index]


def let_go() -> None:
    """Close the worker of this process."""
    for worker in _workers.values():
        worker.reader.db.close()
    _workers.clear()


def json_bytes(data: Mapping[str, Any]) -> bytes:
    """One JSON object on one line, in the order given, letters as they are."""
    return json.dumps(data, ensure_ascii=False, separators=(", ", ": ")).encode() + b"\n"


def xml_line(bundle: Written) -> bytes:
    """A Bundle as FHIR XML on one line."""
    from mappings.fhir.xml import to_xml

    declaration, _, body = to_xml(bundle).partition(b"\n")
    # A line break inside a text is written as a character reference, so that a Bundle stays one line.
    return declaration + body.rstrip(b"\n").replace(b"\n", b"&#10;") + b"\n"


def _at(stream: str, number: int, data: bytes, section: int = 0) -> Piece:
    return Piece(stream, section, "", "", "", "", number, data)


def _code(draft: ClaimDraft) -> str:
    authorization = draft.authorization.id if draft.authorization else ""
    return f"{draft.rate_code}|{authorization}".removesuffix("|")


def _unfit(problems: Sequence[tuple[str, str]]) -> tuple[Reason, ...]:
    return tuple(
        Reason(f"{path} {words}".strip(), "Correct the record; it does not make valid FHIR.")
        for path, words in problems
    )
