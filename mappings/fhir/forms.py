"""Entries of a kind that stands in every record, written into a form: finished bytes with gaps.

The entries of one layout (see `Formed`) whose sheets have the same fields have the same bytes but for these
fields. So a form is made of one that has passed the whole gate, and of the same layout of marks standing for
the fields. After that each field passes what the gate asks where it stands, and so does each object whose
invariants look at values. Whatever a form cannot tell to be right is left to the entry as data.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from mappings.fhir import gate, invariants
from mappings.fhir.compiled import Met, Same, Target, made_of
from mappings.fhir.elements import Json, as_digits, to_bytes
from mappings.fhir.model import Element, elements
from mappings.fhir.part2 import label
from mappings.fhir.repeated import Formed

Sheet = tuple[Any, ...]
Passes = Callable[[Any, Met], bool]
# A part that has passed, held so that its identity stays its own, with what it refers to.
Known = tuple[Json, list[Target]]

_MOST_KEPT = 2_048
_NO_FORM = object()
# Marks are characters that mean nothing to anybody; only the layout of marks is cut at them, never a record.
_PART, _LIST, _TEXT, _NUMBER = "\ue000", "\ue001", "\ue002", "\ue003"
_MARKED = re.compile(f"[{_TEXT}{_NUMBER}]([0-9]+)[{_TEXT}{_NUMBER}]")
_MARKS = re.compile(
    f'"{_NUMBER}([0-9]+){_NUMBER}"|{{"{_PART}":([0-9]+)}}|{{"{_LIST}":([0-9]+)}}|{_TEXT}([0-9]+){_TEXT}'
)


@dataclass(frozen=True, slots=True)
class Filled:
    """An entry as bytes, the type of its resource, and what it refers to in its Bundle."""

    data: bytes
    kind: str
    references: tuple[Target, ...]


class NoForm(ValueError):
    """A layout that no form can be made of."""


class Forms:
    """The forms of one writer, made as they are first asked for."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Form | object] = {}

    def filled(self, one: Formed, part2: bool, same: Same) -> Filled | None:
        """The bytes of an entry that has passed; None where only the entry as data can tell."""
        key = (one.layout, part2, *map(type, one.sheet))
        form = self._known.get(key) or self._made(key, one, part2)
        if not isinstance(form, Form):
            return None
        met = Met(same)
        data = form.written(one.sheet, met)
        if not isinstance(data, bytes) or met.fresh:
            return None
        return Filled(data, form.kind, tuple(met.references))

    def _made(self, key: tuple[object, ...], one: Formed, part2: bool) -> Form | object:
        first, met = _laid_out(one, part2), Met()
        if not gate.passes_entry(first, met) or met.fresh:
            return _NO_FORM
        try:
            form = Form(_laid_out(Formed(one.layout, _marks_for(one.sheet)), part2), one.sheet)
        except NoForm:
            self._known[key] = _NO_FORM
            return _NO_FORM
        fits = form.written(one.sheet, Met()) == to_bytes(first)
        self._known[key] = form if fits else _NO_FORM
        return self._known[key]


def _laid_out(one: Formed, part2: bool) -> Json:
    entry = one.entry()
    if part2:
        label(entry)
    return entry


def _marks_for(sheet: Sheet) -> Sheet:
    """A sheet of marks; of the same kind of tuple, so that its fields keep their names."""
    marks = {str: _TEXT, int: _NUMBER}
    made: list[Any] = [
        None
        if field is None
        else {_PART: at}
        if type(field) is dict
        else [{_LIST: at}]
        if type(field) is list
        else f"{marks[type(field)]}{at}{marks[type(field)]}"
        for at, field in enumerate(sheet)
    ]
    return type(sheet)(*made)


