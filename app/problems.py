"""What a use case answers when it cannot do what was asked: what happened and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mappings.findings import Finding


class Problem(Exception):
    """Something a person can understand and act on: `message` says what happened, `what_to_do` what next."""

    def __init__(self, message: str, what_to_do: str) -> None:
        super().__init__(f"{message} {what_to_do}")
        self.message, self.what_to_do = message, what_to_do


class NotAllowed(Problem):
    """This person may not do this."""


class NotFound(Problem):
    """There is no such record for this person; also the answer for records that are not theirs to see."""


class Stale(Problem):
    """Somebody, or another window, changed it meanwhile."""


class OtherChart(Problem):
    """A form that was shown for one chart came to another."""


class Held(Problem):
    """The rules hold it; `findings` say why."""

    def __init__(self, message: str, what_to_do: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message, what_to_do)
        self.findings: tuple[Finding, ...] = tuple(findings)


class MendInput(Problem):
    """The input cannot be taken as it is; `errors` gives the reason for each field."""

    def __init__(self, message: str, what_to_do: str, errors: Mapping[str, str] | None = None) -> None:
        super().__init__(message, what_to_do)
        self.errors: Mapping[str, str] = MappingProxyType(dict(errors or {}))
