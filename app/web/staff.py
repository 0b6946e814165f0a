"""The staff registry: who works here, with which credentials, roles and supervisor; by page or by CSV."""

from __future__ import annotations

import secrets
from datetime import date

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import office_findings, registry, staff_csv
from app import staff as office
from app.actor import ADMINISTRATOR, SUPERVISOR
from app.problems import MendInput, NotFound
from app.staff import ImportReport, StaffMember
from app.staff_fhir import Taken
from app.web import choices
from app.web.access import actor, allow
from app.web.formkit import Errors, Values, first, row_numbers, values_of
from app.web.kit import kit
from app.web.staff_forms import (
    ASSIGNMENT,
    ATTESTATION,
    CREDENTIAL,
    STAFF,
    STAFF_ROWS,
    TELECOM,
    read_staff,
    staff_of,
    staff_values,
)
from app.web.staff_words import by_code, field_words
from app.web.view import FormView, zone
from mappings.office_codes import office_codes
from mappings.records import Staff

staff = Blueprint("staff", __name__, url_prefix="/l/<launch_id>/staff")

KEEPERS = (SUPERVISOR, ADMINISTRATOR)
LABELS = {
    **{item.path: item.label for item in (*STAFF, *ASSIGNMENT, *ATTESTATION, *CREDENTIAL, *TELECOM)},
    "roles": "Roles",
    "active": "Works here now",
    "file": "CSV file",
}
SPARE_ROWS = 1


@staff.get("")
@allow(*KEEPERS)
def listing() -> ResponseReturnValue:
    """Everybody on the list, with what ends soon and how much there is to look at."""
    with kit().store.read() as session:
        members = office.listing(session, actor())
        judged = office_findings.of_staff(session, actor(), kit().library, kit().now())
        times = office_findings.times_of_staff(session, actor(), kit().library, kit().now())
    return render_template(
        "staff/list.html",
        members=members,
        judged=judged,
        times=times,
        choices=choices,
        codes=office_codes(kit().library),
    )


@staff.get("/new")
@allow(*KEEPERS)
def new() -> ResponseReturnValue:
    """An empty form for a new member."""
    return _page(_blank(f"S-{secrets.token_hex(4)}"), None, {}, {}, 200)


@staff.get("/<staff_id>")
@allow(*KEEPERS)
def one(staff_id: str) -> ResponseReturnValue:
    """The form of one member."""
    member = member_of(staff_id)
    return _page(member.record, member, {}, {}, 200)


@staff.post("/<staff_id>")
@allow(*KEEPERS)
def save(staff_id: str) -> ResponseReturnValue:
    """Save one member whole; what cannot be read is said beside its field."""
    member = find_member(staff_id)
    base = member.record if member else _blank(staff_id)
    values = values_of(request.form.to_dict(flat=False))
    read = read_staff(values, base, today())
    if read.errors:
        return _page(base, member, read.values, read.errors, 422)
    roles, active = frozenset(values.get("roles", [])), "active" in values
    try:
        with kit().store.write() as session:
            office.save(
                session,
                actor(),
                staff_of(read),
                roles,
                active,
                kit().now(),
                seen=first(values, "seen"),
                library=kit().library,
            )
    except MendInput as problem:
        told = dict(problem.errors) or {"npi": f"{problem.message} {problem.what_to_do}"}
        errors = {_field_of(path, values, reason): reason for path, reason in told.items()}
        return _page(base, member, read.values, errors, 422)
    return redirect(url_for("staff.listing", said="staff"), 303)


@staff.get("/export.csv")
@allow(*KEEPERS)
def export() -> ResponseReturnValue:
    """The list as CSV, in the form that the import reads."""
    with kit().store.read() as session:
        text = office.export_csv(session, actor())
    response: Response = make_response(text)
    response.headers["Content-Type"] = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = 'attachment; filename="staff.csv"'
    return response


