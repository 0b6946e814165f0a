"""Two EHRs with the same people and staff, one role each, and a record of every kind at both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app import (
    addenda,
    assignments,
    authorizations,
    beside,
    charges,
    consents,
    engagement,
    history,
    individuals,
    meetings,
    registry,
    staff,
    x12_views,
)
from app.actor import Actor
from app.store import sqlite_module
from app.tables import AuthorizationRow, ChargeExportRow, ClaimRow, OutboxRow, X12BatchRow
from app.web.access import cookie_name
from mappings.records import Name, SupervisionSession
from tests.app.web.office import (
    ADMIN,
    EHR,
    PEOPLE,
    STAFF,
    Desk,
    Office,
    _issuer,
    _links,
    _person,
    a_program,
    in_haste,
    open_office,
)
from tests.app.web.office import a_member as registered
from tests.app.web.test_duties import _type
from tests.app.web.test_plan_staff_and_engagement import _begin as begin_entry
from tests.app.web.test_plan_staff_and_engagement import _signed as signed_entry
from tests.app.web.test_writing_and_signing import _cosign, _sign, _write

ELSEWHERE = "elsewhere"
MOSS, FARRELL = "pat-moss", "pat-farrell"
# One person for each role, and nobody with two.
WHO = {
    "peer": STAFF["rivera"][0],
    "lpha": STAFF["chen"][0],
    "supervisor": STAFF["whitfield"][0],
    "biller": STAFF["moreno"][0],
    "clinician": "1900000104",
    "administrator": "1900000112",
    "engineer": "1900000120",
}
COLLEAGUE = STAFF["okafor"][0]
Ids = dict[str, Any]


@dataclass
class World:
    """The office and, by the kind of record, the values that stand in the address: of one's own person, of
    another person of the same EHR (none where the kind belongs to nobody), and of the other EHR."""

    office: Office
    file: Path
    own: dict[str, Ids] = field(default_factory=dict)
    other: dict[str, Ids] = field(default_factory=dict)
    elsewhere: dict[str, Ids] = field(default_factory=dict)

    _cookies: dict[tuple[str, str | None, str], tuple[str, str]] = field(default_factory=dict)
    _kept: tuple[int, Any] | None = None
    _read: tuple[int, dict[str, list[Any]]] | None = None

    def __post_init__(self) -> None:
        self._looker = sqlite_module().connect(str(self.file))

    def close(self) -> None:
        self._looker.close()
        self.office.kit.store.close()

    def sit(self, role: str, patient: str | None, issuer: str = EHR) -> Desk:
        """A browser of its own at the one launch of this role, person and EHR."""
        wanted = (role, patient, issuer)
        if wanted not in self._cookies:
            desk = self.afresh(role, patient, issuer)
            self._cookies[wanted] = (desk.launch_id, cookie_of(desk))
        launch_id, secret = self._cookies[wanted]
        return with_cookie(Desk(self.office.app.test_client(), launch_id), secret)

    def afresh(self, role: str, patient: str | None, issuer: str = EHR) -> Desk:
        """A browser at a launch that nobody else has."""
        return self.office.sit(WHO[role], patient, issuer=issuer)

    @contextmanager
    def as_it_was(self) -> Iterator[None]:
        """Whatever is done inside is undone."""
        if self._kept is None or self._kept[0] != self._version():
            copy = sqlite_module().connect(":memory:")
            self._looker.backup(copy)
            self._kept = (self._version(), copy)
        version, copy = self._kept
        try:
            yield
        finally:
            if version != self._version():
                live = sqlite_module().connect(str(self.file))
                copy.backup(live)
                live.close()
                self._kept = (self._version(), copy)

    def state(self) -> dict[str, list[Any]]:
        """The rows of every table but the trail and the launches."""
        if self._read is None or self._read[0] != self._version():
            self._read = (self._version(), dict(_rows(self._looker)))
        return self._read[1]

    def trail(self, after: int = 0) -> list[str]:
        """The actions of the audit trail behind that number, in their order."""
        told = self._looker.execute("SELECT action FROM audit WHERE seq > ? ORDER BY seq", (after,))
        return [action for (action,) in told]

    def told(self) -> int:
        """The last number of the audit trail."""
        return int(self._looker.execute("SELECT max(seq) FROM audit").fetchone()[0])

    def _version(self) -> int:
        # It changes with every commit of another connection, and the looker itself writes nothing.
        return int(self._looker.execute("PRAGMA data_version").fetchone()[0])


def cookie_of(desk: Desk) -> str:
    """The cookie that opens this launch."""
    cookie = desk.client.get_cookie(cookie_name(desk.launch_id), domain="127.0.0.1")
    assert cookie is not None
    return cookie.value


def with_cookie(desk: Desk, secret: str) -> Desk:
    """The same browser, and this cookie at the name of its launch."""
    desk.client.set_cookie(cookie_name(desk.launch_id), secret, domain="127.0.0.1", secure=True)
    return desk


def _rows(live: Any) -> Iterator[tuple[str, list[Any]]]:
    tables = live.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    for (table,) in tables:
        if table not in ("audit", "launches") and not table.startswith("sqlite_"):
            # The name comes from the database itself.
            yield table, live.execute(f'SELECT * FROM "{table}" ORDER BY rowid').fetchall()  # noqa: S608


def open_world(folder: Path) -> World:
    """The two EHRs with all their records."""
    office = open_office(folder)
    in_haste(office)
    world = World(office, folder / "peerchart.sqlite3")
    _register_elsewhere(office)
    for issuer in (EHR, ELSEWHERE):
        _one_role_each(office, issuer)
    for issuer, patient, hour, ids in (
        (EHR, MOSS, 8, world.own),
        (EHR, FARRELL, 12, world.other),
        (ELSEWHERE, MOSS, 8, world.elsewhere),
    ):
        ids.update(_records(office, issuer, patient, hour))
    _office_records(world)
    return world


def _register_elsewhere(office: Office) -> None:
    base = office.kit.settings.base_url
    issuer = replace(
        _issuer(base, "http://localhost:10"), id=ELSEWHERE, redirect_uri=f"{base}/cb/{ELSEWHERE}"
    )
    admin = replace(ADMIN, issuer=ELSEWHERE)
    now = office.clock()
    with office.kit.store.write() as session:
        registry.register(session, office.kit.keyring, issuer, now)
        staff.save_program(session, admin, a_program(), now, organization="Organization/there")
        for who in STAFF:
            staff.save(session, admin, registered(who), frozenset(STAFF[who][3]), True, now)
        for patient in PEOPLE:
            individuals.remember(session, ELSEWHERE, patient, _person(patient), (), _links(patient), now)
        _undecided(session, office, ELSEWHERE, MOSS)
        _undecided(session, office, EHR, FARRELL)


def _undecided(session: Any, office: Office, issuer: str, patient: str) -> None:
    who = Actor(issuer, WHO["lpha"], "Dana Chen", frozenset({"lpha"}), "setup", patient)
    engagement.record(session, who, "undecided", date(2026, 1, 2), office.kit.library, office.clock())


def _one_role_each(office: Office, issuer: str) -> None:
    admin = replace(ADMIN, issuer=issuer)
    with office.kit.store.write() as session:
        base = registered("whitfield")
        for role, staff_id in WHO.items():
            member = staff.find(session, issuer, staff_id)
            record = member.record if member else _renamed(base, staff_id, role)
            if role == "biller":
                told = (SupervisionSession(on=date(2026, 1, 5), by=WHO["supervisor"], minutes=30),)
                record = record.model_copy(update={"supervision": told})
            staff.save(session, admin, record, frozenset({role}), True, office.clock())


def _renamed(base: Any, staff_id: str, role: str) -> Any:
    name = Name(given=("Robin",), family=role.capitalize())
    return base.model_copy(update={"id": staff_id, "npi": staff_id, "name": name})


def _records(office: Office, issuer: str, patient: str, hour: int) -> dict[str, Ids]:
    """A record of every kind that belongs to a person, made by the pages of that person's chart."""
    peer = office.sit(WHO["peer"], patient, issuer=issuer)
    lpha = office.sit(WHO["lpha"], patient, issuer=issuer)
    day = "2026-03-03" if issuer == EHR else "2026-03-02"  # the number of a claim is made of its day
    times = [_times(day, hour + number) for number in range(3)]
    final, waiting, draft = (_write(peer, **each) for each in times)
    for contact in (final, waiting):
        _sign(peer, contact)
    _cosign(lpha, final)
    _type(peer, draft, {"risk.seen": "yes"})
    entry, plan_draft = signed_entry(lpha), begin_entry(lpha)
    with office.kit.store.write() as session:
        made = _numbers(session, office, issuer, patient)
        made["addendum"] = _addendum(session, office, issuer, patient, final)
    notes = {"draft": draft, "own draft": draft, "waiting note": waiting, "final note": final}
    return {
        **{kind: {"contact_id": contact} for kind, contact in notes.items()},
        "queue item": {"contact_id": waiting},
        "duty": {"contact_id": draft, "duty": "risk"},
        "plan entry": {"entry_id": entry},
        "plan draft": {"entry_id": plan_draft},
        **made,
    }


