"""The charge file and the commands on claims: each released claim goes out once, and the list tells where."""

import csv
import io
import json
from datetime import date
from decimal import Decimal

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from app import billing, charges, claim_status, consents, disclosures, outbox, staff, x12_batches
from app.cli import cli
from app.consents import Given
from app.problems import Held, MendInput, NotAllowed, NotFound
from app.tables import ClaimRow
from mappings.disclosure import CHART, CLAIMS, NOTICE
from tests.app import office as people
from tests.app.office import ISSUER, MORENO, MOSS, RIVERA, actor, final, undecided
from tests.app.test_x12 import sole

BILLER = actor(MORENO)
PEER = actor(RIVERA, MOSS)
__all__ = ["sole"]


@pytest.fixture
def released(office):
    undecided(office)
    final(office)
    with office.store.write() as session:
        number = billing.listing(session, BILLER)[0].control_number
        assert billing.release(session, BILLER, number, office.library, office.now).released
    return number


def exported(office):
    with office.store.write() as session:
        return charges.export(session, BILLER, office.now)


def run(office, *words):
    return CliRunner().invoke(
        cli, ["claims", *words, "--issuer", ISSUER, "--data", str(office.settings.data_dir)]
    )


def test_a_charge_line_says_what_the_claim_says_and_which_versions_it_comes_from(office, released):
    (row,) = csv.DictReader(io.StringIO(exported(office).text))
    assert (row["control_number"], row["frequency"], row["form"]) == (released, "1", "institutional")
    assert (row["code"], row["units"], row["rate_code"], row["diagnoses"]) == ("H0038", "2", "1474", "R69")
    assert (row["record_number"], row["member_id"], row["rendering_npi"]) == ("MRN-70001", "AA00001A", RIVERA)
    assert row["signed_versions"].endswith("/1=2")
    assert tuple(row) == charges.COLUMNS


def test_a_charge_is_exported_once_and_its_batch_again_only_by_name(office, released):
    first = exported(office)
    assert first.claims == (released,)
    second = exported(office)
    assert (second.claims, second.batch, second.before) == ((), "", 1)
    with office.store.write() as session:
        assert charges.again(session, BILLER, first.batch, office.now).text == first.text
        assert charges.batches(session, BILLER) == [(first.batch, office.now, 1)]
    with pytest.raises(NotFound), office.store.write() as session:
        charges.again(session, BILLER, "CH0", office.now)
    with pytest.raises(NotAllowed), office.store.write() as session:
        charges.export(session, actor(RIVERA), office.now)


def test_no_cell_of_the_charge_file_is_a_formula(office, released):
    with office.store.write() as session:
        content = session.get(ClaimRow, (ISSUER, released)).draft
    content["whole"]["individual"]["name"]["family"] = "=cmd|' /C calc'!A0"
    with office.store.write() as session:
        session.execute(text("DROP TRIGGER claims_frozen"))
        session.get(ClaimRow, (ISSUER, released)).draft = {**content}
    assert "'=cmd" in exported(office).text


def test_the_commands_list_show_and_export(office, released, tmp_path):
    (line,) = run(office, "list", "--json").output.splitlines()
    assert json.loads(line)["control_number"] == released
    assert released in run(office, "list", "--state", "released").output
    assert run(office, "list", "--state", "held").output == "No claim stands so.\n"
    shown = json.loads(run(office, "show", released, "--json").output)
    assert (shown["units"], shown["lines"][0]["code"]) == (2, "H0038")
    assert "H0038" in run(office, "show", released).output
    assert run(office, "show", "nobody").exit_code == 2
    file = tmp_path / "charges.csv"
    assert run(office, "export", "--charges", str(file)).exit_code == 0
    assert released in file.read_text()
    again = run(office, "export", "--charges", str(tmp_path / "second.csv"))
    assert "nothing was written" in again.output
    assert not (tmp_path / "second.csv").exists()
    assert run(office, "export").exit_code == 2


def test_a_file_that_exists_is_left_alone_and_no_charge_counts_as_exported(office, released, tmp_path):
    file = tmp_path / "charges.csv"
    file.write_text("mine")
    assert run(office, "export", "--charges", str(file)).exit_code == 2
    assert file.read_text() == "mine"
    assert exported(office).claims == (released,)


def test_the_same_answer_of_a_payer_counts_once_and_a_late_acknowledgement_undoes_nothing(office, released):
    def told(status, **more):
        with office.store.write() as session:
            return claim_status.answered(session, ISSUER, released, status, office.now, **more)

    assert told("paid", paid=Decimal("46.20"), source="era-1").new
    assert not told("paid", paid=Decimal("46.20"), source="era-1").new
    late = told("accepted", source="ack-1")
    assert (late.new, late.late, late.before, late.after) == (True, True, "paid", "paid")
    with office.store.read() as session:
        (claim,) = billing.listing(session, BILLER, "paid")
    assert claim.answers[0].paid == Decimal("46.20")
    for wrong in ("PCNOBODY", ""):
        with pytest.raises(NotFound), office.store.write() as session:
            claim_status.answered(session, ISSUER, wrong, "paid", office.now)
    with pytest.raises(MendInput):
        told("lost")
    with pytest.raises(MendInput):
        told("paid", paid=Decimal("-1"))


