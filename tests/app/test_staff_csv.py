"""The staff registry as CSV: a row for each fact, refused line by line, nothing lost on the way and back."""

import csv
import io
import re
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import staff, staff_csv
from app.actor import PEER, ROLES
from app.problems import MendInput
from app.staff_csv import COLUMNS, FACTS
from app.typed_text import UNSENDABLE
from mappings.library import load
from mappings.office_codes import office_codes
from mappings.records import Staff
from tests.app.office import CHEN, ISSUER, NAMES, NOW, RIVERA, WHITFIELD, actor, member

KEEPER = actor(WHITFIELD)
CODES = office_codes(load())
DELGADO = "1900000054"


def text_of(*rows: dict[str, str]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def fact(fact: str, id: str = DELGADO, /, **cells: str) -> dict[str, str]:
    named = {"from" if name == "from_" else name: cell for name, cell in cells.items()}
    return {"id": id, "fact": fact, **named}


SAM = fact("member", npi=DELGADO, given="Sam", family="Delgado", roles="peer", birth_date="2001-09-14")
FACTS_OF_SAM = (
    SAM,
    fact("supervisor", by=CHEN, category="lcsw", from_="2025-06-02", ops="2025-07-01"),
    fact("earlier-supervisor", by=WHITFIELD, category="rn", from_="2025-01-01", to="2025-06-01"),
    fact("credential", code="ypa-c", issuer="omh-approved", number="NY-1", from_="2025-01-01"),
    fact("credential", code="nycps-provisional", hours="40.5", test_passed="2025-02-02"),
    fact("attestation", kind="lived-experience", answer="yes", on="2025-01-02", by=CHEN),
    fact("attestation", kind="recovery", answer="no", on="2025-01-03"),
    fact("education", on="2026-01-15", hours="1.5", topic="Ethics", specific="yes"),
    fact("session", on="2026-02-20", by=CHEN, minutes="50", kind="in-discipline-support"),
    fact("telecom", system="phone", value="+1 555 0142"),
    fact("telecom", system="email", value="sam@example.org"),
)


def imported(office, text):
    with office.store.write() as session:
        return staff.import_csv(session, KEEPER, text, NOW)


def found(office, staff_id=DELGADO):
    with office.store.read() as session:
        return staff.find(session, ISSUER, staff_id)


def exported(office):
    with office.store.read() as session:
        return staff.export_csv(session, KEEPER)


def test_each_row_is_a_fact_of_its_member(office):
    report = imported(office, text_of(*FACTS_OF_SAM))
    assert (report.saved, report.refused) == ((DELGADO,), ())
    sam = found(office)
    assert (sam.name, sam.roles, sam.active) == ("Sam Delgado", {PEER}, True)
    record = sam.record
    assert [each.code for each in record.credentials] == ["ypa-c", "nycps-provisional"]
    assert (record.credentials[1].hours, str(record.credentials[1].test_passed)) == (
        Decimal("40.5"),
        "2025-02-02",
    )
    assert (record.supervisor.id, str(record.supervisor.ops)) == (CHEN, "2025-07-01")
    assert [each.id for each in record.earlier_supervisors] == [WHITFIELD]
    assert [each.affirmed for each in record.attestations] == [True, False]
    assert (record.education[0].hours, record.education[0].specific) == (Decimal("1.5"), True)
    assert (record.supervision[0].minutes, record.supervision[0].kind) == (50, "in-discipline-support")


def test_the_same_file_again_changes_nothing(office):
    imported(office, text_of(*FACTS_OF_SAM))
    before = found(office)
    again = imported(office, text_of(*FACTS_OF_SAM))
    assert (again.saved, again.unchanged, again.taken) == ((), (DELGADO,), ())
    assert found(office) == before


def test_the_export_reads_back_as_the_same_registry(office):
    imported(office, text_of(*FACTS_OF_SAM))
    with office.store.write() as session:
        before = staff.listing(session, KEEPER)
        report = staff.import_csv(session, KEEPER, staff.export_csv(session, KEEPER), NOW)
        assert staff.listing(session, KEEPER) == before
    assert (len(report.unchanged), report.saved, report.refused) == (len(NAMES) + 1, (), ())


def test_what_an_import_takes_away_is_told(office):
    imported(office, text_of(*FACTS_OF_SAM))
    report = imported(office, text_of(SAM, FACTS_OF_SAM[3]))
    told = {(one.fact, one.count) for one in report.taken}
    assert told == {
        ("supervisor", 1), ("earlier-supervisor", 1), ("credential", 1), ("attestation", 2), ("education", 1),
        ("session", 1), ("telecom", 2),
    }  # fmt: skip


def test_somebody_who_left_stays_away_after_an_export_and_an_import(office):
    imported(office, text_of({**SAM, "active": "no"}))
    assert not found(office).active
    imported(office, exported(office))
    assert not found(office).active


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (fact("member", birth_date="14.9.2001"), r"birth_date.*2026-03-04"),
        (fact("member", birth_date="2001-13-14"), r"birth_date.*2026-03-04"),
        (fact("member", roles="boss"), "Unknown role boss.*biller"),
        (fact("member", active="perhaps"), "active.*yes or no"),
        (fact("member", npi=CHEN), "NPI"),
        (fact("member", WHITFIELD, npi=WHITFIELD), "own entry"),
        (fact("member", ""), "id is missing"),
        (fact("credental", code="nycps"), "unknown fact 'credental'.*credential"),
        (fact("", code="nycps"), "unknown fact ''"),
        (fact("member", code="nycps"), "a member has no code"),
        (fact("credential"), "no line of the fact member"),
    ],
)
def test_a_wrong_line_is_refused_with_its_reason_and_the_others_are_saved(office, wrong, reason):
    other = fact("member", "1900000099", roles="peer", given="Kim", family="Ode")
    report = imported(office, text_of(wrong, other))
    if wrong["fact"] == "credential":
        assert "is empty" in report.refused[0].reason
        return
    assert report.saved == ("1900000099",)
    assert [line.line for line in report.refused] == [2]
    assert re.search(reason, report.refused[0].reason)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (fact("credential", code="nycsp"), "unknown credential 'nycsp'.*nycps-provisional"),
        (fact("credential", code="nycps", from_="soon"), "from.*2026-03-04"),
        (fact("credential", code="nycps", hours="many"), "hours.*2 or 1.5"),
        (fact("credential", code="nycps", hours="1e9"), "hours.*2 or 1.5"),
        (fact("credential", code="nycps", topic="GED"), "a credential has no topic"),
        (fact("supervisor", by=CHEN, category="boss"), "unknown category 'boss'.*lcsw"),
        (fact("attestation", kind="bipolar", answer="yes"), "unknown kind of attestation.*lived-experience"),
        (fact("attestation", kind="recovery", answer="maybe"), "answer.*yes or no"),
        (fact("session", on="2026-01-01", kind="tea"), "unknown kind of session.*in-discipline-support"),
        (fact("session", on="2026-01-01", minutes="1.5"), "minutes.*60"),
        (fact("education", on="2026-01-01", specific="2"), "specific.*yes or no"),
        (fact("member", npi=DELGADO), "a second member"),
        (fact("education"), "is empty"),
    ],
)
def test_a_wrong_fact_is_refused_on_its_own_line_and_its_member_waits_for_it(office, wrong, reason):
    report = imported(office, text_of(SAM, wrong))
    reasons = {line.line: line.reason for line in report.refused}
    assert re.search(reason, reasons[3])
    assert "line 3 of the same person is refused" in reasons[2]
    assert (report.saved, found(office)) == ((), None)