def _addendum(session: Any, office: Office, issuer: str, patient: str, note: str) -> Ids:
    """An addendum that its writer has not signed."""
    peer = Actor(issuer, WHO["peer"], "Pat Rivera", frozenset({"peer"}), "setup", patient)
    said = addenda.write(session, peer, note, "Called again in the evening.", office.clock())
    return {"addendum_id": said}


def _times(day: str, hour: int) -> dict[str, list[str]]:
    return {
        "start_date": [day],
        "start_time": [f"{hour:02}:00"],
        "end_time": [f"{hour:02}:40"],
    }


def _numbers(session: Any, office: Office, issuer: str, patient: str) -> dict[str, Ids]:
    now = office.clock()
    peer = Actor(issuer, WHO["peer"], "Pat Rivera", frozenset({"peer"}), "setup", patient)
    keeper = replace(peer, staff_id=WHO["supervisor"], roles=frozenset({"supervisor"}))
    beside.note_rights(session, peer, beside.EXPLAINED, date(2026, 3, 2), now)
    line = beside.of_person(session, peer).lines[0].number
    meeting = meetings.note(
        session, keeper, date(2026, 3, 3), 30, "Team", [WHO["peer"], WHO["supervisor"]], [patient], "", now
    )
    given = consents.Given("tpo", ("chart",), "My providers", date(2026, 3, 1), None, "Binder 1", "")
    consent = consents.record(session, peer, given, now)
    details = replace(
        authorizations.first_of(session, keeper, office.kit.library, now),
        service="H0038",
        asked=16,
        requested_on=date(2026, 3, 1),
        first_day=date(2026, 3, 1),
    )
    authorizations.record(session, keeper, details, office.kit.library, now)
    newest = (AuthorizationRow.issuer == issuer, AuthorizationRow.patient == patient)
    claim = session.scalars(select(ClaimRow).where(ClaimRow.issuer == issuer, ClaimRow.patient == patient))
    sent = session.scalars(
        select(OutboxRow).where(
            OutboxRow.issuer == issuer, OutboxRow.patient == patient, OutboxRow.kind == "note"
        )
    )
    day = history.entries(session, issuer, patient)[0].number
    assigned = assignments.assign(session, keeper, WHO["peer"], patient, now)
    opened = assignments.break_glass(session, peer, patient, "person", "It could not wait", "setup", now)
    return {
        "engagement day": {"number": day},
        "line beside": {"number": line},
        "meeting": {"number": meeting},
        "authorization": {
            "authorization_id": session.scalars(select(AuthorizationRow).where(*newest)).one().id
        },
        "claim": {"reference": claim.one().control_number},
        "delivery": {"row_id": sent.one().id},
        "consent": {"number": consent},
        "assignment": {"number": assigned},
        "own assignment": {"number": assigned},
        "opening": {"number": opened},
    }


