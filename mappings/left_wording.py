"""Advice on wording that an author left as it is: it is not given again for that text, and it is remembered
that it was given and left."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from mappings.checks.language import shown
from mappings.findings import Finding
from mappings.language import Hit

LONGEST = 2000


def key_of(rule: str, hit: Hit) -> str:
    """By what "leave it as it is" is remembered: the rule, the field and the words."""
    return f"{rule}|{hit.path}|{hit.found.casefold()}"[:LONGEST]


def left_hits(findings: Iterable[Finding], keys: Collection[str]) -> tuple[Hit, ...]:
    """The words that advice is about and that the author left, each place once: those of the keys, and what
    other rules say of the same words, for only the hardest of them was offered to be left."""
    if not keys:
        return ()
    pairs = [(finding.rule, hit) for finding in findings for hit in finding.words]
    named = [hit for rule, hit in pairs if key_of(rule, hit) in keys]
    spots = {
        (hit.path, hit.start, hit.end): hit
        for _, hit in pairs
        if any(_overlap(hit, other) for other in named)
    }
    return tuple(spots[spot] for spot in sorted(spots))


def without_left(findings: Iterable[Finding], keys: Collection[str]) -> tuple[Finding, ...]:
    """The findings without what the author left: advice of which all words were left is gone, other advice
    speaks of the rest of its words."""
    everything = tuple(findings)
    left = left_hits(everything, keys)
    if not left:
        return everything
    return tuple(rest for finding in everything if (rest := _rest(finding, left)) is not None)


def left_of(finding: Finding, left: Collection[Hit]) -> tuple[str, ...]:
    """The words of one finding that are among those `left`, as they stand in the text."""
    found = [hit.found for hit in finding.words if _is_left(hit, left)]
    return tuple(dict.fromkeys(found))


def _rest(finding: Finding, left: Collection[Hit]) -> Finding | None:
    rest = tuple(hit for hit in finding.words if not _is_left(hit, left))
    if rest == finding.words:
        return finding
    return finding._replace(words=rest, message=_message(finding, rest)) if rest else None


def _message(finding: Finding, rest: Sequence[Hit]) -> str:
    """The message with the words that remain, where it ends with the words at all."""
    told = shown(finding.words)
    head = finding.message.removesuffix(f"{told}.")
    return finding.message if head == finding.message else f"{head}{shown(rest)}."


def _is_left(hit: Hit, left: Iterable[Hit]) -> bool:
    return any(_overlap(hit, other) for other in left)


def _overlap(hit: Hit, other: Hit) -> bool:
    return hit.path == other.path and hit.start < other.end and other.start < hit.end
