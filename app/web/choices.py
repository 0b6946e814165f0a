"""The choices that forms offer, in words people use; codes are those of the intake record."""

from __future__ import annotations

from collections.abc import Sequence

Choices = Sequence[tuple[str, str]]

SERVICE_TYPES: Choices = (("adult", "Adult"), ("family", "Family"), ("youth", "Youth"))
PLACES: Choices = (
    ("onsite", "At the programme"),
    ("offsite", "Somewhere else"),
    ("telehealth", "By phone or video"),
)
MODALITIES: Choices = (
    ("in-person", "In person"),
    ("video", "Video"),
    ("audio", "Phone"),
    ("async", "Messages"),
)
LOCATIONS: Choices = (
    ("clinic", "Clinic"),
    ("home", "Home"),
    ("community", "In the community"),
    ("school", "School"),
    ("hospital", "Hospital"),
    ("shelter", "Shelter"),
    ("jail", "Jail"),
    ("other", "Other"),
)
PER: Choices = (("day", "day"), ("week", "week"), ("month", "month"))
PLAN_STATES: Choices = (("active", "Active"), ("on-hold", "On hold"), ("completed", "Completed"))
GOAL_STATES: Choices = (("active", "Active"), ("completed", "Reached"), ("cancelled", "Given up"))
EMPLOYMENT: Choices = (("employed", "Employed"), ("contracted", "Contracted"))
ROLES: Choices = (
    ("peer", "Peer"),
    ("lpha", "Licensed practitioner (LPHA), co-signs"),
    ("clinician", "Clinician, writes plan entries"),
    ("supervisor", "Supervisor"),
    ("biller", "Biller"),
    ("administrator", "Administrator"),
    ("engineer", "Interface engineer, sees no names"),
)
TELECOMS: Choices = (
    ("phone", "Phone"),
    ("sms", "Text message"),
    ("email", "Mail"),
    ("fax", "Fax"),
    ("pager", "Pager"),
    ("url", "Web address"),
    ("other", "Other"),
)
YES_NO: Choices = (("yes", "Yes"), ("no", "No"))
POPULATIONS: Choices = (
    ("all", "All ages"),
    ("adult", "Adults"),
    ("child-adolescent", "Children and adolescents"),
)

# The service type that a credential stands for, to choose one for the peer beforehand.
TYPE_OF_CREDENTIAL = {
    "nycps": "adult",
    "nycps-provisional": "adult",
    "crpa": "adult",
    "fpa-c": "family",
    "fpa-provisional": "family",
    "ypa-c": "youth",
    "ypa-provisional": "youth",
}


def titled(choices: Choices, code: str | None) -> str:
    """The words of a code, the code itself where it has none."""
    return dict(choices).get(code or "", code or "")
