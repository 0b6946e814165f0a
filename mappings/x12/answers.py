"""What a 999, 277CA or 835 says of claims: accepted, rejected, denied, adjusted or paid, in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from mappings.x12 import words
from mappings.x12.interchanges import Opened, Part, TransactionSet, opened, shown

_AMOUNT = re.compile(r"-?(\d{1,15}(\.\d{0,2})?|\.\d{1,2})", re.ASCII)
_FEE_SCHEDULE = ("CO", "45")
_LONGEST_REASON = 500


@dataclass(frozen=True)
class Told:
    """What is said of one claim, by its control number; `paid` in US dollars."""

    control_number: str
    status: str
    reason: str
    source: str
    payer_number: str | None = None
    paid: Decimal | None = None


@dataclass(frozen=True)
class ToldOfSet:
    """What is said of all claims of one transaction set of ours; `number` None for a whole group or
    interchange, then `envelope` is its number."""

    envelope: str | None
    number: str | None
    status: str
    reason: str
    source: str


@dataclass
class Answers:
    """All that a file says, and a line for whatever could not be read; `damage` has those of them that mean
    that the file is not whole, `receivers` to whom it is addressed (ISA08)."""

    claims: list[Told] = field(default_factory=list)
    sets: list[ToldOfSet] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    damage: tuple[str, ...] = ()
    receivers: tuple[str, ...] = ()


def read(data: bytes) -> Answers:
    """What the payer's file says. Never raises, whatever the file holds."""
    file = opened(data)
    found = Answers(doubts=file.doubts, damage=tuple(file.doubts), receivers=tuple(file.receivers))
    _interchanges(file, found)
    for each in file.sets:
        reader = _READERS.get(each.kind)
        if reader is None or (each.kind == "277" and not each.version.startswith("005010X214")):
            found.doubts.append(
                f"Transaction set {shown(each.number)} is a {shown(each.kind)} {shown(each.version)}; "
                "999, 277CA (005010X214) and 835 are read."
            )
        else:
            reader(each, found)
    if not (found.claims or found.sets or found.doubts):
        found.doubts.append("The file says nothing of any claim.")
    return found


def _interchanges(file: Opened, found: Answers) -> None:
    for part in file.acknowledgements:
        number, code = part.text(1), part.text(4)
        word = {"A": "accepted", "E": "accepted with errors", "R": "rejected"}.get(code)
        if word is None:
            found.doubts.append(f"TA1 of interchange {shown(number)} has the unknown code {shown(code)}.")
            continue
        status = "rejected" if code == "R" else "accepted"
        note = "" if part.text(5) in ("", "000") else f", note code {shown(part.text(5))}"
        reason = f"TA1: interchange {shown(number)} {word}{note}"
        found.sets.append(ToldOfSet(number, None, status, reason, f"TA1 {shown(number)}"))


def _acknowledgement(told: TransactionSet, found: Answers) -> None:
    """999: IK5 for each set of ours, else AK9 for the whole group."""
    group, current, errors = "", None, list[str]()
    answered: list[str] = []
    source = _source("999", told)
    for part in told.body:
        if part.name == "AK1":
            group, answered = part.text(2), []
        elif part.name == "AK2":
            current, errors = part.text(2), []
        elif part.name == "IK3":
            errors.append(_segment_error(part))
        elif part.name == "IK4":
            where = part.parts(1)[0]
            errors.append(f"element {shown(where)}: {_worded(words.ELEMENT_ERRORS, part.text(3))}")
        elif part.name == "CTX" and part.parts(1)[0] == "CLM01":
            errors.append(f"claim {shown(part.parts(1)[1])}")
        elif part.name == "IK5" and current is not None:
            _set_told(found, group, current, part.text(1), errors, source)
            answered.append(part.text(1))
            current = None
        elif part.name == "AK9" and not (answered and _fits(part.text(1), answered)):
            _set_told(found, group, None, part.text(1), [], source)
    if current is not None:
        found.doubts.append(f"999 {shown(told.number)} leaves set {shown(current)} without an answer.")


