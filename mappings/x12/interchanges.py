"""A file of X12 as interchanges, groups and transaction sets; whatever is wrong in it becomes a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

# ISA has fixed places: they tell the delimiters.
_ISA_LENGTH, _ELEMENT_AT, _COMPONENT_AT, _END_AT = 106, 3, 104, 105
_LONGEST = 80


@dataclass(frozen=True)
class Part:
    """One segment: its name and elements; `text` and `parts` answer blank for what is not there."""

    name: str
    elements: tuple[str, ...]
    component: str

    def text(self, number: int) -> str:
        """Element `number`, the first is 1."""
        return self.elements[number - 1].strip() if number <= len(self.elements) else ""

    def parts(self, number: int, least: int = 3) -> tuple[str, ...]:
        """The components of element `number`, at least so many."""
        found = tuple(each.strip() for each in self.text(number).split(self.component))
        return (*found, *[""] * (least - len(found)))


@dataclass(frozen=True)
class TransactionSet:
    """What stands between ST and SE, with the interchange's sender and control number, and GS08."""

    kind: str
    number: str
    version: str
    sender: str
    interchange: str
    body: tuple[Part, ...]


@dataclass
class Opened:
    """A file as it was read: the sets that are whole, the TA1 segments, to whom each interchange is addressed
    (ISA08), and a line for all that is wrong."""

    sets: list[TransactionSet] = field(default_factory=list)
    receivers: list[str] = field(default_factory=list)
    acknowledgements: list[Part] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def opened(data: bytes) -> Opened:
    """The transaction sets of a file. Never raises: a set cut off or miscounted is left out, and said."""
    file = Opened()
    text = data.decode("latin-1").removeprefix("\xef\xbb\xbf").lstrip()
    if not text.startswith("ISA") or len(text) < _ISA_LENGTH:
        file.doubts.append("The file does not begin with a whole ISA segment: it is no X12 file.")
        return file
    signs = text[_ELEMENT_AT], text[_COMPONENT_AT], text[_END_AT]
    if len(set(signs)) < len(signs) or any(sign.isalnum() for sign in signs):
        file.doubts.append("ISA names letters, digits or one sign twice as delimiters: it is no X12 file.")
        return file
    parts = list(_segments(text, *signs, file))
    _walk(parts, file)
    _count(parts, file)
    return file


def _segments(text: str, element: str, component: str, end: str, file: Opened) -> Iterator[Part]:
    # pyx12's own reader stops without a word at an empty segment, and with it all that follows it is lost.
    *whole, rest = text.split(end)
    if rest.strip():
        file.doubts.append(f"The file is cut off after {shown(rest)}.")
    for each in whole:
        name, *elements = each.strip("\r\n").split(element)
        if name.strip() or elements:
            yield Part(name.strip(), tuple(elements), component)


def _walk(parts: Sequence[Part], file: Opened) -> None:
    sender = interchange = version = ""
    inside: list[Part] | None = None
    for part in parts:
        if part.name in ("ISA", "GS", "GE", "IEA", "ST") and inside is not None:
            file.doubts.append(f"Transaction set {shown(inside[0].text(2))} has no end; it is left out.")
            inside = None
        if part.name == "ISA":
            sender, interchange = part.text(6), part.text(13)
            file.receivers.append(part.text(8))
        elif part.name == "IEA" and part.text(2) != interchange:
            file.doubts.append(
                f"IEA ends interchange {shown(part.text(2))}, and {shown(interchange)} is open."
            )
        elif part.name == "TA1":
            file.acknowledgements.append(part)
        elif part.name == "GS":
            version = part.text(8)
        elif part.name == "ST":
            inside = [part]
        elif part.name == "SE":
            _close(inside, part, version, sender, interchange, file)
            inside = None
        elif inside is not None:
            inside.append(part)
        elif part.name not in ("GE", "IEA"):
            file.doubts.append(f"Segment {shown(part.name)} stands outside of a transaction set.")
    if inside is not None:
        file.doubts.append(f"Transaction set {shown(inside[0].text(2))} has no end; it is left out.")
    if not parts or parts[-1].name != "IEA":
        file.doubts.append("The file ends before its IEA: some of it may be missing.")


def _count(parts: Sequence[Part], file: Opened) -> None:
    """What an envelope says it holds is compared with what stands in it: a part may be missing whole."""
    holds = {"GE": ("ST", "transaction sets"), "IEA": ("GS", "groups")}
    there = {"ST": 0, "GS": 0}
    for part in parts:
        if part.name in there:
            there[part.name] += 1
        elif part.name in holds:
            name, words = holds[part.name]
            if part.text(1).lstrip("0") != str(there[name]).lstrip("0"):
                counts = f"{part.name} counts {shown(part.text(1)) or 'no'} {words}"
                file.doubts.append(f"{counts}, and {there[name]} are there.")
            there[name] = 0


def _close(
    inside: list[Part] | None, end: Part, version: str, sender: str, interchange: str, file: Opened
) -> None:
    if inside is None:
        file.doubts.append("An SE stands without its ST.")
        return
    number = inside[0].text(2)
    if end.text(1).lstrip("0") != str(len(inside) + 1) or end.text(2) != number:
        file.doubts.append(
            f"Transaction set {shown(number)} has {len(inside) + 1} segments "
            f"and ends as {shown(end.text(2))} with {shown(end.text(1))}; it is left out."
        )
        return
    kind = inside[0].text(1)
    guide = version or inside[0].text(3)
    file.sets.append(TransactionSet(kind, number, guide, sender, interchange, tuple(inside[1:])))


def shown(text: str) -> str:
    """Foreign text in a line for people: printable, short."""
    plain = "".join(sign if sign.isprintable() else "?" for sign in text.strip())
    return plain if len(plain) <= _LONGEST else plain[:_LONGEST] + "..."
