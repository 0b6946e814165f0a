"""What `peerchart map` writes, by a program that holds the whole input in memory: to compare with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from app.bulk.leaving import Reason, claim_reasons, departure
from app.bulk.mapped import Line
from mappings.claim_forms import unready
from mappings.claims import draft_claims, filed_elsewhere
from mappings.fhir.bundle import ChartLinks, NotFit, contact_bundle, plan_bundle
from mappings.fhir.claim import claim_bundle
from mappings.fhir.elements import to_bytes
from mappings.library import Library
from mappings.office import Surroundings, known_individuals, named
from mappings.records import Authorization, Contact, PlanEntry, Program, ProgramFields, Record, Staff
from mappings.rules import judge


class Together:
    """The Bundles, Claims and lines of the report of all records, in their order."""

    def __init__(self, records: Sequence[Record], library: Library, now: datetime) -> None:
        self.library, self.now = library, now
        self.judged = judge(records, library, now)
        known = known_individuals(one for one in records if isinstance(one, Contact))
        every = [named(one, known) if isinstance(one, PlanEntry) else one for one in records]
        self.records = [one for one in every if isinstance(one, Contact | PlanEntry)]
        self.staff = {one.id: one for one in every if isinstance(one, Staff)}
        self.programs = {one.id: one for one in every if isinstance(one, Program)}
        self.granted = {one.id: one for one in every if isinstance(one, Authorization)}
        ready = {
            (each.id, each.version)
            for each in self.judged
            if each.kind == "plan-entry" and each.counts and each.signing == "ready"
        }
        self.entries = {
            one.id: one
            for one in self.records
            if isinstance(one, PlanEntry) and (one.id, one.version) in ready
        }
        self.arounds: dict[str, Surroundings] = {}
        self.lines: list[Line] = []
        self.bundles = list(self._bundles())
        self.claims = list(self._claims())
        self._held()

    def around(self, program: ProgramFields | None) -> Surroundings:
        id = program.id if program is not None else ""
        if id not in self.arounds:
            self.arounds[id] = Surroundings(self.staff, self.programs.get(id), self.entries, self.granted)
        return self.arounds[id]

    def _bundles(self) -> Iterator[bytes]:
        rest = (), ChartLinks(), self.library, self.now
        for record, judgement in zip(self.records, self.judged, strict=True):
            around = self.around(record.program)
            standing = departure(record, judgement, self.library)
            if standing.outcome != "leaves":
                self.lines.append(Line(record.id, record.kind, standing.outcome, standing.reasons))
                continue
            try:
                if isinstance(record, Contact):
                    yield to_bytes(contact_bundle(record, judgement, around, *rest)) + b"\n"
                else:
                    yield to_bytes(plan_bundle(around.plan_of(record), around, *rest)) + b"\n"
            except NotFit as error:
                self.lines.append(Line(record.id, record.kind, "held", _unfit(error)))

    def _claims(self) -> Iterator[bytes]:
        counting = {id(r) for r, j in zip(self.records, self.judged, strict=True) if j.counts}
        contacts = [one for one in self.records if isinstance(one, Contact) and id(one) in counting]
        judged = [each for each in self.judged if each.counts]
        for program in sorted({one.program.id if one.program else "" for one in contacts}):
            own = [one for one in contacts if (one.program.id if one.program else "") == program]
            for draft in draft_claims(own, judged, self.around(own[0].program), self.library):
                try:
                    around = self.around(draft.program)
                    yield to_bytes(claim_bundle(draft, around, ChartLinks(), self.library, self.now)) + b"\n"
                except NotFit as error:
                    self.lines.append(Line(draft.control_number, "claim", "held", _unfit(error)))

    def _held(self) -> None:
        elsewhere, formless = [], []
        for record, judgement in zip(self.records, self.judged, strict=True):
            if judgement.counts and (reasons := claim_reasons(judgement)):
                self.lines.append(Line(judgement.id, judgement.kind, "claim held", reasons))
            if not isinstance(record, Contact) or not judgement.counts or judgement.claim != "ready":
                continue
            around = self.around(record.program)
            if filed_elsewhere(record):
                reason = Reason("its claim is filed elsewhere", "")
                elsewhere.append(Line(record.id, "claim", "left-out", (reason,)))
            elif judgement.billed_units and (
                why := unready(record, around.day_of(record), around, self.library)
            ):
                formless.append(Line(record.id, "claim", "held", (Reason(*why),)))
        self.lines += [*elsewhere, *formless]


def _unfit(error: NotFit) -> tuple[Reason, ...]:
    fix = "Correct the record; it does not make valid FHIR."
    return tuple(Reason(f"{path} {words}".strip(), fix) for path, words in error.problems)