def _fits(code: str, answered: list[str]) -> bool:
    """Whether the answers to the sets tell what the group's says: a group may be refused for itself."""
    refused = [each for each in (code, *answered) if not words.ACKNOWLEDGED.get(each, ("", True))[1]]
    return code not in refused or len(refused) > 1


def _set_told(
    found: Answers, group: str, number: str | None, code: str, errors: list[str], source: str
) -> None:
    known = words.ACKNOWLEDGED.get(code)
    what = f"set {shown(number)}" if number else f"group {shown(group)}"
    if known is None:
        found.doubts.append(f"999: {what} has the unknown code {shown(code)}.")
        return
    reason = "; ".join([f"999: {what} {known[0]}", *errors])[:_LONGEST_REASON]
    found.sets.append(ToldOfSet(group, number, "accepted" if known[1] else "rejected", reason, source))


def _segment_error(part: Part) -> str:
    where = f"{shown(part.text(1))} at {shown(part.text(2))}"
    return f"{where}: {_worded(words.SEGMENT_ERRORS, part.text(4))}"


def _claim_acknowledgement(told: TransactionSet, found: Answers) -> None:
    """277CA: the statuses at each level; those of the individual's level are the claim's."""
    for level, parts in _levels(told):
        statuses = [part for part in parts if part.name == "STC"]
        trace = next((part.text(2) for part in parts if part.name == "TRN"), "")
        if not statuses:
            continue
        taken, reason = _statuses(statuses)
        if taken is None:
            found.doubts.append(f"277CA {shown(told.number)}, {shown(trace) or 'no number'}: {reason}.")
        elif level == "PT":
            _claim_told(told, parts, trace, taken, reason, found)
        elif not taken:
            # Above the claims a status is of everything sent: the trace is our number of the set (BHT03).
            source = _source("277CA", told)
            found.sets.append(ToldOfSet(None, trace, "rejected", f"277CA: {reason}", source))


def _levels(told: TransactionSet) -> Iterator[tuple[str, list[Part]]]:
    level, parts = "", list[Part]()
    for part in told.body:
        if part.name == "HL" or (part.name == "TRN" and level == "PT" and _has(parts, "TRN")):
            yield level, parts
            level, parts = (part.text(3) if part.name == "HL" else level), []
        parts.append(part)
    yield level, parts


def _has(parts: list[Part], name: str) -> bool:
    return any(part.name == name for part in parts)


def _claim_told(
    told: TransactionSet, parts: list[Part], trace: str, taken: bool, reason: str, found: Answers
) -> None:
    if not trace:
        found.doubts.append(f"277CA {shown(told.number)} answers a claim without its number: {reason}.")
        return
    number = next((p.text(2) for p in parts if p.name == "REF" and p.text(1) == "1K" and p.text(2)), None)
    status, source = "accepted" if taken else "rejected", _source("277CA", told)
    found.claims.append(
        Told(_control(trace), status, f"277CA: {reason}", source, shown(number) if number else None)
    )


def _statuses(parts: list[Part]) -> tuple[bool | None, str]:
    """Whether all of them say that it was taken, None where one is no acknowledgement; and in words."""
    taken: bool | None = True
    said = []
    for part in parts:
        for place in (1, 10, 11):
            category, status, _ = part.parts(place)[:3]
            if not category:
                continue
            word, well = words.CATEGORIES.get(category, ("no acknowledgement of a claim", None))
            said.append(f"{shown(category)} {word} ({_worded(words.STATUS, status)})")
            taken = None if well is None or taken is None else (taken and well)
        if part.text(12):
            said.append(shown(part.text(12)))
    return (taken if said else None), ("; ".join(dict.fromkeys(said)) or "no status")[:_LONGEST_REASON]


def _remittance(told: TransactionSet, found: Answers) -> None:
    """835: each CLP with the adjustments below it; what is not of one claim becomes a line."""
    trace = next((part.text(2) for part in told.body if part.name == "TRN"), "")
    source = f"{_source('835', told)} {shown(trace)}".strip()
    claim = list[Part]()
    for part in told.body:
        if part.name == "PLB":
            found.doubts.append(
                f"835 {shown(trace)} moves money that is of no one claim: {_provider_level(part)}."
            )
        if part.name in ("CLP", "PLB", "LX"):
            _paid(claim, source, found)
            claim = []
        if part.name == "CLP" or claim:
            claim.append(part)
    _paid(claim, source, found)


