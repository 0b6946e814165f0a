"""However long a person's history of claims is, what is read of it is what still counts."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from app import judging
from tests.app.billed_history import billed_before
from tests.app.office import ISSUER, MOSS, drafted, furnish, open_office, undecided

# As many days as the year of the contact has had, and a week of the year before.
THIS_YEAR = (date(2026, 3, 3) - date(2025, 12, 25)).days + 1


@pytest.fixture
def office(tmp_path: Path):
    furnish(tmp_path)
    office = open_office(tmp_path)
    yield office
    office.close()


@pytest.mark.parametrize(
    ("authorization", "counting"), [(None, 2 * THIS_YEAR), ("AUTH-1", 400)], ids=["none", "authorized"]
)
def test_released_units_count_for_a_year_and_those_of_an_authorization_without_end(
    office, authorization, counting
):
    undecided(office)
    contact = drafted(office).contact
    billed_before(office, 400, authorization)
    with office.store.read() as session:
        released = judging.around(session, ISSUER, MOSS, contact).released
        everything = judging.around(session, ISSUER, MOSS).released
    assert len(released) == len({each.contact_id for each in released}) == counting
    assert len(everything) == 400
