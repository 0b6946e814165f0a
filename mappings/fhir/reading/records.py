"""FHIR resources of any make read into the records of the office, and all that was not read, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from mappings.fhir.loose import object_of, objects_of
from mappings.fhir.part2 import LABELS
from mappings.fhir.reading import people
from mappings.fhir.reading.contacts import Contacts
from mappings.fhir.reading.plans import Plans
from mappings.fhir.reading.sources import Located, Remark, Source, Sources
from mappings.fhir.staff import Given, RoleHint, read_staff
from mappings.intake import Refused, record_from, write_record
from mappings.library import Library
from mappings.records import Record

Json = dict[str, Any]
# What is no record, and where what it says is kept.
NO_RECORD = {
    "AuditEvent": "it tells what was done, which is kept in the trail of where it was done",
    "Claim": "a claim is drafted anew from the contacts; its coverages were read",
    "Consent": "a written consent is recorded with its signed copy, in the person's consents",
    "Task": "a co-signature is read from its Provenance",
}
_OURS = {str(each["code"]) for each in LABELS}
_NEEDS = "the jurisdiction is not in it: give it with --jurisdiction"


@dataclass(frozen=True)
class Reading:
    """The records, each once and in the order of their kinds, what was not read into any, and the resource
    that each record stands in."""

    records: tuple[Record, ...]
    remarks: tuple[Remark, ...]
    origins: tuple[Located, ...] = ()


def read_records(
    given: Iterable[Located], library: Library, on: date, jurisdiction: str | None = None
) -> Reading:
    """The records in these resources as of the day `on`; `jurisdiction` is for resources that name none.

    Never raises on what the resources hold: what cannot become part of a record is remarked, per resource and
    element.
    """
    return _Reader(Sources(given), library, on, jurisdiction).read()


class _Reader:
    """One reading of one import."""

    def __init__(self, sources: Sources, library: Library, on: date, jurisdiction: str | None) -> None:
        self.sources, self.library, self.on, self.jurisdiction = sources, library, on, jurisdiction
        self.remarks: list[Remark] = []
        self.records: dict[tuple[str, str, int], tuple[Record, Source]] = {}
        self.places: dict[str, str] = {}

    def read(self) -> Reading:
        """Everything."""
        contacts = Contacts(self.sources, self.library, self.jurisdiction)
        plans = Plans(self.sources, self.library, self.jurisdiction)
        for one, data in (*contacts.read(), *plans.read()):
            self._keep(one, data)
        for one, data in [*self._programs(), *self._staff()]:
            self._keep(one, data)
        self.remarks += self.sources.remarks
        twins = _twins(self.sources.all)
        for one in self.sources.all:
            if id(one) not in twins:
                self.remarks += _left_of(one)
        found = self._ordered()
        origins = tuple(one.located for _, one in found)
        return Reading(tuple(each for each, _ in found), tuple(self.remarks), origins)

    def _ordered(self) -> Sequence[tuple[Record, Source]]:
        order = ("program", "staff", "plan-entry", "contact")
        return sorted(self.records.values(), key=lambda each: order.index(each[0].kind))

    def _keep(self, one: Source, data: Json) -> None:
        where = Remark(one.located.where, one.kind, "", "")
        if not data.get("jurisdiction"):
            self.remarks.append(Remark(where.where, where.kind, "jurisdiction", _NEEDS))
            return
        self.places.setdefault(one.located.group, str(data["jurisdiction"]))
        try:
            record = record_from({name: value for name, value in data.items() if value is not None})
        except Refused as refused:
            self.remarks.append(Remark(where.where, where.kind, refused.field, f"no record: {refused}"))
            return
        key = (record.kind, record.id, getattr(record, "version", 1))
        kept = self.records.get(key)
        if kept is None or (kept[0] != record and _fuller(record, kept[0])):
            self.records[key] = record, one
        if kept is not None and not (_within(kept[0], record) or _within(record, kept[0])):
            words = (
                f"it says another thing of {record.id} than {kept[1].located.where}; the fuller one counts"
            )
            self.remarks.append(Remark(where.where, where.kind, "", words))

    def _programs(self) -> Iterator[tuple[Source, Json]]:
        for one in self.sources.of("Organization"):
            made = people.program(one, self._place(one))
            if made is not None:
                yield one, made

    def _staff(self) -> Iterator[tuple[Source, Json]]:
        """Practitioners, each once, with their roles."""
        groups: dict[str, Source] = {}
        for one in self.sources.of("Practitioner"):
            groups.setdefault(people.staff_key(one), one)
        roles = [
            Given(each.located.where, each.located.resource) for each in self.sources.of("PractitionerRole")
        ]
        found = {id(one.located.resource): (key, one) for key, one in groups.items()}
        given = [_practitioner(one.located) for one in groups.values()]
        sheet = read_staff([*given, *roles], self.library, self.on, base="")
        for member in sheet.members:
            key, one = found[int(member.where)]
            one.read = True
            people.take_staff(one)
            yield one, people.staff_record(key, member, self._place(one))
            told = [*member.remarks, *map(_role_words, member.roles), *filter(None, [member.refusal])]
            self.remarks += [Remark(one.located.where, one.kind, "", words) for words in told]
        for each in self.sources.of("Practitioner"):
            people.take_staff(each)
            each.read = True
        for each in self.sources.of("PractitionerRole"):
            people.take_role(each)
        self.remarks += [Remark(each.where, "PractitionerRole", "", each.reason) for each in sheet.left]

    def _place(self, one: Source) -> str:
        """The jurisdiction that a resource without one is of: that of the records in its Bundle."""
        known = self.places.get(one.located.group) or self.jurisdiction
        return known or (next(iter(self.places.values())) if len(set(self.places.values())) == 1 else "")


def _practitioner(located: Located) -> Given:
    """A Practitioner for `read_staff`, known by the identity of its resource; what a Bundle creates is known
    to its roles by its fullUrl alone."""
    resource, where = located.resource, str(id(located.resource))
    if not located.full_url.startswith("urn:"):
        return Given(where, resource)
    apart = {name: value for name, value in resource.items() if name != "id"}
    return Given(where, apart, located.full_url)


def _role_words(hint: RoleHint) -> str:
    return (
        f"suggests the role {hint.role}, by {hint.by}: a staff record holds no role; "
        "`peerchart staff import-fhir --with-roles` gives it"
    )


def _twins(sources: Iterable[Source]) -> set[int]:
    """Resources that came again, in another Bundle, and say nothing else: what was read of one was read of
    all."""
    by_key: dict[tuple[str, str, str], list[tuple[Source, Json]]] = {}
    for one in sources:
        content = {name: each for name, each in one.located.resource.items() if name not in ("id", "meta")}
        for system, value in list(one.systems.items())[:1]:
            by_key.setdefault((one.kind, system, value), []).append((one, content))
    found: set[int] = set()
    for same in by_key.values():
        whole = [content for one, content in same if one.read and not any(one.node.unread())]
        found |= {id(one) for one, content in same if content in whole[:1]}
    return found


def _left_of(one: Source) -> Iterator[Remark]:
    """What nobody asked for: the whole resource in one line, or its elements one by one."""
    located = one.located
    if one.kind in NO_RECORD:
        yield Remark(located.where, one.kind, "", NO_RECORD[one.kind], kept=True)
    elif not one.read:
        yield Remark(located.where, one.kind, "", "no record of the office is made of it, or needs it")
    else:
        if set(_labels(located.resource)) - _OURS:
            words = "a record has no labels; those of a programme under 42 CFR Part 2 are set anew"
            yield Remark(located.where, one.kind, "meta.security", words)
        for path in one.node.unread():
            yield Remark(located.where, one.kind, path, "has no place in a record")


def _labels(resource: Mapping[str, Any]) -> Iterator[str]:
    listed = object_of(resource.get("meta")).get("security")
    return (str(each.get("code")) for each in objects_of(listed))


def pruned(value: Any) -> Any:
    """Data of the intake record without what says nothing: nulls, empty texts, lists and objects."""
    if isinstance(value, dict):
        inside = {name: pruned(each) for name, each in value.items()}
        return {name: each for name, each in inside.items() if each not in (None, "", [], {})}
    if isinstance(value, list):
        return [each for each in map(pruned, value) if each not in (None, "", [], {})]
    return value


def _fuller(one: Record, other: Record) -> bool:
    return len(str(pruned(write_record(one)))) > len(str(pruned(write_record(other))))


def _within(less: Record, more: Record) -> bool:
    return _is_part(pruned(write_record(less)), pruned(write_record(more)))


def _is_part(less: Any, more: Any) -> bool:
    if isinstance(less, dict) and isinstance(more, dict):
        return all(name in more and _is_part(each, more[name]) for name, each in less.items())
    return bool(less == more)


__all__ = ["Located", "Reading", "Remark", "pruned", "read_records"]
