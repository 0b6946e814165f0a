"""What Peerchart asks of an EHR: each resource with what is done to it, and the reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from smart_launch import scopes
from smart_launch.scopes import Level


@dataclass(frozen=True)
class Use:
    """One use of one resource type: `letters` of cruds at a level, the search parameters it takes, the reason
    and what is missing without it. `kind` is the delivery that writes it; blank for what is read."""

    resource: str
    level: Level
    letters: str
    searches: tuple[str, ...]
    why: str
    without: str
    kind: str = ""

    @property
    def scope(self) -> str:
        """The scope in SMART v2 form."""
        return f"{self.level}/{self.resource}.{self.letters}"


READ: tuple[Use, ...] = (
    Use(
        "Patient", "patient", "rs", (), "Whose chart is open: name, birth date, record number.",
        "no chart can be opened",
    ),
    Use(
        "Coverage", "patient", "rs", ("patient",), "Who pays: the payer and the member number of a claim.",
        "claims have no payer",
    ),
    Use(
        "Condition", "patient", "rs", ("patient",), "The diagnosis that a claim must carry.",
        "claims have no diagnosis",
    ),
    Use(
        "EpisodeOfCare", "patient", "rs", ("patient",), "Whether an admission is in force.",
        "an admission is recorded here by hand",
    ),
    Use(
        "Encounter", "patient", "rs", (), "The visit that is open, so that a note belongs to it.",
        "notes stand beside the visit",
    ),
    Use(
        "Practitioner", "user", "rs", (), "Who signs in: the NPI that finds them on the staff list.",
        "people are found by the EHR's own id alone",
    ),
    Use(
        "PractitionerRole", "user", "rs", (), "Which practitioner somebody is who signs in by a role.",
        "somebody who signs in by a role is not known",
    ),
    Use(
        "Organization", "user", "rs", ("identifier",), "The programme and the payers, by their identifiers.",
        "written records do not refer to the programme",
    ),
    Use(
        "Location", "user", "rs", ("organization",), "Where the programme is.",
        "written visits have no place",
    ),
)  # fmt: skip

WRITTEN: tuple[Use, ...] = (
    Use(
        "DocumentReference", "system", "crus", ("identifier",),
        "The signed note, its amendments, and to find it again before it is sent twice.",
        "notes are held for export", "note",
    ),
    Use(
        "Encounter", "system", "crus", ("identifier",), "The contact that the note is about.",
        "the note stands without its contact", "note",
    ),
    Use(
        "Provenance", "system", "crus", ("target",), "Who signed the note, with the seal.",
        "the signatures stand in the note's text alone", "note",
    ),
    Use(
        "RelatedPerson", "system", "crus", ("identifier",), "Somebody else who took part in a contact.",
        "who took part stands in the note's text alone", "note",
    ),
    Use(
        "Task", "system", "crus", ("identifier",), "The review that a note asks of a colleague.",
        "reviews stand in Peerchart alone", "note",
    ),
    Use(
        "CarePlan", "system", "crus", ("identifier",), "The signed entry of the treatment plan.",
        "plan entries are held for export", "plan",
    ),
    Use(
        "Goal", "system", "crus", ("identifier",), "The person's goal that a plan entry serves.",
        "the goal stands in the plan's text alone", "plan",
    ),
    Use(
        "ServiceRequest", "system", "crus", ("identifier",), "The service that the plan orders.",
        "the order stands in the plan's text alone", "plan",
    ),
    Use(
        "EpisodeOfCare", "system", "crus", ("identifier",), "Admission and discharge as decided here.",
        "admissions stand in Peerchart alone", "episode",
    ),
    Use(
        "Claim", "system", "crus", ("identifier",), "The claim that the biller released.",
        "claims leave as files for the clearing house", "claim",
    ),
    Use(
        "Consent", "system", "crus", ("identifier",),
        "The person's written consent to disclose records, and its revocation, where the EHR asks for them.",
        "consents stand in Peerchart, ready for export", "consent",
    ),
    Use(
        "AuditEvent", "system", "crs", ("date",),
        "Who did what to which record of whom, where the EHR asks for it.",
        "the audit trail stands in Peerchart, ready for export", "lines",
    ),
)  # fmt: skip

STAFF_READ: tuple[Use, ...] = (
    Use(
        "PractitionerRole", "system", "rs", (), "To compare the staff list with the EHR's.",
        "the staff list is kept by hand",
    ),
    Use(
        "Practitioner", "system", "rs", (), "The people behind those roles.",
        "the staff list is kept by hand",
    ),
)  # fmt: skip

SIGN_IN: dict[str, str] = {
    "launch": "Opens from the chart, for the person whose chart it is.",
    "launch/patient": "Asks which chart to open where Peerchart opens in a window of its own.",
    "launch/encounter": "Asks which visit to open where Peerchart opens in a window of its own.",
    "openid": "Says who signs in.",
    "fhirUser": "Says which practitioner that is.",
    "profile": "Says which practitioner that is, at an EHR that does not know fhirUser.",
    "online_access": "Renews the permission while the person is signed in.",
    "offline_access": "Renews the permission while the launch is open.",
}


def why(scope: str) -> str:
    """Why a registered scope is asked for, a sentence for each use; blank where nothing here needs it."""
    if scope in SIGN_IN:
        return SIGN_IN[scope]
    asked = scopes.parse(scope)
    if asked is None:
        return ""
    serves = [use for use in (*READ, *WRITTEN, *STAFF_READ) if _serves(asked, use)]
    return " ".join(dict.fromkeys(use.why for use in serves))


def unneeded(registered: Iterable[str]) -> tuple[str, ...]:
    """Registered scopes for which nothing here has a reason."""
    return tuple(scope for scope in registered if not why(scope))


def _serves(asked: scopes.Permission, use: Use) -> bool:
    level = asked.level == use.level or (asked.level != "system" and use.level != "system")
    return level and asked.resource in ("*", use.resource) and not asked.letters.isdisjoint(use.letters)
