"""Whatever is signed, released, amended, voided, corrected or denied: no unit is billed twice or lost."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app import billing, charting, claim_status
from app.problems import Held, NotFound, Stale
from tests.app.office import (
    ISSUER,
    MORENO,
    MOSS,
    NOW,
    RIVERA,
    Office,
    actor,
    cosigned,
    final,
    furnish,
    open_office,
    signed,
    undecided,
)

BILLER = actor(MORENO)
CAP = 12
HOURS = {"morning": 9, "noon": 6, "afternoon": 3}
WRITE = st.tuples(st.just("write"), st.sampled_from(sorted(HOURS)), st.sampled_from([20, 40, 100]))
STEP = st.one_of(
    WRITE,
    st.tuples(st.just("amend"), st.integers(0, 2), st.sampled_from(["shorter", "longer", "moved", "error"])),
    st.tuples(st.just("release"), st.integers(0, 3), st.none()),
    st.tuples(st.just("ask"), st.integers(0, 2), st.sampled_from(["correct", "void"])),
    st.tuples(
        st.just("answer"), st.integers(0, 2), st.sampled_from(["accepted", "denied", "rejected", "paid"])
    ),
    st.tuples(st.just("lift"), st.integers(0, 2), st.none()),
)
# Before there is a note and a claim nothing else can be done.
BEGIN = st.tuples(WRITE, st.just(("release", 0, None)))
DAYS = st.builds(lambda begin, then: [*begin, *then], BEGIN, st.lists(STEP, min_size=3, max_size=9))


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ledger") / "home"
    folder.mkdir()
    furnish(folder)
    office = open_office(folder)
    undecided(office)
    office.close()
    return folder


class Ledger:
    """Reads what left the house, and nothing else: the Claims in the outbox, in their order."""

    def __init__(self, office: Office) -> None:
        with office.store.read() as session:
            rows = session.execute(
                text("SELECT payload FROM outbox WHERE destination = 'claims' ORDER BY id")
            ).scalars()
            self.standing: dict[str, dict[str, int]] = {}
            self.days: dict[str, str] = {}
            for payload in rows.all():
                self._take(payload)

    def _take(self, payload: bytes) -> None:
        for entry in json.loads(payload)["entry"]:
            claim = entry["resource"]
            if claim["resourceType"] != "Claim" or claim["status"] == "cancelled":
                continue
            number = claim["identifier"][0]["value"]
            frequency = [i["valueString"] for i in claim["supportingInfo"] if "frequency" in str(i)]
            for related in claim.get("related", ()):
                prior = related["claim"]["identifier"]["value"]
                assert prior in self.standing, f"{number} replaces {prior}, which does not stand"
                del self.standing[prior]
            if frequency != ["8"]:
                self.days[number] = claim["item"][0]["servicedDate"]
                self.standing[number] = dict(self._units(claim))

    @staticmethod
    def _units(claim: dict) -> list[tuple[str, int]]:
        found = []
        for item in claim["item"]:
            parts = [e["extension"] for e in item["extension"]]
            assert item["quantity"]["value"] == sum(part[1]["valuePositiveInt"] for part in parts)
            found += [(p[0]["valueIdentifier"]["value"], p[1]["valuePositiveInt"]) for p in parts]
        assert len(dict(found)) == len(found)
        return found

    def check(self, office: Office) -> None:
        """No contact stands in two claims, no day passes its cap, and the books say the same."""
        notes = [note for units in self.standing.values() for note in units]
        contacts = [note.split("/note/")[0] for note in notes]
        assert len(set(contacts)) == len(contacts), "a contact is billed twice"
        by_day: dict[str, int] = {}
        for number, units in self.standing.items():
            by_day[self.days[number]] = by_day.get(self.days[number], 0) + sum(units.values())
        assert all(units <= CAP for units in by_day.values()), by_day
        with office.store.read() as session:
            books = session.execute(
                text(
                    "SELECT u.contact || '/note/' || u.version, u.units FROM claim_units u JOIN claims c "
                    "USING (issuer, control_number) WHERE u.live = 1 AND c.released_at IS NOT NULL"
                )
            ).all()
        assert sorted(books) == sorted(pair for units in self.standing.values() for pair in units.items())


def _settle(office: Office) -> None:
    """A biller lifts every hold and releases all there is until nothing is left to do."""
    for _ in range(30):
        with office.store.write() as session:
            billing.redraft_all(session, BILLER, office.library, office.now)
        with office.store.read() as session:
            open_ = [c for c in billing.listing(session, BILLER) if c.state in ("ready", "held")]
        numbers = [(c.control_number, c.state) for c in open_ if c.control_number]
        if not numbers:
            assert open_ == [], "something is held for good"
            return
        for number, state in numbers:
            if state == "held":
                _lift(office, number)
            _release(office, number)
    raise AssertionError("the claims never come to rest")


def _release(office: Office, number: str) -> None:
    # What another release of the same round has changed meanwhile comes again in the next round.
    with suppress(Stale, NotFound), office.store.write() as session:
        billing.release(session, BILLER, number, office.library, office.now)


def _lift(office: Office, number: str) -> None:
    with suppress(Stale, NotFound), office.store.write() as session:
        billing.unhold(session, BILLER, number, office.now)


def _amend(office: Office, contact: str, how: str) -> None:
    who = actor(RIVERA, MOSS)
    office.later(minutes=1)
    with office.store.write() as session:
        fresh = charting.amend(session, who, contact, office.library, office.now)
        record = fresh.contact
        assert record.start is not None
        assert record.end is not None
        days = timedelta(days=1)
        changes = {
            "shorter": {"excluded_minutes": 20},
            "longer": {"end": record.end + timedelta(minutes=20), "excluded_minutes": 0},
            "moved": {"start": record.start - days, "end": record.end - days},
            "error": {"status": "entered-in-error"},
        }[how]
        changed = record.model_copy(update=changes)
        charting.save_draft(session, who, changed, fresh.edit, office.library, office.now)
    office.later(minutes=1)
    if not signed(office, contact).final:
        cosigned(office, contact)


def _step(office: Office, contacts: list[str], gone: set[str], what: str, which: object, how: object) -> None:
    with office.store.read() as session:
        claims = billing.listing(session, BILLER)
    drafts = sorted(c.control_number for c in claims if c.state == "ready" and c.control_number)
    out = sorted(c.control_number for c in claims if c.state == "released" and not c.voids)
    held = sorted(c.control_number for c in claims if c.state == "held" and c.control_number)
    if what == "write" and str(which) not in gone:
        gone.add(str(which))
        contacts.append(final(office, at=NOW - timedelta(hours=HOURS[str(which)]), minutes=int(str(how))))
    elif what == "amend" and contacts:
        _amend(office, contacts[int(str(which)) % len(contacts)], str(how))
    elif what == "release" and drafts:
        _release(office, drafts[int(str(which)) % len(drafts)])
    elif what == "ask" and out:
        number = out[int(str(which)) % len(out)]
        with suppress(Held), office.store.write() as session:
            billing.ask(session, BILLER, number, str(how), "As told", office.library, office.now)
    elif what == "answer" and out:
        with office.store.write() as session:
            number = out[int(str(which)) % len(out)]
            claim_status.answered(session, ISSUER, number, str(how), office.now, "as told")
    elif what == "lift" and held:
        _lift(office, held[int(str(which)) % len(held)])


# A note whose claim was voided is billed again: seen to be refused by the database at its second release.
@example([("write", "morning", 40), ("release", 0, None), ("ask", 0, "void")])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(DAYS)
def test_no_unit_is_billed_twice_nor_lost(furnished: Path, steps: list[tuple[str, object, object]]) -> None:
    with TemporaryDirectory() as home:
        office = open_office(copytree(furnished, Path(home) / "home"))
        contacts: list[str] = []
        try:
            for step in steps:
                _step(office, contacts, set() if not contacts else _used(office), *step)
                Ledger(office).check(office)
            _settle(office)
            ledger = Ledger(office)
            ledger.check(office)
            _nothing_lost(office, ledger)
        finally:
            office.close()


def _used(office: Office) -> set[str]:
    with office.store.read() as session:
        starts = session.execute(text("SELECT start FROM contact_versions")).scalars().all()
    hours = {NOW.hour - value: name for name, value in HOURS.items()}
    return {hours[int(str(start)[11:13])] for start in starts if int(str(start)[11:13]) in hours}


def _nothing_lost(office: Office, ledger: Ledger) -> None:
    """Once all is released, each final note with a full unit is billed in its last version, up to the cap."""
    with office.store.read() as session:
        rows = session.execute(
            text("SELECT contact, version, units, start, record FROM contact_versions WHERE state = 'final'")
        ).all()
    final = [
        (f"{contact}/note/{version}", units, str(start)[:10])
        for contact, version, units, start, record in rows
        if "entered-in-error" not in record and units
    ]
    wanted: dict[str, int] = {}
    for _, units, day in final:
        wanted[day] = wanted.get(day, 0) + units
    standing = {note for units in ledger.standing.values() for note in units}
    # Which of a day's notes the cap leaves out is not for this property to say.
    lost = [note for note, _, day in final if note not in standing and wanted[day] <= CAP]
    assert lost == []
    billed: dict[str, int] = {}
    for number, units in ledger.standing.items():
        billed[ledger.days[number]] = billed.get(ledger.days[number], 0) + sum(units.values())
    assert billed == {day: min(CAP, units) for day, units in wanted.items()}
