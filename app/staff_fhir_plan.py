"""How a member that FHIR tells of stands to the registry: new, changed, unchanged or refused (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from app.actor import ADMINISTRATOR
from app.staff import StaffMember
from app.typed_text import UNSENDABLE
from mappings.fhir.staff import FhirMember, RoleHint, StaffSheet
from mappings.records import Credential, Staff

NEW, CHANGED, UNCHANGED, REFUSED = "new", "changed", "unchanged", "refused"
_NOT_REGISTERED = "fhir-"


@dataclass(frozen=True)
class Difference:
    """One field that would change; what was or is not there is empty."""

    field: str
    before: str
    after: str


@dataclass(frozen=True)
class Entry:
    """One member of the source and what an import would do. `offered` are suggested roles that the member
    does not hold, `link` the EHR's reference that would be tied to the member; `reason` and `what_to_do`
    say why a refused one is refused."""

    key: str
    where: str
    name: str
    standing: str
    staff_id: str = ""
    record: Staff | None = None
    differences: tuple[Difference, ...] = ()
    changes_record: bool = False
    roles: frozenset[str] = frozenset()
    offered: tuple[RoleHint, ...] = ()
    active: bool = True
    link: str | None = None
    remarks: tuple[str, ...] = ()
    reason: str = ""
    what_to_do: str = ""


@dataclass(frozen=True)
class Registry:
    """The registry of one EHR and who looks at it; `links` says whether logins may be tied to members,
    `words` what credentials are called."""

    members: tuple[StaffMember, ...]
    jurisdiction: str
    own: str
    administrator: bool
    links: bool
    words: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def by_id(self) -> Mapping[str, StaffMember]:
        """The members by id."""
        return {member.record.id: member for member in self.members}

    @cached_property
    def by_npi(self) -> Mapping[str, list[StaffMember]]:
        """The members by NPI; more than one under an NPI is a thing to look at."""
        return _grouped((member.record.npi, member) for member in self.members)

    @cached_property
    def by_login(self) -> Mapping[str, list[StaffMember]]:
        """The members by the EHR's reference."""
        return _grouped((member.practitioner, member) for member in self.members)


def _grouped(pairs: Iterable[tuple[str | None, StaffMember]]) -> dict[str, list[StaffMember]]:
    grouped: dict[str, list[StaffMember]] = {}
    for name, member in pairs:
        if name:
            grouped.setdefault(name, []).append(member)
    return grouped


class _No(Exception):
    """An entry that is refused: the reason and the next step."""


def plan(sheet: StaffSheet, registry: Registry) -> tuple[Entry, ...]:
    """An entry for each member of the source, in its order."""
    npis = Counter(one.npi for one in sheet.members if one.npi)
    entries = [_entry(one, npis, registry) for one in sheet.members]
    times = Counter(entry.staff_id for entry in entries if entry.staff_id)
    return tuple(
        _twice(entry) if entry.standing != REFUSED and times[entry.staff_id] > 1 else entry
        for entry in entries
    )


def _twice(entry: Entry) -> Entry:
    reason = f"Two practitioners of this source would be the same member ({entry.staff_id})."
    step = "Look at both in the EHR and import the right one."
    return replace(
        entry, standing=REFUSED, record=None, differences=(), offered=(), reason=reason, what_to_do=step
    )


def _entry(one: FhirMember, npis: Mapping[str, int], registry: Registry) -> Entry:
    name = one.name.full if one.name and one.name.full else one.key
    base = Entry(one.key, one.where, name, REFUSED, remarks=one.remarks)
    try:
        if one.refusal:
            raise _No(
                f"{one.refusal[0].upper()}{one.refusal[1:]}.", "Put it right in the EHR and import again."
            )
        known = _match(one, npis, registry)
        return _new(one, base, registry) if known is None else _known(one, base, known, registry)
    except _No as refused:
        reason, step = refused.args
        return replace(base, reason=reason, what_to_do=step)


