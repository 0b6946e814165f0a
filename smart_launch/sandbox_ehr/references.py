"""References between resources: read, found in a resource, and replaced."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_LOCAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9.\-]{1,64})(?:/_history/([A-Za-z0-9.\-]{1,64}))?")


@dataclass(frozen=True)
class Local:
    """A reference to a resource of this server; `version` is None when it names none."""

    type: str
    id: str
    version: str | None = None


def read_local(text: str, base: str) -> Local | None:
    """Read a reference to this server, relative or below `base`; None for any other."""
    match = _LOCAL.fullmatch(text.removeprefix(f"{base}/"))
    return Local(match[1], match[2], match[3]) if match else None


def references(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield every literal reference below a value as (FHIRPath, text)."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from references(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "reference" and isinstance(item, str):
                yield f"{path}.reference", item
            else:
                yield from references(item, f"{path}.{key}")


def replaced(value: Any, change: Callable[[str], str], keys: tuple[str, ...] = ("reference", "url")) -> Any:
    """Return a copy in which the text of every reference and address element went through `change`.

    Only these elements: a business identifier that looks like a urn:uuid stays what it is.
    """
    if isinstance(value, list):
        return [replaced(item, change, keys) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: change(item) if key in keys and isinstance(item, str) else replaced(item, change, keys)
        for key, item in value.items()
    }
