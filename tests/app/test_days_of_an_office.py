"""Whatever people do, in whatever order: nothing signed changes, nothing is final or billed twice, every note
stays in its person's chart."""

import contextlib
import json
import shutil
import tempfile
from datetime import date, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule
from sqlalchemy import text

from app import audit, billing, charting, engagement, outbox, signing
from app.problems import Problem
from tests.app.office import (
    CHEN,
    HADDAD,
    LINDQVIST,
    MORENO,
    MOSS,
    OKAFOR,
    RIVERA,
    actor,
    admitted,
    furnish,
    open_office,
    undecided,
    written,
)

PEERS, LPHAS, PEOPLE = (RIVERA, OKAFOR), (CHEN, HADDAD), (MOSS, LINDQVIST)
BILLER = actor(MORENO)
_furnished: list[Path] = []


def furnished() -> Path:
    """A furnished installation to copy, made once."""
    if not _furnished:
        folder = Path(tempfile.mkdtemp(prefix="peerchart-office-"))
        furnish(folder)
        office = open_office(folder)
        undecided(office, MOSS)
        admitted(office, LINDQVIST)
        office.close()
        _furnished.append(folder)
    return _furnished[0]


def teardown_module() -> None:
    for folder in _furnished:
        shutil.rmtree(folder)
    _furnished.clear()