def _match(one: FhirMember, npis: Mapping[str, int], registry: Registry) -> StaffMember | None:
    if one.npi and npis[one.npi] > 1:
        raise _No(f"Two practitioners of this source have the NPI {one.npi}.", "Put it right in the EHR.")
    by_npi = registry.by_npi.get(one.npi or "", [])
    by_login = registry.by_login.get(one.reference or "", [])
    found = {member.record.id: member for member in (*by_npi, *by_login, *_made(one, registry))}
    if len(found) > 1:
        both = " and ".join(f"{member.name} ({id_})" for id_, member in sorted(found.items()))
        raise _No(f"Two members of the staff match this practitioner: {both}.", "Look at both entries.")
    member = next(iter(found.values()), None)
    if member and one.npi and member.record.npi and member.record.npi != one.npi:
        raise _No(
            f"{member.name} has the NPI {member.record.npi} here and {one.npi} in the source.",
            "Find out which one is right, and correct the other.",
        )
    return member


def _made(one: FhirMember, registry: Registry) -> list[StaffMember]:
    """The member that an earlier import made of a practitioner without NPI."""
    known = registry.by_id.get(_made_id(one)) if one.npi is None else None
    return [known] if known is not None and known.record.npi is None else []


def _made_id(one: FhirMember) -> str:
    if one.npi:
        return one.npi
    return _NOT_REGISTERED + one.reference.split("/")[1] if one.reference else ""


def _new(one: FhirMember, base: Entry, registry: Registry) -> Entry:
    if not one.works_here:
        raise _No("They do not work here any more, or not yet, says the source.", "Nothing to do.")
    if one.name is None or not one.name.full:
        raise _No("The practitioner has no name that can be read.", "Enter the name in the EHR.")
    staff_id = _made_id(one)
    if not staff_id:
        raise _No(
            "There is neither an NPI nor an id of this EHR, so the person could not be told apart later.",
            "Enter the NPI in the EHR, or add the person by hand.",
        )
    if staff_id in registry.by_id:
        raise _No(f"The id {staff_id} is another member's already.", "Look at that entry.")
    record = Staff(
        kind="staff",
        id=staff_id,
        jurisdiction=registry.jurisdiction,
        npi=one.npi,
        name=one.name,
        birth_date=one.birth_date,
        # As they would be met the second time, so that a second import finds nothing to change.
        credentials=_merged((), one.credentials)[0],
        telecom=one.telecom,
    )
    blank = Staff(kind="staff", id=staff_id, jurisdiction=registry.jurisdiction)
    link = one.reference if registry.links else None
    return _finished(base, NEW, blank, record, frozenset(), one, True, link, registry)


def _known(one: FhirMember, base: Entry, known: StaffMember, registry: Registry) -> Entry:
    before = known.record
    if before.id == registry.own:
        raise _No("This is your own entry.", "Ask another keeper of the staff registry.")
    if ADMINISTRATOR in known.roles and not registry.administrator:
        raise _No("Only an administrator changes administrators.", "Ask an administrator.")
    credentials, remarks = _merged(before.credentials, one.credentials)
    record = before.model_copy(
        update={
            "npi": before.npi or one.npi,
            "name": one.name if one.name and one.name.full else before.name,
            "birth_date": one.birth_date or before.birth_date,
            "credentials": credentials,
            "telecom": tuple(dict.fromkeys([*before.telecom, *one.telecom])),
        }
    )
    remarks = (*remarks, *_about_work(one, known), *_about_login(one, known))
    base = replace(base, remarks=(*base.remarks, *remarks))
    link = one.reference if registry.links and known.practitioner is None else None
    return _finished(base, CHANGED, before, record, known.roles, one, known.active, link, registry)


def _finished(
    base: Entry,
    standing: str,
    before: Staff,
    after: Staff,
    roles: frozenset[str],
    one: FhirMember,
    active: bool,
    link: str | None,
    registry: Registry,
) -> Entry:
    if UNSENDABLE.search(repr_of(after)):
        raise _No("A text holds a character that no record may hold.", "Type that part again in the EHR.")
    differences = [*_differences(before, after, registry.words)]
    if link is not None:
        differences.append(Difference("Login in the EHR", "", link))
    if not registry.links and one.reference and standing == NEW:
        note = "the login in the EHR is tied to the member only by an administrator or from the EHR itself"
        base = replace(base, remarks=(*base.remarks, note))
    return replace(
        base,
        standing=standing if differences else UNCHANGED,
        staff_id=after.id,
        record=after,
        differences=tuple(differences),
        changes_record=before != after,
        roles=roles,
        offered=tuple(hint for hint in one.roles if hint.role not in roles),
        active=active,
        link=link,
    )


