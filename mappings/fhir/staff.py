"""FHIR R4 Practitioner and PractitionerRole (US Core) as members of the staff; nothing is guessed.

What cannot be taken over is said in words beside the member it belongs to, or in a list of its own where it
belongs to nobody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from mappings.fhir.elements import NPI
from mappings.fhir.loose import Json, day_of, local, object_of, objects_of, reference_of, text_of, words_of
from mappings.fhir.people import NPI_FORM
from mappings.fhir.staff_codes import StaffCodes
from mappings.fhir.staff_qualifications import Qualifications
from mappings.library import Library
from mappings.records import Credential, Name, Telecom

PRACTITIONER, ROLE, ORGANIZATION = "Practitioner", "PractitionerRole", "Organization"
_STAFF = frozenset({PRACTITIONER, ROLE})
_PAST_NAMES = frozenset({"old", "maiden"})
_NOT_AT_WORK = frozenset({"old", "home"})
_NAME_ORDER = {"official": 0, "usual": 1}


@dataclass(frozen=True)
class Given:
    """One resource and where it stood ("entry 3"); `full_url` is its address in a Bundle, "" without one."""

    where: str
    resource: Json
    full_url: str = ""


@dataclass(frozen=True)
class Left:
    """What was not taken over, where it stood, and what to do."""

    where: str
    reason: str
    what_to_do: str


@dataclass(frozen=True)
class RoleHint:
    """A role that the source suggests, and the words it is suggested by."""

    role: str
    by: str


@dataclass(frozen=True)
class FhirMember:
    """What the source says of one Practitioner. `reference` is "Practitioner/id" where it is this EHR's;
    `key` tells members of one source apart; `refusal` says why the member cannot be taken at all."""

    key: str
    where: str
    reference: str | None = None
    npi: str | None = None
    name: Name | None = None
    birth_date: date | None = None
    credentials: tuple[Credential, ...] = ()
    telecom: tuple[Telecom, ...] = ()
    roles: tuple[RoleHint, ...] = ()
    works_here: bool = True
    remarks: tuple[str, ...] = ()
    refusal: str = ""


@dataclass(frozen=True)
class StaffSheet:
    """The members in the order of the source, and what belongs to none of them."""

    members: tuple[FhirMember, ...]
    left: tuple[Left, ...]


@dataclass
class _Roles:
    """What the PractitionerRoles of one Practitioner say together."""

    hints: list[RoleHint] = field(default_factory=list)
    telecom: list[Telecom] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    here: bool = False
    seen: bool = False


def read_staff(
    given: Sequence[Given], library: Library, on: date, *, base: str, organization: str | None = None
) -> StaffSheet:
    """The members of the staff in these resources as of the day `on`. `base` is the EHR's FHIR base address:
    a Practitioner of another base keeps no reference. `organization` ("Organization/id") is the programme
    where the EHR knows it: roles in others suggest nothing. Never raises on what the resources hold."""
    return _Reader(given, StaffCodes(library, on), on, base.rstrip("/"), organization).sheet()


class _Reader:
    """One reading of one source."""

    def __init__(
        self, given: Sequence[Given], codes: StaffCodes, on: date, base: str, organization: str | None
    ) -> None:
        self.codes, self.on, self.base, self.organization = codes, on, base, organization
        self.people = [one for one in given if one.resource.get("resourceType") == PRACTITIONER]
        self.roles = [one for one in given if one.resource.get("resourceType") == ROLE]
        self.others = [one for one in given if text_of(one.resource.get("resourceType")) not in _STAFF]
        organizations = [one for one in given if one.resource.get("resourceType") == ORGANIZATION]
        self.organizations = {
            name: text_of(one.resource.get("name")) or "" for one in organizations for name in _names(one)
        }
        self.by_name: dict[str, int] = {}
        self.double: set[int] = set()

    def sheet(self) -> StaffSheet:
        """Everything read."""
        self._name_people()
        belonging, left = self._belonging()
        members = tuple(
            self._member(one, belonging.get(number, []), number in self.double)
            for number, one in enumerate(self.people)
        )
        return StaffSheet(_apart(members), (*left, *_passed_over(self.others)))

    def _name_people(self) -> None:
        for number, one in enumerate(self.people):
            for name in _names(one):
                other = self.by_name.setdefault(name, number)
                if other != number:
                    self.double |= {other, number}

    def _belonging(self) -> tuple[dict[int, list[Given]], list[Left]]:
        belonging: dict[int, list[Given]] = {}
        left = []
        npis = Counter(npi for one in self.people for npi in _npis(one.resource))
        by_npi = {npi: n for n, one in enumerate(self.people) for npi in _npis(one.resource)}
        for role in self.roles:
            whose = object_of(role.resource.get("practitioner"))
            stated = reference_of(whose) or ""
            number = self.by_name.get(stated, self.by_name.get(local(stated) or stated))
            own = text_of(object_of(whose.get("identifier")).get("value")) or ""
            if number is None and not stated and npis[own] == 1:
                number = by_npi[own]
            if number is None:
                left.append(_stray(role, stated or own))
            else:
                belonging.setdefault(number, []).append(role)
        return belonging, left

    def _member(self, one: Given, roles: Sequence[Given], double: bool) -> FhirMember:
        resource = one.resource
        reference, remarks = self._reference(one)
        npis, odd = _npis(resource), _odd_npis(resource)
        found = Qualifications(self.codes, self.organizations).read(resource.get("qualification"))
        said = self._said(roles)
        remarks += [*odd, *found.remarks, *said.remarks]
        telecom = dict.fromkeys([*_telecom(resource), *said.telecom])
        hints = {hint.role: hint for hint in (*reversed(said.hints), *found.hints(RoleHint))}
        born, born_remark = _born(resource)
        active = resource.get("active") is not False
        return FhirMember(
            key=reference or (npis[0] if len(npis) == 1 else one.where),
            where=one.where,
            reference=reference,
            npi=npis[0] if len(npis) == 1 else None,
            name=_name(resource),
            birth_date=born,
            credentials=found.credentials,
            telecom=tuple(telecom),
            roles=tuple(hints[role] for role in sorted(hints)),
            works_here=active and (said.here or not said.seen),
            remarks=tuple(remarks + born_remark),
            refusal=_refusal(resource, npis, double),
        )

    def _reference(self, one: Given) -> tuple[str | None, list[str]]:
        if "id" not in one.resource:
            return None, []
        reference = local(f"{PRACTITIONER}/{text_of(one.resource.get('id')) or ''}")
        if reference is None:
            return None, ["its id is no FHIR id and was not taken"]
        if one.full_url and one.full_url.split("/_history/")[0] not in {
            f"{self.base}/{reference}",
            reference,
        }:
            # The id in a Bundle from elsewhere, or one that is yet to be created, is nobody's login here.
            return None, [f"{reference} is not an address of this EHR, so no login was linked"]
        return reference, []

    def _said(self, roles: Sequence[Given]) -> _Roles:
        said = _Roles()
        for role in roles:
            said.seen = True
            reason = self._not_counted(role.resource)
            if reason:
                said.remarks.append(f"{_label(role)} {reason}, so it suggests no role")
            else:
                said.here = True
                self._add_role(said, role)
        return said

    def _add_role(self, said: _Roles, role: Given) -> None:
        concepts = (*objects_of(role.resource.get("code")), *objects_of(role.resource.get("specialty")))
        for concept in concepts:
            meaning = self.codes.meaning(concept)
            said.hints += [RoleHint(one, f"{words_of(concept)} ({_label(role)})") for one in meaning.roles]
            if not meaning.roles:
                said.remarks.append(
                    f"{_label(role)}: {meaning.problem or f'“{words_of(concept)}” suggests no role here'}"
                )
        said.telecom += _telecom(role.resource)

    def _not_counted(self, role: Json) -> str:
        if _changed_meaning(role):
            return "carries a modifier that is not understood here"
        if role.get("active") is False:
            return "is not active"
        period = object_of(role.get("period"))
        start, end = day_of(period.get("start")), day_of(period.get("end"))
        if end is not None and end < self.on:
            return f"ended on {end}"
        if start is not None and start > self.on:
            return f"begins on {start}"
        where = reference_of(role.get("organization"))
        if self.organization and where and local(where) != self.organization:
            return f"is at another organization ({self._organization(role, where)})"
        return ""

    def _organization(self, role: Json, reference: str) -> str:
        display = text_of(object_of(role.get("organization")).get("display"))
        return display or self.organizations.get(local(reference) or reference) or reference


def _names(one: Given) -> list[str]:
    """The names under which others may refer to a resource: its address, and type and id."""
    kind, id_ = one.resource.get("resourceType"), text_of(one.resource.get("id"))
    return list(dict.fromkeys(filter(None, [one.full_url, f"{kind}/{id_}" if id_ else ""])))


def _label(one: Given) -> str:
    return local(f"{ROLE}/{text_of(one.resource.get('id')) or ''}") or one.where


def _stray(role: Given, stated: str) -> Left:
    whose = f"the Practitioner {stated}" if stated else "a Practitioner"
    return Left(
        f"{role.where}, {_label(role)}",
        f"the role is that of {whose}, which is not in this source",
        "Export it with its Practitioner (_include=PractitionerRole:practitioner).",
    )


def _passed_over(others: Iterable[Given]) -> Iterator[Left]:
    for one in others:
        kind = text_of(one.resource.get("resourceType")) or "a resource without a type"
        if kind != ORGANIZATION:
            yield Left(one.where, f"{kind} says nothing of staff", "Nothing to do.")


def _apart(members: Sequence[FhirMember]) -> tuple[FhirMember, ...]:
    """The members with a key each of their own."""
    times = Counter(member.key for member in members)
    once = {key for key, number in times.items() if number == 1}
    return tuple(
        member if member.key in once else replace(member, key=f"{member.key} ({member.where})")
        for member in members
    )


def _refusal(resource: Json, npis: Sequence[str], double: bool) -> str:
    if double:
        return "the same Practitioner stands twice in this source"
    if _changed_meaning(resource):
        return "the Practitioner carries a modifier that is not understood here"
    if len(npis) > 1:
        return f"the Practitioner has more than one NPI: {', '.join(npis)}"
    return ""


def _changed_meaning(resource: Json) -> bool:
    # FHIR R4 2.1.0: whoever does not know a modifier extension must not go on as if it were not there.
    return bool(resource.get("modifierExtension") or resource.get("implicitRules"))


def _npis(resource: Json) -> list[str]:
    values = (text_of(one.get("value")) for one in _npi_identifiers(resource))
    return list(dict.fromkeys(value for value in values if value and NPI_FORM.fullmatch(value)))


def _odd_npis(resource: Json) -> list[str]:
    values = (text_of(one.get("value")) or "nothing" for one in _npi_identifiers(resource))
    odd = (value for value in values if not NPI_FORM.fullmatch(value))
    return [f"“{value}” is no NPI (ten digits, the first 1 or 2) and was not taken" for value in odd]


def _npi_identifiers(resource: Json) -> Iterator[Json]:
    for one in objects_of(resource.get("identifier")):
        if one.get("system") == NPI and one.get("use") != "old":
            yield one


def _name(resource: Json) -> Name | None:
    listed = [one for one in objects_of(resource.get("name")) if str(one.get("use")) not in _PAST_NAMES]
    ranked = sorted(listed, key=lambda one: _NAME_ORDER.get(str(one.get("use")), 2))
    for one in ranked:
        given = one.get("given")
        words = [word for word in map(text_of, given if isinstance(given, list) else []) if word]
        family = text_of(one.get("family"))
        if words or family:
            return Name(given=tuple(words), family=family)
    return None


def _born(resource: Json) -> tuple[date | None, list[str]]:
    stated = resource.get("birthDate")
    born = day_of(stated)
    odd = stated is not None and born is None
    return born, [f"the birth date “{str(stated)[:40]}” is no whole day and was not taken"] if odd else []


def _telecom(resource: Json) -> list[Telecom]:
    listed = [
        one for one in objects_of(resource.get("telecom")) if str(one.get("use")) not in {"old", "home"}
    ]
    return [
        Telecom(system=text_of(one.get("system")), value=text_of(one.get("value")))
        for one in listed
        if text_of(one.get("value"))
    ]
