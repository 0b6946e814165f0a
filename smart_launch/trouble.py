"""What went wrong with an EHR, sorted by what to do next."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from smart_launch.token_endpoint import one_line

LONGEST_WAIT = timedelta(days=1)
MAX_ISSUES = 20


@dataclass(frozen=True)
class ServerIssue:
    """One issue of an OperationOutcome in the server's own words (plain text, bounded)."""

    severity: str
    code: str
    diagnostics: str
    expression: tuple[str, ...] = ()

    def __str__(self) -> str:
        place = f" at {', '.join(self.expression)}" if self.expression else ""
        return f"{self.severity} {self.code}{place}: {self.diagnostics}".rstrip(": ")


class FhirTrouble(Exception):
    """A request to an EHR that did not end well. `status` is None when no whole answer came; `words` are the
    server's own (plain text, at most 2000 characters); `request_id` is the X-Request-Id that was sent."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        issues: tuple[ServerIssue, ...] = (),
        words: str = "",
        request_id: str | None = None,
    ) -> None:
        super().__init__(f"{message} {words}".strip())
        self.message = message
        self.status = status
        self.issues = issues
        self.words = words
        self.request_id = request_id


class Wait(FhirTrouble):
    """Nothing was changed in the EHR: the same request may be sent again, after `retry_after` seconds when
    the server stated it."""

    def __init__(self, message: str, *, retry_after: int | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after = retry_after


class OutcomeUnknown(FhirTrouble):
    """A write may or may not stand in the EHR: look for it before sending it again."""


class Refused(FhirTrouble):
    """The EHR judged the request and said no: sending the same again will not help."""


class NotAllowed(FhirTrouble):
    """401: the token is not accepted (`token_problem`), ask for a new one once; 403: a policy says no."""

    @property
    def token_problem(self) -> bool:
        """True when a new token may help."""
        return self.status == 401


class Unreadable(FhirTrouble):
    """A read was answered with something that cannot be relied on; nothing was changed in the EHR."""


def retry_after_seconds(header: str | None, now: datetime | None) -> int | None:
    """Retry-After as whole seconds from `now` (aware), from seconds or an HTTP date, at most a day; None
    when absent, unreadable, or a date with no `now` to measure from (RFC 9110 section 10.2.3)."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]), int(LONGEST_WAIT.total_seconds()))
    moment = _http_date(text)
    if moment is None or now is None:
        return None
    wait = max(timedelta(0), min(moment - now, LONGEST_WAIT))
    return -(-wait // timedelta(seconds=1))


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Retry-After of an answer in seconds; a date is measured from the answer's own Date, so that clocks
    that differ do no harm. `headers` have names in lower case."""
    stated, sent = headers.get("retry-after"), headers.get("date")
    return retry_after_seconds(stated, _http_date(sent) if sent else None)


def issues_of(body: Mapping[str, Any] | None) -> tuple[ServerIssue, ...]:
    """The issues of an OperationOutcome, at most 20; empty for anything else."""
    if body is None or body.get("resourceType") != "OperationOutcome":
        return ()
    listed = body.get("issue")
    items = listed[:MAX_ISSUES] if isinstance(listed, list) else []
    return tuple(_issue(item) for item in items if isinstance(item, dict))


def server_words(issues: tuple[ServerIssue, ...], raw: bytes, media_type: str) -> str:
    """The server's own words: its issues, or the beginning of a plain text; never a page of HTML."""
    if issues:
        return one_line("; ".join(str(issue) for issue in issues), 2000)
    if media_type == "text/plain":
        return one_line(raw[:2000].decode("utf-8", "replace"), 500)
    return ""


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None


def _issue(item: Mapping[str, Any]) -> ServerIssue:
    details = item.get("details")
    spoken = item.get("diagnostics") or (details.get("text") if isinstance(details, dict) else None)
    where = item.get("expression") or item.get("location") or []
    places = where[:5] if isinstance(where, list) else []
    return ServerIssue(
        severity=one_line(str(item.get("severity", "error")), 20),
        code=one_line(str(item.get("code", "unknown")), 40),
        diagnostics=one_line(spoken, 500) if isinstance(spoken, str) else _coded(details),
        expression=tuple(one_line(str(place), 200) for place in places),
    )


def _coded(details: object) -> str:
    codings = details.get("coding") if isinstance(details, dict) else None
    first = codings[0] if isinstance(codings, list) and codings and isinstance(codings[0], dict) else {}
    return one_line(str(first.get("display") or first.get("code") or ""), 200)
