"""Retry-After and the server's own words (RFC 9110 section 10.2.3; FHIR R4 OperationOutcome)."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_launch.trouble import issues_of, retry_after, retry_after_seconds, server_words

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
DAY = 24 * 60 * 60


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        (" 120 ", 120),
        ("99999999999999999999", DAY),
        ("-5", None),
        ("1.5", None),
        ("１２", None),
        ("soon", None),
        ("Mon, 02 Mar 2026 15:00:30 GMT", 30),
        ("Mon, 02 Mar 2026 14:00:00 GMT", 0),
        ("Mon, 02 Mar 2026 10:01:00 -0500", 60),
        ("Monday, 02-Mar-26 15:00:05 GMT", 5),
        ("Tue, 02 Mar 2027 15:00:00 GMT", DAY),
        ("Mon, 99 Mar 2026 15:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, seconds: int | None) -> None:
    assert retry_after_seconds(header, NOW) == seconds


def test_a_date_is_measured_from_the_answers_own_date() -> None:
    headers = {"retry-after": "Mon, 02 Mar 2026 15:00:30 GMT", "date": "Mon, 02 Mar 2026 15:00:00 GMT"}
    assert retry_after(headers) == 30
    assert retry_after({"retry-after": headers["retry-after"]}) is None
    assert retry_after({"retry-after": "7"}) == 7


@given(st.text(max_size=60))
def test_any_header_gives_seconds_within_a_day_or_nothing(header: str) -> None:
    seconds = retry_after_seconds(header, NOW)
    assert seconds is None or 0 <= seconds <= DAY


@given(st.integers(0, DAY))
def test_a_date_and_its_seconds_mean_the_same(seconds: int) -> None:
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert retry_after_seconds(date, NOW) == retry_after_seconds(str(seconds), NOW) == seconds


def test_the_servers_words_name_severity_code_place_and_diagnostics() -> None:
    issue = {
        "severity": "error",
        "code": "invalid",
        "diagnostics": "bad\r\ndate",
        "expression": ["Task.status"],
    }
    issues = issues_of({"resourceType": "OperationOutcome", "issue": [issue]})
    assert server_words(issues, b"", "") == "error invalid at Task.status: bad date"


@pytest.mark.parametrize(
    ("issue", "words"),
    [
        ({"details": {"text": "spoken"}}, "error unknown: spoken"),
        ({"details": {"coding": [{"code": "59177", "display": "shown"}]}}, "error unknown: shown"),
        ({"details": {"coding": [{"code": "59177"}]}}, "error unknown: 59177"),
        ({"details": {"coding": "x"}, "location": ["/f:Task"]}, "error unknown at /f:Task"),
        ({"diagnostics": 7, "expression": "x"}, "error unknown"),
    ],
)
def test_words_are_found_wherever_the_server_puts_them(issue: dict[str, Any], words: str) -> None:
    assert server_words(issues_of({"resourceType": "OperationOutcome", "issue": [issue]}), b"", "") == words


@pytest.mark.parametrize(
    "body",
    [None, {}, {"resourceType": "Patient"}, {"resourceType": "OperationOutcome"},
     {"resourceType": "OperationOutcome", "issue": "x"}, {"resourceType": "OperationOutcome", "issue": [1]}],
)  # fmt: skip
def test_without_issues_there_are_no_words(body: dict[str, Any] | None) -> None:
    assert issues_of(body) == ()


def test_words_are_bounded_and_a_page_is_never_quoted() -> None:
    issue = {"severity": "e" * 500, "code": "c" * 500, "diagnostics": "d" * 50_000}
    issues = issues_of({"resourceType": "OperationOutcome", "issue": [issue] * 100})
    assert len(issues) == 20
    assert len(server_words(issues, b"", "")) == 2000
    assert server_words((), b"<h1>no</h1>", "text/html") == ""
    assert server_words((), b"no\xff" * 1000, "text/plain").startswith("no")
