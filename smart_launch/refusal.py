"""Why a launch does not go on, in words for the person in front of the screen."""

from typing import Literal, get_args

ReasonCode = Literal[
    "unknown-issuer",
    "insecure-issuer",
    "endpoint-not-registered",
    "smart-not-offered",
    "wrong-state",
    "wrong-issuer",
    "expired-pending",
    "ehr-error",
    "code-missing",
    "code-refused",
    "client-refused",
    "refresh-refused",
    "refresh-lost",
    "id-token-missing",
    "id-token-invalid",
    "id-token-expired",
    "wrong-audience",
    "no-fhir-user",
    "not-a-practitioner",
    "patient-changed",
    "ehr-unreachable",
    "ehr-answer-unreadable",
]

REASON_CODES: frozenset[str] = frozenset(get_args(ReasonCode))


class LaunchRefused(Exception):
    """A launch that must not go on: a stable reason code, what happened, what to do next, and the EHR's own
    words (plain text, never to be shown without escaping)."""

    def __init__(self, reason_code: ReasonCode, message: str, what_to_do: str, ehr_words: str = "") -> None:
        super().__init__(message)
        self.reason_code: ReasonCode = reason_code
        self.message = message
        self.what_to_do = what_to_do
        self.ehr_words = ehr_words

    @property
    def passing(self) -> bool:
        """True when the same step may work a little later, with nothing changed here."""
        return self.reason_code == "ehr-unreachable"


class UnknownIssuer(LaunchRefused):
    """The `iss` is not registered; nothing was requested from it."""

    def __init__(self) -> None:
        super().__init__(
            "unknown-issuer",
            "Peerchart was opened from an address that is not one of its registered EHRs.",
            "Open Peerchart from the chart of your EHR. If you did, ask your administrator to register the "
            "FHIR base address of this EHR.",
        )


class InsecureIssuer(LaunchRefused):
    """The registered address is plain http on a host that is not this machine."""

    def __init__(self) -> None:
        super().__init__(
            "insecure-issuer",
            "The address of this EHR does not use https, so nothing was sent to it.",
            "Ask your administrator to register the https address of the EHR.",
        )
