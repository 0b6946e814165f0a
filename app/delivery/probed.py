"""The words of a probe: one line for each function, and what came of asking for a token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Answer = Literal["works", "otherwise", "not", "unknown"]
WORDS: dict[Answer, str] = {
    "works": "works",
    "otherwise": "works otherwise",
    "not": "does not work",
    "unknown": "not known",
}


@dataclass(frozen=True)
class Line:
    """One function: whether it works, why that is said, and the next step. `essential` where an installation
    cannot do without it."""

    area: str
    function: str
    answer: Answer
    why: str
    next_step: str = ""
    essential: bool = False


@dataclass(frozen=True)
class Token:
    """What became of asking for a token of our own: the scopes granted, or the EHR's words. `introspected`
    and `revoked` are None where the EHR offers no such thing."""

    works: bool
    granted: tuple[str, ...] = ()
    words: str = ""
    introspected: bool | None = None
    revoked: bool | None = None


@dataclass(frozen=True)
class Report:
    """What a probe found of one EHR. `reached` is False where nothing of it could be read."""

    issuer: str
    iss: str
    lines: tuple[Line, ...]
    software: str | None = None
    reached: bool = True

    @property
    def stands(self) -> bool:
        """True when nothing that an installation cannot do without is known not to work."""
        return self.reached and not self.amiss()

    def amiss(self) -> Sequence[Line]:
        """The lines that must be mended before the EHR can be used."""
        return [one for one in self.lines if one.essential and one.answer == "not"]

    def to_json(self) -> dict[str, Any]:
        """The report for machines."""
        return {
            "issuer": self.issuer,
            "iss": self.iss,
            "software": self.software,
            "reached": self.reached,
            "stands": self.stands,
            "lines": [asdict(one) for one in self.lines],
        }


def line(
    area: str, function: str, answer: Answer, why: str, next_step: str = "", essential: bool = False
) -> Line:
    """One line; what works has no next step."""
    return Line(area, function, answer, why, "" if answer == "works" else next_step, essential)
