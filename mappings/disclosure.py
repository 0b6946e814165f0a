"""Disclosures of the records of a programme under 42 CFR Part 2: what a written consent allows, in words.

A consent names a purpose and recipients (42 CFR 2.31); what leaves by it carries the notice and a clear
explanation of its scope (2.32). Both are asked at the moment something leaves, not when it was written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

NOTICE = "42 CFR part 2 prohibits unauthorized use or disclosure of these records."
TREATMENT, PAYMENT, OPERATIONS = "treatment", "payment", "operations"
# One consent for all future uses for treatment, payment and health care operations (42 CFR 2.31, 2.33).
TPO = "tpo"
PURPOSES: dict[str, tuple[str, ...]] = {
    TPO: (TREATMENT, PAYMENT, OPERATIONS),
    TREATMENT: (TREATMENT,),
    PAYMENT: (PAYMENT,),
}
SCOPE_WORDS = {
    TPO: "treatment, payment and health care operations",
    TREATMENT: "treatment",
    PAYMENT: "payment",
}
CHART, CLAIMS = "chart", "claims"
DESTINATION_WORDS = {CHART: "those who read this EHR's chart", CLAIMS: "payers, by claims"}
# What goes into the chart goes to those who treat the person; a claim goes to who pays.
PURPOSE_OF = {CHART: TREATMENT, CLAIMS: PAYMENT}

# What a held delivery's reason begins with, so that a consent lets go what waited for one.
MISSING = "42 CFR Part 2: "


@dataclass(frozen=True)
class WrittenConsent:
    """A person's written consent: `scope` of PURPOSES, `destinations` of DESTINATION_WORDS, `recipient` as
    the consent names them, first and last day (both count, None is open), when it was revoked (aware),
    where the signed `copy` lies, and an `explanation` of its scope where one was written."""

    number: int
    scope: str
    destinations: tuple[str, ...]
    recipient: str
    from_: date
    until: date | None
    revoked_at: datetime | None = None
    copy: str = ""
    explanation: str = ""

    def allows(self, destination: str, day: date) -> bool:
        """Whether something may go to a destination on a day."""
        return self.allows_but_for_time(destination) and self.in_force(day)

    def allows_but_for_time(self, destination: str) -> bool:
        """Whether its purpose and recipients are those of the destination, whatever the day."""
        return PURPOSE_OF[destination] in PURPOSES.get(self.scope, ()) and destination in self.destinations

    def in_force(self, day: date) -> bool:
        """Whether it has begun, has not ended and is not revoked."""
        return self.revoked_at is None and self.from_ <= day and (self.until is None or day <= self.until)

    @property
    def words(self) -> str:
        """The explanation of its scope that goes along (42 CFR 2.32): as written, else from what is known."""
        if self.explanation:
            return self.explanation
        until = f"until {self.until}" if self.until else "until it is revoked"
        said = f"written consent of {self.from_} to disclose records of peer support to {self.recipient}"
        return f"{said[0].upper()}{said[1:]}, for {SCOPE_WORDS.get(self.scope, self.scope)}, {until}."


def missing_words(destination: str) -> str:
    """Why something is held, for the people of the programme."""
    return (
        f"{MISSING}no written consent in force allows this to go to {DESTINATION_WORDS[destination]}. "
        "Record the person's consent on the page Consents, or leave it here."
    )
