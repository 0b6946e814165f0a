"""The rules as people read them: each a dated sentence with its source."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from app.problems import NotFound
from app.web.access import EVERYBODY, allow
from app.web.kit import kit
from app.web.view import zone
from mappings.explaining import explain
from mappings.findings import NO_PACK

rules = Blueprint("rules", __name__, url_prefix="/l/<launch_id>/rules")

SEVERITY = {"block": "Holds the signature or the claim", "warn": "Warns", "info": "For information"}
STAGE = {
    "signing": "When signing",
    "claim": "When billing",
    "set-up": "When the programme is set up",
    "dashboard": "In overviews",
    "workflow": "While working",
}


@rules.get("")
@allow(*EVERYBODY)
def listing() -> ResponseReturnValue:
    """Every rule in the library, found by a word of its sentence or id."""
    word = request.args.get("q", "").strip()
    found = [
        rule
        for rule in kit().library.rules()
        if word.casefold() in f"{rule.id} {rule.no} {rule.title} {rule.says}".casefold()
    ]
    return render_template("rules.html", rules=found, q=word, stages=STAGE, severities=SEVERITY)


@rules.get("/<rule>")
@allow(*EVERYBODY)
def one(rule: str) -> ResponseReturnValue:
    """The whole of one rule: what it says, since when, and where it comes from."""
    today = kit().now().astimezone(zone()).date()
    if rule == NO_PACK:
        return render_template("rule_no_pack.html")
    try:
        found = kit().library.rule(rule)
    except KeyError:
        raise NotFound(f"There is no rule {rule[:80]}.", "Look for it in the list of rules.") from None
    return render_template(
        "rule.html",
        rule=found,
        whole=explain(kit().library, found.id, today),
        says={id: each.says for own in kit().library.parameters.values() for id, each in own.items()},
        today=today,
        stages=STAGE,
        severities=SEVERITY,
    )
