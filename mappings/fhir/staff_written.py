"""The staff as Practitioner and PractitionerRole (R4), for a directory or a store of the programme's own.

Only what others need to know of somebody who works there: name, NPI, how to reach them, certificates and
licences, and what they do. What the employer knows beyond that stays here (see `reading.not_carried`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from mappings.fhir import gate
from mappings.fhir.elements import (
    NPI,
    NUCC,
    PEER_TAXONOMY,
    Json,
    coding,
    concept,
    filled,
    full_url,
    identifier,
    if_none_exist,
    logical,
    narrative,
    period,
    present,
    reference,
)
from mappings.fhir.people import NPI_FORM
from mappings.library import Library
from mappings.records import Credential, Name, ProgramFields, Staff, Telecom

_CREDENTIALS = ("credentials", "staff-categories")
_SYSTEMS = frozenset({"phone", "fax", "email", "pager", "url", "sms"})
# A role that a plain word names, as the tables of words read it back.
_WORDS = {"supervisor": "Supervisor", "biller": "Biller"}
_LICENSED = frozenset({"lpha", "clinician"})


@dataclass(frozen=True)
class Listed:
    """One member as the office lists them: the record, their roles here, and whether they work here."""

    record: Staff
    roles: frozenset[str]
    works_here: bool = True


@dataclass(frozen=True)
class Roster:
    """The Bundle of the staff, and what it does not say of whom (member id, words)."""

    bundle: Json
    left: tuple[tuple[str, str], ...]


def roster(members: Iterable[Listed], program: ProgramFields | None, library: Library, on: date) -> Roster:
    """A transaction that brings each member with a family name up to date where they stand, by identifier,
    and creates who is new; codes are those in use on the day `on`. Raises NotFit."""
    writer = _Writer(program, library, on)
    entries: list[Json] = []
    left: list[tuple[str, str]] = []
    for each in members:
        if each.record.name is None or not filled(each.record.name.family):
            left.append((each.record.id, "has no family name, so no Practitioner was written"))
            continue
        entries += writer.entries(each)
        left += [(each.record.id, words) for words in writer.unsaid(each)]
    bundle: Json = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    gate.check(bundle)
    return Roster(bundle, tuple(left))


class _Writer:
    """One writing of one roster."""

    def __init__(self, program: ProgramFields | None, library: Library, on: date) -> None:
        self.program, self.library, self.on = program, library, on
        nucc = library.table("staff-nucc").codes.values()
        self.taxonomy = {
            str(one.properties["credential"]): one
            for one in reversed(list(nucc))
            if one.properties.get("credential") and set(one.properties.get("roles", ())) >= _LICENSED
        }

    def entries(self, one: Listed) -> Iterator[Json]:
        """The Practitioner and, where something is to be said of it, the PractitionerRole."""
        yield _brought(full_url("practitioner", one.record.id), self._practitioner(one))
        role = self._role(one)
        if "telecom" in role and _says_what(role):
            yield _brought(full_url("practitioner-role", one.record.id), role)

    def unsaid(self, one: Listed) -> Iterator[str]:
        """What no code says: a role without a word, a credential that the tables do not know."""
        said = {"peer", *_WORDS, *(_LICENSED if self._specialties(one) else ())}
        yield from (f"the role {role} has no code and was not written" for role in sorted(one.roles - said))
        if _says_what(role := self._role(one)) and "telecom" not in role:
            # A role that cannot be reached is none in US Core (pd-1).
            yield "has no phone or e-mail at work, so no PractitionerRole was written"
        for each in one.record.credentials:
            if self._code(each) is None:
                yield f"the credential {each.code or 'without a code'} is in no table; its words were written"

    def _practitioner(self, one: Listed) -> Json:
        record = one.record
        return present(
            resourceType="Practitioner",
            text=narrative("Staff member", [("Name", record.name.full if record.name else None)]),
            identifier=_identifiers(record),
            active=one.works_here,
            name=[_name(record.name or Name())],
            telecom=_telecom(record.telecom),
            qualification=[self._qualification(each) for each in record.credentials],
        )

    def _qualification(self, one: Credential) -> Json:
        code = self._code(one)
        words = filled(one.code) or "without a name"
        return present(
            identifier=[{"value": one.number}] if filled(one.number) else None,
            code=concept(code) if code else concept(text=words),
            period=period(one.from_, one.to),
            issuer={"display": one.issuer} if filled(one.issuer) else None,
        )

    def _code(self, one: Credential) -> Json | None:
        for table in map(self.library.table, _CREDENTIALS):
            known = table.code(one.code or "", self.on)
            if known is not None:
                return coding(str(table.system), known.code, known.display)
        return None

    def _role(self, one: Listed) -> Json:
        record = one.record
        peer = [concept(coding(NUCC, *PEER_TAXONOMY))] if "peer" in one.roles else []
        others = [concept(text=words) for role, words in _WORDS.items() if role in one.roles]
        return present(
            resourceType="PractitionerRole",
            text=narrative("Work of a staff member", [("Roles", ", ".join(sorted(one.roles)))]),
            identifier=[identifier("staff", record.id)],
            active=one.works_here,
            practitioner=reference(full_url("practitioner", record.id), to="Practitioner"),
            organization=self._organization(),
            code=[*peer, *others],
            specialty=self._specialties(one),
            telecom=_telecom(record.telecom),
        )

    def _specialties(self, one: Listed) -> list[Json]:
        if not one.roles >= _LICENSED:
            return []
        known = (self.taxonomy.get(each.code or "") for each in one.record.credentials)
        return [concept(coding(NUCC, code.code, code.display)) for code in known if code is not None]

    def _organization(self) -> Json | None:
        if self.program is None:
            return None
        npi = filled(self.program.npi)
        who = {"system": NPI, "value": npi} if npi else identifier("program", self.program.id)
        return logical("Organization", who, self.program.name)


def _says_what(role: Json) -> bool:
    return "code" in role or "specialty" in role


def _brought(url: str, resource: Json) -> Json:
    kind, who = resource["resourceType"], resource["identifier"][0]
    return {
        "fullUrl": url,
        "resource": resource,
        "request": {"method": "PUT", "url": f"{kind}?{if_none_exist(who)}"},
    }


def _identifiers(record: Staff) -> list[Json]:
    npi = filled(record.npi) or (record.id if NPI_FORM.fullmatch(record.id) else None)
    own = identifier("staff", record.id)
    return [{"system": NPI, "value": npi}, *([] if npi == record.id else [own])] if npi else [own]


def _name(name: Name) -> Json:
    return present(
        use="official", family=filled(name.family), given=[one for one in name.given if filled(one)]
    )


def _telecom(listed: Iterable[Telecom]) -> list[Json]:
    return [
        present(system=one.system if one.system in _SYSTEMS else "other", value=one.value, use="work")
        for one in listed
        if filled(one.value)
    ]