def repr_of(record: Staff) -> str:
    """All texts of the record, one a line."""
    texts: list[str] = []
    todo: list[object] = [record.model_dump(mode="json")]
    while todo:
        each = todo.pop()
        if isinstance(each, str):
            texts.append(each)
        todo += each.values() if isinstance(each, dict) else each if isinstance(each, list) else []
    return "\n".join(texts)


def _about_work(one: FhirMember, known: StaffMember) -> Iterator[str]:
    if not one.works_here and known.active:
        yield "the source says that they do not work here now; if so, end it on their page"
    if one.works_here and not known.active:
        yield "here they have left; if they are back, say so on their page"


def _about_login(one: FhirMember, known: StaffMember) -> Iterator[str]:
    if one.reference and known.practitioner and known.practitioner != one.reference:
        yield f"here their login is {known.practitioner}, in the source {one.reference}; that was not changed"


def _merged(
    held: Sequence[Credential], given: Sequence[Credential]
) -> tuple[tuple[Credential, ...], tuple[str, ...]]:
    """The credentials held, completed and added to; nothing of them is taken away or shortened."""
    merged, remarks = list(held), []
    for one in given:
        place = next((n for n, own in enumerate(merged) if _same(own, one)), None)
        if place is None:
            merged.append(one)
            continue
        merged[place], said = _completed(merged[place], one)
        remarks += said
    return tuple(merged), tuple(remarks)


def _same(own: Credential, one: Credential) -> bool:
    numbers, starts = {own.number, one.number} - {None}, {own.from_, one.from_} - {None}
    return own.code == one.code and len(numbers) < 2 and len(starts) < 2


def _completed(own: Credential, one: Credential) -> tuple[Credential, list[str]]:
    undated = own.from_ is None and own.to is None
    longer = own.to is not None and one.to is not None and one.to > own.to
    end = one.to if undated or longer else own.to
    said = []
    if one.to is not None and end != one.to:
        said.append(f"{own.code}: the source says that it ends on {one.to}, here {end or 'no end'} stands")
    if own.issuer and one.issuer and own.issuer != one.issuer:
        said.append(f"{own.code}: the source names the issuer {one.issuer}, here {own.issuer} stands")
    update = {
        "issuer": own.issuer or one.issuer,
        "number": own.number or one.number,
        "from_": own.from_ or one.from_,
        "to": end,
    }
    return own.model_copy(update=update), said


def _differences(before: Staff, after: Staff, words: Mapping[str, str]) -> Iterator[Difference]:
    fields: tuple[tuple[str, Callable[[Staff], str]], ...] = (
        ("Name", lambda record: record.name.full if record.name else ""),
        ("NPI", lambda record: record.npi or ""),
        ("Birth date", lambda record: str(record.birth_date or "")),
        ("Phone and mail", lambda record: ", ".join(each.value or "" for each in record.telecom)),
    )
    for label, value in fields:
        if value(before) != value(after):
            yield Difference(label, value(before), value(after))
    held = [*before.credentials, *[None] * (len(after.credentials) - len(before.credentials))]
    for own, one in zip(held, after.credentials, strict=True):
        if own != one:
            yield Difference("Credential", _words(own, words) if own else "", _words(one, words))


def _words(one: Credential, words: Mapping[str, str]) -> str:
    days = f"{one.from_ or '?'} to {one.to or 'open'}" if one.from_ or one.to else ""
    parts = (
        words.get(one.code or "", one.code),
        one.number and f"number {one.number}",
        one.issuer and f"issued by {one.issuer}",
        days,
    )
    return ", ".join(filter(None, parts))