class Form:
    """The bytes of one layout with the same fields, cut where the fields stand: one straight function."""

    __slots__ = ("_lines", "_scope", "kind", "written")

    def __init__(self, marked: Json, sheet: Sheet) -> None:
        self.kind: str = marked["resource"]["resourceType"]
        self._scope: dict[str, Any] = {
            "known_part": _known_part,
            "as_digits": as_digits,
            "dumps": orjson.dumps,
        }
        fields = ", ".join(f"f{at}" for at in range(len(sheet)))
        self._lines = ["def check(sheet, met):", f"    {fields}, = sheet"]
        # What is empty is laid out as if it were not there.
        filled = " and ".join(
            [f"f{at}" for at, field in enumerate(sheet) if isinstance(field, str | list | dict)]
        )
        self._add(f"if not ({filled}): return False")
        self._read(marked, "BundleEntry")
        self._add(f"if not {self._name(gate.creates)}({_source(_ends(marked))}): return False")
        self._cut(marked, sheet)
        # The entry of a sheet as bytes; False where something of it is not known to be right.
        self.written: Callable[[Sheet, Met], bytes | bool] = made_of(
            self._lines, f"<{self.kind}>", self._scope
        )

    def _add(self, *lines: str) -> None:
        self._lines += [f"    {line}" for line in lines]

    def _name(self, value: object) -> str:
        name = f"own{len(self._lines)}"
        self._scope[name] = value
        return name

    def _read(self, value: Json, kind: str) -> None:
        """Ask of each mark in an object of a type what the gate asks there, and of the object what it is by
        its values."""
        known = elements(kind)
        for name, item in value.items():
            for each in item if type(item) is list else [item]:
                if name != "resourceType":
                    self._read_one(each, known[name])
        if _MARKS.search(_as_text(value)):
            for check in invariants.of_values(kind):
                self._add(f"for words in {self._name(check)}({_source(value)}): return False")

    def _read_one(self, value: Any, element: Element) -> None:
        if type(value) is dict and _PART not in value and _LIST not in value:
            whole = element.model == "Resource"
            if element.model == "Reference" and _MARKS.search(_as_text(value)):
                raise NoForm(
                    "a reference is one part: what it refers to is known when it is asked as a whole"
                )
            self._read(value, value["resourceType"] if whole else str(element.model))
        elif type(value) is dict and _PART in value:
            self._ask_part(f"f{value[_PART]}", element)
        elif type(value) is dict:
            each = gate.asks(element, len(self._lines), self._scope)
            self._add(f"if not f{value[_LIST]}: return False", f"for each in f{value[_LIST]}:")
            self._add(*(f"    {line}" for line in each))
        elif type(value) is str and (_TEXT in value or _NUMBER in value):
            self._add(f"each = {_source(value)}", *gate.asks(element, len(self._lines), self._scope))

    def _ask_part(self, field: str, element: Element) -> None:
        """Most parts stand in many records: one that has passed here is known by its identity."""
        scope: dict[str, Any] = {}
        lines = ["def check(each, met):", *(f"    {line}" for line in gate.asks(element, 0, scope))]
        passes = self._name(made_of([*lines, "    return True"], f"<{element.name}>", scope))
        kept = f"{passes}s"
        self._scope[kept] = {}
        self._add(
            f"known = {kept}.get(id({field})) or known_part({field}, {passes}, {kept}, met)",
            "if known is None: return False",
            "if known[1]: met.references += known[1]",
        )

    def _cut(self, marked: Json, sheet: Sheet) -> None:
        text = _as_text(marked)
        order = [int(next(filter(None, found.groups()))) for found in _MARKS.finditer(text)]
        between = [each.encode().replace(b"%", b"%%") for each in _MARKS.sub(_TEXT, text).split(_TEXT)]
        for at in sorted(set(order)):
            self._add(f"f{at} = {_WRITTEN[type(sheet[at])].format(f'f{at}')}")
        values = ", ".join(f"f{at}" for at in order)
        self._add(f"return {self._name(b'%b'.join(between))} % ({values})")


# How a field becomes bytes: a text without its quotation marks, a list without its brackets.
_WRITTEN = {
    str: "dumps({0})[1:-1]",
    list: "dumps({0}, default=as_digits)[1:-1]",
    dict: "dumps({0}, default=as_digits)",
    int: "b'%d' % {0}",
}


def _known_part(part: Json, passes: Passes, kept: dict[int, Known], met: Met) -> Known | None:
    """A part that has passed; it may stand in the next record too."""
    own = Met(met.same)
    if not passes(part, own):
        return None
    if len(kept) >= _MOST_KEPT:
        kept.clear()
    met.fresh += own.fresh
    known = kept[id(part)] = part, own.references
    return known


def _ends(marked: Json) -> Json:
    """What of an entry is about the entry itself: its address, its request, and of what type it is."""
    kind = {"resourceType": marked["resource"]["resourceType"]}
    return {"fullUrl": marked["fullUrl"], "request": marked["request"], "resource": kind}


def _source(marked: Any) -> str:
    """The source of a value, with the fields of a sheet in the places of the marks."""
    if type(marked) is list:
        return f"[{', '.join(map(_source, marked))}]"
    if type(marked) is dict and _PART in marked:
        return f"f{marked[_PART]}"
    if type(marked) is dict and _LIST in marked:
        return f"*f{marked[_LIST]}"
    if type(marked) is dict:
        return f"{{{', '.join(f'{name!r}: {_source(each)}' for name, each in marked.items())}}}"
    if type(marked) is not str:
        return repr(marked)
    texts = _MARKED.split(marked)
    said = [f"f{each}" if at % 2 else repr(each) for at, each in enumerate(texts) if each]
    return " + ".join(said)


def _as_text(value: Json) -> str:
    return to_bytes(value).decode()
