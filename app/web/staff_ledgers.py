"""The ledgers of one member of the staff: hours of education, and sessions of supervision and support."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import office_findings
from app import staff as office
from app.problems import MendInput, NotFound
from app.staff import StaffMember
from app.web.access import actor, allow
from app.web.formkit import Errors, Values, first, values_of
from app.web.kit import kit
from app.web.staff import KEEPERS, member_of, people_here
from app.web.staff_forms import LEDGERS, entry_values, read_entry, staff_of, without_entry
from app.web.staff_words import by_code
from app.web.view import FormView
from mappings.office_codes import office_codes
from mappings.records import Staff

staff_ledgers = Blueprint("staff_ledgers", __name__, url_prefix="/l/<launch_id>/staff/<staff_id>")


@dataclass(frozen=True)
class Ledger:
    """A ledger and how it is called: its list, one entry of it, and the button that adds one."""

    name: str
    title: str
    entry: str


EDUCATION = Ledger("education", "Continuing education", "education")
SUPERVISION = Ledger("supervision", "Supervision and support", "session")
NAMES = {each.name: each for each in (EDUCATION, SUPERVISION)}


@staff_ledgers.get("/ledger/<ledger>")
@allow(*KEEPERS)
def page(staff_id: str, ledger: str) -> ResponseReturnValue:
    """The ledger, the latest entry first, with an empty form for one more."""
    return _page(_named(ledger), member_of(staff_id), {}, {}, 200)


@staff_ledgers.post("/ledger/<ledger>")
@allow(*KEEPERS)
def add(staff_id: str, ledger: str) -> ResponseReturnValue:
    """Add an entry; what cannot be read is said beside its field."""
    return _saved(_named(ledger), member_of(staff_id), None)


@staff_ledgers.get("/ledger/<ledger>/<int:row_id>")
@allow(*KEEPERS)
def entry(staff_id: str, ledger: str, row_id: int) -> ResponseReturnValue:
    """The form of one entry."""
    member = member_of(staff_id)
    _there(member, ledger, row_id)
    return _page(_named(ledger), member, {}, {}, 200, row_id)


@staff_ledgers.post("/ledger/<ledger>/<int:row_id>")
@allow(*KEEPERS)
def change(staff_id: str, ledger: str, row_id: int) -> ResponseReturnValue:
    """Change an entry, or take it away; the change stays in the member's history."""
    member = member_of(staff_id)
    _there(member, ledger, row_id)
    if "away" not in request.form:
        return _saved(_named(ledger), member, row_id)
    values = values_of(request.form.to_dict(flat=False))
    _keep(member, without_entry(ledger, member.record, row_id), values)
    return _back(staff_id, ledger)


def _named(ledger: str) -> Ledger:
    if ledger not in NAMES:
        raise NotFound("There is no such list of a member.", "Go back to the staff list.")
    return NAMES[ledger]


def _there(member: StaffMember, ledger: str, number: int) -> None:
    _named(ledger)
    if number >= len(getattr(member.record, ledger)):
        raise NotFound("There is no such entry any more.", "Go back to the list of entries.")


def _saved(ledger: Ledger, member: StaffMember, number: int | None) -> ResponseReturnValue:
    values = values_of(request.form.to_dict(flat=False))
    read = read_entry(ledger.name, values, member.record, number)
    if read.errors:
        return _page(ledger, member, values, read.errors, 422, number)
    try:
        _keep(member, staff_of(read), values)
    except MendInput as problem:
        errors = {path.rpartition(".")[2]: reason for path, reason in problem.errors.items()}
        return _page(ledger, member, values, errors, 422, number)
    return _back(member.record.id, ledger.name)


def _keep(member: StaffMember, record: Staff, values: Values) -> None:
    with kit().store.write() as session:
        office.save(
            session,
            actor(),
            record,
            member.roles,
            member.active,
            kit().now(),
            seen=first(values, "seen"),
            library=kit().library,
        )


def _back(staff_id: str, ledger: str) -> ResponseReturnValue:
    return redirect(url_for("staff_ledgers.page", staff_id=staff_id, ledger=ledger, said="staff"), 303)


def _page(
    ledger: Ledger,
    member: StaffMember,
    values: Values,
    errors: Errors,
    status: int,
    number: int | None = None,
) -> ResponseReturnValue:
    rows = getattr(member.record, ledger.name)
    one = rows[number] if number is not None else None
    shown = values or entry_values(ledger.name, one) | {"seen": [member.edit]}
    with kit().store.read() as session:
        times = office_findings.times_of_staff(session, actor(), kit().library, kit().now())
    people = people_here()
    latest = sorted(enumerate(rows), key=lambda each: str(each[1].on or ""), reverse=True)
    labels = {item.path: item.label for item in LEDGERS[ledger.name]} | {"other_topic": "Another topic"}
    page = render_template(
        f"staff/{ledger.name}.html",
        ledger=ledger,
        member=member,
        form=FormView(shown, labels, errors),
        entries=latest,
        number=number,
        times=times[member.record.id],
        own=member.record.id == actor().staff_id,
        people=people,
        names=dict(people),
        codes=office_codes(kit().library),
        by_code=by_code,
    )
    return page, status
