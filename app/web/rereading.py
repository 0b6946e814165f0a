"""Reading the chart: at launch, and again when somebody asks for it in a window that is open for long."""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue

from app import audit, staff
from app.chart import ChartFacts, read_chart, remember
from app.problems import Problem
from app.staff import ProgramMember
from app.web import launches, tokens
from app.web.access import KNOWS_PEOPLE, actor, allow, launch
from app.web.kit import kit
from app.web.registry import issuer_of
from smart_launch.context import LaunchContext
from smart_launch.fhir_client import FhirClient, FhirTrouble
from smart_launch.issuers import Issuer
from smart_launch.refusal import LaunchRefused

rereading = Blueprint("rereading", __name__, url_prefix="/l/<launch_id>")


def our_program(issuer: Issuer) -> ProgramMember | None:
    """The programme as it is known now, with its places in this EHR."""
    with kit().store.read() as session:
        return staff.program_member(session, issuer.id)


def read_with(issuer: Issuer, context: LaunchContext, ours: ProgramMember | None) -> ChartFacts:
    """What the chart of this context says now, and where it keeps the programme `ours`; raises LaunchRefused
    when the EHR cannot be read, and ChartProblem when the person cannot be told apart."""
    http = kit().http
    client = FhirClient(http, issuer.base, lambda: context.access_token)
    profile = kit().profiles.get(http, issuer, kit().now())
    npi, place = (ours.record.npi, ours.organization) if ours else (None, None)
    batch = bool(profile.fhir.batch)
    try:
        return read_chart(client, context, program_npi=npi, organization=place, batch=batch)
    except FhirTrouble as trouble:
        raise LaunchRefused(
            "ehr-unreachable",
            "The EHR let you in, but its chart could not be read.",
            "Wait a few minutes. Close this window and open Peerchart from the chart again. If it goes on, "
            "tell your administrator.",
        ) from trouble


@rereading.post("/read-again")
@allow(*KNOWS_PEOPLE, person=True)
def again() -> ResponseReturnValue:
    """Read the chart once more with a token that is good now, and renew what the pages know."""
    issuer = issuer_of(launch().issuer)
    context = tokens.good(kit(), issuer, launch().id)
    if context.patient != launch().patient:
        raise Problem(
            "The EHR's permission is for another person than this window.",
            "Close this window and open Peerchart from the chart again.",
        )
    facts = read_with(issuer, context, our_program(issuer))
    with kit().store.write() as session:
        remember(session, issuer.id, facts, kit().now())
        launches.learn(session, launch().id, read_facts(facts, kit().now().isoformat()))
        audit.did(session, actor(), "chart read again", kit().now())
    return redirect(url_for("pages.home", said="read-again"), 303)


def read_facts(facts: ChartFacts, at: str) -> dict[str, object]:
    """What the pages keep of a reading: what people should see, and when it was."""
    return {"remarks": [*facts.remarks, *facts.not_known], "read_at": at}
