"""The staff registry as CSV: one row for each fact, the rows of one id together.

`FACTS` is the whole form: which columns each kind of fact uses. A cell that its fact does not use is refused,
so that nothing a person typed is dropped.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from app.actor import ROLES
from app.problems import MendInput
from app.staff_cells import (
    SYSTEMS,
    Cells,
    NotReadable,
    cell_of,
    cell_text,
    given_of,
    given_text,
    safe,
    unsafe,
    yes_no,
)
from app.typed_text import unsendable_words
from mappings.intake import Refused, record_from
from mappings.office_codes import OfficeCodes, unknown_codes
from mappings.records import Part, Staff

MEMBER = "member"
FACTS: Mapping[str, tuple[str, ...]] = {
    MEMBER: (
        "npi",
        "given",
        "family",
        "birth_date",
        "hired",
        "employment",
        "contract",
        "roles",
        "active",
    ),
    "credential": ("code", "issuer", "number", "from", "to", "hours", "test_passed"),
    "supervisor": ("by", "category", "from", "to", "ops"),
    "earlier-supervisor": ("by", "category", "from", "to", "ops"),
    "attestation": ("kind", "answer", "on", "by"),
    "education": ("on", "hours", "topic", "specific"),
    "session": ("on", "by", "minutes", "kind"),
    "telecom": ("system", "value"),
}
COLUMNS = ["id", "fact", *dict.fromkeys(name for names in FACTS.values() for name in names)]
HELP = {
    MEMBER: "one for each person; roles with spaces between them; active yes or no (blank: yes)",
    "credential": "a credential or licence; hours and test_passed are those of its training",
    "supervisor": "the supervisor of today: by is the supervisor's id, ops the day of the OPS training",
    "earlier-supervisor": "a supervisor of an earlier or a later time",
    "attestation": "kind, answer yes or no, day, and by: who attested; never a diagnosis",
    "education": "hours of continuing education; specific: yes when specific to peer support",
    "session": "supervision, or support in the own discipline: day, by: with whom, minutes, kind",
    "telecom": f"how to reach the person at work; system one of {', '.join(SYSTEMS)}",
}
# Files of before these columns say nothing of them, and take nothing away.
LATER = {"system": "telecom", "value": "telecom"}
# Where the rows of a kind stand in the record; their names in the record where they differ from the columns.
_LISTS = {
    "credential": "credentials",
    "earlier-supervisor": "earlier_supervisors",
    "attestation": "attestations",
    "education": "education",
    "session": "supervision",
    "telecom": "telecom",
}
_PLAIN = ("npi", "birth_date", "hired", "employment", "contract")
MAX_BYTES = 1024 * 1024


@dataclass(frozen=True)
class StaffLines:
    """The lines of one member: their numbers, and the record, roles and whether they work here, or the
    reason each line is refused. `untold` are the fields of the record that the file has no columns for."""

    staff_id: str
    lines: tuple[int, ...]
    record: Staff | None
    roles: frozenset[str] = frozenset()
    active: bool = True
    reasons: Mapping[int, str] = field(default_factory=dict)
    untold: frozenset[str] = frozenset()


def read(text: str, codes: OfficeCodes, jurisdiction: str) -> list[StaffLines]:
    """The members of the CSV text in order, each whole or refused with a reason for each of its lines. Raises
    MendInput when it is no such file at all."""
    rows, untold = _rows(text)
    grouped = groupby(rows, key=lambda numbered: numbered[1].get("id", ""))
    groups = [(staff_id, list(group)) for staff_id, group in grouped]
    times = Counter(staff_id for staff_id, _ in groups)
    read_ = [_member(staff_id, own, codes, jurisdiction, times[staff_id] > 1) for staff_id, own in groups]
    return [replace(each, untold=untold) for each in read_]


def write(members: Iterable[tuple[Staff, frozenset[str], bool]]) -> str:
    """The members as CSV text in the form that `read` takes; cells are safe to open in a spreadsheet."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    for record, roles, active in members:
        for row in _rows_of(record, roles, active):
            writer.writerow({name: safe(value) for name, value in row.items()})
    return out.getvalue()


