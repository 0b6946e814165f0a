"""The page of deliveries: what somebody must see to stands out, what goes by itself is told in one line."""

from __future__ import annotations

import pytest

from app import outbox
from app.tables import OutboxRow
from mappings.disclosure import missing_words
from tests.app.web.office import EHR, Office

WAITS = missing_words("chart")


def row(office: Office, number: int, kind: str, state: str, reason: str | None = None) -> None:
    lane = outbox.TRAIL if kind == outbox.LINES else outbox.CONSENTS
    key = f"{'trail' if kind == outbox.LINES else 'consent'}/{number}"
    with office.kit.store.write() as session:
        made = outbox.add(session, EHR, lane, kind, key, "pat-moss", key, b"{}", office.clock())
        held = session.get_one(OutboxRow, made)
        held.state, held.reason = state, reason
        held.settled_at = office.clock() if state == outbox.IN_CHART else None


@pytest.fixture
def page(office: Office) -> str:
    row(office, 1, outbox.LINES, outbox.IN_CHART)
    row(office, 2, outbox.LINES, outbox.IN_CHART)
    row(office, 3, outbox.LINES, outbox.HELD, WAITS)
    row(office, 4, outbox.LINES, outbox.REFUSED, "No such type.")
    row(office, 5, outbox.CONSENT, outbox.IN_CHART)
    row(office, 6, outbox.REVOCATION, outbox.HELD, "Have it marked there by hand.")
    return office.sit("rivera", "pat-moss").get("/deliveries").text


def test_lines_of_the_trail_are_told_together_but_for_those_that_somebody_must_see_to(page: str) -> None:
    assert "Lines of the audit trail: 2 deliveries stand in the EHR, the last since" in page
    assert "1 delivery waits for a written consent of the person, and goes by itself" in page
    assert "Record trail/4" in page
    assert "No such type." in page
    assert not [number for number in (1, 2, 3) if f"Record trail/{number}" in page]


def test_a_consent_and_its_revocation_stand_in_the_words_of_the_office(page: str) -> None:
    assert "Consent to disclose" in page
    assert "Word that a consent was revoked" in page
    assert "Have it marked there by hand." in page


def test_a_state_shows_its_own_alone(office: Office, page: str) -> None:
    held = office.sit("rivera", "pat-moss").get("/deliveries?state=held").text
    assert "waits for a written consent" in held
    assert "stand in the EHR" not in held
    assert (
        "Nothing stands in this state"
        not in office.sit("rivera", "pat-moss").get("/deliveries?state=in-chart").text
    )
