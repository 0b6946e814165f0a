"""What the guidance says for information: it holds nothing, and stands where somebody needs it."""

from __future__ import annotations

from app import staff
from app.registry import jurisdiction_of
from app.web.access import actor
from app.web.kit import kit
from app.web.view import zone
from mappings.library_parts import Rule


def worth_knowing(*stages: str, about: str | None = None) -> tuple[Rule, ...]:
    """The rules for information that are in force here today at these stages, about records of a kind or of
    every kind."""
    with kit().store.read() as session:
        program = staff.program_of(session, actor().issuer)
        place = jurisdiction_of(session, actor().issuer)
    day = kit().now().astimezone(zone()).date()
    pack = kit().library.on(place, day, program.program_kind if program else None)
    rules = [bound.rule for bound in pack.by_id.values() if bound.severity == "info"] if pack else []
    return tuple(rule for rule in rules if rule.stage in stages and about in (None, rule.about))
