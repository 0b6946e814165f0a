"""A meeting of a team is noted with its day, minutes and who came, and the rules of the team know it."""

from datetime import date, timedelta

import pytest

from app import judging, meetings, office_findings
from app.problems import MendInput, NotAllowed
from tests.app.office import (
    CHEN,
    ISSUER,
    LINDQVIST,
    MORENO,
    MOSS,
    NOW,
    OKAFOR,
    RIVERA,
    WHITFIELD,
    actor,
    drafted,
    final,
    undecided,
)

TODAY = date(2026, 3, 4)


def note(office, by=WHITFIELD, patient=None, **changes):
    said = {
        "on": TODAY,
        "minutes": 45,
        "team": "Tuesday team",
        "came": [RIVERA, CHEN],
        "about": [MOSS],
        "reference": "",
    } | changes
    with office.store.write() as session:
        return meetings.note(session, actor(by, patient), **said, now=office.now)


def listing(office, by=WHITFIELD, patient=None):
    with office.store.read() as session:
        return meetings.listing(session, actor(by, patient))


def test_a_supervisor_notes_a_meeting_and_those_who_came_find_it(office):
    note(office)
    [seen] = listing(office, RIVERA)
    assert (seen.on, seen.minutes, seen.came) == (TODAY, 45, ("Dana Chen", "Pat Rivera"))
    assert listing(office, OKAFOR) == ()
    assert len(listing(office, CHEN, MOSS)) == 1
    assert listing(office, CHEN, LINDQVIST) == ()


def test_a_reader_learns_no_name_of_somebody_they_do_not_work_with(office):
    note(office, about=[MOSS, LINDQVIST])
    [for_rivera] = listing(office, RIVERA)
    assert (for_rivera.about, for_rivera.others) == ((), 2)
    drafted(office, MOSS)
    [for_rivera] = listing(office, RIVERA)
    assert (for_rivera.about, for_rivera.others) == (("Alex Moss",), 1)
    [in_chart] = listing(office, CHEN, MOSS)
    assert (in_chart.about, in_chart.others) == (("Alex Moss",), 1)


def test_a_meeting_may_be_about_nobodys_treatment(office):
    note(office, about=[])
    assert listing(office)[0].about == ()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"minutes": 0}, "minutes"),
        ({"minutes": None}, "minutes"),
        ({"minutes": 1441}, "minutes"),
        ({"team": " "}, "team"),
        ({"came": []}, "came"),
        ({"came": ["nobody"]}, "came"),
        ({"about": ["pat-nobody"]}, "about"),
        ({"on": None}, "on"),
        ({"on": date(2026, 3, 5)}, "on"),
    ],
)
def test_a_meeting_that_cannot_be_is_refused_beside_its_field(office, changes, field):
    with pytest.raises(MendInput) as refused:
        note(office, **changes)
    assert list(refused.value.errors) == [field]
    assert listing(office) == ()


def test_a_peer_notes_the_meetings_they_attended_about_their_own_people(office):
    for came, about in (([CHEN], []), ([RIVERA], [MOSS])):
        with pytest.raises(MendInput):
            note(office, RIVERA, came=came, about=about)
    note(office, RIVERA, patient=MOSS)
    for who in (CHEN, MORENO):
        with pytest.raises(NotAllowed):
            note(office, who)


def test_a_meeting_stands_beside_the_person_for_the_rules_until_it_is_struck(office):
    number = note(office)
    with office.store.read() as session:
        [told] = judging.around(session, ISSUER, MOSS).meetings
        assert judging.around(session, ISSUER, LINDQVIST).meetings == ()
    assert (told.on, told.with_, told.reference) == (TODAY, (RIVERA, CHEN), f"M-{number}")
    with office.store.write() as session:
        meetings.strike(session, actor(WHITFIELD), number, "It was another day", NOW)
    with office.store.read() as session:
        assert judging.around(session, ISSUER, MOSS).meetings == ()
    assert listing(office)[0].struck == "It was another day"


def test_the_rule_of_attendance_counts_what_is_noted(office):
    undecided(office)
    final(office)
    note(office, came=[CHEN])

    def said():
        with office.store.read() as session:
            judged = office_findings.of_staff(session, actor(WHITFIELD), office.library, office.now)
        return judged[RIVERA].finding("NY.COLLAB.MEETINGS")

    assert said().result == "advice"
    note(office, on=TODAY - timedelta(days=1), came=[RIVERA])
    assert "1 of 2" in said().message
