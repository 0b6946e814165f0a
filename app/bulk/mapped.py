"""The judged records of one group made into Bundles, Claims and lines of the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from app.bulk.beside import Looked, Reader
from app.bulk.leaving import LEAVES, Departure, Reason, claim_reasons, departure
from app.bulk.outcomes import CLAIMS, OUT, REPORT, Order, Piece, at, json_bytes
from app.printable import printable_lines
from mappings.claim_forms import unready
from mappings.claims import ClaimDraft, billable, draft_claims, filed_elsewhere
from mappings.fhir.bundle import NotFit, contact_bundle, plan_bundle
from mappings.fhir.claim import claim_bundle
from mappings.fhir.elements import to_bytes
from mappings.fhir.people import ChartLinks
from mappings.fhir.writing import Writer
from mappings.findings import Judgement
from mappings.library import Library
from mappings.office import Surroundings, known_individuals, named
from mappings.records import AuthorizationFields, Contact, PlanEntry, Program, ProgramFields, StaffFields

Written = dict[str, Any]
Judged = Contact | PlanEntry
# The report tells of records in input order, then of claims that make no valid FHIR, then of those held.
_RECORDS, _CLAIMED, _UNFIT, _HELD, _ELSEWHERE, _WITHOUT_FORM = range(6)
# Where a claim stands among claims: programme, individual, day and code. Of records it is their number.
Place = tuple[str, str, str, str]
_NOWHERE: Place = ("", "", "", "")


class Line(NamedTuple):
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

    def in_words(self) -> bytes:
        """The line for people, with a line below for each reason."""
        return printable_lines([f"{self.outcome}: {self.kind} {self.id}", *map(_words, self.reasons)])


# The section of the report, the place there, and what it says.
Told = tuple[int, Place, int, Line]


class Mapper:
    """Makes Bundles and Claims of one input; one for each worker."""

    def __init__(self, order: Order, library: Library, reader: Reader) -> None:
        self.order, self.library, self.reader = order, library, reader
        self.writer = Writer(library, order.now, end=b"\n")
        # A Bundle for one version of US Core, or as XML, is not just what the writer writes.
        self.as_written = order.form == "json" and order.us_core is None

    def pieces(
        self,
        numbers: Sequence[int],
        records: Sequence[Judged],
        judged: Sequence[Judgement],
        counts: Counter[str],
    ) -> Iterator[Piece]:
        """Bundles, Claims and lines of the report of one group; how many of each are added to `counts`."""
        return _Mapped(self, numbers, records, judged).pieces(counts)


class _Mapped:
    """The judged records of one group on their way to Bundles."""

    def __init__(
        self, mapper: Mapper, numbers: Sequence[int], records: Sequence[Judged], judged: Sequence[Judgement]
    ) -> None:
        self.mapper, self.order, self.library = mapper, mapper.order, mapper.library
        self.judged, self.numbers = judged, numbers
        self.records = _with_names(records)
        self._arounds: dict[str | None, Surroundings] = {}
        reader = mapper.reader
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
        told: list[Told] = []
        for number, record, judgement in zip(self.numbers, self.records, self.judged, strict=True):
            standing: Departure | bytes = departure(record, judgement, self.library)
            if standing is LEAVES:
                standing = self._bundle(record, judgement)
                if isinstance(standing, bytes) and not self.order.dry:
                    counts["leaves"] += 1
                    yield at(OUT, number, standing)
                    continue
            if isinstance(standing, bytes):
                standing = LEAVES
            line = Line(record.id, record.kind, standing.outcome, standing.reasons)
            told.append((_RECORDS, _NOWHERE, number, line))
        for place, number_of_claim, made_claim in self._claims():
            if isinstance(made_claim, bytes):
                counts["claims"] += 1
                if self.order.dry:
                    told.append((_CLAIMED, place, 0, Line(number_of_claim, "claim", "claimed")))
                else:
                    yield Piece(CLAIMS, 0, *place, 0, made_claim)
            else:
                told.append((_UNFIT, place, 0, made_claim))
        told += self._held()
        for section, place, number, line in told:
            counts[line.outcome] += 1
            if self.order.dry or line.outcome != "leaves":
                written = json_bytes(line.to_json()) if self.order.as_json else line.in_words()
                yield Piece(REPORT, section, *place, number, written)

    def _held(self) -> Iterator[Told]:
        """What the rules hold, what is filed elsewhere, and what no claim form is configured for."""
        for number, record, judgement in zip(self.numbers, self.records, self.judged, strict=True):
            claim = judgement.claim
            if claim == "none" or not judgement.counts:
                continue
            if claim == "held" and (reasons := claim_reasons(judgement)):
                yield _HELD, _NOWHERE, number, Line(judgement.id, judgement.kind, "claim held", reasons)
            if claim != "ready" or not isinstance(record, Contact):
                continue
            if filed_elsewhere(record):
                reason = Reason("its claim is filed elsewhere", "")
                yield _ELSEWHERE, _NOWHERE, number, Line(record.id, "claim", "left-out", (reason,))
            elif judgement.billed_units > 0:
                around = self.around(record.program)
                why = unready(record, around.day_of(record), around, self.library)
                if why is not None:
                    line = Line(record.id, "claim", "held", (Reason(*why),))
                    yield _WITHOUT_FORM, _NOWHERE, number, line

    def _bundle(self, record: Judged, judgement: Judgement) -> bytes | Departure:
        around = self.around(record.program)
        try:
            return self._write(record, judgement, around)
        except NotFit as error:
            return Departure("held", _unfit(error.problems))

    def _write(self, record: Judged, judgement: Judgement, around: Surroundings) -> bytes:
        if self.mapper.as_written:
            writer = self.mapper.writer
            if isinstance(record, Contact):
                return writer.contact(record, judgement, around)
            return writer.plan(around.plan_of(record), around)
        rest = ChartLinks(), self.library, self.order.now
        if isinstance(record, Contact):
            return self._line(contact_bundle(record, judgement, around, (), *rest))
        return self._line(plan_bundle(around.plan_of(record), around, (), *rest))

    def _line(self, bundle: Written) -> bytes:
        """A Bundle on one line, in the form and for the version of US Core that are asked for."""
        if self.order.us_core is not None:
            from mappings.fhir.us_core import fitted

            bundle = fitted(bundle, self.order.us_core, self.library)
        return to_bytes(bundle) + b"\n" if self.order.form == "json" else xml_line(bundle)

    def _claims(self) -> Iterator[tuple[Place, str, bytes | Line]]:
        """Each claim's place among all claims, its control number, and its Bundle or why there is none."""
        for program, draft in self._drafts():
            place = program, draft.individual.id, draft.day.isoformat(), _code(draft)
            around = self.around(draft.program)
            try:
                if self.mapper.as_written:
                    yield place, draft.control_number, self.mapper.writer.claim(draft, around)
                else:
                    bundle = claim_bundle(draft, around, ChartLinks(), self.library, self.order.now)
                    yield place, draft.control_number, self._line(bundle)
            except NotFit as error:
                line = Line(draft.control_number, "claim", "held", _unfit(error.problems))
                yield place, draft.control_number, line

    def _drafts(self) -> Iterator[tuple[str, ClaimDraft]]:
        """The claims, programme by programme: the programme's time zone says which day a contact was."""
        by_program: dict[str, tuple[list[Contact], list[Judgement]]] = {}
        for one, judgement in zip(self.records, self.judged, strict=True):
            if billable(judgement) and isinstance(one, Contact):
                program = one.program.id if one.program else ""
                contacts, judged = by_program.setdefault(program, ([], []))
                contacts.append(one)
                judged.append(judgement)
        for program, (contacts, judged) in by_program.items():
            around = self.around(contacts[0].program)
            for draft in draft_claims(contacts, judged, around, self.library):
                yield program, draft

    def around(self, program: ProgramFields | None) -> Surroundings:
        """What stands around a record that names a programme."""
        id = program.id if program is not None else None
        if id not in self._arounds:
            known = self.mapper.reader.known("any program", id) if id is not None else None
            ours = known if isinstance(known, Program) else None
            self._arounds[id] = Surroundings(self._staff, ours, self._entries, self._granted)
        return self._arounds[id]