@pytest.mark.parametrize(
    ("status", "reason", "paid", "field"),
    [("denied", " ", "", "reason"), ("paid", "", "forty", "paid"), ("paid", "", "1.234", "paid")],
)
def test_what_a_biller_writes_down_is_refused_beside_its_field(office, released, status, reason, paid, field):
    with pytest.raises(MendInput) as refused, office.store.write() as session:
        claim_status.answer_by_hand(session, BILLER, released, status, reason, "", paid, office.now)
    assert set(refused.value.errors) == {field}


def part2(office):
    """The programme is under 42 CFR Part 2, the person consents, and their claim is released."""
    program = people.program().model_copy(update={"part2": True})
    with office.store.write() as session:
        staff.save_program(session, people.SETTING_UP, program, office.now)
    number = given(office)
    undecided(office)
    final(office)
    with office.store.write() as session:
        claim = billing.listing(session, BILLER)[0].control_number
        assert billing.release(session, BILLER, claim, office.library, office.now).released
    return number, claim


def given(office):
    what = Given("tpo", (CHART, CLAIMS), "my payers", date(2026, 1, 5), None, "Binder 7", "")
    with office.store.write() as session:
        return consents.record(session, PEER, what, office.now)


def revoke(office, number):
    with office.store.write() as session:
        consents.revoke(session, PEER, number, "Said so on the phone", office.now)


def accounted(office):
    with office.store.read() as session:
        return disclosures.of_patient(session, ISSUER, MOSS)


def test_a_revocation_between_release_and_export_keeps_the_claim_out_of_the_charge_file(office, tmp_path):
    number, claim = part2(office)
    revoke(office, number)
    done = exported(office)
    assert (done.claims, done.batch, accounted(office)) == ((), "", ())
    (waits,) = done.waiting
    assert waits.control_number == claim
    assert "no written consent in force" in waits.why
    with office.store.read() as session:
        assert charges.waiting(session, BILLER, office.now) == done.waiting
        assert billing.view(session, BILLER, claim, office.now).waits == waits.why
        assert billing.view(session, BILLER, claim).waits == ""
    told = run(office, "export", "--charges", str(tmp_path / "charges.csv"))
    assert (told.exit_code, list(tmp_path.glob("*.csv"))) == (1, [])
    assert f"claim {claim} waits" in told.output
    given(office)
    assert exported(office).claims == (claim,)


def test_a_charge_of_a_part_2_programme_carries_notice_and_scope_and_is_accounted_for(office):
    number, claim = part2(office)
    (row,) = csv.DictReader(io.StringIO(exported(office).text))
    assert row["part_2_notice"] == NOTICE
    assert "to disclose records of peer support to my payers" in row["consent_scope"]
    (one,) = accounted(office)
    assert (one.key, one.consent, one.part2) == (f"claim/{claim}", number, True)
    assert (one.what, one.purpose) == ("Claim, in a charge file", "payment")
    assert one.recipient == "The clinic's own billing system"


def test_without_part_2_a_charge_asks_for_no_consent_and_is_accounted_for_all_the_same(office, released):
    (row,) = csv.DictReader(io.StringIO(exported(office).text))
    assert (row["part_2_notice"], row["consent_scope"]) == ("", "")
    (one,) = accounted(office)
    assert (one.part2, one.consent, one.key) == (False, None, f"claim/{released}")


def test_a_charge_file_written_again_leaves_out_whose_consent_was_revoked_since(office):
    number, claim = part2(office)
    first = exported(office)
    revoke(office, number)
    with office.store.write() as session:
        again = charges.again(session, BILLER, first.batch, office.now)
    assert (again.claims, [each.control_number for each in again.waiting]) == ((), [claim])
    assert claim not in again.text


def test_what_was_released_under_part_2_asks_for_the_consent_when_the_programme_no_longer_is(office):
    number, claim = part2(office)
    revoke(office, number)
    with office.store.write() as session:
        staff.save_program(session, people.SETTING_UP, people.program(), office.now)
    assert [each.control_number for each in exported(office).waiting] == [claim]


def test_a_revocation_keeps_a_released_claim_out_of_x12_and_a_batch_from_going_again(sole):
    number, claim = part2(sole)
    revoke(sole, number)
    with sole.store.write() as session:
        done = x12_batches.export(session, BILLER, sole.library, sole.now)
    assert (done.batches, [each.control_number for each in done.waiting]) == ((), [claim])
    assert accounted(sole) == ()
    second = given(sole)
    with sole.store.write() as session:
        (batch,) = x12_batches.export(session, BILLER, sole.library, sole.now).batches
    assert [each.consent for each in accounted(sole)] == [second]
    revoke(sole, second)
    with pytest.raises(Held, match=claim), sole.store.write() as session:
        x12_batches.again(session, BILLER, batch.batch, sole.now)


def test_a_revocation_holds_the_claim_that_waits_for_the_billing_system(office):
    number, claim = part2(office)
    revoke(office, number)
    with office.store.read() as session:
        assert outbox.of_key(session, ISSUER, outbox.CLAIMS, f"claim/{claim}").state == outbox.HELD
