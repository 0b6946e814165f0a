"""What the templates are given: forms with what was typed, findings beside their fields, words of states."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, g
from flask.templating import Environment

from app.web.formkit import Errors, Values
from app.web.forms import BESIDE
from app.web.kit import kit
from app.web.wording import LEFT, Advice, Change
from mappings.findings import SEVERITIES, Finding, Judgement
from mappings.language import apart
from mappings.library_parts import Source
from mappings.phrases import in_words

_FIRST = ("base.html", "home_", "parts/")
# The word of a state and how it is drawn: good, wait (for somebody else), act (for the reader), stop.
STATES = {
    "draft": ("Draft", "act"),
    "awaiting-cosignature": ("Waiting for co-signature", "wait"),
    "returned": ("Sent back", "act"),
    "recalled": ("Taken back", "act"),
    "final": ("Signed, waiting to be sent", "wait"),
    "signed": ("Signed", "good"),
    "superseded": ("Replaced by a later version", "wait"),
    "discarded": ("Discarded", "wait"),
    "ended": ("Ended", "wait"),
    "waiting": ("Signed, waiting to be sent", "wait"),
    "sending": ("Being sent to the EHR", "wait"),
    "in-chart": ("In the chart", "good"),
    "in the chart": ("In the chart", "good"),
    "refused": ("Refused by the EHR", "stop"),
    "held": ("Held", "stop"),
    "ready": ("Ready to release", "act"),
    "released": ("Released, waiting to be sent", "wait"),
    "void": ("Withdrawn", "wait"),
    "corrected": ("Corrected by a later claim", "wait"),
    "voided": ("Voided", "wait"),
    "sent": ("In a file for the payer, not answered yet", "wait"),
    "accepted": ("Accepted by the payer", "good"),
    "rejected": ("Rejected by the payer", "stop"),
    "denied": ("Denied by the payer", "stop"),
    "adjusted": ("Paid in part", "act"),
    "paid": ("Paid", "good"),
}


def standing(state: str, delivery: str | None = None) -> str:
    """The state that people are shown for a record: once it is final, where its delivery stands."""
    return delivery if delivery and state in ("final", "signed", "released") else state


_PATH = r"[a-z_]+(?:\[\d+\])?(?:\.[a-z_]+(?:\[\d+\])?)+"
_NAME = rf"(?:{_PATH}|start|end|status|recipients|excluded_minutes)"
_FIELD_NAMES = re.compile(rf"\s*\({_NAME}(?:, {_NAME})*\)")


@dataclass(frozen=True)
class FormView:
    """A form as the template draws it; `names` are the fields that the page shows, `done` the change of words
    that was just made."""

    values: Values
    labels: Mapping[str, str]
    errors: Errors = field(default_factory=dict)
    judgement: Judgement | None = None
    names: frozenset[str] = frozenset()
    done: Change | None = None

    def value(self, name: str) -> str:
        """What stands in a field."""
        found = self.values.get(name) or [""]
        return found[0]

    def has(self, name: str, code: str) -> bool:
        """True when a box of this name is ticked."""
        return code in self.values.get(name, [])

    def error(self, name: str) -> str:
        """Why the field cannot be read; blank when it can."""
        return self.errors.get(name, "")

    def label(self, name: str) -> str:
        """What people call the field."""
        return self.labels.get(name) or self.labels.get(name.rpartition(".")[2], name)

    def id_of(self, name: str) -> str:
        """The id of the field in the page."""
        return re.sub(r"[^A-Za-z0-9]+", "-", name)

    def options(self, name: str, options: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """The choices of a field, and whatever stands in it that is none of them."""
        known = {code for code, _ in options}
        extra = [(code, code) for code in self.values.get(name, []) if code and code not in known]
        return [*options, *extra]

    def plain_day(self, name: str) -> bool:
        """True when a date field of the browser can show what stands here."""
        return re.fullmatch(r"(\d{4}-\d{2}-\d{2})?", self.value(name)) is not None

    def plain_time(self, name: str) -> bool:
        """True when a time field of the browser can show what stands here."""
        return re.fullmatch(r"(\d{2}:\d{2})?", self.value(name)) is not None

    def findings_at(self, name: str) -> tuple[Finding, ...]:
        """The findings that stand beside this field, the hardest first."""
        return tuple(finding for finding in self._shown() if self._place(finding) == name)

    def findings_elsewhere(self) -> tuple[Finding, ...]:
        """The findings that belong to no field of the page."""
        return tuple(finding for finding in self._shown() if self._place(finding) is None)

    def _shown(self) -> tuple[Finding, ...]:
        # Advice about single words stands apart, word by word.
        found = to_mend(self.judgement.shown) if self.judgement else ()
        return tuple(finding for finding in found if not finding.words)

    def advice_at(self, name: str) -> list[Advice]:
        """The advice on words of this field in their order, without what the author leaves as it is."""
        kept = self.values.get(LEFT, [])
        return [each for each in self._advice if each.hit.path == name and each.key not in kept]

    def left_at(self, name: str) -> list[Advice]:
        """The words of this field that the author leaves as they are."""
        kept = self.values.get(LEFT, [])
        return [each for each in self._advice if each.hit.path == name and each.key in kept]

    @property
    def advice_count(self) -> int:
        """How much advice on words stands beside the fields."""
        return sum(len(self.advice_at(name)) for name in {each.hit.path for each in self._advice})

    @cached_property
    def _advice(self) -> list[Advice]:
        found = self.judgement.shown if self.judgement else ()
        whose = {hit: finding for finding in reversed(hardest_first(found)) for hit in finding.words}
        return [Advice(whose[hit], hit) for hit in apart(whose)]

    def _place(self, finding: Finding) -> str | None:
        return next((at for path in finding.fields for at in places(path) if at in self.names), None)


def places(path: str) -> list[str]:
    """The fields at which a finding about this intake path may stand, the nearest first."""
    plain = re.sub(r"\[\d+\]", "", path)
    way = plain.split(".")
    nearer = [".".join(way[:end]) for end in range(len(way), 0, -1)]
    return [place for step in nearer for place in (BESIDE.get(step, step), step)]


def to_mend(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What a writer should look at, the hardest first: not what a signature itself will settle, and not what
    is for the information of the office alone."""
    return tuple(f for f in hardest_first(findings) if not (by_signing(f) or aside(f)))


