"""The forms about staff and the programme: fields <-> Staff, Program. Pure: no session, no clock."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, cast

from app.web.formkit import (
    Data,
    Errors,
    Field,
    Read,
    Values,
    first,
    read_into,
    row_numbers,
    rows_read,
    rows_shown,
    show,
)
from app.web.forms import tidy
from mappings.days import zone_named
from mappings.intake import record_from, write_record
from mappings.records import Education, Program, Staff, SupervisionSession, Supervisor
from mappings.staff_times import assignments

STAFF = (
    Field("npi", "line", "NPI"),
    Field("name.given", "given", "First name"),
    Field("name.family", "line", "Last name"),
    Field("birth_date", "day", "Birth date"),
    Field("hired", "day", "Hired on"),
    Field("employment", "line", "Employment"),
    Field("contract", "line", "Contract"),
)
CREDENTIAL = (
    Field("code", "line", "Credential"),
    Field("issuer", "line", "Issued by"),
    Field("number", "line", "Number"),
    Field("from", "day", "Valid from"),
    Field("to", "day", "Valid until"),
    Field("hours", "number", "Hours of training"),
    Field("test_passed", "day", "Written test passed on"),
)
ASSIGNMENT = (
    Field("id", "line", "Supervisor"),
    Field("category", "line", "Supervisor's category"),
    Field("from", "day", "From"),
    Field("to", "day", "Until"),
    Field("ops", "day", "OPS training attended on"),
)
ATTESTATION = (
    Field("kind", "line", "Kind"),
    Field("answer", "yesno", "Answer"),
    Field("on", "day", "Day"),
    Field("by", "line", "Confirmed by"),
)
EDUCATION = (
    Field("on", "day", "Day"),
    Field("hours", "number", "Hours"),
    Field("topic", "line", "Topic"),
    Field("specific", "yesno", "Specific to peer support"),
)
SESSION = (
    Field("on", "day", "Day"),
    Field("by", "line", "With whom"),
    Field("minutes", "whole", "Minutes"),
    Field("kind", "line", "Kind"),
)
TELECOM = (Field("system", "line", "By"), Field("value", "line", "Number or address"))
LEDGERS = {"education": EDUCATION, "supervision": SESSION}
STAFF_ROWS = (
    ("telecom", TELECOM),
    ("credentials", CREDENTIAL),
    ("assignments", ASSIGNMENT),
    ("attestations", ATTESTATION),
)

PROGRAM = (
    Field("id", "line", "Id"),
    Field("name", "line", "Name"),
    Field("npi", "line", "NPI"),
    Field("medicaid_id", "line", "Medicaid number"),
    Field("program_kind", "line", "Kind of programme"),
    Field("population", "line", "Population"),
    Field("time_zone", "line", "Time zone"),
    Field("part2", "yesno", "Under 42 CFR Part 2"),
)
POLICY = (Field("kind", "line", "Policy or paper"), Field("on", "day", "In place since"))
LICENCE = (
    Field("code", "line", "Licence"),
    Field("number", "line", "Number"),
    Field("from", "day", "Valid from"),
    Field("to", "day", "Valid until"),
)
ENROLMENT = (
    Field("payer", "line", "Payer"),
    Field("service", "line", "Service"),
    Field("from", "day", "Contract from"),
    Field("to", "day", "Contract until"),
)
PROGRAM_ROWS = (("policies", POLICY), ("enrolments", ENROLMENT), ("licences", LICENCE))


def staff_values(record: Staff) -> Values:
    """The form's fields for a staff record; supervisors of every time stand in one list, the latest first."""
    data = _with_assignments(record)
    return {**show(STAFF, data), **_all_rows(STAFF_ROWS, data)}


def read_staff(values: Values, base: Staff, today: date) -> Read:
    """The staff record's data as typed on top of `base`, which keeps what the form does not show; of the
    supervisors the one of `today` becomes the present one. Unreadable fields are None in the data, keep their
    text in `values` and have their message in `errors`."""
    data, errors = _with_assignments(base), cast(Errors, {})
    read_into(STAFF, values, data, errors)
    for path, fields in STAFF_ROWS:
        data[path] = rows_read(path, fields, values, data[path], errors)
    _ask_for_answers(values, base, errors)
    _part_supervisors(data, today)
    return Read(tidy(data), values, errors)


