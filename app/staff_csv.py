"""The staff registry as CSV: one row for each credential, rows of one id together."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from app.problems import MendInput
from app.typed_text import UNSENDABLE
from mappings.intake import Refused, record_from
from mappings.records import Staff

COLUMNS = [
    "id",
    "npi",
    "given",
    "family",
    "birth_date",
    "hired",
    "employment",
    "contract",
    "roles",
    "credential_code",
    "credential_issuer",
    "credential_number",
    "credential_from",
    "credential_to",
    "supervisor_id",
    "supervisor_category",
    "supervisor_from",
    "supervisor_to",
    "attestation_on",
    "attestation_by",
]
_PLAIN = ("npi", "birth_date", "hired", "employment", "contract")
# A spreadsheet takes a cell that starts so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
MAX_BYTES = 1024 * 1024


@dataclass(frozen=True)
class StaffLines:
    """The lines of one member: their numbers, and the record and roles or the reason they are refused."""

    staff_id: str
    lines: tuple[int, ...]
    record: Staff | None
    roles: frozenset[str]
    reason: str


def read(text: str, known: Mapping[str, Staff], jurisdiction: str) -> list[StaffLines]:
    """The members of the CSV text in order. What the columns do not hold is taken over from `known`. Raises
    MendInput when it is no such file at all."""
    found: list[StaffLines] = []
    grouped = groupby(_rows(text), key=lambda numbered: numbered[1]["id"].strip())
    groups = [(staff_id, list(group)) for staff_id, group in grouped]
    times = Counter(staff_id for staff_id, _ in groups)
    for staff_id, lines in groups:
        numbers, rows = tuple(number for number, _ in lines), [row for _, row in lines]
        try:
            _whole(staff_id, rows, times[staff_id] > 1)
            record = _record(staff_id, rows, known.get(staff_id), jurisdiction)
            found.append(StaffLines(staff_id, numbers, record, _roles(rows), ""))
        except (Refused, ValueError) as problem:
            found.append(StaffLines(staff_id, numbers, None, frozenset(), str(problem)))
    return found


def write(members: Iterable[tuple[Staff, frozenset[str]]]) -> str:
    """The members as CSV text in the form that `read` takes; cells are safe to open in a spreadsheet."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for record, roles in members:
        for row in _rows_of(record, roles):
            writer.writerow({name: _safe(value) for name, value in row.items()})
    return out.getvalue()


def _whole(staff_id: str, rows: Sequence[Mapping[str, str]], apart: bool) -> None:
    odd = next((row[""] for row in rows if "" in row), None)
    if odd:
        raise ValueError(f"{odd}; expected {len(COLUMNS)}")
    for name, cell in ((name, cell) for row in rows for name, cell in row.items()):
        if UNSENDABLE.search(cell):
            raise ValueError(f"{name} holds a character that cannot be stored; type that part again")
    if not staff_id:
        raise ValueError("id is missing; expected the id of the staff member")
    if apart:
        raise ValueError(f"the lines of {staff_id} do not stand together")


def _roles(rows: Sequence[Mapping[str, str]]) -> frozenset[str]:
    return frozenset(rows[0]["roles"].replace(";", " ").split())


def _rows(text: str) -> list[tuple[int, dict[str, str]]]:
    if len(text.encode()) > MAX_BYTES:
        raise MendInput("The file is larger than 1 MiB.", "Import it in parts.")
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        if [name.strip() for name in reader.fieldnames or ()] != COLUMNS:
            raise MendInput("The heading is not that of a staff file.", f"Use: {','.join(COLUMNS)}")
        return [(reader.line_num, _plain_row(row)) for row in reader]
    except csv.Error as error:
        raise MendInput(
            f"Line {reader.line_num} is no CSV ({error}).", "Save the file as CSV (UTF-8)."
        ) from error


def _plain_row(row: Mapping[Any, Any]) -> dict[str, str]:
    plain = {name: _unsafe(row.get(name) or "") for name in COLUMNS}
    if None in row:
        return {**plain, "": "too many cells"}
    # A line that was cut off would otherwise blank out the roles and credentials of a member.
    return {**plain, "": "too few cells"} if None in row.values() else plain


def _record(
    staff_id: str, rows: Sequence[Mapping[str, str]], known: Staff | None, jurisdiction: str
) -> Staff:
    first = rows[0]
    # What the columns do not hold (education, supervision sessions, other attestations) stays.
    data = known.model_dump(mode="python", by_alias=True) if known else {}
    data |= {"kind": "staff", "id": staff_id, "jurisdiction": jurisdiction}
    data |= {name: first[name] or None for name in _PLAIN}
    data["name"] = {"given": first["given"].split(), "family": first["family"] or None}
    data["credentials"] = [_credential(row) for row in rows if row["credential_code"]]
    data["supervisor"] = _supervisor(first)
    data["attestations"] = [*_other_attestations(data), *_attestation(first)]
    record = record_from(data)
    if not isinstance(record, Staff):
        raise TypeError("a staff line makes a staff record")
    return record


def _credential(row: Mapping[str, str]) -> dict[str, str | None]:
    names = ("code", "issuer", "number", "from", "to")
    return {name: row[f"credential_{name}"] or None for name in names}


def _supervisor(row: Mapping[str, str]) -> dict[str, str | None] | None:
    if not row["supervisor_id"]:
        return None
    return {name: row[f"supervisor_{name}"] or None for name in ("id", "category", "from", "to")}


def _attestation(row: Mapping[str, str]) -> list[dict[str, str | None]]:
    if not row["attestation_on"]:
        return []
    by = row["attestation_by"] or None
    return [{"kind": "lived-experience", "on": row["attestation_on"], "by": by}]


def _other_attestations(data: Mapping[str, Any]) -> list[Any]:
    return [each for each in data.get("attestations", ()) if each["kind"] != "lived-experience"]


def _rows_of(record: Staff, roles: frozenset[str]) -> list[dict[str, str]]:
    base = dict.fromkeys(COLUMNS, "")
    base |= {name: _text(getattr(record, name)) for name in ("id", *_PLAIN)}
    base["given"] = " ".join(record.name.given) if record.name else ""
    base["family"] = _text(record.name.family) if record.name else ""
    base["roles"] = " ".join(sorted(roles))
    if record.supervisor:
        for name in ("id", "category", "from", "to"):
            base[f"supervisor_{name}"] = _text(
                getattr(record.supervisor, "from_" if name == "from" else name)
            )
    lived = next((each for each in record.attestations if each.kind == "lived-experience"), None)
    if lived:
        base |= {"attestation_on": _text(lived.on), "attestation_by": _text(lived.by)}
    rows = [
        base
        | {
            "credential_code": _text(each.code),
            "credential_issuer": _text(each.issuer),
            "credential_number": _text(each.number),
            "credential_from": _text(each.from_),
            "credential_to": _text(each.to),
        }
        for each in record.credentials
    ]
    return rows or [base]


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _safe(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value


def _unsafe(value: str) -> str:
    value = value.strip()
    return value[1:] if value.startswith("'") and value[1:].startswith(_FORMULA) else value
