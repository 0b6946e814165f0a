"""One's own entry on the staff list: certificates, days, education, supervision, and what is due."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from app import office_findings, staff
from app.actor import CLINICIAN, LPHA, PEER, SUPERVISOR
from app.problems import NotFound
from app.web import choices
from app.web.access import actor, allow
from app.web.kit import kit
from mappings.office_codes import office_codes

own_record = Blueprint("own_record", __name__, url_prefix="/l/<launch_id>/my-record")

READERS = (PEER, LPHA, CLINICIAN, SUPERVISOR)


@own_record.get("")
@allow(*READERS)
def page() -> ResponseReturnValue:
    """What is on file of whoever looks, to read; somebody else keeps it."""
    with kit().store.read() as session:
        found = office_findings.of_self(session, actor(), kit().library, kit().now())
        names = {each.record.id: each.name for each in staff.everyone(session, actor().issuer)}
    if found is None:
        raise NotFound("You are not on the staff list.", "Ask who keeps the staff list.")
    return render_template(
        "staff/own.html",
        member=found.member,
        record=found.member.record,
        times=found.times,
        judgement=found.judgement,
        names=names,
        choices=choices,
        codes=office_codes(kit().library),
        issuers={each.code: each.display for each in kit().library.table("staff-issuers").codes.values()},
    )
