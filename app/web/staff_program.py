"""The programme: what its set-up lacks by the rules, what is in place, and the form of all its facts."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import office_findings, registry
from app import staff as office
from app.problems import MendInput
from app.staff import ProgramMember
from app.web import choices
from app.web.access import actor, allow
from app.web.formkit import Errors, Values, first, row_numbers, values_of
from app.web.kit import kit
from app.web.staff import KEEPERS, SPARE_ROWS, people_here, today
from app.web.staff_forms import (
    ENROLMENT,
    LICENCE,
    POLICY,
    PROGRAM,
    PROGRAM_ROWS,
    program_of,
    program_values,
    read_program,
)
from app.web.staff_words import by_code, field_words
from app.web.view import FormView
from mappings.office_codes import office_codes
from mappings.records import Program

staff_program = Blueprint("staff_program", __name__, url_prefix="/l/<launch_id>/staff/program")

# The licence's words for its days go before those of a contract, which the page names itself.
LABELS = {item.path: item.label for item in (*PROGRAM, *POLICY, *ENROLMENT, *LICENCE)}


@staff_program.get("")
@allow(*KEEPERS)
def page() -> ResponseReturnValue:
    """The programme: what is missing of its set-up, what is in place, what is on file, what changed."""
    with kit().store.read() as session:
        found = office_findings.of_program(session, actor(), kit().library, kit().now())
        changes = office.program_changes(session, actor())
    return render_template(
        "staff/program.html",
        found=found,
        today=today(),
        changes=changes,
        names=dict(people_here()),
        field_words=field_words,
        codes=office_codes(kit().library),
        choices=choices,
    )


@staff_program.get("/edit")
@allow(*KEEPERS)
def edit() -> ResponseReturnValue:
    """The form of the programme; an empty one before it is set up."""
    known = _known()
    return _page(known.record if known else _blank(), known, {}, {}, 200)


@staff_program.post("/edit")
@allow(*KEEPERS)
def save() -> ResponseReturnValue:
    """Save the programme whole; what cannot be read is said beside its field."""
    known = _known()
    base = known.record if known else _blank()
    values = values_of(request.form.to_dict(flat=False))
    if known:
        values.pop("id", None)  # it never changes, and the form of a known programme has no such field
    read = read_program(values, base)
    if read.errors:
        return _page(base, known, read.values, read.errors, 422)
    seen = first(values, "seen")
    try:
        with kit().store.write() as session:
            record, now = program_of(read), kit().now()
            office.save_program(session, actor(), record, now, seen=seen, library=kit().library)
    except MendInput as problem:
        return _page(base, known, read.values, dict(problem.errors), 422)
    return redirect(url_for("staff_program.page", said="program"), 303)


def _known() -> ProgramMember | None:
    with kit().store.read() as session:
        return office.program_member(session, actor().issuer)


def _blank() -> Program:
    with kit().store.read() as session:
        return Program(
            kind="program", id="new", jurisdiction=registry.jurisdiction_of(session, actor().issuer)
        )


def _page(
    record: Program, known: ProgramMember | None, values: Values, errors: Errors, status: int
) -> ResponseReturnValue:
    shown = values or {
        **program_values(record),
        **({} if known else {"id": [""]}),
        "seen": [known.edit if known else office.NOBODY_YET],
    }
    with kit().store.read() as session:
        found = office_findings.of_program(session, actor(), kit().library, kit().now())
    page = render_template(
        "staff/program_edit.html",
        form=FormView(shown, LABELS, errors),
        known=known,
        found=found,
        codes=office_codes(kit().library),
        by_code=by_code,
        choices=choices,
        rows={path: _rows(path, shown) for path, _ in PROGRAM_ROWS},
    )
    return page, status


def _rows(path: str, values: Values) -> list[int]:
    return list(range(max(row_numbers(path, values), default=-1) + 1 + SPARE_ROWS))
