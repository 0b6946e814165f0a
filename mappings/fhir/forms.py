"""Entries of a kind that stands in every record, written into a form: finished bytes with gaps.

The entries of one layout (see `Formed`) whose sheets have the same fields have the same bytes but for these
fields. So a form is made of one that has passed the whole gate, and of the same layout of marks standing for
the fields. After that each field passes what the gate asks where it stands, and so does each object whose
invariants look at values. Whatever a form cannot tell to be right is left to the entry as data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import orjson

from mappings.fhir import gate, invariants
from mappings.fhir.compiled import Met, Same, Target, made_of
from mappings.fhir.elements import Json, as_digits, to_bytes
from mappings.fhir.model import Element, elements
from mappings.fhir.part2 import label
from mappings.fhir.repeated import Formed

Sheet = tuple[Any, ...]
Passes = Callable[[Any, Met], bool]
# A part that has passed, held so that its identity stays its own, with what it refers to, and as JSON.
Known = tuple[Json, list[Target], str]

_MOST_KEPT = 256
_SEEN, _NO_FORM = object(), object()
# Marks are characters that mean nothing to anybody; only the layout of marks is cut at them, never a record.
_PART, _LIST, _TEXT, _NUMBER = "\ue000", "\ue001", "\ue002", "\ue003"
# What else than to be printable is asked of a text of these kinds that is not empty.
_PLAIN = {
    **dict.fromkeys(("string", "markdown"), "{0}.isspace()"),
    **dict.fromkeys(("uri", "url", "canonical"), "' ' in {0}"),
}
_MARKED = re.compile(f"[{_TEXT}{_NUMBER}]([0-9]+)[{_TEXT}{_NUMBER}]")
_MARKS = re.compile(
    f'"{_NUMBER}([0-9]+){_NUMBER}"|{{"{_PART}":([0-9]+)}}|{{"{_LIST}":([0-9]+)}}|{_TEXT}([0-9]+){_TEXT}'
)


class Piece(NamedTuple):
    """One entry as bytes, with its fullUrl, the type of its resource and what it refers to in its Bundle."""

    data: bytes
    url: str
    kind: str
    references: Sequence[Target]


class NoForm(ValueError):
    """A layout that no form can be made of."""


class Forms:
    """The forms of one writer, made as they are first asked for."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Form | object] = {}

    def filled(self, one: Formed, part2: bool, same: Same) -> Piece | None:
        """An entry that has passed; None where only the entry as data can tell."""
        key = (one.layout, part2, *map(type, one.sheet))
        form = self._known.get(key)
        if not isinstance(form, Form):
            form = self._made(key, form, one, part2)
            if not isinstance(form, Form):
                return None
        met = Met(same)
        data = form.written(one.sheet, met)
        if not isinstance(data, bytes) or met.fresh:
            return None
        return Piece(data, one.sheet[0], form.kind, met.references)

    def _made(self, key: tuple[object, ...], known: object, one: Formed, part2: bool) -> Form | object:
        """The form of an entry whose like was there before: to make one costs as much as many entries."""
        if known is not _SEEN:
            self._known[key] = known or _SEEN
            return known
        first, met = _laid_out(one, part2), Met()
        if not gate.passes_entry(first, met) or met.fresh:
            return known
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

    def __init__(self, marked: Json, sheet: Sheet) -> None:
        self.kind: str = marked["resource"]["resourceType"]
        self._scope: dict[str, Any] = {"known_part": _known_part, "escaped": _escaped}
        self._lines: list[str] = []
        self._numbered = 0
        # What else is asked of the texts that must be printable, of which fields they are, and how each is
        # asked by itself.
        self._plain: list[str] = []
        self._plain_fields: dict[str, None] = {}
        self._slowly: list[str] = []
        # Fields whose letters are never escaped in JSON.
        self._letters: set[str] = set()
        # Where what is known of a part is kept.
        self._parts: dict[int, str] = {}
        self._asked: set[tuple[str, ...]] = set()
        self._read(marked, "BundleEntry")
        self._add(f"if not {self._name(gate.creates)}({_source(_ends(marked))}): return False")
        end = self._cut(marked, sheet)
        # The entry of a sheet as bytes; False where something of it is not known to be right.
        source = [*_start(sheet), *self._texts(), *self._lines, *end]
        self.written: Callable[[Sheet, Met], bytes | bool]
        self.written = made_of(["def check(sheet, met):", *_in(source)], f"<{self.kind}>", self._scope)

    def _add(self, *lines: str) -> None:
        """What is asked once need not be asked again."""
        if lines not in self._asked:
            self._asked.add(lines)
            self._lines += lines

    def _name(self, value: object) -> str:
        for name, known in self._scope.items():
            if known is value:
                return name
        self._numbered += 1
        self._scope[f"own{self._numbered}"] = value
        return f"own{self._numbered}"

    def _asks(self, element: Element) -> list[str]:
        self._numbered += 1
        return gate.asks(element, self._numbered, self._scope)

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
        if type(value) is dict and _PART in value:
            self._read_part(value[_PART], element)
        elif type(value) is dict and _LIST in value:
            self._add(f"for each in f{value[_LIST]}:", *_in(self._asks(element)))
        elif type(value) is dict:
            self._read_object(value, element)
        elif type(value) is str and (_TEXT in value or _NUMBER in value):
            self._read_text(value, _source(value), element)

    def _read_object(self, value: Json, element: Element) -> None:
        if element.model == "Reference" and _MARKS.search(_as_text(value)):
            raise NoForm("a reference is one part: what it refers to is known when it is asked as a whole")
        self._read(value, value["resourceType"] if element.model == "Resource" else str(element.model))

    def _read_text(self, marked: str, source: str, element: Element) -> None:
        key = f"{source} {element.primitive} {element.codes and sorted(element.codes)}"
        if (key,) in self._asked:
            return
        self._asked.add((key,))
        asks = [f"each = {source}", *self._asks(element)]
        if element.primitive in _PLAIN and element.codes is None:
            fields = [f"f{at}" for at in _MARKED.findall(marked)]
            self._plain_fields.update(dict.fromkeys(fields))
            # Beside words of ours a text may be blank.
            self._plain += [_PLAIN[element.primitive].format(source)] if [source] == fields else []
            self._slowly += asks
        else:
            self._lines += asks
            if element.primitive == "base64Binary":
                self._letters.add(source)

    def _texts(self) -> list[str]:
        """Ask all plain texts at once, and only one by one where that does not tell."""
        if not self._slowly:
            return []
        asks = [f"not ({' + '.join(self._plain_fields)}).isprintable()", *self._plain]
        return [f"if {' or '.join(asks)}:", *_in(self._slowly)]

    def _read_part(self, at: int, element: Element) -> None:
        """Most parts stand in many records: one that has passed here is known by its identity."""
        scope: dict[str, Any] = {}
        lines = ["def check(each, met):", *_in([*gate.asks(element, 0, scope), "return True"])]
        passes, kept = self._name(made_of(lines, f"<{element.name}>", scope)), self._name({})
        self._parts[at] = f"part{at}"
        self._lines += [
            f"part{at} = {kept}.get(id(f{at})) or known_part(f{at}, {passes}, {kept}, met)",
            f"if part{at} is None: return False",
            f"if part{at}[1]: met.references += part{at}[1]",
        ]

    def _cut(self, marked: Json, sheet: Sheet) -> list[str]:
        text = _as_text(marked)
        order = [int(next(filter(None, found.groups()))) for found in _MARKS.finditer(text)]
        between = [each.replace("%", "%%") for each in _MARKS.sub(_TEXT, text).split(_TEXT)]
        texts = [f"f{at}" for at in sorted(set(order)) if type(sheet[at]) is str]
        texts = [each for each in texts if each not in self._letters]
        values = [f"f{at}" if at not in self._parts else f"part{at}[2]" for at in order]
        lists = [f"f{at} = escaped(f{at})[1:-1]" for at in sorted(set(order)) if type(sheet[at]) is list]
        return [
            *lists,
            f"said = {' + '.join(texts)}",
            "if not said.isprintable() or '\"' in said or '\\\\' in said:",
            *(f"    {each} = escaped({each})[1:-1]" for each in texts),
            f"return ({self._name('%s'.join(between))} % ({', '.join(values)})).encode()",
        ]


def _start(sheet: Sheet) -> list[str]:
    """Take the fields out of the sheet; what is empty is laid out as if it were not there."""
    fields = [f"f{at}" for at in range(len(sheet))]
    filled = [name for name, field in zip(fields, sheet, strict=True) if isinstance(field, str | list | dict)]
    return [f"{', '.join(fields)}, = sheet", f"if not ({' and '.join(filled)}): return False"]


def _in(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _known_part(part: Json, passes: Passes, kept: dict[int, Known], met: Met) -> Known | None:
    """A part that has passed; it may stand in the next record too."""
    own = Met(met.same)
    if not passes(part, own):
        return None
    if len(kept) >= _MOST_KEPT:
        kept.clear()
    met.fresh += own.fresh
    known = kept[id(part)] = part, own.references, _escaped(part)
    return known


def _escaped(value: Any) -> str:
    """A text, part or list as JSON."""
    return orjson.dumps(value, default=as_digits).decode()


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
