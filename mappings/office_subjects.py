"""Staff and programmes as the rules about an office see them, on the day of the clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property

from mappings.days import zone_named
from mappings.records import PEER_SUPPORT, Collaboration, Contact, PlanEntry, Program, Record, Staff


class Meetings:
    """The meetings that contacts and plan entries of one input tell of: who came, and about whom."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.by_person: dict[str, list[Collaboration]] = {}
        self.people_of: dict[str, set[str]] = {}
        for record in records:
            if not isinstance(record, Contact | PlanEntry):
                continue
            self.by_person.setdefault(record.individual.id, []).extend(record.collaboration)
            if isinstance(record, Contact) and record.peer is not None:
                self.people_of.setdefault(record.peer.id, set()).add(record.individual.id)

    def of_peer(self, id: str, first: date, last: date) -> tuple[int, int]:
        """How many meetings about the peer's people took place in the days given, and how many of them
        the peer attended; one reference on one day is one meeting."""
        came: dict[tuple[date, str], bool] = {}
        for person in self.people_of.get(id, ()):
            for meeting in self.by_person.get(person, ()):
                if meeting.on is not None and first <= meeting.on <= last:
                    key = (meeting.on, meeting.reference or person)
                    came[key] = came.get(key, False) or id in meeting.with_
        return len(came), sum(came.values())


class StaffSubject:
    """A staff record with everything the rules about staff ask for.

    `role` tells whether the member has the role of a peer, None where nobody says so.
    """

    def __init__(self, record: Staff, meetings: Meetings, now: datetime, role: bool | None = None) -> None:
        self.record, self.meetings, self.now, self.role = record, meetings, now, role

    @property
    def day(self) -> date:
        """The day of the clock."""
        return self.now.date()

    def is_peer(self, credentials: Sequence[str]) -> bool:
        """Whether the staff member is a peer: by a credential, else by the role where it is known, else by
        contacts or by a supervisor together with what is on file of peers alone: a supervisor by itself is no
        sign, since everybody may have one."""
        if any(c.code in credentials for c in self.record.credentials):
            return True
        if self.role is not None:
            return self.role
        return not self.record.credentials and self._works_as_peer

    @property
    def _works_as_peer(self) -> bool:
        if self.record.id in self.meetings.people_of:
            return True
        attested = any(each.affirmed for each in self.record.attestations)
        taught = any(each.on_topic(PEER_SUPPORT) for each in self.record.education)
        return self.record.supervisor is not None and (attested or taught)


class ProgramSubject:
    """A programme record with everything the rules about programmes ask for."""

    def __init__(self, record: Program, now: datetime) -> None:
        self.record, self.now = record, now

    @cached_property
    def day(self) -> date:
        """The calendar day of the clock where the programme is."""
        zone = zone_named(self.record.time_zone) if self.record.time_zone else None
        return (self.now.astimezone(zone) if zone is not None else self.now).date()


def office_subjects(
    records: Sequence[Record],
    now: datetime,
    roles: Mapping[str, bool] | None = None,
    meetings: Meetings | None = None,
) -> list[StaffSubject | ProgramSubject]:
    """Every staff and programme record of the input as a subject of rules, in input order; `roles` says by
    staff id who has the role of a peer, as far as it is known; `meetings` are those that the records tell of
    where None."""
    meetings, found = meetings or Meetings(records), list[StaffSubject | ProgramSubject]()
    for record in records:
        if isinstance(record, Staff):
            found.append(StaffSubject(record, meetings, now, (roles or {}).get(record.id)))
        elif isinstance(record, Program):
            found.append(ProgramSubject(record, now))
    return found