def _with_names(records: Sequence[Judged]) -> Sequence[Judged]:
    """The records; of plan entries with what the contacts say of their individuals."""
    if not any(isinstance(one, PlanEntry) for one in records):
        return records
    known = known_individuals(one for one in records if isinstance(one, Contact))
    return [named(one, known) if isinstance(one, PlanEntry) else one for one in records]


def _words(reason: Reason) -> str:
    message, fix, rule, _ = reason
    if rule and message and fix:
        return f"  {rule}: {message} {fix}"
    said = " ".join(filter(None, [rule and f"{rule}:", message, fix]))
    return f"  {said}"


def xml_line(bundle: Written) -> bytes:
    """A Bundle as FHIR XML on one line."""
    from mappings.fhir.xml import to_xml

    declaration, _, body = to_xml(bundle).partition(b"\n")
    # A line break inside a text is written as a character reference, so that a Bundle stays one line.
    return declaration + body.rstrip(b"\n").replace(b"\n", b"&#10;") + b"\n"


def _code(draft: ClaimDraft) -> str:
    authorization = draft.authorization.id if draft.authorization else ""
    return f"{draft.rate_code}|{authorization}".removesuffix("|")


def _unfit(problems: Sequence[tuple[str, str]]) -> tuple[Reason, ...]:
    return tuple(
        Reason(f"{path} {words}".strip(), "Correct the record; it does not make valid FHIR.")
        for path, words in problems
    )
