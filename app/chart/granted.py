"""Which functions the granted scopes carry, and what is missing without them, in words for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from smart_launch import scopes

Need = tuple[str, str]


@dataclass(frozen=True)
class Function:
    """One thing the product does with the EHR's leave. `needs` are resource types with letters of cruds, each
    to be granted for this patient or for the person signed in; `without` is what is missing otherwise, said
    where it would stand; `where` are the pages."""

    name: str
    needs: tuple[Need, ...]
    without: str
    where: tuple[str, ...]
    lasting: bool = False


FUNCTIONS: tuple[Function, ...] = (
    Function(
        "person",
        (("Patient", "r"),),
        "The EHR did not grant reading of Patient, so it cannot be told whose chart this is.",
        ("person",),
    ),
    Function(
        "coverage",
        (("Coverage", "s"),),
        "The EHR did not grant reading of Coverage, so claims have no payer but what was read before.",
        ("person", "claims"),
    ),
    Function(
        "diagnoses",
        (("Condition", "s"),),
        "The EHR did not grant reading of Condition, so claims have no diagnosis but what was read before.",
        ("person", "claims"),
    ),
    Function(
        "episode of care",
        (("EpisodeOfCare", "s"),),
        "The EHR did not grant reading of EpisodeOfCare, so an admission in the EHR is not seen here; record "
        "it by hand.",
        ("person", "engagement"),
    ),
    Function(
        "visit",
        (("Encounter", "r"),),
        "The EHR did not grant reading of Encounter, so notes are not put to the visit that is open there.",
        ("person",),
    ),
    Function(
        "programme",
        (("Organization", "s"),),
        "The EHR did not grant reading of Organization, so programme and payers are not found there.",
        ("person", "claims"),
    ),
    Function(
        "location",
        (("Location", "s"),),
        "The EHR did not grant reading of Location, so notes name no place of the EHR.",
        ("person",),
    ),
    Function(
        "person signed in",
        (("Practitioner", "r"),),
        "The EHR did not grant reading of Practitioner, so you are known only where your login was linked "
        "before.",
        ("person",),
    ),
    Function(
        "reading again",
        (),
        "The EHR granted no lasting access, so the chart can be read again only by opening Peerchart again.",
        ("reading",),
        lasting=True,
    ),
    Function(
        "preferences",
        (("Basic", "cus"),),
        "The EHR did not grant keeping of app state (Basic), so your filters are not remembered.",
        ("deliveries",),
    ),
)
OPTIONAL = frozenset({"preferences"})


def may_ask(granted: Sequence[str], resource_type: str, letter: str) -> bool:
    """Whether the granted scopes (v1 or v2, whole or a part of it) let us read (r) or search (s) this type,
    of the patient or of whatever the person may see."""
    return _may_ask(tuple(granted), resource_type, letter)


@lru_cache(maxsize=4096)
def _may_ask(granted: tuple[str, ...], resource_type: str, letter: str) -> bool:
    return any(
        scopes.allows(granted, level, resource_type, letter, narrowed=True) for level in ("patient", "user")
    )


def offered(function: Function, granted: Sequence[str], *, lasting: bool) -> bool:
    """Whether a function works with what was granted; `lasting`: a refresh token came, whether the EHR lists
    its scope or not (Epic lists no offline_access)."""
    if function.lasting and not lasting:
        return False
    return all(may_ask(granted, kind, letter) for kind, letters in function.needs for letter in letters)


def reasons(context: Mapping[str, object]) -> dict[str, str]:
    """For each function that what a launch was granted does not carry: its name and the sentence. `context`
    is what the pages know of a launch; one without scopes (opened from a list) asks the EHR nothing."""
    granted = context.get("scope")
    if not isinstance(granted, list):
        return {}
    return dict(_reasons(tuple(map(str, granted)), bool(context.get("lasting"))))


@lru_cache(maxsize=256)
def _reasons(granted: tuple[str, ...], lasting: bool) -> Mapping[str, str]:
    return {one.name: one.without for one in FUNCTIONS if not offered(one, granted, lasting=lasting)}


def reasons_on(page: str, context: Mapping[str, object]) -> tuple[str, ...]:
    """The sentences that stand on a page; functions few EHRs know are named only where they stand."""
    found = reasons(context)
    return tuple(
        one.without
        for one in FUNCTIONS
        if one.name in found and page in one.where and (one.name not in OPTIONAL or page != "person")
    )