def facts_of(record: Staff) -> Counter[str]:
    """How many facts of each kind a record holds."""
    found = Counter({fact: len(getattr(record, path)) for fact, path in _LISTS.items()})
    return found + Counter({MEMBER: 1, "supervisor": int(record.supervisor is not None)})


def _rows(text: str) -> tuple[list[tuple[int, dict[str, str]]], frozenset[str]]:
    if len(text.encode()) > MAX_BYTES:
        raise MendInput("The file is larger than 1 MiB.", "Import it in parts.")
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        lacking = set(COLUMNS) - set(names)
        untold = frozenset(LATER.values()) if lacking == set(LATER) else frozenset()
        if sorted(names) != sorted(set(COLUMNS) - (lacking if untold else set())):
            raise MendInput("The heading is not that of a staff file.", f"Use: {','.join(COLUMNS)}")
        reader.fieldnames = names
        return [(reader.line_num, _plain_row(row)) for row in reader], untold
    except csv.Error as error:
        raise MendInput(
            f"Line {reader.line_num} is no CSV ({error}).", "Save the file as CSV (UTF-8)."
        ) from error


def _plain_row(row: Mapping[Any, Any]) -> dict[str, str]:
    plain = {name: unsafe(row.get(name) or "") for name in COLUMNS}
    if None in row:
        return {**plain, "": "too many cells"}
    # A line that was cut off would otherwise blank out a fact of a member.
    return {**plain, "": "too few cells"} if None in row.values() else plain


def _member(
    staff_id: str, rows: Sequence[tuple[int, Cells]], codes: OfficeCodes, jurisdiction: str, apart: bool
) -> StaffLines:
    numbers = tuple(number for number, _ in rows)
    reasons = {number: reason for number, row in rows if (reason := _wrong_line(row))}
    if apart:
        reasons = dict.fromkeys(numbers, f"the lines of {staff_id} do not stand together")
    if not reasons:
        reasons = _wrong_count(rows)
    if reasons:
        return StaffLines(staff_id, numbers, None, reasons=_for_all(numbers, reasons))
    reader = _Reader(staff_id, jurisdiction)
    for number, row in rows:
        reader.take(number, row)
    return reader.finish(numbers, codes)


def _wrong_line(row: Cells) -> str:
    if row.get(""):
        return f"{row['']}; expected {len(COLUMNS)}"
    for name, cell in row.items():
        words = unsendable_words(cell)
        if words:
            return f"{name}: {words}; type that part again"
    if not row["id"]:
        return "id is missing; expected the id of the staff member"
    own = FACTS.get(row["fact"])
    if own is None:
        return f"unknown fact {row['fact']!r}; expected one of {', '.join(FACTS)}"
    surplus = [name for name in COLUMNS[2:] if row[name] and name not in own]
    if surplus:
        return f"a {row['fact']} has no {', '.join(surplus)}; expected {', '.join(own)} only"
    empty = row["fact"] != MEMBER and not any(row[name] for name in own)
    return f"the {row['fact']} is empty; fill in {', '.join(own)}, or take the line out" if empty else ""


def _wrong_count(rows: Sequence[tuple[int, Cells]]) -> dict[int, str]:
    reasons: dict[int, str] = {}
    seen: set[str] = set()
    for number, row in rows:
        if row["fact"] in (MEMBER, "supervisor") and row["fact"] in seen:
            reasons[number] = f"a second {row['fact']} of the same person; expected one"
        seen.add(row["fact"])
    if not reasons and MEMBER not in seen:
        reasons[rows[0][0]] = f"no line of the fact {MEMBER} for this person; expected one"
    return reasons