def staff_of(read: Read) -> Staff:
    """The frozen staff record of what was read."""
    return cast(Staff, record_from(read.data))


def entry_values(ledger: str, entry: Education | SupervisionSession | None) -> Values:
    """The fields of one entry of a ledger (education, supervision), blank for a new one."""
    data = _plain(entry.model_dump(mode="json", by_alias=True)) if entry else {}
    return show(LEDGERS[ledger], data)


def read_entry(ledger: str, values: Values, base: Staff, number: int | None) -> Read:
    """The record with the entry as typed in place of that of `number`, or added at the end. A topic of the
    person's own words goes before the chosen one; an entry without a day is refused."""
    data, errors = _data(base), cast(Errors, {})
    rows: list[Data] = data[ledger]
    row = rows[number] if number is not None else {}
    other = first(values, "other_topic")
    typed = values | {"topic": [other]} if other else values
    read_into(LEDGERS[ledger], typed, row, errors)
    if not row.get("on") and "on" not in errors:
        errors["on"] = "Day: write the day, such as 3/4/2026"
    if ledger == "education" and row.get("hours") is None and "hours" not in errors and not _schooling(row):
        errors["hours"] = "Hours: write how many hours, such as 1.5"
    if number is None:
        rows.append(row)
    return Read(data, values, errors)


def without_entry(ledger: str, base: Staff, number: int) -> Staff:
    """The record without one entry of a ledger."""
    rows = getattr(base, ledger)
    return base.model_copy(update={ledger: (*rows[:number], *rows[number + 1 :])})


def program_values(record: Program) -> Values:
    """The form's fields for a programme."""
    data = _data(record)
    return {**show(PROGRAM, data), **_all_rows(PROGRAM_ROWS, data)}


def read_program(values: Values, base: Program) -> Read:
    """The programme's data as typed on top of `base`; see `read_staff` for what cannot be read."""
    data, errors = _data(base), cast(Errors, {})
    read_into(PROGRAM, values, data, errors)
    if not data.get("id"):
        data["id"] = base.id
        errors["id"] = "Id: write the id under which other records name the programme, such as its NPI"
    if data.get("time_zone") and zone_named(data["time_zone"]) is None:
        errors["time_zone"] = "Time zone: there is none of this name; write one such as America/New_York"
    for path, fields in PROGRAM_ROWS:
        data[path] = rows_read(path, fields, values, data[path], errors)
    return Read(tidy(data), values, errors)


def program_of(read: Read) -> Program:
    """The frozen programme of what was read."""
    return cast(Program, record_from(read.data))


def _schooling(row: Data) -> bool:
    # A diploma has a day and no hours.
    return row.get("topic") in ("high-school", "ged")


def _data(record: Staff | Program) -> Data:
    return cast(Data, _plain(write_record(record)))


def _with_assignments(record: Staff) -> Data:
    every = [_plain(each.model_dump(mode="json", by_alias=True)) for each in assignments(record)]
    return _data(record) | {"assignments": every}


def _plain(data: Any) -> Any:
    # Hours are exact numbers: a binary fraction would not be read back as a record.
    return json.loads(json.dumps(data), parse_float=Decimal)


def _all_rows(groups: Sequence[tuple[str, tuple[Field, ...]]], data: Data) -> Values:
    return {name: shown for path, own in groups for name, shown in rows_shown(path, own, data[path]).items()}


def _ask_for_answers(values: Values, base: Staff, errors: Errors) -> None:
    """Each new entry says yes or no; one of an older record may stand without, which was a yes."""
    for number in row_numbers("attestations", values):
        at = f"attestations.{number}."
        old = number < len(base.attestations) and base.attestations[number].answer is None
        if first(values, f"{at}kind") and not first(values, f"{at}answer") and not old:
            errors[f"{at}answer"] = "Answer: say yes or no"


def _part_supervisors(data: Data, today: date) -> None:
    """The assignments of the form as the present supervisor and those of other times, oldest first."""
    rows = sorted(data.pop("assignments"), key=lambda row: row.get("from") or "")
    now = [row for row in rows if Supervisor.model_validate(row).covers(today)]
    present = (now or rows)[-1] if rows else None
    data["supervisor"] = present
    data["earlier_supervisors"] = [row for row in rows if row is not present]
