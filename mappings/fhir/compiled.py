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
from mappings.fhir.elements import Json
from mappings.fhir.model import Element, elements, shape

Good = Callable[[Any], bool]
# The object, and what is met on the way: references within the Bundle, and shapes that are new.
Compiled = Callable[[Json, "Met"], bool]
Target = tuple[str, frozenset[str] | None]
# References that passed, by the identity of their object.
Same = dict[int, Json]

_MOST_FUNCTIONS = 20_000
_MOST_KEPT, _LONGEST_KEPT = 8_192, 200


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

    `primitive` says what is wrong with a value of an element, `required` which elements an object of a type
    must have and to which choice elements belong, `also` what a profile asks of a resource beyond that,
    `target` what is wrong with the type a reference names, `proven` the shapes that the models passed before.
    """

    def __init__(
        self,
        primitive: Callable[[Any, Element], str | None],
        required: Callable[[str], tuple[tuple[str, ...], dict[str, str]]],
        also: Mapping[str, tuple[str, ...]],
        target: Callable[[Json, frozenset[str], str], Any],
        proven: Callable[[], frozenset[str]],
    ) -> None:
        self._primitive, self._required, self._also = primitive, required, also
        self._target, self._proven = target, proven
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
        # Names of elements are those of the models, and stand in the source as literals.
        exec(compile("\n".join(lines), f"<{kind}>", "exec"), scope)  # noqa: S102 - see the line above
        made: Compiled = scope["check"]
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
            scope["same_reference"] = self._same_reference
            scope[f"refers{place}"] = self._refers(element.targets)
            return [
                f"{indent}if not same_reference(each, met): return False",
                f"{indent}if not refers{place}(each, met): return False",
            ]
        lines = [
            "if type(each) is not dict: return False",
            f"check = functions.get(({element.model!r}, *each)) or function({element.model!r}, each)",
            "if check is None or 'resourceType' in each or not check(each, met): return False",
        ]
        return [indent + line for line in lines]

    def _same_reference(self, value: Any, met: Met) -> bool:
        """Whether a Reference is well made, asked once for each object."""
        if id(value) in met.same:
            return True
        if type(value) is not dict or "resourceType" in value:
            return False
        check = self._functions.get(("Reference", *value)) or self.function("Reference", value)
        if check is None or not check(value, met):
            return False
        met.same[id(value)] = value
        return True

    def _value(self, element: Element, place: int, scope: dict[str, Any]) -> list[str]:
        kind = str(element.primitive)
        if kind == "boolean":
            return ["if each is not True and each is not False: return False"]
        if kind in ("positiveInt", "unsignedInt", "integer"):
            least = {"positiveInt": 1, "unsignedInt": 0}.get(kind, -(2**31))
            return [f"if type(each) is not int or not {least} <= each < {2**31}: return False"]
        if kind == "decimal":
            return ["if type(each) is not int and type(each) is not Decimal: return False"]
        scope[f"kept{place}"], scope[f"good{place}"] = self._texts(element)
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
        primitive = self._primitive

        def good(value: str) -> bool:
            if primitive(value, element) is not None:
                return False
            if len(value) <= _LONGEST_KEPT:
                if len(kept) >= _MOST_KEPT:
                    kept.clear()
                kept.add(value)
            return True

        return good

    def _refers(self, targets: frozenset[str] | None) -> Callable[[Json, Met], bool]:
        target = self._target

        def refers(value: Json, met: Met) -> bool:
            literal, kind = value.get("reference"), value.get("type")
            if targets and kind is not None and kind not in targets:
                return False
            if literal is None:
                return True
            if literal.startswith("urn:"):
                met.references.append((literal, targets))
                return True
            return not targets or not any(target(value, targets, ""))

        return refers
