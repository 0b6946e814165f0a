"""Which of two values is tighter, and what a lower layer may set: it tightens freely, it loosens only what
is marked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mappings.library_parts import Parameter

LAYERS = ("federal", "state-program", "payer", "site")
TIGHTER = ("lower", "higher", "more", "fewer", "later", "none")
WORDS = {
    "lower": "a lower number than {old}",
    "higher": "a higher number than {old}",
    "more": "a list that keeps every entry of {old}",
    "fewer": "a shorter list of the same entries: {old}",
    "later": "a choice further down the list than {old}",
    "none": "no other value than {old}",
}


def is_tighter(parameter: Parameter, old: Any, new: Any) -> bool:
    """Whether a value is the same or tighter in the parameter's direction; an unset one is the loosest."""
    if old is None or new == old:
        return True
    if new is None or parameter.tighter == "none":
        return False
    choices = parameter.choices
    tighter: dict[str, Callable[[], bool]] = {
        "lower": lambda: bool(new <= old),
        "higher": lambda: bool(new >= old),
        "more": lambda: set(old) <= set(new),
        "fewer": lambda: set(new) <= set(old),
        "later": lambda: choices.index(new) >= choices.index(old),
    }
    return tighter[parameter.tighter]()


def may_set(parameter: Parameter, old: Any, new: Any, layer: str) -> bool:
    """Whether a layer below may put `new` where `old` is: tighter, or loosening what is marked for it."""
    return layer in parameter.overridable or is_tighter(parameter, old, new)


def tightest(parameter: Parameter, old: Any, new: Any, layer: str) -> Any:
    """`new` where the layer may set it, else `old`."""
    return new if may_set(parameter, old, new, layer) else old


def right_form(parameter: Parameter, old: Any) -> str:
    """What a lower layer may write instead of a value that loosens `old`."""
    return WORDS[parameter.tighter].format(old=shown(old)) + ", or no entry"


def shown(value: Any) -> str:
    """A value as people read it."""
    return ", ".join(str(each) for each in value) if isinstance(value, tuple) else str(value)