def test_every_fact_that_is_wrong_is_named_at_once(office):
    wrong = (fact("credential", code="nycps", hours="x"), fact("education", on="2026-01-01", hours="y"))
    report = imported(office, text_of(SAM, *wrong))
    assert [line.line for line in report.refused if "unreadable" in line.reason] == [3, 4]


def test_lines_of_one_member_that_stand_apart_are_refused(office):
    other = fact("member", "1900000099", roles="peer")
    report = imported(office, text_of(SAM, other, fact("credential", code="ypa-c")))
    assert report.saved == ("1900000099",)
    assert [line.line for line in report.refused] == [2, 4]


def test_a_line_with_too_many_cells_is_refused(office):
    report = imported(office, text_of(SAM).rstrip() + ",surplus\n")
    assert "too many cells" in report.refused[0].reason


def test_a_line_that_was_cut_off_takes_no_role_and_no_credential_away(office):
    before = found(office, RIVERA)
    report = imported(office, text_of() + f"{RIVERA},member,{RIVERA},Pat\n")
    assert "too few cells" in report.refused[0].reason
    assert found(office, RIVERA) == before


@pytest.mark.parametrize("character", ["\x00", "\x01", "\x1b", "\ufffe"])
def test_a_cell_with_a_character_that_no_record_may_hold_is_refused(office, character):
    report = imported(office, text_of({**SAM, "given": f"S{character}am"}))
    assert report.saved == ()
    assert "cannot be stored" in report.refused[0].reason


@pytest.mark.parametrize("text", ["", "name,npi\nx,y\n", 'id,"npi\n', ",".join(COLUMNS[:-1]) + "\n"])
def test_a_file_that_is_no_staff_file_is_refused_whole(office, text):
    with pytest.raises(MendInput):
        imported(office, text)


def test_the_columns_may_stand_in_any_order(office):
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in csv.reader(io.StringIO(text_of(SAM)))][1:]
    out = io.StringIO()
    writer = csv.DictWriter(out, sorted(COLUMNS))
    writer.writeheader()
    writer.writerows(rows)
    assert imported(office, out.getvalue()).saved == (DELGADO,)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "'=", "''@"])
