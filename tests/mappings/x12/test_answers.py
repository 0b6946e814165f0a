"""What a payer's files say is read claim by claim, and nothing that they hold makes the reader fail."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mappings.x12.answers import Answers, read
from mappings.x12.judging import faults
from tests.mappings.x12.replies import ack, claim_ack, remittance, reply

CLAIM = "PCABCDEFGHIJKLMNOPA"
PAID = [
    f"CLP*{CLAIM}*1*52.8*46.2*0*MC*2026063000123*76*1",
    "CAS*CO*45*6.6",
    "NM1*QC*1*MOSS*ALEX****MI*AA00001A",
    "SVC*HC:H0038*52.8*46.2*0900*2",
    "DTM*472*20260304",
]
FILES = (
    ack(sets=[("0002", "A", ())]),
    ack("R", sets=[("0002", "R*5", ["IK3*CLM*22*2300*8", f"CTX*CLM01:{CLAIM}", "IK4*5:1*1331*7*XX"])]),
    claim_ack([(CLAIM, "A2:20:PR"), ("PCZ", "A7:562:85")]),
    remittance(PAID),
)


def only(answers: Answers) -> tuple[str, str, str | None, Decimal | None]:
    (told,) = answers.claims
    return told.control_number, told.status, told.payer_number, told.paid


@pytest.mark.parametrize("file", FILES[2:], ids=["277CA", "835"])
def test_the_files_of_these_tests_are_such_as_a_validator_takes(file: bytes) -> None:
    assert faults(file.decode()) == []


def test_a_999_speaks_of_a_set_of_ours_with_segment_element_and_claim() -> None:
    (taken,) = read(FILES[0]).sets
    assert (taken.envelope, taken.number, taken.status) == ("1", "0002", "accepted")
    (refused,) = read(FILES[1]).sets[:1]
    assert (refused.number, refused.status) == ("0002", "rejected")
    assert refused.reason == (
        "999: set 0002 rejected; CLM at 22: 8 segment has element errors; "
        f"claim {CLAIM}; element 5: 7 invalid code"
    )


def test_a_999_without_sets_speaks_of_the_whole_group() -> None:
    (told,) = read(ack("R", group="41")).sets
    assert (told.envelope, told.number, told.status) == ("41", None, "rejected")
    both = read(ack("R", sets=[("0002", "A", ())])).sets
    assert [(each.number, each.status) for each in both] == [("0002", "accepted"), (None, "rejected")]
    assert len(read(FILES[1]).sets) == 1


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("A1:19:PR", "accepted", "A1 received (19 entity acknowledges receipt)"),
        ("A2:20:PR", "accepted", "A2 taken in for adjudication (20 accepted for processing)"),
        ("A3:21:82", "rejected", "A3 returned as unprocessable (21 missing or invalid information)"),
        ("A7:562:85", "rejected", "A7 rejected, information is invalid (562 NPI)"),
        ("A8:9999", "rejected", "A8 rejected, data do not fit together (9999)"),
    ],
)
def test_a_277ca_says_whether_a_claim_was_taken_in_the_words_of_its_codes(
    code: str, status: str, words: str
) -> None:
    answers = read(claim_ack([(CLAIM, code)]))
    assert only(answers) == (CLAIM, status, "PAYER4", None)
    assert answers.claims[0].reason == f"277CA: {words}"
    assert answers.doubts == []


def test_a_277ca_that_refuses_all_that_was_sent_speaks_of_our_set() -> None:
    answers = read(claim_ack([], above="A3:24:41", ours="0002"))
    (told,) = answers.sets
    assert (told.number, told.status) == ("0002", "rejected")
    assert "provider not approved" in told.reason


def test_a_status_that_is_no_acknowledgement_becomes_a_line_and_no_status() -> None:
    answers = read(claim_ack([(CLAIM, "F1:65")]))
    assert answers.claims == []
    assert any("no acknowledgement" in line and CLAIM in line for line in answers.doubts)


CUTS = {
    "paid by the schedule": (PAID, "paid", "46.20", "CO-45 above the fee schedule, contract 6.6"),
    "paid in full": ([f"CLP*{CLAIM}*1*52.8*52.8**MC*N1"], "paid", "52.80", "1 processed as primary"),
    "denied": ([f"CLP*{CLAIM}*4*52.8*0**MC*N1", "CAS*CO*29*52.8"], "denied", "0", "CO-29 filed too late"),
    "adjusted": (
        [f"CLP*{CLAIM}*1*52.8*26.4**MC*N1", "SVC*HC:H0038*52.8*26.4**1", "CAS*CO*119*26.4*1", "LQ*HE*N362"],
        "adjusted", "26.40", "CO-119 the benefit's maximum is reached, contract 26.4; remark N362",
    ),
    "taken back": (
        [f"CLP*{CLAIM}*22*-52.8*-46.2**MC*N1", "CAS*CO*45*-6.6"],
        "adjusted", "0", "22 an earlier payment is taken back",
    ),
    "two reasons in one": (
        [f"CLP*{CLAIM}*1*52.8*40**MC*N1", "CAS*CO*45*6.6**253*6.2"],
        "adjusted", "40", "CO-253 sequestration, contract 6.2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CUTS)
def test_an_835_says_what_was_paid_and_why_not_all_of_it(what: str) -> None:
    segments, status, paid, words = CUTS[what]
    answers = read(remittance(segments))
    assert only(answers)[:2] == (CLAIM, status)
    assert answers.claims[0].paid == Decimal(paid)
    assert words in answers.claims[0].reason
    assert answers.doubts == []


def test_amounts_that_do_not_add_up_and_money_of_no_claim_become_lines() -> None:
    short = read(remittance([f"CLP*{CLAIM}*1*52.8*46.2**MC*N1"]))
    assert any("do not add up" in line for line in short.doubts)
    other = read(remittance([*PAID, "PLB*1900000013*20261231*WO:TAKEBACK*12.5"]))
    assert any("no one claim: WO TAKEBACK 12.5" in line for line in other.doubts)
    assert only(other)[1] == "paid"


@pytest.mark.parametrize("amount", ["", "forty", "1e9", "NaN", "1,000", "-", "1.234", "9" * 40, "٤٢"])
def test_what_is_no_amount_of_money_is_never_counted(amount: str) -> None:
    answers = read(remittance([f"CLP*{CLAIM}*1*52.8*{amount}**MC*N1"]))
    assert answers.claims == []
    assert any("cannot be read" in line for line in answers.doubts)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"", "no X12 file"),
        (b"Dear biller,", "no X12 file"),
        (FILES[3][:-42], "cut off"),
        (FILES[3][:-40], "ends before its IEA"),
        (FILES[3].replace(b"SE*", b"SX*"), "no end"),
        (FILES[3].replace(b"CAS*CO*45*6.6~\n", b""), "it is left out"),
        (FILES[3].replace(b"IEA*1*000000779", b"IEA*1*1"), "is open"),
        (FILES[3].replace(b"GE*1*", b"GE*2*"), "GE counts 2 transaction sets, and 1 are there"),
        (FILES[3].replace(b"IEA*1*", b"IEA**"), "IEA counts no groups, and 1 are there"),
        (reply("277", ["BHT*0010*08"], version="005010X212"), "277CA"),
    ],
)
def test_a_file_that_is_not_whole_is_told_in_a_line(file: bytes, words: str) -> None:
    answers = read(file)
    assert bool(answers.claims) == (words == "is open" or "counts" in words)
    assert any(words in line for line in answers.doubts)
    assert (answers.damage != ()) == (words != "277CA")


def test_to_whom_a_file_is_addressed_is_told() -> None:
    assert read(FILES[3] + FILES[0]).receivers == ("RIVERBEND", "RIVERBEND")


def test_an_empty_segment_hides_nothing_that_follows_it() -> None:
    assert only(read(FILES[3].replace(b"CAS*", b"~\nCAS*", 1)))[1] == "paid"


def test_other_delimiters_are_those_that_isa_names() -> None:
    other = FILES[3].translate(bytes.maketrans(b"*:~", b"|>\x1d"))
    assert only(read(other)) == only(read(FILES[3]))


@given(st.binary(max_size=400))
@example(b"ISA")
def test_no_bytes_make_the_reader_fail(data: bytes) -> None:
    assert read(data).doubts


@given(
    st.sampled_from(FILES),
    st.lists(
        st.tuples(st.integers(0, 2000), st.integers(0, 40), st.binary(max_size=12)), min_size=1, max_size=6
    ),
)
def test_no_spoiled_file_makes_the_reader_fail(file: bytes, cuts: list[tuple[int, int, bytes]]) -> None:
    for at, length, put in cuts:
        file = file[:at] + put + file[at + length :]
    answers = read(file)
    assert answers.claims or answers.sets or answers.doubts
    assert all(line and line.isprintable() for line in answers.doubts)
    for told in answers.claims:
        assert told.status in ("accepted", "rejected", "denied", "adjusted", "paid")
        assert told.paid is None or told.paid >= 0


SEGMENT = st.lists(st.text("AB19:*.-^", max_size=8), max_size=8).map("*".join)
NAMED = st.tuples(
    st.sampled_from(["CLP", "CAS", "STC", "HL", "TRN", "AK2", "IK5", "AK9", "REF", "PLB", "LQ"]), SEGMENT
)


@given(st.sampled_from(["999", "277", "835"]), st.lists(NAMED.map("*".join), max_size=12))
def test_no_order_of_segments_makes_the_reader_fail(kind: str, body: list[str]) -> None:
    answers = read(reply(kind, body))
    assert answers.claims or answers.sets or answers.doubts