def _for_all(numbers: Iterable[int], reasons: Mapping[int, str]) -> dict[int, str]:
    """A reason for every line of a member: the lines that are in order wait for those that are not."""
    first = min(reasons)
    return {
        n: reasons.get(n, f"not saved, since line {first} of the same person is refused") for n in numbers
    }


class _Reader:
    """Gathers the facts of one member into the data of a record, and the reasons against each line."""

    def __init__(self, staff_id: str, jurisdiction: str) -> None:
        self.data: dict[str, Any] = {"kind": "staff", "id": staff_id, "jurisdiction": jurisdiction}
        self.reasons: dict[int, str] = {}
        self.places: dict[str, int] = {}
        self.roles: frozenset[str] = frozenset()
        self.active = True
        self.member = 0

    def take(self, number: int, row: Cells) -> None:
        try:
            self._take(number, row)
        except NotReadable as problem:
            self.reasons[number] = str(problem)

    def _take(self, number: int, row: Cells) -> None:
        fact = row["fact"]
        if fact == MEMBER:
            self.member = number
            self._take_member(row)
            return
        part = {("id" if name == "by" and "superv" in fact else name): cell_of(row, name)
                for name in FACTS[fact]}  # fmt: skip
        if fact == "supervisor":
            self.data["supervisor"], self.places["supervisor"] = part, number
            return
        rows = self.data.setdefault(_LISTS[fact], [])
        self.places[f"{_LISTS[fact]}.{len(rows)}"] = number
        rows.append(part)

    def _take_member(self, row: Cells) -> None:
        self.data |= {name: cell_of(row, name) for name in _PLAIN}
        name = {"given": given_of(row["given"]), "family": row["family"] or None}
        self.data["name"] = name if name["given"] or name["family"] else None
        self.roles = frozenset(row["roles"].replace(";", " ").split())
        self.active = yes_no("active", row["active"]) is not False
        unknown = sorted(self.roles - ROLES)
        if unknown:
            wanted = ", ".join(sorted(ROLES))
            raise NotReadable(f"Unknown role {', '.join(unknown)}; expected one of {wanted}")

    def finish(self, numbers: tuple[int, ...], codes: OfficeCodes) -> StaffLines:
        """The member, or the reasons of its lines."""
        staff_id, record = str(self.data["id"]), None
        try:
            found = record_from(self.data)
            record = found if isinstance(found, Staff) else None
        except Refused as refused:
            self.reasons.setdefault(self._line_of(refused.field), str(refused))
        for path, reason in unknown_codes(record, codes).items() if record else ():
            self.reasons.setdefault(self._line_of(path), f"{path.rpartition('.')[2]}: {reason}")
        if self.reasons or record is None:
            return StaffLines(staff_id, numbers, None, reasons=_for_all(numbers, self.reasons))
        return StaffLines(staff_id, numbers, record, self.roles, self.active)

    def _line_of(self, path: str) -> int:
        steps = path.replace("[", ".").replace("]", "").split(".")
        return self.places.get(".".join(steps[:2])) or self.places.get(steps[0]) or self.member


def _rows_of(record: Staff, roles: frozenset[str], active: bool) -> Iterable[dict[str, str]]:
    name = record.name
    yield {
        "id": record.id,
        "fact": MEMBER,
        **{plain: cell_text(getattr(record, plain)) for plain in _PLAIN},
        "given": given_text(name.given) if name else "",
        "family": (name.family or "") if name else "",
        "roles": " ".join(sorted(roles)),
        "active": cell_text(active),
    }
    if record.supervisor:
        yield {"id": record.id, "fact": "supervisor", **_cells("supervisor", record.supervisor)}
    for fact, path in _LISTS.items():
        for part in getattr(record, path):
            yield {"id": record.id, "fact": fact, **_cells(fact, part)}


def _cells(fact: str, part: Part) -> dict[str, str]:
    known = {"from": "from_", "by": "id" if "superv" in fact else "by"}
    return {name: cell_text(getattr(part, known.get(name, name))) for name in FACTS[fact]}
