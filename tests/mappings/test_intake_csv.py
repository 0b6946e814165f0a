"""Intake records as a table: a row is a record, a column a field by its path."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from mappings.intake import Line, Refusal, read_lines, read_record
from mappings.intake_csv import Unreadable, lines_of
from tests.intake_makers import Json, as_line, contact, office, plan_entry, seeded


def cells(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every filled field of a record by the name of its column."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from cells(each, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from cells(each, f"{path}[{place}]")
    elif value is not None:
        yield path, {True: "true", False: "FALSE"}[value] if isinstance(value, bool) else str(value)


def table(records: list[Json]) -> str:
    rows = [dict(cells(one)) for one in records]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def read(text: str) -> list[Line | Refusal]:
    made = b"".join(lines_of(io.StringIO(text, newline="")))
    return list(read_lines("table.csv", made.splitlines(keepends=True)))


def test_records_of_every_kind_come_out_of_a_table_as_they_went_in() -> None:
    maker = seeded(3)
    one = contact(maker)
    # An object that says nothing is not there in a table.
    one["ehr"] = None
    one["note"]["purpose"] = 'First line.\nA second, "quoted"; and a comma.'
    records = [*office(), one, plan_entry(maker, {"id": "MRN-1"}, "planned", "adult")]
    found = [item.record for item in read(table(records)) if isinstance(item, Line)]
    assert found == [read_record(as_line(each)) for each in records]


HEAD = "kind,id,jurisdiction,individual.id,service.voluntary,excluded_minutes,service.components,start\n"
GOOD = "contact,C-1,us-ny,MRN-1,true,5,A-EBT; A-PRSC,\n"


def test_a_list_of_texts_stands_in_one_cell_and_an_empty_cell_is_an_absent_field() -> None:
    [item] = read(HEAD + GOOD)
    assert isinstance(item, Line)
    assert item.record == read_record(
        json.dumps(
            {"kind": "contact", "id": "C-1", "jurisdiction": "us-ny", "individual": {"id": "MRN-1"},
             "excluded_minutes": 5, "service": {"voluntary": True, "components": ["A-EBT", "A-PRSC"]}}
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("contact,C-2,us-ny,MRN-1,maybe,5,,", "service.voluntary"),
        ("contact,C-2,us-ny,MRN-1,true,five,,", "excluded_minutes"),
        ("contact,C-2,us-ny,MRN-1,true,5,,yesterday", "start"),
        ("contact,C-2,us-ny,,true,5,,", "individual"),
        ("staff,S-2,us-ny,MRN-1,,,,", "individual"),
        ("visit,C-2,us-ny,MRN-1,true,5,,", "kind"),
        ("contact,C-2,us-ny,MRN-1,true,5,,,more", "column 9"),
    ],
)
def test_a_wrong_cell_refuses_its_row_naming_line_and_column_and_no_other(row: str, field: str) -> None:
    found = read(HEAD + GOOD + "\n" + row + "\n" + GOOD)
    assert [type(item) for item in found] == [Line, Refusal, Line]
    assert (found[1].line, found[1].field) == (4, field)  # type: ignore[union-attr]


def test_rows_keep_their_line_though_a_text_has_several() -> None:
    head = "kind,id,jurisdiction,individual.id,note.purpose\n"
    found = read(head + 'contact,C-1,us-ny,M,"one\ntwo\nthree"\ncontact,C-2,us-ny,M,x\n')
    assert [item.line for item in found] == [2, 5]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no header"),
        ("kind,individual.nmae\n", "line 1 column 2: 'individual.nmae' is no field of any record"),
        ("kind,id,id\n", "line 1 column 3: 'id' stands there twice"),
        ("kind,individual\n", "line 1 column 2: 'individual' is no field of any record"),
        ("kind,id..x\n", "'id..x' is no field of any record"),
        ('kind,id\ncontact,"C-1\n', "no CSV"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_whole_saying_where(text: str, words: str) -> None:
    with pytest.raises(Unreadable, match="line ") as refused:
        read(text)
    assert words in str(refused.value)