def test_no_exported_cell_starts_a_formula_and_it_reads_back_as_it_was(office, start):
    with office.store.write() as session:
        odd = member(RIVERA, contract=f"{start}1+1")
        staff.save(session, KEEPER, odd, frozenset({PEER}), True, NOW)
    text = exported(office)
    assert f",'{start}1+1," in text
    assert imported(office, text).refused == ()
    assert found(office, RIVERA).record.contract == f"{start}1+1"


def test_every_column_belongs_to_a_fact_and_every_fact_is_explained():
    assert set(COLUMNS) - {"id", "fact"} == {name for names in FACTS.values() for name in names}
    assert set(staff_csv.HELP) == set(FACTS)


SIGNS = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Cn"])
PLAIN = (
    st.text(SIGNS, min_size=1, max_size=12)
    .map(str.strip)
    .filter(lambda text: text != "" and not UNSENDABLE.search(text))
)
TEXTS = st.none() | PLAIN
GIVEN = st.lists(PLAIN.filter(lambda text: ";" not in text), max_size=3)
DAYS = st.none() | st.dates(date(1900, 1, 1), date(2199, 12, 31)).map(str)
HOURS = st.none() | st.decimals(0, 5000, places=2)
FLAGS = st.none() | st.booleans()


def part(**parts):
    return st.fixed_dictionaries(parts).filter(lambda data: any(each is not None for each in data.values()))


def code(words):
    return st.none() | st.sampled_from(sorted(words))


SUPERVISOR = part(id=TEXTS, category=code(CODES.categories), ops=DAYS, **{"from": DAYS, "to": DAYS})
RECORDS = st.fixed_dictionaries(
    {
        "id": PLAIN,
        "kind": st.just("staff"),
        "jurisdiction": st.just("us-ny"),
        "npi": TEXTS,
        "name": st.none()
        | st.fixed_dictionaries({"given": GIVEN, "family": TEXTS}).filter(
            lambda name: bool(name["given"] or name["family"])
        ),
        "birth_date": DAYS,
        "hired": DAYS,
        "employment": TEXTS,
        "contract": TEXTS,
        "credentials": st.lists(
            part(
                code=code(CODES.credentials),
                issuer=TEXTS,
                number=TEXTS,
                hours=HOURS,
                test_passed=DAYS,
                **{"from": DAYS, "to": DAYS},
            ),
            max_size=2,
        ),
        "attestations": st.lists(
            part(kind=code(CODES.attestations), answer=FLAGS, on=DAYS, by=TEXTS), max_size=2
        ),
        "education": st.lists(part(on=DAYS, hours=HOURS, topic=TEXTS, specific=FLAGS), max_size=2),
        "supervision": st.lists(
            part(on=DAYS, by=TEXTS, minutes=st.none() | st.integers(0, 999999), kind=code(CODES.sessions)),
            max_size=2,
        ),
        "supervisor": st.none() | SUPERVISOR,
        "earlier_supervisors": st.lists(SUPERVISOR, max_size=2),
    }
).map(Staff.model_validate)


@given(
    st.lists(
        st.tuples(RECORDS, st.frozensets(st.sampled_from(sorted(ROLES))), st.booleans()),
        max_size=3,
        unique_by=lambda each: each[0].id,
    )
)
def test_whatever_a_registry_holds_is_written_and_read_back_the_same(members):
    read = staff_csv.read(staff_csv.write(members), CODES, "us-ny")
    assert [line.reasons for line in read] == [{} for _ in members]
    assert [(line.record, line.roles, line.active) for line in read] == members


def test_a_file_of_before_the_columns_of_phone_and_mail_takes_none_away(office):
    imported(office, text_of(*FACTS_OF_SAM))
    rows = csv.DictReader(io.StringIO(exported(office)))
    out, older = io.StringIO(), [name for name in COLUMNS if name not in staff_csv.LATER]
    writer = csv.DictWriter(out, older, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(row for row in rows if row["fact"] != "telecom")
    report = imported(office, out.getvalue())
    assert (report.refused, report.taken, DELGADO in report.unchanged) == ((), (), True)
    assert [each.value for each in found(office).record.telecom] == ["+1 555 0142", "sam@example.org"]


def test_a_file_with_those_columns_is_the_whole_of_phone_and_mail(office):
    imported(office, text_of(*FACTS_OF_SAM))
    report = imported(office, text_of(*FACTS_OF_SAM[:-1]))
    assert [(each.fact, each.count) for each in report.taken] == [("telecom", 1)]
    assert [each.system for each in found(office).record.telecom] == ["phone"]


def test_a_way_to_reach_somebody_is_one_of_fhirs(office):
    report = imported(office, text_of(SAM, fact("telecom", system="pigeon", value="grey")))
    assert "system: unreadable value 'pigeon'; expected one of phone, fax" in report.refused[1].reason