def _office_records(world: World) -> None:
    """Records that belong to no person: these are known at one EHR alone, or at both."""
    with world.office.kit.store.write() as session:
        for issuer, ids, member in ((EHR, world.own, "S-HERE"), (ELSEWHERE, world.elsewhere, "S-THERE")):
            record = registered("moreno").model_copy(
                update={
                    "id": member,
                    "npi": None,
                    "supervision": (
                        SupervisionSession(on=date(2026, 1, 5), by=WHO["supervisor"], minutes=30),
                    ),
                }
            )
            admin = replace(ADMIN, issuer=issuer)
            staff.save(session, admin, record, frozenset({"peer"}), True, world.office.clock())
            ids["member"] = {"staff_id": member}
            ids["ledger"] = {"staff_id": member, "ledger": "supervision"}
            ids["ledger entry"] = {"staff_id": member, "ledger": "supervision", "row_id": 0}
        world.elsewhere["charge file"] = {"batch": _charged(session, world)}
        world.elsewhere["payer file"] = {"batch": _sent(session, world)}
    world.own["new member"] = {"staff_id": "S-HERE"}
    world.own["step"] = {"step_id": "none-was-begun"}
    world.own["charge file"] = {"batch": "none-was-made"}
    world.own["payer file"] = {"batch": "none-was-made"}
    world.own["rule"] = {"rule": "NY.PROG.ROLES"}
    world.own["preference"] = {"name": "deliveries.listing"}


def _charged(session: Any, world: World) -> str:
    """A charge file of the other EHR, which its biller can have again."""
    biller = Actor(ELSEWHERE, WHO["biller"], "Robin Biller", frozenset({"biller"}), "setup")
    row = ChargeExportRow(issuer=ELSEWHERE, control_number=world.elsewhere["claim"]["reference"])
    row.batch, row.by, row.at = "C-THERE", biller.staff_id, world.office.clock()
    session.add(row)
    session.flush()
    assert [batch for batch, _, _ in charges.batches(session, biller)] == [row.batch]
    return row.batch


def _sent(session: Any, world: World) -> str:
    """A file of the other EHR for a payer, which its biller can have again."""
    biller = Actor(ELSEWHERE, WHO["biller"], "Robin Biller", frozenset({"biller"}), "setup")
    row = X12BatchRow(issuer=ELSEWHERE, batch="THERE-000000001", submitter="ZZ/THERE", number=1)
    row.form, row.content, row.by, row.at = "institutional", "ISA*", biller.staff_id, world.office.clock()
    session.add(row)
    session.flush()
    assert [view.batch for view in x12_views.batches(session, biller)] == [row.batch]
    return row.batch


__all__ = ["ELSEWHERE", "MOSS", "WHO", "Ids", "World", "cookie_of", "open_world", "with_cookie"]
