"""A sole biller's claims leave once, under numbers that never come again; the payer's answers come home."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from app import billing, charges, claim_status, individuals, x12_answers, x12_batches
from app.cli import cli
from app.problems import NotAllowed, NotFound, Stale
from app.tables import ClaimRow, DisclosureRow, X12NumberRow
from app.x12_batches import Batch, Export
from mappings.library import load
from mappings.x12.judging import faults
from tests.app import idaho
from tests.app.office import (
    CHEN,
    FARRELL,
    ISSUER,
    LINDQVIST,
    MORENO,
    MOSS,
    RIVERA,
    Office,
    actor,
    final,
    undecided,
)
from tests.mappings.x12.replies import ack, claim_ack, remittance
from tests.mappings.x12.samples import maps_read_once

SITE = Path(__file__).parent / "sites" / "sole-biller.toml"
BILLER = actor(MORENO)


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    with maps_read_once():
        yield


@pytest.fixture
def sole(office: Office) -> Office:
    own = office.settings.sites / ISSUER
    own.mkdir(parents=True)
    shutil.copyfile(SITE, own / "site.toml")
    office.library = load(own)
    return office


def released(office: Office, *patients: str) -> list[str]:
    numbers = []
    for patient in patients:
        undecided(office, patient)
        final(office, patient)
        numbers.append(release(office, patient))
        office.later(hours=1)
    return numbers


def release(office: Office, patient: str) -> str:
    with office.store.write() as session:
        (ready,) = [each for each in billing.listing(session, BILLER, "ready") if each.patient == patient]
        assert billing.release(session, BILLER, ready.control_number, office.library, office.now).released
    return ready.control_number


def ask(office: Office, number: str, how: str) -> str:
    with office.store.write() as session:
        made = billing.ask(session, BILLER, number, how, "A slip.", office.library, office.later(minutes=1))
    return release(office, made.patient)


def export(office: Office) -> Export:
    with office.store.write() as session:
        return x12_batches.export(session, BILLER, office.library, office.later(minutes=1))


def take_in(office: Office, data: bytes) -> x12_answers.Reading:
    with office.store.write() as session:
        return x12_answers.take_in(session, BILLER, data, office.later(minutes=1))


def standing(office: Office, number: str) -> str | None:
    with office.store.read() as session:
        last = claim_status.standing(claim_status.answers(session, ISSUER, number))
    return None if last is None else last.status


def frequencies(batch: Batch) -> list[str]:
    return [each.split("*")[5][-1] for each in batch.text.split("~\n") if each.startswith("CLM*")]


def run(office: Office, *words: str) -> Result:
    return CliRunner().invoke(
        cli, ["claims", *words, "--issuer", ISSUER, "--data", str(office.settings.data_dir)]
    )


def test_a_claim_is_in_one_batch_which_is_written_again_byte_for_byte(sole: Office) -> None:
    numbers = released(sole, MOSS, FARRELL)
    (batch,) = export(sole).batches
    assert list(batch.claims) == numbers
    assert faults(batch.text) == []
    assert export(sole) == Export((), (), ())
    with sole.store.write() as session:
        assert x12_batches.again(session, BILLER, batch.batch, sole.now) == batch
        assert [each[:2] for each in x12_batches.batches(session, BILLER)] == [(batch.batch, "institutional")]
        assert billing.view(session, BILLER, numbers[0]).batch == batch.batch
        assert charges.export(session, BILLER, sole.now).claims == ()
    with pytest.raises(NotFound), sole.store.write() as session:
        x12_batches.again(session, BILLER, "nothing", sole.now)


def test_numbers_are_never_used_twice_whatever_is_undone(sole: Office) -> None:
    released(sole, MOSS)
    with pytest.raises(RuntimeError), sole.store.write() as session:
        x12_batches.export(session, BILLER, sole.library, sole.now)
        raise RuntimeError("the machine went off before the commit")
    (first,) = export(sole).batches
    released(sole, FARRELL)
    (second,) = export(sole).batches
    assert (first.batch, second.batch) == ("RIVERBEND-000000001", "RIVERBEND-000000003")
    with sole.store.write() as session, pytest.raises(IntegrityError, match="only ever grows"):
        session.execute(text("UPDATE x12_numbers SET last = 2"))
    with sole.store.write() as session, pytest.raises(IntegrityError, match="never changed"):
        session.execute(text("UPDATE x12_batches SET content = ''"))
    with sole.store.write() as session:
        session.execute(text("UPDATE x12_numbers SET last = 999999999"))
    released(sole, LINDQVIST)
    with pytest.raises(Stale, match="used every control number"):
        export(sole)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 7), min_size=1, max_size=8))
def test_drawn_numbers_never_meet(office: Office, draws: list[int]) -> None:
    with office.store.write() as session:
        before = session.get(X12NumberRow, "ZZ/A")
        last = before.last if before else 0
        for many in draws:
            first = x12_batches._next(session, "ZZ/A")
            assert first == last + 1
            x12_batches._draw(session, "ZZ/A", first, many - 1)
            last += many


def test_what_the_validator_took_before_is_not_asked_again_unless_something_else_would_be_written(
    sole: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def takes(text: str) -> list[str]:
        asked.append(text)
        return []

    monkeypatch.setattr(x12_batches, "faults", takes)
    released(sole, MOSS)
    now = sole.later(minutes=1)
    with sole.store.read() as session:
        checked = x12_batches.check(session, BILLER, sole.library, now)
        assert x12_batches.batches(session, BILLER) == []
    released(sole, FARRELL)
    with sole.store.write() as session:
        late = x12_batches.export(session, BILLER, sole.library, now, checked=checked)
    assert asked[1:] == [late.batches[0].text]
    released(sole, LINDQVIST)
    with sole.store.read() as session:
        checked = x12_batches.check(session, BILLER, sole.library, now)
    with sole.store.write() as session:
        (made,) = x12_batches.export(session, BILLER, sole.library, now, checked=checked).batches
    assert asked[2:] == [made.text]


def test_only_a_sole_biller_exports_and_only_billers_there(office: Office, sole: Office) -> None:
    with pytest.raises(NotAllowed, match="not the sole biller"), office.store.write() as session:
        x12_batches.export(session, BILLER, load(), office.now)
    for who in (actor(RIVERA), actor(CHEN), actor(MORENO, MOSS)):
        with pytest.raises(NotAllowed), sole.store.write() as session:
            x12_batches.export(session, who, sole.library, sole.now)
        with pytest.raises(NotAllowed), sole.store.write() as session:
            x12_answers.take_in(session, who, ack(), sole.now)


def test_what_went_to_the_billing_system_is_never_sent_to_the_payer_too(office: Office) -> None:
    released(office, MOSS)
    office.library = load(SITE)
    assert export(office) == Export((), (), ())


def test_a_claim_of_which_something_is_missing_waits_and_the_others_go(sole: Office) -> None:
    numbers = released(sole, MOSS, FARRELL)
    with sole.store.write() as session:
        session.execute(text("DROP TRIGGER claims_frozen"))
        row = session.get(ClaimRow, (ISSUER, numbers[0]))
        assert row is not None
        content = json.loads(json.dumps(row.draft))
        content["whole"]["individual"]["name"]["family"] = "Mo*ss"
        row.draft = content
    done = export(sole)
    assert done.batches[0].claims == (numbers[1],)
    (waits,) = done.waiting
    assert waits.control_number == numbers[0]
    assert "family name of the individual has the sign '*'" in waits.why


def test_a_correction_waits_for_the_payers_number_and_goes_out_with_it(sole: Office) -> None:
    (first,) = released(sole, MOSS)
    export(sole)
    second = ask(sole, first, "correct")
    (waits,) = export(sole).waiting
    assert waits.control_number == second
    assert f"replaces {first}" in waits.why
    take_in(sole, claim_ack([(first, "A2:20:PR")]))
    (batch,) = export(sole).batches
    assert (frequencies(batch), batch.claims) == (["7"], (second,))
    assert "REF*F8*PAYER4~" in batch.text
    take_in(sole, claim_ack([(second, "A2:20:PR")], number="000000801"))
    ask(sole, second, "void")
    (last,) = export(sole).batches
    assert frequencies(last) == ["8"]
    assert faults(last.text) == []


def test_what_never_reached_the_payer_is_replaced_by_an_original_and_voided_by_nothing(sole: Office) -> None:
    first, other = released(sole, MOSS, FARRELL)
    second = ask(sole, first, "correct")
    ask(sole, other, "void")
    done = export(sole)
    assert [(each.claims, frequencies(each)) for each in done.batches] == [((second,), ["1"])]
    assert len(done.needless) == 3
    take_in(sole, claim_ack([(second, "A7:562:85")]).replace(b"REF*1K*PAYER4", b"REF*D9*PAYER4"))
    third = ask(sole, second, "correct")
    (again,) = export(sole).batches
    assert (again.claims, frequencies(again)) == ((third,), ["1"])


def test_an_address_that_the_chart_got_later_is_used(sole: Office) -> None:
    released(sole, MOSS)
    with sole.store.write() as session:
        known = individuals.find(session, ISSUER, MOSS)
        home = {"lines": ["5 Elm Street"], "city": "Troy", "state": "NY", "postal_code": "12180"}
        record = known.record.model_validate({**known.record.model_dump(by_alias=True), "address": home})
        session.execute(
            text("UPDATE individuals SET record = :record WHERE patient = :patient"),
            {"record": record.model_dump_json(by_alias=True), "patient": MOSS},
        )
    (batch,) = export(sole).batches
    assert "N3*5 ELM STREET~\nN4*TROY*NY*12180~" in batch.text
    with sole.store.read() as session:
        (line,) = session.scalars(select(DisclosureRow).where(DisclosureRow.patient == MOSS)).all()
    assert (line.recipient, line.purpose, line.kind) == ("NYMEDICAID", "payment", "X12 claim")


def test_answers_move_a_claim_on_and_the_same_file_again_changes_nothing(sole: Office) -> None:
    (number,) = released(sole, MOSS)
    (batch,) = export(sole).batches
    steps = [
        (ack(group="1", sets=[("0002", "A", ())]), "accepted"),
        (claim_ack([(number, "A2:20:PR")]), "accepted"),
        (remittance([f"CLP*{number}*1*52.8*46.2*0*MC*20260630*76*1", "CAS*CO*45*6.6"]), "paid"),
    ]
    for file, status in steps:
        assert len(take_in(sole, file).changed) == 1
        assert standing(sole, number) == status
        once_more = take_in(sole, file)
        assert (once_more.changed, once_more.known, once_more.unknown) == ([], 1, [])
    assert batch.claims == (number,)
    with sole.store.read() as session:
        (view,) = billing.listing(session, BILLER, "paid")
    assert [str(each.paid) for each in view.answers if each.paid is not None] == ["46.2"]


def test_a_paid_claim_does_not_go_back_unsaid(sole: Office) -> None:
    (number,) = released(sole, MOSS)
    export(sole)
    take_in(sole, remittance([f"CLP*{number}*1*52.8*52.8**MC*N1"]))
    late = take_in(sole, claim_ack([(number, "A2:20:PR")]))
    assert standing(sole, number) == "paid"
    assert late.doubts == [f"Claim {number} was paid before and stays so; accepted was told after it."]
    assert take_in(sole, ack(group="1", sets=[("0002", "A", ())])).changed == []
    back = take_in(sole, remittance([f"CLP*{number}*22*-52.8*-52.8**MC*N1"], number="000000800"))
    assert standing(sole, number) == "adjusted"
    assert back.doubts == [f"Claim {number} was paid and is adjusted now: look at it."]


def test_a_refused_set_refuses_each_of_its_claims_and_no_other(sole: Office) -> None:
    first, second = released(sole, MOSS, FARRELL)
    export(sole)
    (third,) = released(sole, LINDQVIST)
    export(sole)
    done = take_in(sole, ack("R", group="1", sets=[("0002", "R*5", ["IK3*CLM*22*2300*8"])]))
    assert len(done.changed) == 2
    assert [standing(sole, each) for each in (first, second, third)] == ["rejected", "rejected", None]
    assert "CLM at 22: 8 segment has element errors" in done.changed[0]
    assert any("No batch of ours" in line for line in take_in(sole, ack("R", group="99")).doubts)


def test_unknown_numbers_are_told_once_each(sole: Office) -> None:
    done = take_in(sole, claim_ack([("PCNOBODY", "A2:20:PR"), ("PCNOBODY", "A1:19:PR")]))
    assert (done.changed, done.unknown) == ([], ["PCNOBODY"])


def test_the_commands_write_batches_and_take_answers_in(sole: Office, tmp_path: Path) -> None:
    (number,) = released(sole, MOSS)
    out = tmp_path / "out"
    out.mkdir()
    made = run(sole, "export", "--x12", str(out), "--json")
    assert made.exit_code == 0, made.output
    (batch,) = json.loads(made.output)["batches"]
    file = Path(batch["file"])
    assert (batch["claims"], file.parent, file.stat().st_mode & 0o777) == ([number], out, 0o600)
    assert "No claim is ready" in run(sole, "export", "--x12", str(out)).output
    again = tmp_path / "again.x12"
    assert run(sole, "export", "--x12", str(again), "--again", batch["batch"]).exit_code == 0
    assert again.read_bytes() == file.read_bytes()
    assert run(sole, "export", "--x12", str(again), "--again", batch["batch"]).exit_code == 2
    for wrong in ((), ("--x12", str(out), "--charges", str(tmp_path / "c.csv"))):
        assert run(sole, "export", *wrong).exit_code == 2
    reply = tmp_path / "277.txt"
    reply.write_bytes(claim_ack([(number, "A7:562:85"), ("PCNOBODY", "A2:20:PR")]))
    told = run(sole, "read", str(reply))
    assert told.exit_code == 1
    assert f"{number}: rejected: 277CA: A7 rejected, information is invalid (562 NPI)" in told.output
    assert "no released claim has the control number PCNOBODY" in told.output
    assert json.loads(run(sole, "read", str(reply), "--json").output)["known"] == 1
    reply.write_bytes(b"nothing of the kind")
    assert "no X12 file" in run(sole, "read", str(reply)).output


def test_a_site_that_says_nothing_of_itself_is_told_what_is_missing(sole: Office, tmp_path: Path) -> None:
    released(sole, MOSS)
    own = sole.settings.sites / ISSUER / "site.toml"
    own.write_text('jurisdiction = "us-ny"\n[parameters]\n"claim.handoff" = "sole-biller"\n')
    told = run(sole, "export", "--x12", str(tmp_path))
    assert told.exit_code == 2
    assert "claim.x12 is missing" in told.output


def test_an_agency_in_idaho_sends_837p_with_place_of_service_and_authorization(
    agency: Office, tmp_path: Path
) -> None:
    ours = SITE.read_text(encoding="utf-8")
    told = ours[ours.index('[parameters."claim.x12"]') :].replace("NYMEDICAID", idaho_payer(agency))
    priced = '"claim.handoff" = "sole-biller"\n"claim.charges" = { H0038 = "14.85" }\n\n'
    overlay = tmp_path / "idaho.toml"
    overlay.write_text(idaho.SITE.read_text(encoding="utf-8") + priced + told, encoding="utf-8")
    agency.library = load(overlay)
    idaho.authorized(agency)
    idaho.contact(agency, 2)
    (ready,) = idaho.claims(agency)
    assert idaho.release(agency, ready).released
    done = export(agency)
    assert done.waiting == ()
    (batch,) = done.batches
    assert batch.form == "professional"
    assert faults(batch.text) == []
    for segment in ("CLM*", "REF*G1*A123~", "SV1*HC:H0038*29.7*UN*2", "NM1*82*1*", "PRV*PE*PXC*175T00000X~"):
        assert segment in batch.text
    assert "HI*BE" not in batch.text


def idaho_payer(agency: Office) -> str:
    with agency.store.read() as session:
        return str(individuals.find(session, ISSUER, MOSS).record.coverages[0].payer)
