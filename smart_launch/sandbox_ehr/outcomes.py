"""Errors of the FHIR server: every refusal becomes one OperationOutcome."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Issue:
    """One finding about a request: an issue-type code, a sentence, and the FHIRPath it is about."""

    code: str
    diagnostics: str
    expression: str | None = None

    def within(self, place: str) -> "Issue":
        """Return the same issue with its place put below `place` (for an entry of a Bundle)."""
        return Issue(self.code, self.diagnostics, f"{place}.{self.expression}" if self.expression else place)

    def as_fhir(self, severity: str = "error") -> dict[str, Any]:
        """Return the issue as OperationOutcome.issue."""
        issue: dict[str, Any] = {
            "severity": severity,
            "code": self.code,
            "diagnostics": self.diagnostics,
        }
        if self.expression:
            issue["expression"] = [self.expression]
        return issue


class FhirError(Exception):
    """A refusal with its HTTP status; `headers` go out with it."""

    def __init__(
        self,
        status: int,
        code: str,
        diagnostics: str,
        *,
        expression: str | None = None,
        headers: dict[str, str] | None = None,
        issues: tuple[Issue, ...] = (),
    ) -> None:
        super().__init__(diagnostics)
        self.status = status
        self.issues = issues or (Issue(code, diagnostics, expression),)
        self.headers = headers or {}

    def within(self, place: str) -> "FhirError":
        """Return the same refusal, about an entry of a Bundle."""
        issues = tuple(issue.within(place) for issue in self.issues)
        first = issues[0]
        return FhirError(self.status, first.code, first.diagnostics, headers=self.headers, issues=issues)

    def outcome(self) -> dict[str, Any]:
        """Return the refusal as an OperationOutcome."""
        return {"resourceType": "OperationOutcome", "issue": [issue.as_fhir() for issue in self.issues]}
