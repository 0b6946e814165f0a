"""Search (FHIR R4, 3.1.1): a query becomes clauses on the index; whatever is not understood is refused."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from .dates import interval
from .index import COMPARTMENT, folded
from .outcomes import FhirError
from .parameters import COMMON, PARAMETERS, RESULTS, Parameter
from .references import read_local
from .store import Clause

Pairs = Sequence[tuple[str, str]]
DEFAULT_COUNT, MOST = 20, 200

_UNESCAPED_COMMA = re.compile(r"(?<!\\),")
_UNESCAPED_BAR = re.compile(r"(?<!\\)\|")
_PREFIXED = re.compile(r"(eq|ge|le|gt|lt)?(\d.*)", re.DOTALL)
_COMPARISON = {
    "eq": "low >= ? AND high <= ?",
    "ge": "high > ?",
    "gt": "high > ?",
    "le": "low < ?",
    "lt": "low < ?",
}
# The bound of the searched interval that each comparison is made with: 0 its start, 1 its end.
_BOUND = {"ge": 0, "gt": 1, "le": 1, "lt": 0}


@dataclass(frozen=True)
class Query:
    """A search that was understood: what to match, how many at once, in which order, what to include."""

    clauses: tuple[Clause, ...]
    count: int = DEFAULT_COUNT
    by: str = "born"
    descending: bool = False
    includes: tuple[str, ...] = ()


def read_query(resource_type: str, pairs: Pairs, base: str, zone: tzinfo) -> Query:
    """Read the parameters of a search.

    Raises FhirError 400 for a parameter, a modifier or a value that is not understood.
    """
    clauses = tuple(
        _clause(resource_type, key, value, base, zone) for key, value in pairs if key not in RESULTS
    )
    results = [(key, value) for key, value in pairs if key in RESULTS]
    once = dict(results)
    by, descending = _order(once.get("_sort"))
    includes = tuple(_include(resource_type, value) for key, value in results if key == "_include")
    return Query(clauses, _count(once.get("_count")), by, descending, includes)


def in_compartment(patient: str) -> Clause:
    """Return the clause for what stands in one patient's record."""
    return Clause("name = ? AND value = ?", (COMPARTMENT, patient))


def _clause(resource_type: str, key: str, value: str, base: str, zone: tzinfo) -> Clause:
    name, _, modifier = key.partition(":")
    parameter = _parameter(resource_type, name)
    if not value:
        raise FhirError(400, "value", f"The parameter {key} has no value.")
    alternatives = [
        _matched(resource_type, name, parameter, modifier, text, base, zone)
        for text in _UNESCAPED_COMMA.split(value)
    ]
    sql = " OR ".join(f"({one.sql})" for one in alternatives)
    values = tuple(bound for one in alternatives for bound in one.values)
    return Clause(f"name = ? AND ({sql})", (_row_name(name, parameter), *values))


def _row_name(name: str, parameter: Parameter) -> str:
    return COMPARTMENT if parameter.kind == "compartment" else name


def _parameter(resource_type: str, name: str) -> Parameter:
    if name in COMMON:
        return Parameter(COMMON[name], ())
    parameter = PARAMETERS[resource_type].get(name)
    if parameter is None:
        known = ", ".join([*COMMON, *PARAMETERS[resource_type], *RESULTS])
        raise FhirError(400, "not-supported", f"{resource_type} has no search parameter {name}; use {known}.")
    return parameter


def _matched(
    resource_type: str,
    name: str,
    parameter: Parameter,
    modifier: str,
    text: str,
    base: str,
    zone: tzinfo,
) -> Clause:
    plain = _unescaped(text)
    if parameter.kind == "string" and modifier in ("", "exact", "contains"):
        return _string(plain, modifier)
    if parameter.kind in ("reference", "compartment") and (modifier in ("",) or modifier[0].isupper()):
        return _reference(plain, modifier, base)
    if modifier:
        raise FhirError(
            400, "not-supported", f"The modifier :{modifier} is not supported on {resource_type}.{name}."
        )
    return _date(name, text, zone) if parameter.kind == "date" else _token(text)


def _token(text: str) -> Clause:
    parts = [_unescaped(part) for part in _UNESCAPED_BAR.split(text, maxsplit=1)]
    if len(parts) == 1:
        return Clause("value = ?", (parts[0],))
    if not parts[1]:
        return Clause("system = ?", (parts[0],))
    return Clause("system = ? AND value = ?", (parts[0], parts[1]))


def _unescaped(text: str) -> str:
    return re.sub(r"\\([,$|\\])", r"\1", text)


def _string(text: str, modifier: str) -> Clause:
    if modifier == "exact":
        return Clause("system = ?", (text,))
    if modifier == "contains":
        return Clause("instr(value, ?) > 0", (folded(text),))
    return Clause("substr(value, 1, length(?)) = ?", (folded(text), folded(text)))


def _reference(text: str, modifier: str, base: str) -> Clause:
    local = read_local(text, base)
    if local:
        return Clause("system = ? AND value = ?", (local.type, local.id))
    if modifier:
        return Clause("system = ? AND value = ?", (modifier, text))
    return Clause("value = ?", (text,))


def _date(name: str, text: str, zone: tzinfo) -> Clause:
    # A plus sign that was not percent-encoded arrives as a blank.
    match = _PREFIXED.fullmatch(text.replace(" ", "+"))
    if match is None:
        raise FhirError(
            400, "value", f"{name}={text} is not a date; write 2026-03-04, ge2026-03-04 or lt2026-03-04."
        )
    prefix = match[1] or "eq"
    try:
        bounds = interval(match[2], zone)
    except ValueError as error:
        raise FhirError(400, "value", f"{name}={text}: {error}") from error
    return Clause(_COMPARISON[prefix], bounds if prefix == "eq" else (bounds[_BOUND[prefix]],))


def _count(text: str | None) -> int:
    if text is None:
        return DEFAULT_COUNT
    if not re.fullmatch(r"\d{1,6}", text):
        raise FhirError(400, "value", f"_count={text} is not a number.")
    return min(int(text), MOST)


def _order(text: str | None) -> tuple[str, bool]:
    orders = {None: ("born", False), "_lastUpdated": ("seq", False), "-_lastUpdated": ("seq", True)}
    if text not in orders:
        raise FhirError(
            400, "not-supported", f"_sort={text} is not supported; use _lastUpdated or -_lastUpdated."
        )
    return orders[text]


def _include(resource_type: str, text: str) -> str:
    source, _, name = text.partition(":")
    parameter = PARAMETERS[resource_type].get(name)
    if source != resource_type or parameter is None or parameter.kind != "reference":
        raise FhirError(
            400, "not-supported", f"_include={text} is not supported; use {resource_type}:patient."
        )
    return name
