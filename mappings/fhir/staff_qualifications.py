"""The qualifications of a FHIR Practitioner as credentials: code, number, issuer and days."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from mappings.fhir.loose import Json, day_of, local, object_of, objects_of, reference_of, text_of, words_of
from mappings.fhir.staff_codes import StaffCodes
from mappings.records import Credential

Hint = TypeVar("Hint")
# Da Vinci PDex Plan-Net says of each qualification whether it is in force.
_STATUS = "practitioner-qualification"


@dataclass(frozen=True)
class Found:
    """The credentials, the roles they suggest with their words, and what was not understood."""

    credentials: tuple[Credential, ...]
    roles: tuple[tuple[str, str], ...]
    remarks: tuple[str, ...]

    def hints(self, make: Callable[[str, str], Hint]) -> list[Hint]:
        """The suggested roles in the form that the caller keeps them in."""
        return [make(role, words) for role, words in self.roles]


@dataclass(frozen=True)
class Qualifications:
    """Reads qualifications; `organizations` are names of Organizations of the same source by reference."""

    codes: StaffCodes
    organizations: Mapping[str, str]

    def read(self, value: object) -> Found:
        """What a list of Practitioner.qualification says. Never raises on what it holds."""
        credentials: list[Credential] = []
        roles: list[tuple[str, str]] = []
        listed = value if isinstance(value, list) else [] if value is None else [value]
        odd = len(listed) - len(objects_of(listed if isinstance(value, list) else None))
        remarks = [f"{odd} of the qualifications cannot be read"] if odd else []
        for one in objects_of(value):
            words = words_of(one.get("code"))
            reason = _not_in_force(one)
            meaning = self.codes.meaning(one.get("code"))
            reason = reason or meaning.problem
            if reason:
                remarks.append(f"the qualification “{words}” was not taken: {reason}")
                continue
            roles += [(role, words) for role in meaning.roles]
            if meaning.credential is None:
                remarks.append(f"“{words}” names no certificate; enter which one they hold")
                continue
            credential, said = self._credential(meaning.credential, one)
            remarks += [f"{words}: {what}" for what in said]
            credentials += [credential] if credential not in credentials else []
        return Found(tuple(credentials), tuple(roles), tuple(remarks))

    def _credential(self, code: str, one: Json) -> tuple[Credential, list[str]]:
        number, numbers_said = _number(one)
        issuer, issuer_said = self._issuer(one)
        start, end, days_said = _days(one)
        credential = Credential(code=code, issuer=issuer, number=number, from_=start, to=end)
        return credential, [*numbers_said, *issuer_said, *days_said]

    def _issuer(self, one: Json) -> tuple[str | None, list[str]]:
        issuer = object_of(one.get("issuer"))
        reference = reference_of(issuer) or ""
        words = text_of(issuer.get("display"))
        words = words or self.organizations.get(reference) or self.organizations.get(local(reference) or "")
        if not words:
            return None, [f"the issuer {reference} is not named in this source"] if reference else []
        known = self.codes.issuer(words)
        said = f"the issuer “{words}” is taken as written; the rules may not know it"
        return known or words, [] if known else [said]


def _not_in_force(one: Json) -> str:
    if one.get("modifierExtension"):
        return "it carries a modifier that is not understood here"
    statuses = [
        inner.get("valueCode")
        for outer in objects_of(one.get("extension"))
        if str(outer.get("url")).endswith(_STATUS)
        for inner in objects_of(outer.get("extension"))
        if inner.get("url") == "status"
    ]
    odd = next((status for status in statuses if status != "active"), "active")
    return "" if odd == "active" else f"its status is {text_of(odd) or 'unreadable'}"


def _number(one: Json) -> tuple[str | None, list[str]]:
    current = [each for each in objects_of(one.get("identifier")) if each.get("use") != "old"]
    numbers = list(dict.fromkeys(filter(None, (text_of(each.get("value")) for each in current))))
    if len(numbers) > 1:
        return None, [f"it has several numbers ({', '.join(numbers)}); none was taken"]
    return (numbers[0] if numbers else None), []


def _days(one: Json) -> tuple[date | None, date | None, list[str]]:
    period = object_of(one.get("period"))
    start, end = day_of(period.get("start")), day_of(period.get("end"))
    said = [
        f"its {name} “{str(period[name])[:40]}” is no whole day and was not taken"
        for name, day in (("start", start), ("end", end))
        if period.get(name) is not None and day is None
    ]
    if start is not None and end is not None and end < start:
        return None, None, ["its period ends before it begins and was not taken"]
    return start, end, said
