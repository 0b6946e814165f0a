"""Who is acting: one person of the staff, in one launch of one EHR, for one individual or none."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.problems import NotAllowed, NotFound

PEER, LPHA, CLINICIAN = "peer", "lpha", "clinician"
SUPERVISOR, BILLER, ADMINISTRATOR = "supervisor", "biller", "administrator"
ENGINEER = "engineer"
ROLES = frozenset({PEER, LPHA, CLINICIAN, SUPERVISOR, BILLER, ADMINISTRATOR, ENGINEER})
# An interface engineer looks after the lines to the EHR, and needs to know nobody's name for it.
KNOW_PEOPLE = ROLES - {ENGINEER}


@dataclass(frozen=True)
class Actor:
    """The person at the screen. `patient` and `encounter` are the EHR's ids of this launch's context
    ("pat-moss"), None in a launch without one; `staff_id` is the id in the staff registry."""

    issuer: str
    staff_id: str
    name: str
    roles: frozenset[str]
    launch_id: str
    patient: str | None = None
    encounter: str | None = field(default=None)

    def is_any(self, *roles: str) -> bool:
        """True when the actor has one of these roles."""
        return not self.roles.isdisjoint(roles)

    @property
    def knows_people(self) -> bool:
        """Whether a role of the actor lets them know who the individuals are."""
        return self.is_any(*KNOW_PEOPLE)


def require(actor: Actor, *roles: str, to: str) -> None:
    """Pass when the actor has one of `roles`; raises NotAllowed saying who may do `to`."""
    if not actor.is_any(*roles):
        wanted = " or ".join(sorted(roles))
        raise NotAllowed(f"Your role does not allow you to {to}.", f"Ask a colleague with the role {wanted}.")


def person_of(actor: Actor) -> str:
    """The individual of the actor's launch; raises NotAllowed in a launch without one."""
    if actor.patient is None:
        raise NotAllowed("No individual's chart is open here.", "Open the chart of the individual first.")
    return actor.patient


def require_person(actor: Actor, patient: str) -> None:
    """Pass when this launch is for `patient`; raises NotFound, so that nothing of others is given away."""
    if actor.patient != patient:
        raise not_here("record")


def not_here(what: str) -> NotFound:
    """The one answer for what does not exist and for what belongs to somebody else."""
    return NotFound(f"There is no such {what} in this chart.", "Go back to the list and open it from there.")