class DaysOfAnOffice(RuleBasedStateMachine):
    notes = Bundle("notes")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="peerchart-days-"))
        shutil.copytree(furnished(), self.folder, dirs_exist_ok=True)
        self.office = open_office(self.folder)
        self.frozen: dict[object, object] = {}

    def teardown(self) -> None:
        self.office.close()
        shutil.rmtree(self.folder)

    @contextlib.contextmanager
    def tried(self):
        """An attempt that may be refused, in words; anything else that goes wrong is a fault."""
        self.office.later(seconds=30)
        with contextlib.suppress(Problem), self.office.store.write() as session:
            yield session

    @rule(
        target=notes,
        peer=st.sampled_from(PEERS),
        patient=st.sampled_from(PEOPLE),
        hours=st.integers(1, 30),
        minutes=st.sampled_from([10, 15, 40, 100, 170]),
    )
    def write(self, peer, patient, hours, minutes):
        who, office = actor(peer, patient), self.office
        with self.tried() as session:
            begun = charting.start(session, who, office.now)
            contact = written(begun.contact, office.now - timedelta(hours=hours), minutes)
            charting.save_draft(session, who, contact, begun.edit, office.library, office.now)
            return (contact.id, peer, patient)
        return multiple()

    @rule(note=notes, edit=st.integers(0, 2), left_out=st.sampled_from([0, 5, 20]), by=st.sampled_from(PEERS))
    def save(self, note, edit, left_out, by):
        contact_id, _, patient = note
        who, office = actor(by, patient), self.office
        with self.tried() as session:
            contact = charting.read(session, who, contact_id).contact
            changed = contact.model_copy(update={"excluded_minutes": left_out})
            charting.save_draft(session, who, changed, edit, office.library, office.now)

    @rule(note=notes, rightly=st.booleans())
    def sign(self, note, rightly):
        contact_id, author, patient = note
        who = actor(author, patient) if rightly else actor(OKAFOR, patient)
        office = self.office
        with self.tried() as session:
            digest = signing.shown(session, who, contact_id, office.library, office.now).digest
            signing.sign(session, who, contact_id, digest, office.library, office.keyring, office.now)

    @rule(note=notes, by=st.sampled_from((*LPHAS, RIVERA)), patient=st.sampled_from((None, *PEOPLE)))
    def cosign(self, note, by, patient):
        contact_id, _, own = note
        who, office = actor(by, patient or own), self.office
        with self.tried() as session:
            digest = signing.shown(session, who, contact_id, office.library, office.now).digest
            signing.cosign(session, who, contact_id, digest, office.library, office.keyring, office.now)

    @rule(note=notes)
    def sign_and_cosign(self, note):
        self.sign(note, True)
        self.cosign(note, CHEN, None)

    @rule(note=notes)
    def send_back(self, note):
        with self.tried() as session:
            signing.send_back(session, actor(CHEN, note[2]), note[0], "Say more.", self.office.now)

    @rule(note=notes)
    def recall(self, note):
        with self.tried() as session:
            signing.recall(session, actor(note[1], note[2]), note[0], self.office.now)

    @rule(note=notes)
    def amend(self, note):
        with self.tried() as session:
            who = actor(note[1], note[2])
            charting.amend(session, who, note[0], self.office.library, self.office.now)

    @rule(note=consumes(notes))
    def discard(self, note):
        with self.tried() as session:
            who = actor(note[1], note[2])
            charting.discard(session, who, note[0], self.office.library, self.office.now)

    @rule(
        patient=st.sampled_from(PEOPLE),
        status=st.sampled_from(["undecided", "admitted", "declined", "discharged"]),
        day=st.sampled_from([date(2026, 3, 3), date(2026, 3, 4)]),
    )
    def engage(self, patient, status, day):
        with self.tried() as session:
            who = actor(CHEN, patient)
            engagement.record(session, who, status, day, self.office.library, self.office.now)

    @rule(place=st.integers(0, 3))
    def release(self, place):
        with self.tried() as session:
            claims = billing.listing(session, BILLER, "ready")
            if claims:
                number = claims[place % len(claims)].control_number
                billing.release(session, BILLER, number, self.office.library, self.office.now)

    @rule(how=st.sampled_from([outbox.refuse, outbox.hold, outbox.settle]))
    def deliver(self, how):
        with self.tried() as session:
            leased = outbox.lease(session, "worker", self.office.now, 30)
            if leased is not None and how is outbox.settle:
                outbox.settle(session, leased, {}, self.office.now)
            elif leased is not None:
                how(session, leased, "422", self.office.now)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with self.office.store.read() as session:
            return [tuple(row) for row in session.execute(text(query))]

    @invariant()
    def what_is_signed_never_changes(self):
        versions = self.rows(
            "SELECT contact, version, record, text, digest, units, findings, library, frozen_at "
            "FROM contact_versions WHERE frozen_at IS NOT NULL"
        )
        signatures = self.rows("SELECT * FROM signatures")
        payloads = self.rows("SELECT id, payload, digest, key, patient FROM outbox")
        now = {("version", *row[:2]): row for row in versions}
        now |= {("signature", row[0]): row for row in signatures}
        now |= {("outbox", row[0]): row for row in payloads}
        assert {key: now.get(key) for key in self.frozen} == self.frozen
        self.frozen = dict(now)

    @invariant()
    def nobody_cosigns_their_own_note(self):
        own = self.rows(
            "SELECT s.id FROM signatures s JOIN contacts c ON c.id = s.subject "
            "WHERE s.meaning <> 'author' AND s.by = c.author"
        )
        foreign = self.rows(
            "SELECT s.id FROM signatures s JOIN contacts c ON c.id = s.subject "
            "WHERE s.meaning = 'author' AND s.by <> c.author"
        )
        assert (own, foreign) == ([], [])

    @invariant()
    def a_contact_has_one_final_version_at_most_and_every_one_left_once(self):
        finals = self.rows(
            "SELECT contact, version, state FROM contact_versions WHERE state IN ('final', 'superseded')"
        )
        standing = [contact for contact, _, state in finals if state == "final"]
        assert len(standing) == len(set(standing))
        sent = [key for (key,) in self.rows("SELECT key FROM outbox WHERE kind = 'note'")]
        assert sorted(sent) == sorted(f"note/{contact}/{version}" for contact, version, _ in finals)

    @invariant()
    def a_contact_is_in_one_live_claim_at_most_and_no_day_has_more_than_twelve_units(self):
        live = self.rows("SELECT contact FROM claim_units WHERE live = 1")
        assert len(live) == len(set(live))
        days = self.rows("SELECT sum(units) FROM claim_units WHERE live = 1 GROUP BY patient, day")
        assert all(units <= 12 for (units,) in days)
        sums = self.rows(
            "SELECT c.units - coalesce((SELECT sum(u.units) FROM claim_units u "
            "WHERE u.control_number = c.control_number AND u.live = 1), 0) FROM claims c "
            "WHERE c.frequency <> '8' AND c.state NOT IN ('corrected', 'voided') "
            "AND (c.prior IS NULL OR c.released_at IS NOT NULL)"
        )
        assert all(difference == 0 for (difference,) in sums)

    @invariant()
    def what_is_billed_but_not_released_is_the_current_final_version(self):
        odd = self.rows(
            "SELECT u.contact FROM claim_units u JOIN claims k ON k.control_number = u.control_number "
            "JOIN contacts c ON c.id = u.contact "
            "JOIN contact_versions v ON v.contact = u.contact AND v.version = u.version "
            "WHERE u.live = 1 AND k.released_at IS NULL AND (v.state <> 'final' OR c.current <> u.version)"
        )
        assert odd == []

    @invariant()
    def every_released_claim_left_once(self):
        released = self.rows("SELECT 'claim/' || control_number FROM claims WHERE released_at IS NOT NULL")
        sent = self.rows("SELECT key FROM outbox WHERE kind = 'claim' AND key NOT LIKE '%/cancelled'")
        assert sorted(released) == sorted(sent)

    @invariant()
    def every_note_is_for_the_chart_of_its_person(self):
        notes = self.rows(
            "SELECT o.payload, c.patient, o.patient FROM outbox o JOIN contacts c ON c.id = o.subject "
            "WHERE o.kind = 'note'"
        )
        for payload, patient, of_row in notes:
            assert of_row == patient
            for entry in json.loads(payload)["entry"]:
                about = entry["resource"].get("subject") or entry["resource"].get("patient")
                assert about is None or about["reference"] == f"Patient/{patient}"

    @invariant()
    def the_trail_holds(self):
        with self.office.store.read() as session:
            assert audit.verify(session) == ()


DaysOfAnOffice.TestCase.settings = settings(max_examples=12, stateful_step_count=30, deadline=None)
TestDaysOfAnOffice = DaysOfAnOffice.TestCase


def test_the_days_come_as_far_as_a_released_claim_and_an_amended_note():
    days = DaysOfAnOffice()
    try:
        note = days.write(RIVERA, MOSS, 2, 40)
        days.sign_and_cosign(note)
        days.release(0)
        days.amend(note)
        days.sign_and_cosign(note)
        assert days.rows("SELECT state, frequency FROM claims ORDER BY frequency") == [
            ("released", "1"),
            ("ready", "7"),
        ]
        assert days.rows("SELECT state FROM contact_versions ORDER BY version") == [
            ("superseded",),
            ("final",),
        ]
        assert days.rows("SELECT reason FROM claim_holds") == []
        for name in (
            name for name in dir(days) if name.startswith(("what_", "nobody_", "a_contact", "every_"))
        ):
            getattr(days, name)()
    finally:
        days.teardown()
