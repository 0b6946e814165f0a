"""The data file of the library: what stands in its TOML, parsed.

python -m tests.library_data

writes it anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from mappings.library_parsed import KEPT, as_kept, digest_of


def shipped() -> Iterator[Path]:
    """The files of the library that ships."""
    yield from sorted(KEPT.parent.glob("guidance/*/*.toml"))
    yield from sorted(KEPT.parent.glob("tables/*.toml"))


def written() -> str:
    """What the data file holds for the files as they are."""
    texts = [file.read_bytes() for file in shipped()]
    return json.dumps({digest_of(text): as_kept(text) for text in texts}, ensure_ascii=False, indent=0) + "\n"


if __name__ == "__main__":
    KEPT.write_text(written(), encoding="utf-8")
