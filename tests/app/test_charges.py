"""The charge file and the commands on claims: each released claim goes out once, and the list tells where."""

import csv
import io
import json
from decimal import Decimal

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from app import billing, charges, claim_status
from app.cli import cli
from app.problems import MendInput, NotAllowed, NotFound
from app.tables import ClaimRow
from tests.app.office import ISSUER, MORENO, RIVERA, actor, final, undecided

BILLER = actor(MORENO)


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