@staff.get("/import")
@allow(*KEEPERS)
def import_form() -> ResponseReturnValue:
    """The page that takes a CSV file, or a FHIR file that is shown before it is saved."""
    return import_page()


@staff.post("/import")
@allow(*KEEPERS)
def import_file() -> ResponseReturnValue:
    """Read a CSV file; the report says what was saved and each line that was refused, with its reason."""
    try:
        text = _uploaded()
        with kit().store.write() as session:
            report = office.import_csv(session, actor(), text, kit().now(), kit().library)
    except MendInput as problem:
        return import_page(problem=problem), 422
    return import_page(report=report)


def import_page(
    *, report: ImportReport | None = None, problem: MendInput | None = None, taken: Taken | None = None
) -> str:
    """The page that takes files, with what became of the last one."""
    form = {"columns": staff_csv.COLUMNS, "facts": staff_csv.FACTS, "help": staff_csv.HELP}
    return render_template("staff/import.html", report=report, problem=problem, taken=taken, **form)


def _uploaded() -> str:
    file = request.files.get("file")
    if file is None or not file.filename:
        raise MendInput("No file was chosen.", "Choose a CSV file.")
    try:
        return str(file.read(), "utf-8-sig")
    except UnicodeDecodeError:
        raise MendInput("The file is not text in UTF-8.", "Save it as CSV UTF-8 and try again.") from None


def today() -> date:
    """The day where the programme is."""
    return kit().now().astimezone(zone()).date()


def find_member(staff_id: str) -> StaffMember | None:
    """The member of an id, None when there is none."""
    with kit().store.read() as session:
        return office.find(session, actor().issuer, staff_id)


def member_of(staff_id: str) -> StaffMember:
    """The member of an id; raises NotFound."""
    member = find_member(staff_id)
    if member is None:
        raise NotFound("There is nobody with this id on the staff list.", "Go back to the list.")
    return member


def people_here() -> list[tuple[str, str]]:
    """Everybody on the list as choices: id and name."""
    with kit().store.read() as session:
        return [(each.record.id, each.name) for each in office.everyone(session, actor().issuer)]


def _blank(staff_id: str) -> Staff:
    with kit().store.read() as session:
        jurisdiction = registry.jurisdiction_of(session, actor().issuer)
    return Staff(kind="staff", id=staff_id[:64], jurisdiction=jurisdiction)


def _page(
    record: Staff, member: StaffMember | None, values: Values, errors: Errors, status: int
) -> ResponseReturnValue:
    shown = values or {
        **staff_values(record),
        "roles": sorted(member.roles) if member else [],
        "active": ["yes"] if member is None or member.active else [],
        "seen": [member.edit if member else office.NOBODY_YET],
    }
    with kit().store.read() as session:
        judged = office_findings.of_staff(session, actor(), kit().library, kit().now()) if member else {}
        times = office_findings.times_of_staff(session, actor(), kit().library, kit().now())
        changes = office.changes_of(session, actor(), record.id)
    people, codes = people_here(), office_codes(kit().library)
    page = render_template(
        "staff/edit.html",
        form=FormView(shown, LABELS, errors),
        record=record,
        member=member,
        judgement=judged.get(record.id),
        times=times.get(record.id, office_findings.StaffTimes()),
        changes=changes,
        names=dict(people),
        field_words=field_words,
        by_code=by_code,
        own=record.id == actor().staff_id,
        people=people,
        choices=choices,
        codes=codes,
        rows={path: _rows(path, shown) for path, _ in STAFF_ROWS},
    )
    return page, status


def _field_of(path: str, values: Values, reason: str) -> str:
    """The field of the form for a path of the record: supervisors of all times stand in one list there."""
    if "supervisor" not in path:
        return path
    names = (f"assignments.{number}.category" for number in row_numbers("assignments", values))
    return next((name for name in names if repr(first(values, name)) in reason), path)


def _rows(path: str, values: Values) -> list[int]:
    there = row_numbers(path, values)
    return list(range(max(there, default=-1) + 1 + SPARE_ROWS))