def by_signing(finding: Finding) -> bool:
    """True for a finding that only says that a signature is not there yet."""
    return bool(finding.fields) and all(path.startswith("signatures") for path in finding.fields)


def aside(finding: Finding) -> bool:
    """True for information that asks nothing of the one who writes the note."""
    return finding.severity == "info" and finding.stage != "signing"


def claim_words(judgement: Judgement) -> str:
    """Where the claim of a contact stands, in a few words."""
    if judgement.claim != "held":
        return {"ready": "ready", "none": "nothing to bill"}[judgement.claim]
    waits = not to_mend(judgement.holding("signing", "claim"))
    return "when it is signed" if waits else "held, the reasons are below"


def before_words(message: str) -> str:
    """What a rule says of words, without the words: these stand beside the field already."""
    return f"{message.partition(':')[0]}." if ": “" in message else message


def entry_source(id: str) -> Source | None:
    """The source of a word list's entry by its id, None where it has none of its own."""
    return kit().library.sources.get(id) if id else None


def plainly(message: str) -> str:
    """A rule's sentence without the names that fields have in the record."""
    return _FIELD_NAMES.sub("", message)


def hardest_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Blocks, those of the signing before those of the claim, then warnings, then the rest."""
    return tuple(sorted(findings, key=lambda one: (-SEVERITIES.index(one.severity), one.stage != "signing")))


def state_word(state: str) -> str:
    """The word of a state; "Held: why" stands elsewhere with its reason."""
    return STATES.get(state, (state.capitalize(), "wait"))[0]


def state_tone(state: str) -> str:
    """How a state is drawn."""
    return STATES.get(state, ("", "wait"))[1]


def shown_day(value: date | datetime | str | None) -> str:
    """A day as people here read it: Mar 4, 2026."""
    if value is None or value == "":
        return ""
    if isinstance(value, str):
        value = datetime.fromisoformat(value) if "T" in value else date.fromisoformat(value)
    if isinstance(value, datetime):
        value = value.astimezone(zone())
    return f"{value:%b} {value.day}, {value.year}"


def shown_moment(value: datetime | date | str | None) -> str:
    """A day and time in the programme's zone: Mar 4, 2026 at 2:30 PM; a mere day stays one."""
    if isinstance(value, str) and "T" in value:
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        return shown_day(value)
    return f"{shown_day(value)} at {shown_clock(value)}"


def shown_clock(value: datetime | None) -> str:
    """A time of day in the programme's zone: 2:30 PM."""
    if value is None:
        return ""
    local = value.astimezone(zone())
    return f"{local:%I:%M %p}".lstrip("0")


def shown_hours(value: Decimal) -> str:
    """Hours without zeros that say nothing: 2, 1.5."""
    return f"{value.normalize():f}"


def zone() -> ZoneInfo:
    """The time zone of the programme of this request; UTC before any is known."""
    found: ZoneInfo = g.get("zone") or ZoneInfo("UTC")
    return found


def age_words(since: datetime, now: datetime) -> str:
    """How long something waits: today, 1 day, 5 days."""
    days = (now.astimezone(zone()).date() - since.astimezone(zone()).date()).days
    return "today" if days <= 0 else f"{days} day" if days == 1 else f"{days} days"


class _Templates(Environment):
    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """What all templates know, as it is: no template of ours has names of its own, and to look each name
        up in two places costs as much as the page."""
        return super().make_globals(d) if d else self.globals


class Pages(Flask):
    """Flask with templates that are looked up in by fewer steps."""

    jinja_environment = _Templates

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: none of ours is asynchronous, and Flask would look at each at each call."""
        return func


def make_ready(app: Flask) -> None:
    """Make the templates of the first pages ready, so that the first launch of a process need not wait for
    that."""
    for name in app.jinja_env.list_templates(filter_func=lambda each: each.startswith(_FIRST)):
        app.jinja_env.get_template(name)


def install(app: Flask) -> None:
    """Give the templates their filters."""
    app.jinja_env.filters.update(
        day=shown_day,
        moment=shown_moment,
        clock=shown_clock,
        state_word=state_word,
        state_tone=state_tone,
        standing=standing,
        hardest_first=hardest_first,
        to_mend=to_mend,
        by_signing=lambda found: tuple(each for each in found if by_signing(each)),
        aside=lambda found: tuple(each for each in found if aside(each) and not by_signing(each)),
        plainly=plainly,
        before_words=before_words,
        entry_source=entry_source,
        claim_words=claim_words,
        hours=shown_hours,
        money=lambda amount: f"{amount:,.2f}",
        in_words=lambda value, name: in_words(name, value),
        first_up=lambda text: text[:1].upper() + text[1:],
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
