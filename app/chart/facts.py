"""What a chart says, as facts. What it does not say, or does not let us see, is listed as not known."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from app.individuals import PersonLinks
from app.problems import Problem
from mappings.records import Diagnosis, Individual


class ChartProblem(Problem):
    """The chart cannot be used as it is: for example a person without a medical record number."""


@dataclass(frozen=True)
class Practitioner:
    """Who is signed in, as the EHR knows them: reference ("Practitioner/x"), NPI and name, where stated."""

    reference: str
    npi: str | None
    name: str


@dataclass(frozen=True)
class Visit:
    """The visit that was open at launch: reference ("Encounter/x"), status and class code."""

    reference: str
    status: str | None
    class_code: str | None


@dataclass(frozen=True)
class Episode:
    """One episode of care of the person at this programme; both ends of the period count."""

    reference: str
    status: str
    start: date | None
    end: date | None


@dataclass(frozen=True)
class ChartFacts:
    """All that one launch read. `patient` is the EHR's id; `organization` and `location` are references of
    the programme; `not_known` says in sentences what could not be read, `unread` names those questions, and
    `remarks` says what people should see."""

    patient: str | None = None
    individual: Individual | None = None
    diagnoses: tuple[Diagnosis, ...] = ()
    links: PersonLinks = field(default_factory=PersonLinks)
    visit: Visit | None = None
    episodes: tuple[Episode, ...] = ()
    practitioner: Practitioner | None = None
    organization: str | None = None
    location: str | None = None
    not_known: tuple[str, ...] = ()
    unread: frozenset[str] = frozenset()
    remarks: tuple[str, ...] = ()

    @property
    def encounter(self) -> str | None:
        """The EHR's id of the visit that was open, where it is known to be this person's."""
        return self.visit.reference.partition("/")[2] if self.visit else None

    @property
    def npi(self) -> str | None:
        """The NPI of the person signed in, where the EHR states it."""
        return self.practitioner.npi if self.practitioner else None