def _paid(parts: list[Part], source: str, found: Answers) -> None:
    if not parts:
        return
    clp = parts[0]
    number, code = _control(clp.text(1)), clp.text(2)
    charge, paid = _amount(clp.text(3)), _amount(clp.text(4))
    word = words.CLAIM_STATUS.get(code)
    if not number or word is None or charge is None or paid is None:
        written = " ".join(shown(clp.text(place)) or "-" for place in range(1, 5))
        found.doubts.append(f"835: a claim cannot be read (CLP {written}).")
        return
    cuts = list(_adjustments(parts, found))
    if charge - sum((each for _, _, each in cuts), Decimal(0)) != paid:
        found.doubts.append(
            f"835: claim {number}: charge {charge}, adjustments and payment {paid} do not add up."
        )
    remarks = dict.fromkeys(shown(p.text(2)) for p in parts if p.name == "LQ" and p.text(1) == "HE")
    said = [
        f"835: {code} {word}",
        *(f"{group}-{cause} {_cut(group, cause)} {each}" for group, cause, each in cuts),
        *(f"remark {each}" for each in remarks),
        *([f"payment {paid}"] if paid < 0 else []),
    ]
    status = _status(code, paid, cuts)
    reason = "; ".join(said)[:_LONGEST_REASON]
    payer_number = shown(clp.text(7)) or None
    found.claims.append(Told(number, status, reason, source, payer_number, max(paid, Decimal(0))))


def _status(code: str, paid: Decimal, cuts: list[tuple[str, str, Decimal]]) -> str:
    """Paid is what was paid by the fee schedule alone; every other reduction makes it adjusted."""
    if code in ("4", "23"):
        return "denied"
    by_schedule = all((group, cause) == _FEE_SCHEDULE for group, cause, _ in cuts)
    return "paid" if paid > 0 and by_schedule and code != "22" else "adjusted"


def _adjustments(parts: list[Part], found: Answers) -> Iterator[tuple[str, str, Decimal]]:
    """(group, reason, amount) of each adjustment, of the claim and of its lines."""
    for part in parts:
        if part.name != "CAS":
            continue
        for place in range(2, len(part.elements) + 1, 3):
            if not part.text(place):
                continue
            cut = _amount(part.text(place + 1))
            if cut is None:
                said = f"{shown(part.text(1))}-{shown(part.text(place))} {shown(part.text(place + 1))}"
                found.doubts.append(
                    f"835: claim {_control(parts[0].text(1))}: an adjustment is no amount ({said})."
                )
            else:
                yield shown(part.text(1)), shown(part.text(place)), cut


def _cut(group: str, cause: str) -> str:
    known = words.ADJUSTMENTS.get(cause) or "see the code list"
    return f"{known}, {words.GROUPS.get(group, 'other')}"


def _provider_level(part: Part) -> str:
    pairs = [(part.parts(place), part.text(place + 1)) for place in range(3, len(part.elements), 2)]
    return ", ".join(f"{shown(code[0])} {shown(code[1])} {shown(money)}" for code, money in pairs) or "PLB"


def _amount(text: str) -> Decimal | None:
    return Decimal(text) if _AMOUNT.fullmatch(text) else None


def _control(text: str) -> str:
    return shown(text)


def _worded(table: MappingProxyType[str, str], code: str) -> str:
    known = table.get(code.lstrip("0") or code)
    return f"{shown(code)} {known}" if known else shown(code) or "no code"


def _source(kind: str, told: TransactionSet) -> str:
    """The same for one file, whatever it is called and how often it is read."""
    return f"{kind} {shown(told.sender)} {shown(told.interchange)} {shown(told.number)}"


_READERS: MappingProxyType[str, Callable[[TransactionSet, Answers], None]] = MappingProxyType(
    {"999": _acknowledgement, "277": _claim_acknowledgement, "835": _remittance}
)
