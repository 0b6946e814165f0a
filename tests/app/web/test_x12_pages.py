"""A sole biller's pages: what goes to the payer, in which file, and what the payer's files say of it."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from app.tables import AuditRow, ClaimRow, X12BatchRow
from tests.app.web.matrix_office import World
from tests.app.web.office import EHR, START, Desk, Forms, Office, reopened
from tests.app.web.sole_biller import made, numbers, release
from tests.app.web.test_writing_and_signing import _cosign, _sign, _write
from tests.mappings.x12.replies import ack, claim_ack, remittance
from tests.mappings.x12.samples import maps_read_once

# The mark of a page on which no claim could go.
NOTHING = hashlib.sha256(b"").hexdigest()


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    with maps_read_once():
        yield


@pytest.fixture
def sole(sole_world: World) -> Iterator[Office]:
    with sole_world.as_it_was():
        yield sole_world.office
    sole_world.office.clock.at = START


@pytest.fixture
def biller(sole: Office) -> Desk:
    return sole.sit("moreno")


def shown(biller: Desk) -> str:
    """The mark of what the page shows."""
    return Forms(biller.get("/claims/x12").text).fields["seen"][0]


def _read(desk: Desk, content: bytes, name: str = "answer.txt") -> TestResponse:
    return desk.post("/claims/x12/answers", {"file": (io.BytesIO(content), name)})


def _trail(office: Office, action: str) -> list[dict[str, object]]:
    with office.kit.store.read() as session:
        rows = session.scalars(select(AuditRow).where(AuditRow.action == action).order_by(AuditRow.seq))
        return [{"actor": row.actor, "subject": row.subject, **(row.detail or {})} for row in rows]


def test_the_page_says_how_many_claims_would_go_and_what_they_charge(biller: Desk) -> None:
    page = biller.get("/claims/x12").text
    assert "2 claims, $105.60" in page
    assert "Institutional (837I)" in page
    assert "No file yet." in page
    assert "Files for the payer" in biller.get("/claims").text


def test_a_file_is_made_of_what_was_shown_and_downloaded_again_byte_for_byte(
    sole: Office, biller: Desk
) -> None:
    both = numbers(sole)
    batch = made(biller)
    with sole.kit.store.read() as session:
        kept = session.get_one(X12BatchRow, (EHR, batch)).content.encode("ascii")
    for desk in (biller, biller, sole.sit("whitfield")):
        file = desk.post(f"/claims/x12/{batch}")
        assert file.data == kept
        assert file.headers["Content-Disposition"] == f'attachment; filename="{batch}.x12"'
        assert file.headers["Cache-Control"] == "no-store"
    page = biller.get(f"/claims/x12/{batch}").text
    assert [number in page for number in both] == [True, True]
    assert "000000001 (ISA13" in page
    assert "0002 (ST02)" in page
    assert "2 not answered yet" in page
    assert "Iris Moreno" in page
    listed = biller.get("/claims/x12").text
    assert "No released claim can go now." in listed
    assert "Control number 000000001, set 0002" in listed
    assert "In a file for the payer, not answered yet" in biller.get("/claims").text
    assert f"/claims/x12/{batch}" in biller.get(f"/claims/{both[0]}").text
    assert [line["claims"] for line in _trail(sole, "claims exported as X12")] == [2]
    assert [line["actor"] for line in _trail(sole, "X12 batch written again")] == [
        "1900000088",
        "1900000088",
        "1900000070",
    ]


def test_making_it_a_second_time_makes_nothing(sole: Office, biller: Desk) -> None:
    seen = shown(biller)
    assert biller.post("/claims/x12", {"seen": seen}).status_code == 303
    late = biller.post("/claims/x12", {"seen": seen})
    assert late.status_code == 409
    assert "changed since it was shown" in late.text
    nothing = biller.post("/claims/x12", {"seen": NOTHING})
    assert nothing.headers["Location"].endswith("said=x12-none")
    assert len(_trail(sole, "claims exported as X12")) == 1


def test_what_was_not_shown_does_not_leave(sole: Office, biller: Desk) -> None:
    seen = shown(biller)
    first = numbers(sole)[0]
    biller.post(f"/claims/{first}/ask", {"how": "void", "change_reason": "Another payer"})
    release(biller, numbers(sole, "ready")[0])
    late = biller.post("/claims/x12", {"seen": seen})
    assert late.status_code == 409
    assert "1 claim, $52.80" in late.text
    assert "2 released claims were corrected or voided" in late.text


def test_a_claim_of_which_something_is_missing_waits_with_what_is_missing(sole: Office, biller: Desk) -> None:
    number = numbers(sole)[0]
    with sole.kit.store.write() as session:
        session.connection().exec_driver_sql("DROP TRIGGER claims_frozen")
        row = session.get_one(ClaimRow, (EHR, number))
        whole = {**row.draft["whole"], "diagnoses": []}
        session.execute(
            update(ClaimRow)
            .where(ClaimRow.control_number == number)
            .values(draft={**row.draft, "whole": whole})
        )
    page = biller.get("/claims/x12").text
    assert "1 claim, $52.80" in page
    waits = page.split("Released claims that wait")[1]
    assert f"Control number {number}" in waits
    assert "Alex Moss, Mar 4, 2026" in waits
    assert "iagnosis is missing" in waits


def test_what_no_biller_released_is_counted_by_its_reason(sole: Office, biller: Desk) -> None:
    peer = sole.sit("rivera", "pat-lindqvist")
    contact = _write(peer, start_date=["2026-03-03"])
    _sign(peer, contact)
    _cosign(sole.sit("chen", "pat-lindqvist"), contact)
    page = biller.get("/claims/x12").text.split("Not released yet")[1]
    [why] = re.findall(r"<strong>Why:</strong> ([^<]*)<", biller.get("/claims?state=held").text)
    assert "1 claim or contact is held" in page
    assert f"<li>1: {why}</li>" in page


def test_a_site_that_says_nothing_of_itself_is_told_what_is_missing(
    tmp_path: Path, furnished_office: Path
) -> None:
    shutil.copytree(furnished_office, tmp_path, dirs_exist_ok=True)
    own = tmp_path / "sites" / EHR
    own.mkdir(parents=True)
    said = 'jurisdiction = "us-ny"\n[parameters]\n"claim.handoff" = "sole-biller"\n'
    (own / "site.toml").write_text(said, encoding="utf-8")
    office = reopened(tmp_path)
    biller = office.sit("moreno")
    assert "claim.x12 is missing" in biller.get("/claims/x12").text
    refused = biller.post("/claims/x12", {"seen": NOTHING})
    assert refused.status_code == 409
    assert "claim.x12 is missing" in refused.text
    office.kit.store.close()


def test_where_the_site_is_not_the_sole_biller_the_page_says_so_and_leads_to_the_charge_file(
    office: Office,
) -> None:
    biller = office.sit("moreno")
    page = biller.get("/claims/x12").text
    assert "go to the clinic&#39;s own billing system" in page or "clinic's own billing system" in page
    assert f'href="{biller.address("/claims/charges")}"' in page
    assert "Make the file" not in page
    refused = biller.post("/claims/x12", {"seen": NOTHING})
    assert refused.status_code == 403
    assert "not the sole biller" in refused.text
    assert "Charge files" in biller.get("/claims").text


def test_a_sole_biller_is_led_from_the_charge_files_to_those_for_the_payer(biller: Desk) -> None:
    page = biller.get("/claims/charges").text
    assert f'href="{biller.address("/claims/x12")}"' in page
    assert "Make the next charge file" not in page
    assert biller.post("/claims/charges").status_code == 403


def test_only_billers_and_administrators_come_in_and_only_without_a_chart(sole: Office) -> None:
    batch = made(sole.sit("whitfield"))
    for desk in (sole.sit("rivera"), sole.sit("chen"), sole.sit("moreno", "pat-moss")):
        for path in ("/claims/x12", f"/claims/x12/{batch}", "/claims/x12/answers"):
            assert desk.get(path).status_code == 403
            assert desk.post(path, {"seen": NOTHING}).status_code == 403
    assert sole.sit("moreno").get("/claims/x12/nothing-of-ours").status_code == 404


@pytest.mark.parametrize("path", ["/claims/x12", "/claims/x12/RIVERBEND-000000001", "/claims/x12/answers"])
def test_a_form_of_another_page_does_nothing(sole: Office, biller: Desk, path: str) -> None:
    made(biller)
    before = len(_trail(sole, "X12 batch written again"))
    assert biller.post(path, {"csrf": "forged", "seen": NOTHING}).status_code == 403
    elsewhere = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    assert biller.post(path, {"seen": NOTHING}, headers=elsewhere).status_code == 403
    assert len(_trail(sole, "X12 batch written again")) == before


def test_an_answer_moves_the_claims_and_is_shown_in_the_payers_words(sole: Office, biller: Desk) -> None:
    first, second = numbers(sole)
    batch = made(biller)
    arrived = _read(biller, ack(group="1", sets=[("0002", "A", ())]))
    assert arrived.status_code == 200
    assert "2 new answers" in arrived.text
    assert "Alex Moss, Mar 4, 2026" in arrived.text
    assert f"Control number {first}" in arrived.text
    _read(biller, claim_ack([(first, "A2:20:PR"), (second, "A7:562:85")]))
    _read(biller, remittance([f"CLP*{first}*1*52.8*46.2**MC*N1", "CAS*CO*45*6.6"]))
    page = biller.get(f"/claims/x12/{batch}").text
    assert "1 paid" in page
    assert "1 rejected" in page
    assert "information is invalid (562 NPI)" in page
    assert "$46.20 paid" in page
    for path in ("/claims", f"/claims/{second}"):
        assert "A7 rejected, information is invalid (562 NPI)" in biller.get(path).text
    assert [(line["changed"], line["known"]) for line in _trail(sole, "payer's file read")] == [
        (2, 0),
        (2, 0),
        (1, 0),
    ]


def test_the_same_file_again_changes_nothing_and_says_so(sole: Office, biller: Desk) -> None:
    first, _ = numbers(sole)
    made(biller)
    file = claim_ack([(first, "A7:562:85")])
    _read(biller, file)
    page = biller.get(f"/claims/{first}").text
    again = _read(biller, file)
    assert again.status_code == 200
    assert "nothing changed" in again.text
    assert biller.get(f"/claims/{first}").text == page


def test_what_came_late_or_is_of_others_too_is_told_for_a_persons_eyes(sole: Office, biller: Desk) -> None:
    first, _ = numbers(sole)
    made(biller)
    _read(biller, remittance([f"CLP*{first}*1*52.8*52.8**MC*N1"]))
    late = _read(biller, claim_ack([(first, "A2:20:PR"), ("PCNOBODY", "A2:20:PR")]))
    assert "was paid before and stays so" in late.text
    assert "No released claim has the control number PCNOBODY." in late.text
    assert "the claim stays paid" in late.text


ANSWER = claim_ack([("PCNOBODY", "A2:20:PR")])


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"", "The file is empty."),
        (b"Dear biller,", "no X12 file"),
        (ANSWER[:-40], "ends before its IEA"),
        (ANSWER.replace(b"GE*1*", b"GE*2*"), "GE counts 2 transaction sets"),
        (ANSWER.replace(b"*RIVERBEND      *", b"*OTHERCLINIC    *"), "addressed to OTHERCLINIC"),
        (ANSWER, "says nothing of a claim that was sent from here"),
        (ANSWER, "No released claim has the control number PCNOBODY."),
        (ack(group="99"), "No batch of ours is meant"),
    ],
    ids=["empty", "a letter", "cut off", "a set is gone", "another's", "unknown", "who", "batch"],
)
def test_a_file_that_is_damaged_or_of_somebody_else_is_refused_and_nothing_changes(
    sole: Office, biller: Desk, file: bytes, words: str
) -> None:
    made(biller)
    before = biller.get("/claims").text
    refused = _read(biller, file)
    assert refused.status_code == 422
    assert "Nothing was kept" in refused.text
    assert words in refused.text
    assert biller.get("/claims").text == before
    assert _trail(sole, "payer's file read") == []
    assert len(_trail(sole, "payer's file refused")) == bool(file)


def test_half_of_a_file_changes_no_claim_even_where_the_other_half_is_whole(
    sole: Office, biller: Desk
) -> None:
    first, second = numbers(sole)
    batch = made(biller)
    whole = claim_ack([(first, "A2:20:PR")]) + claim_ack([(second, "A2:20:PR")], number="000000801")
    assert _read(biller, whole[:-60]).status_code == 422
    assert "2 not answered yet" in biller.get(f"/claims/x12/{batch}").text
    assert "2 new answers" in _read(biller, whole).text


def test_a_file_that_is_too_large_is_refused_with_the_limit(
    sole: Office, biller: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(biller)
    monkeypatch.setattr("app.web.billing_x12.MOST_BYTES", 1024)
    answer = claim_ack([(number, "A2:20:PR") for number in numbers(sole) * 4])
    assert len(answer) > 1024
    refused = _read(biller, answer)
    assert refused.status_code == 422
    assert "has more than 1 KiB" in refused.text
    assert _trail(sole, "payer's file read") == []


def test_no_file_was_chosen_is_said_beside_the_field(biller: Desk) -> None:
    refused = biller.post("/claims/x12/answers", {"file": (io.BytesIO(b""), "")})
    assert refused.status_code == 422
    assert 'id="file-error">No file was chosen.' in refused.text


def test_earlier_files_are_a_page_further(
    sole: Office, biller: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.x12_views.AT_ONCE", 1)
    first = made(biller)
    sole.clock.forward(minutes=1)
    number = numbers(sole)[0]
    _read(biller, claim_ack([(number, "A2:20:PR")]))
    biller.post(f"/claims/{number}/ask", {"how": "void", "change_reason": "Another payer"})
    release(biller, numbers(sole, "ready")[0])
    second = made(biller)
    page = biller.get("/claims/x12").text
    assert (second in page, first in page) == (True, False)
    earlier = page.split("?below=")[1].split('"')[0]
    page = biller.get(f"/claims/x12?below={earlier}").text
    assert (second in page, first in page) == (False, True)
    assert biller.get("/claims/x12?below=x").status_code == 200
