"""Claims that are alike: a person's next Claim differs in its number, its day and its contacts alone.

As contacts that are alike, they are written into the bytes of an earlier one that has passed the whole gate.
All else that a Claim says is in the key by which claims are alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from operator import attrgetter

from mappings.claims import ClaimDraft, ClaimLine
from mappings.fhir.elements import own_urls
from mappings.fhir.forms import Form, cut
from mappings.moments import day_written
from mappings.office import Surroundings

_objects = attrgetter("individual", "program", "coverage", "authorization")
_values = attrgetter(
    *("rate_code", "diagnoses", "attending", "form", "type_of_bill", "frequency", "payer_number")
)
_billed = attrgetter(
    "code", "modifiers", "units", "rendering", "diagnoses", "place_of_service", "revenue_code"
)
# Names that stand in a Bundle as they are: in a text, in a narrative and in a query.
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]+")
# A name that is plain itself, and nobody's.
_MARK = "-.{}~mark.-"
# Far beyond all care.
_ODD_DAY = date(2199, 11, 29)
_MOST_FORMS = 512
Write = Callable[[ClaimDraft], bytes]


class KeptClaims:
    """What one writer knows of claims that are alike."""

    def __init__(self) -> None:
        # What is held keeps its identity. None where no form can be made.
        self._forms: dict[object, tuple[object, Form | None]] = {}

    def filled(self, key: object, claim: ClaimDraft) -> bytes | None:
        """The Bundle of a claim of that key by the form of one before it; None where there is none."""
        _, form = self._forms.get(key) or _UNKNOWN
        return form.filled(_gaps(claim)) if form is not None else None

    def learn(self, key: object, claim: ClaimDraft, around: Surroundings, data: bytes, write: Write) -> None:
        """Make a form of a Bundle that has passed the gate; `write` says the bytes of the Bundle of a claim
        without asking the gate."""
        if key in self._forms:
            return
        if len(self._forms) >= _MOST_FORMS:
            self._forms.clear()
        # To make a form costs a quarter of a Bundle.
        self._forms[key] = (claim, around), _form_of(claim, data, write)


_UNKNOWN: tuple[object, Form | None] = (None, None)


def key_of(claim: ClaimDraft, around: Surroundings) -> object | None:
    """All that a Claim's Bundle depends on beside what `_gaps` lists; None where that is not all of it."""
    names = [name for line in claim.lines for name, _, _ in line.contacts]
    if claim.prior is not None or len(set(names)) < len(names):
        return None
    if not all(map(_PLAIN.fullmatch, (claim.control_number, *names))):
        return None
    return (
        id(around),
        *map(id, _objects(claim)),
        tuple(map(id, claim.other_coverages)),
        _values(claim),
        tuple([(_billed(line), tuple([each[1:] for each in line.contacts])) for line in claim.lines]),
    )


def _gaps(claim: ClaimDraft) -> list[bytes]:
    """What differs from claim to claim, as it is written."""
    number = claim.control_number
    names = [name for line in claim.lines for name, _, _ in line.contacts]
    found = [number, *own_urls((f"claim|{number}",)), day_written(claim.day), *names]
    return [each.encode() for each in found]


def _form_of(claim: ClaimDraft, data: bytes, write: Write) -> Form | None:
    marked = _marked(claim)
    marks = _gaps(marked)
    # Somebody's name may be a mark: it would be taken for a gap.
    if any(mark in data for mark in marks):
        return None
    form = cut(write(marked), marks, ())
    return form if form is not None and form.filled(_gaps(claim)) == data else None


def _marked(claim: ClaimDraft) -> ClaimDraft:
    """The same claim with marks in place of all that differs."""
    lines = [_marked_line(place, line) for place, line in enumerate(claim.lines)]
    return replace(claim, control_number=_MARK.format("number"), day=_ODD_DAY, lines=tuple(lines))


def _marked_line(place: int, line: ClaimLine) -> ClaimLine:
    names = [_MARK.format(f"{place}-{number}") for number in range(len(line.contacts))]
    contacts = [(name, *each[1:]) for name, each in zip(names, line.contacts, strict=True)]
    return replace(line, contacts=tuple(contacts))
