"""A group with two facilitators: the names of all its members are looked for in each note, and nothing more
is told of the other's notes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app import charting, group_sessions, judging
from app.charting import Draft
from app.tables import VersionRow
from app.words import AWAITING
from mappings.findings import Finding
from mappings.records import Contact
from tests.app.office import (
    FARRELL,
    ISSUER,
    MOSS,
    OKAFOR,
    RIVERA,
    Office,
    actor,
    drafted,
)

NOTE = {
    "purpose": "Practise asking for help.",
    "response": "Spoke with {} about the bus.",
    "progress": "Knows whom to call.",
    "outcome": "Will come again.",
    "data_verified": True,
}


def in_group(
    office: Office,
    patient: str,
    by: str,
    text: str = "others",
    session: str = "Tuesday group",
    later: int = 0,
    attendees: int = 3,
) -> Draft:
    """A draft of one member's note of the group, an hour ago."""
    at = office.now - timedelta(minutes=60) + timedelta(minutes=later)
    note = NOTE | {"response": NOTE["response"].format(text)}  # type: ignore[attr-defined]
    service = {
        "type": "adult",
        "format": "group",
        "place": "onsite",
        "modality": "in-person",
        "voluntary": True,
    }
    group = {"session": session, "attendees": attendees}
    return drafted(office, patient, by, at, group=group, note=note, service=service)


def judged(office: Office, draft: Draft, by: str = RIVERA, patient: str = MOSS) -> Finding:
    """What the rule on names says of a draft as it is stored."""
    return _finding(office, draft.contact, by, patient)


def _finding(office: Office, contact: Contact, by: str = RIVERA, patient: str = MOSS) -> Finding:
    with office.store.read() as session:
        found = charting.judge(session, actor(by, patient), contact, office.library, office.now)
    rule = next(rule.id for rule in office.library.rules() if rule.versions[-1].check == "no-names-of-others")
    finding = found.finding(rule)
    assert finding is not None
    return finding


@pytest.fixture
def two(office: Office) -> Draft:
    """Okafor wrote of Farrell, Rivera of Moss and names Farrell."""
    in_group(office, FARRELL, OKAFOR)
    return in_group(office, MOSS, RIVERA, text=_first_name(office, FARRELL))


def _first_name(office: Office, patient: str) -> str:
    from app import individuals

    with office.store.read() as session:
        name = individuals.find(session, ISSUER, patient).record.name
    assert name is not None
    return f"{name.given[0]} {name.family}"


def test_a_member_of_whom_the_other_facilitator_wrote_is_not_to_be_named(office: Office, two: Draft) -> None:
    finding = judged(office, two)
    assert finding.result == "advice"
    assert [hit.wordings for hit in finding.words] == [("another member of the group",)]


def test_the_check_says_no_more_than_that_a_name_stands_there(office: Office, two: Draft) -> None:
    finding = judged(office, two)
    for word in (FARRELL, OKAFOR, "Okafor", "Ngozi", "C-"):
        assert word not in finding.message + finding.fix


def test_a_note_that_names_nobody_passes_and_tells_nothing_of_the_others(office: Office) -> None:
    in_group(office, FARRELL, OKAFOR)
    finding = judged(office, in_group(office, MOSS, RIVERA))
    assert (finding.result, finding.words) == ("pass", ())


@pytest.mark.parametrize("how", [{"session": "Another group"}, {"later": 50}])
def test_a_group_of_another_name_or_hour_makes_nobody_known(office: Office, how: dict[str, object]) -> None:
    in_group(office, FARRELL, OKAFOR, **how)  # type: ignore[arg-type]
    finding = judged(office, in_group(office, MOSS, RIVERA, text=_first_name(office, FARRELL)))
    assert finding.words == ()


def test_a_session_that_is_only_typed_makes_nobody_known(office: Office) -> None:
    in_group(office, FARRELL, OKAFOR)
    saved = in_group(office, MOSS, RIVERA, text=_first_name(office, FARRELL), session="My own")
    group = saved.contact.group
    assert group is not None
    typed = saved.contact.model_copy(update={"group": group.model_copy(update={"session": "Tuesday group"})})
    assert _finding(office, typed).words == ()


def test_of_the_others_notes_nothing_comes_along_but_who_was_there(office: Office, two: Draft) -> None:
    with office.store.read() as session:
        [other] = group_sessions.members(session, ISSUER, two.contact)
    assert other.note is None and other.service is None and other.peer is None and other.signatures == ()
    assert other.individual.coverages == () and other.individual.birth_date is None


def test_what_another_wrote_of_the_same_person_is_none_of_it(office: Office) -> None:
    in_group(office, MOSS, OKAFOR)
    own = in_group(office, MOSS, RIVERA)
    with office.store.read() as session:
        assert group_sessions.members(session, ISSUER, own.contact) == []


def test_a_claim_sees_the_signed_members_and_no_drafts(office: Office) -> None:
    draft = in_group(office, FARRELL, OKAFOR)
    own = in_group(office, MOSS, RIVERA).contact
    with office.store.write() as session:
        assert judging.signed_near(session, ISSUER, MOSS, [own]) == []
        row = session.get_one(VersionRow, (ISSUER, draft.contact.id, 1))
        row.state = AWAITING
        session.flush()
        assert [each.id for each in judging.signed_near(session, ISSUER, MOSS, [own])] == [draft.contact.id]


def test_thirteen_people_are_too_many_whoever_wrote_of_them(office: Office) -> None:
    in_group(office, FARRELL, OKAFOR, attendees=12)
    own = in_group(office, MOSS, RIVERA, attendees=12)
    listed = own.contact.group
    assert listed is not None
    others = tuple(f"member-{n}" for n in range(11))
    contact = own.contact.model_copy(
        update={"group": listed.model_copy(update={"recipients": (own.contact.individual.id, *others)})}
    )
    with office.store.read() as session:
        found = charting.judge(session, actor(RIVERA, MOSS), contact, office.library, office.now)
    [size] = [each for each in found.findings if "people attended" in each.message]
    assert "13 people attended" in size.message
