"""The gate's checks compiled: for each type and the elements an object of it has, one straight function.

Most of what is written consists of the same few kinds of objects again and again. Which elements an object
has decides most of what the gate asks of it, so that this is settled once; what is left are the values. A
function says True only where the whole gate finds nothing; what is wrong is for the gate itself to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from mappings.fhir import invariants
from mappings.fhir.elements import LASTING, Json
from mappings.fhir.model import Element, elements, shape

Good = Callable[[Any], bool]
# The object, and what is met on the way: references within the Bundle, and shapes that are new.
Compiled = Callable[[Json, "Met"], bool]
Target = tuple[str, frozenset[str] | None]
# References that passed, by the identity of their object: the object, the fullUrl that it refers to in its
# Bundle if it does, and the types that it names.
Known = tuple[Json, str | None, tuple[str, ...]]
Same = dict[int, Known]

_MOST_FUNCTIONS = 20_000
_MOST_KEPT, _LONGEST_KEPT = 8_192, 200
# What is often the same object in many records.
_LASTING_KINDS = ("CodeableConcept", "Coding", "Extension")
# Long texts, each in one record alone.
_NEVER_AGAIN = ("xhtml", "base64Binary")
# What passes nearly every text of a kind at once, and nothing that is wrong: in a text that can be printed no
# white space is left but blanks. Whatever else there is goes the longer way.
_AT_ONCE = {
    **dict.fromkeys(("string", "markdown"), "(each.isprintable() and each.strip())"),
    **dict.fromkeys(("uri", "url", "canonical"), "(each and each.isprintable() and ' ' not in each)"),
}


def made_of(lines: Sequence[str], name: str, scope: dict[str, Any]) -> Any:
    """The function `check` that lines of source define."""
    # What is not ours in them are names of elements and texts, which stand in the source as literals.
    exec(compile("\n".join(lines), name, "exec"), scope)  # noqa: S102 - see the line above
    return scope["check"]


class Met:
    """What one pass meets: references to entries of the same Bundle with the types allowed, and the shapes
    that no model has passed yet."""

    __slots__ = ("fresh", "references", "same")

    def __init__(self, same: Same | None = None) -> None:
        self.references: list[Target] = []
        # References that passed, by the identity of their object: a Bundle says the same few again and
        # again. The object is kept so that its identity stays its own.
        self.same: Same = {} if same is None else same
        self.fresh: list[str] = []


class Compiler:
    """Makes the functions and keeps them.

    `good` makes what passes texts of an element, `required` says which elements an object of a type must have
    and to which choice elements belong, `also` what a profile asks of a resource beyond that, `type_of` the
    type that a literal reference names, `proven` the shapes that the models passed before.
    """

    def __init__(
        self,
        good: Callable[[Element], Good],
        required: Callable[[str], tuple[tuple[str, ...], dict[str, str]]],
        also: Mapping[str, tuple[str, ...]],
        type_of: Callable[[str], str | None],
        proven: Callable[[], frozenset[str]],
    ) -> None:
        self._good_of, self._required, self._also = good, required, also
        self._type_of, self._proven = type_of, proven
        # By type, the objects of a lasting kind that are right, by identity.
        self._right: dict[str, set[int]] = {}
        self._learned: set[str] = set()
        # The functions that still say that their shape is new.
        self._new: dict[str, list[tuple[str, ...]]] = {}
        self._functions: dict[tuple[str, ...], Compiled | None] = {}
        self._good: dict[tuple[str, frozenset[str] | None], Good] = {}
        self._kept: dict[tuple[str, frozenset[str] | None], set[str]] = {}

    @property
    def passed(self) -> frozenset[str]:
        """The shapes that the models have passed, here or before."""
        return self._proven() | self._learned

    def learn(self, shapes: Sequence[str]) -> None:
        """Remember shapes that the models have just passed."""
        if len(self._learned) >= _MOST_FUNCTIONS:
            self._learned.clear()
        self._learned.update(shapes)
        for key in [key for named in shapes for key in self._new.pop(named, ())]:
            self._functions.pop(key, None)

    def resource(self, value: Any, met: Met) -> bool:
        """Whether the gate finds nothing wrong with a resource; False also where only it can tell."""
        kind = value.get("resourceType") if type(value) is dict else None
        if type(kind) is not str:
            return False
        check = self._functions.get((kind, *value)) or self.function(kind, value)
        return check is not None and check(value, met)

    def function(self, kind: str, value: Json) -> Compiled | None:
        """The function for objects of a type with just these elements; None where only the gate can tell."""
        key = (kind, *value)
        if key not in self._functions:
            if len(self._functions) >= _MOST_FUNCTIONS:
                self._functions.clear()
            self._functions[key] = self._made(kind, value)
        return self._functions[key]

    def _made(self, kind: str, value: Json) -> Compiled | None:
        whole = "resourceType" in value
        try:
            known = elements(kind)
        except (ValueError, AttributeError, KeyError):
            return None
        names = [name for name in value if not (whole and name == "resourceType")]
        if not self._fit(kind, names, known):
            return None
        also = self._also.get(kind, ()) if whole else ()
        if any(name not in value for name in also):
            return None
        return self._written((kind, *value), [known[name] for name in names])

    def _fit(self, kind: str, names: list[str], known: Mapping[str, Element]) -> bool:
        """Whether objects with these elements can be right at all, whatever the values."""
        if not names or any(name not in known for name in names):
            return False
        required, choice_of = self._required(kind)
        choices = [choice_of[name] for name in names if name in choice_of]
        if any(name not in names for name in required) or len(set(choices)) < len(choices):
            return False
        # Whatever is empty in this one would not be in the next.
        filled = dict.fromkeys(names, True)
        return not any(words for check in invariants.of_elements(kind) for words in check(filled))

    def _written(self, key: tuple[str, ...], known: list[Element]) -> Compiled:
        kind, named = key[0], shape(key[0], key[1:])
        scope: dict[str, Any] = {"functions": self._functions, "function": self.function, "Decimal": Decimal}
        lines = ["def check(value, met):"]
        if named not in self._proven() and named not in self._learned:
            self._new.setdefault(named, []).append(key)
            lines.append(f"    met.fresh.append({named!r})")
        for place, element in enumerate(known):
            lines += self._lines(element, place, scope)
        for place, each in enumerate(invariants.of_values(kind)):
            scope[f"invariant{place}"] = each
            lines.append(f"    for words in invariant{place}(value): return False")
        lines.append("    return True")
        made: Compiled = made_of(lines, f"<{kind}>", scope)
        return made

    def _lines(self, element: Element, place: int, scope: dict[str, Any]) -> list[str]:
        found = f"    each = value[{element.name!r}]"
        if not element.repeats:
            return [found, *self._one(element, place, scope, "    ")]
        return [
            found.replace("each", "items", 1),
            "    if type(items) is not list or not items: return False",
            "    for each in items:",
            *self._one(element, place, scope, "        "),
        ]

    def _one(self, element: Element, place: int, scope: dict[str, Any], indent: str) -> list[str]:
        if element.primitive is not None:
            return [indent + line for line in self._value(element, place, scope)]
        if element.model == "Resource":
            scope["resource"] = self.resource
            return [f"{indent}if not resource(each, met): return False"]
        if element.model == "Reference":
            return [indent + line for line in self._reference(element, place, scope)]
        lines = [
            "if type(each) is not dict: return False",
            f"check = functions.get(({element.model!r}, *each)) or function({element.model!r}, each)",
            "if check is None or 'resourceType' in each or not check(each, met): return False",
        ]
        if element.model in _LASTING_KINDS:
            scope["lasts"], scope["lasting"] = LASTING, self._lasting
            scope[f"right{place}"] = self._right.setdefault(str(element.model), set())
            lines = [
                "same = id(each)",
                f"if same in right{place}: pass",
                "elif same in lasts:",
                f"    if not lasting({element.model!r}, each, met): return False",
                "else:",
                *(f"    {line}" for line in lines),
            ]
        return [indent + line for line in lines]

    def _lasting(self, kind: str, value: Json, met: Met) -> bool:
        """Whether an object that never changes is right, asked once where the answer is its own alone."""
        check, own = self.function(kind, value), Met()
        if check is None or "resourceType" in value or not check(value, own):
            return False
        if own.fresh or own.references:
            met.fresh += own.fresh
            met.references += own.references
        else:
            self._right[kind].add(id(value))
        return True

    def _reference(self, element: Element, place: int, scope: dict[str, Any]) -> list[str]:
        scope["refer"], scope[f"targets{place}"] = self._refer, element.targets
        asks = [
            "for kind in known[2]:",
            f"    if kind not in targets{place}: return False",
        ]
        return [
            "known = met.same.get(id(each)) or refer(each, met)",
            "if known is None: return False",
            *(asks if element.targets else ()),
            f"if known[1] is not None: met.references.append((known[1], targets{place}))",
        ]

    def _refer(self, value: Any, met: Met) -> Known | None:
        """What a Reference says, asked once for each object of a Bundle; None where it is not well made."""
        if type(value) is not dict or "resourceType" in value:
            return None
        new = len(met.fresh)
        check = self._functions.get(("Reference", *value)) or self.function("Reference", value)
        if check is None or not check(value, met):
            return None
        literal, kind = value.get("reference"), value.get("type")
        inside = literal is not None and literal.startswith("urn:")
        named = self._type_of(literal) if literal is not None and not inside else None
        kinds = tuple(each for each in (named, kind) if each is not None)
        known = value, literal if inside else None, kinds
        # A shape that is new is told of each time, until the models have passed it.
        if len(met.fresh) == new:
            met.same[id(value)] = known
        return known

    def _value(self, element: Element, place: int, scope: dict[str, Any]) -> list[str]:
        kind = str(element.primitive)
        if kind == "boolean":
            return ["if each is not True and each is not False: return False"]
        if kind in ("positiveInt", "unsignedInt", "integer"):
            least = {"positiveInt": 1, "unsignedInt": 0}.get(kind, -(2**31))
            return [f"if type(each) is not int or not {least} <= each < {2**31}: return False"]
        if kind == "decimal":
            return ["if type(each) is not int and type(each) is not Decimal: return False"]
        if kind in _NEVER_AGAIN:
            scope[f"good{place}"] = self._good_of(element)
            return [f"if type(each) is not str or not good{place}(each): return False"]
        scope[f"kept{place}"], scope[f"good{place}"] = self._texts(element)
        if kind in _AT_ONCE and element.codes is None:
            return [f"if type(each) is not str or not ({_AT_ONCE[kind]} or good{place}(each)): return False"]
        unknown = f"each not in kept{place} and not good{place}(each)"
        return [f"if type(each) is not str or ({unknown}): return False"]

    def _texts(self, element: Element) -> tuple[set[str], Good]:
        """Texts of a type that have passed, and what passes others."""
        key = str(element.primitive), element.codes
        if key not in self._good:
            kept = self._kept[key] = set()
            self._good[key] = self._passing(element, kept)
        return self._kept[key], self._good[key]

    def _passing(self, element: Element, kept: set[str]) -> Good:
        passes = self._good_of(element)

        def good(value: str) -> bool:
            if not passes(value):
                return False
            if len(value) <= _LONGEST_KEPT:
                if len(kept) >= _MOST_KEPT:
                    kept.clear()
                kept.add(value)
            return True

        return good
