"""The people and organizations of a record: referred to in the EHR's chart, else created on condition.

What the EHR owns is never created there. Only for a store of the programme's own (no links at all) do
Patient, Practitioner, Organization and Coverage go in, each on condition that its identifier is new.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mappings.fhir.carried import program_extension
from mappings.fhir.elements import (
    IDENTIFIERS,
    NPI,
    PAYERS,
    THO,
    Json,
    coding,
    concept,
    entry,
    filled,
    full_url,
    identifier,
    logical,
    narrative,
    period,
    present,
    reference,
    stamp,
    term_concept,
)
from mappings.office import Surroundings
from mappings.once import once
from mappings.records import Address, Coverage, Individual, Name, ProgramFields, Recipient, StaffFields

NPI_FORM = re.compile(r"[12]\d{9}")
Made = tuple[object, Callable[[], Json]]
GENDERS = ("male", "female", "other", "unknown")
_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_MEMBER = term_concept(f"{THO}/v2-0203", "MB", "Member Number")
_RECORD = term_concept(f"{THO}/v2-0203", "MR", "Medical record number")
# v3-RoleCode words that are the same in every office; others keep their text alone.
_RELATIONSHIPS = {
    "mother": "MTH",
    "father": "FTH",
    "parent": "PRN",
    "grandparent": "GRPRN",
    "grandmother": "GRMTH",
    "grandfather": "GRFTH",
    "sibling": "SIB",
    "brother": "BRO",
    "sister": "SIS",
    "spouse": "SPS",
    "aunt": "AUNT",
    "uncle": "UNCLE",
    "friend": "FRND",
    "foster parent": "PRNFOST",
    "step parent": "STPPRN",
    "guardian": "GUARD",
}


@dataclass(frozen=True)
class ChartLinks:
    """References to what the EHR owns ("Patient/pat-moss"); all empty: a store of the programme's own.

    `episodes` are the names by which the person's engagements are known there, in order of time.
    """

    patient: str | None = None
    practitioners: Mapping[str, str] = field(default_factory=dict)
    organization: str | None = None
    coverages: Mapping[str, str] = field(default_factory=dict)
    payers: Mapping[str, str] = field(default_factory=dict)
    encounter: str | None = None
    location: str | None = None
    conditions: Mapping[str, str] = field(default_factory=dict)
    episodes: tuple[str, ...] = ()

    @once
    def empty(self) -> bool:
        """Whether nothing of an EHR is known, so that the people go in themselves."""
        single = (self.patient, self.organization, self.encounter, self.location)
        return not any((*single, self.practitioners, self.coverages, self.payers, self.conditions))


@dataclass(frozen=True)
class People:
    """Everybody one record may refer to."""

    individual: Individual
    program: ProgramFields | None
    around: Surroundings
    links: ChartLinks
    peer: StaffFields | None = None

    def beside(self, individual: Individual) -> People:
        """Everybody a record of another individual may refer to, of the same peer and programme: whom both
        may refer to is referred to by the same objects."""
        other = People(individual, self.program, self.around, self.links, self.peer)
        other.__dict__.update(
            _said=self._said, _met=self._met, _lost=self._lost, _organization=self._organization
        )
        return other

    @once
    def _said(self) -> dict[str, Json]:
        """References as they were first made: most people of a record are referred to several times."""
        return {}

    @once
    def kept(self) -> dict[tuple[object, ...], Any]:
        """What records of the same people have in common, by a name and all that it is made of."""
        return {}

    def own(self, kind: str, key: str, to: str) -> Json:
        """An entry of ours in this Bundle that many records of the person refer to: a goal, an episode."""
        found: Json | None = self.kept.get((kind, key))
        if found is None:
            found = self.kept[kind, key] = reference(full_url(kind, key), to=to)
        return found

    def patient(self) -> Json:
        """The individual."""
        return self._patient

    @once
    def _patient(self) -> Json:
        own = full_url("patient", self._patient_key()) if self.links.empty else None
        return _refer("Patient", self.links.patient or own, self._patient_identifier())

    def practitioner(self, staff_id: str) -> Json:
        """A staff member by id, with NPI and name."""
        found = self._said.get(staff_id)
        if found is None:
            found = self._said[staff_id] = self._practitioner(staff_id)
        return found

    def _practitioner(self, staff_id: str) -> Json:
        member = self.around.member(staff_id, self.peer)
        own = None
        if self.links.empty and _has_family(member.name):
            own = full_url("practitioner", staff_id)
            self._met[own] = member
        return _refer(
            "Practitioner", self.links.practitioners.get(staff_id) or own, _staff_identifier(member)
        )

    def organization(self) -> Json:
        """The programme."""
        return self._organization

    @once
    def _organization(self) -> Json:
        program = self.program or ProgramFields(id="program")
        own = full_url("program", program.id) if self.links.empty and filled(program.name) else None
        return _refer("Organization", self.links.organization or own, _program_identifier(program))

    def payer(self, code: str) -> Json:
        """The payer of a coverage."""
        own = full_url("payer", code) if self.links.empty else None
        return _refer("Organization", self.links.payers.get(code) or own, _payer_identifier(code))

    def coverage(self, cover: Coverage) -> Json:
        """One coverage of the individual."""
        linked = self.links.coverages.get(cover.payer or "")
        own = full_url("coverage", self._coverage_key(cover)) if self.links.empty else None
        return _refer("Coverage", linked or own, self._coverage_identifier(cover))

    def staff_lost(self, staff_id: str) -> bool:
        """Whether the id of a staff member shows neither in references nor in an entry of their own."""
        lost = self._lost.get(staff_id)
        if lost is None:
            lost = self._lost[staff_id] = self._staff_lost(staff_id)
        return lost

    @once
    def _lost(self) -> dict[str, bool]:
        return {}

    def _staff_lost(self, staff_id: str) -> bool:
        member = self.around.member(staff_id, self.peer)
        named = self.links.empty and _has_family(member.name)
        return not named and _staff_identifier(member)["value"] != staff_id

    def program_lost(self) -> bool:
        """Whether the id of the programme shows neither in references nor in an entry of its own."""
        program = self.program
        named = self.links.empty and program is not None and filled(program.name)
        return program is not None and not named and _program_identifier(program)["value"] != program.id

    def related(self, recipient: Recipient) -> Json:
        """A family member or collateral, whose record is ours."""
        return reference(full_url("related-person", self._related_key(recipient)), to="RelatedPerson")

    def record(self, url: str) -> Made | None:
        """Who of a fullUrl may go in by conditional create: what the entry says, and what makes it; nobody
        beside an EHR."""
        if not self.links.empty:
            return None
        if found := self._apart_from_staff.get(url):
            return found
        member = self._met.get(url) or self._everybody.get(url)
        return (member, partial(self._staff_entry, member)) if member is not None else None

    @once
    def _met(self) -> dict[str, StaffFields]:
        """The staff by fullUrl as far as somebody referred to them: few of all are in one record."""
        return {}

    @once
    def _everybody(self) -> Mapping[str, StaffFields]:
        return dict(self._staff())

    @once
    def _apart_from_staff(self) -> Mapping[str, Made]:
        person = self.individual
        # Not their coverages: a plan may not say them.
        said = person.id, person.identifier_system, person.name, person.gender, person.birth_date
        url = full_url("patient", self._patient_key())
        found: dict[str, Made] = {url: ((*said, person.address), self._patient_entry)}
        if self.program is not None and filled(self.program.name):
            program = self.program
            found[full_url("program", program.id)] = program, partial(self._program_entry, program)
        for cover in person.coverages:
            if filled(cover.payer):
                payer = str(cover.payer)
                found[full_url("payer", payer)] = payer, partial(_payer_entry, payer)
                url = full_url("coverage", self._coverage_key(cover))
                found[url] = (person, cover), partial(self._coverage_entry, cover)
        return found

    def related_entry(self, recipient: Recipient) -> Json:
        """The entry of a family member or collateral (US Core RelatedPerson)."""
        words = filled(recipient.relationship) or filled(recipient.role)
        role = _RELATIONSHIPS.get((words or "").lower())
        codings = [coding(f"{THO}/v3-RoleCode", role)] if role else []
        who = identifier("related-person", self._related_key(recipient))
        name = recipient.name
        resource = present(
            resourceType="RelatedPerson",
            text=narrative("Related person", [("Name", _full(name)), ("Relationship", words)]),
            identifier=[who],
            active=True,
            patient=self.patient(),
            relationship=[concept(*codings, text=words)] if words else None,
            name=[_human_name(name)] if name and name.full.strip() else None,
        )
        return entry(full_url("related-person", self._related_key(recipient)), resource, who)

    def _related_key(self, recipient: Recipient) -> str:
        name = recipient.name.full if recipient.name else ""
        words = (recipient.relationship or recipient.role or "", name)
        return "/".join([self.individual.id, *(part.strip().lower() for part in words)])

    def _coverage_key(self, cover: Coverage) -> str:
        # A family has one member number: without the person, the first one's coverage would stand for all.
        return f"{self.individual.id}/{cover.payer or ''}/{cover.member_id or ''}"

    def _coverage_identifier(self, cover: Coverage) -> Json:
        return identifier("coverage", self._coverage_key(cover))

    def _patient_key(self) -> str:
        return f"{self.individual.identifier_system or ''}|{self.individual.id}"

    def _patient_identifier(self) -> Json:
        system = filled(self.individual.identifier_system) or f"{IDENTIFIERS}/individual"
        return {"system": system, "value": self.individual.id}

    def _patient_entry(self) -> Json:
        who, person = self._patient_identifier(), self.individual
        named = person.name is not None and person.name.full.strip()
        absent = {"extension": [{"url": _ABSENT, "valueCode": "unknown"}]}
        resource = present(
            resourceType="Patient",
            text=narrative("Individual", [("Name", _full(person.name)), ("Record", person.id)]),
            identifier=[{"type": _RECORD, **who}],
            name=[_human_name(person.name) if person.name and named else absent],
            gender=person.gender if person.gender in GENDERS else "unknown",
            birthDate=stamp(person.birth_date),
            address=[_address(person.address)] if person.address else None,
        )
        return entry(full_url("patient", self._patient_key()), resource, who)

    def _staff(self) -> Iterator[tuple[str, StaffFields]]:
        known = {**self.around.staff, **({self.peer.id: self.peer} if self.peer else {})}
        for member in (self.around.member(each, self.peer) for each in known):
            if _has_family(member.name):
                yield full_url("practitioner", member.id), member

    def _staff_entry(self, member: StaffFields) -> Json:
        who = _staff_identifier(member)
        resource = present(
            resourceType="Practitioner",
            text=narrative("Staff member", [("Name", _full(member.name))]),
            identifier=_with_own(who, "staff", member.id),
            active=True,
            name=[_human_name(member.name or Name())],
        )
        return entry(full_url("practitioner", member.id), resource, who)

    def _program_entry(self, program: ProgramFields) -> Json:
        who = _program_identifier(program)
        resource = present(
            resourceType="Organization",
            text=narrative(str(filled(program.name))),
            extension=program_extension(program),
            identifier=_with_own(who, "program", program.id),
            active=True,
            type=[term_concept(f"{THO}/organization-type", "prov", "Healthcare Provider")],
            name=filled(program.name),
        )
        return entry(full_url("program", program.id), resource, who)

    def _coverage_entry(self, cover: Coverage) -> Json:
        who = self._coverage_identifier(cover)
        payer, member = str(filled(cover.payer)), filled(cover.member_id)
        resource = present(
            resourceType="Coverage",
            text=narrative("Coverage", [("Payer", payer), ("Kind", cover.class_)]),
            identifier=[{"type": _MEMBER, **who}],
            status="active",
            type=concept(text=cover.class_) or None,
            subscriberId=member,
            beneficiary=self.patient(),
            relationship=term_concept(f"{THO}/subscriber-relationship", "self", "Self"),
            period=period(cover.from_, cover.to),
            payor=[self.payer(payer)],
            order=cover.order if cover.order and cover.order > 0 else None,
        )
        return entry(full_url("coverage", self._coverage_key(cover)), resource, who)


def _refer(kind: str, literal: str | None, who: Json) -> Json:
    return reference(literal, to=kind, identifier=who) if literal else logical(kind, who)


def _staff_identifier(member: StaffFields) -> Json:
    npi = filled(member.npi) or (member.id if NPI_FORM.fullmatch(member.id) else None)
    return {"system": NPI, "value": npi} if npi else identifier("staff", member.id)


def _program_identifier(program: ProgramFields) -> Json:
    npi = filled(program.npi) or (program.id if NPI_FORM.fullmatch(program.id) else None)
    return {"system": NPI, "value": npi} if npi else identifier("program", program.id)


def _with_own(who: Json, kind: str, own: str) -> list[Json]:
    """The identifier by which others know somebody, and the office's own where it is another."""
    return [who] if who["value"] == own else [who, identifier(kind, own)]


def _payer_identifier(code: str) -> Json:
    return {"system": PAYERS, "value": code}


def _payer_entry(code: str) -> Json:
    who = _payer_identifier(code)
    resource = present(
        resourceType="Organization",
        text=narrative(code),
        identifier=[who],
        active=True,
        type=[term_concept(f"{THO}/organization-type", "pay", "Payer")],
        name=code,
    )
    return entry(full_url("payer", code), resource, who)


def _has_family(name: Name | None) -> bool:
    return name is not None and filled(name.family) is not None


def _full(name: Name | None) -> str | None:
    return name.full if name else None


def _address(home: Address) -> Json:
    parts = {"city": home.city, "state": home.state, "postalCode": home.postal_code}
    return present(
        use="home", line=list(home.lines), **{each: filled(value) for each, value in parts.items()}
    )


def _human_name(name: Name) -> Json:
    given = [part for part in (filled(each) for each in name.given) if part]
    return present(family=filled(name.family), given=given)
