"""What the operator says of the EHRs, by issuer id, in a file of the installation; it only takes away."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from app.delivery.capability import Override

FILE = "ehr-overrides.json"


def override_of(folder: Path, issuer: str) -> Override:
    """The override of one issuer, none where nothing is said. Raises ValueError for a file that cannot be
    read: sending more than the operator allows would be worse than not sending."""
    return Override.from_json(_read(folder).get(issuer))


def keep_override(folder: Path, issuer: str, override: Override) -> None:
    """Keep the override of one issuer; the file is replaced whole."""
    kept = {**_read(folder), issuer: override.to_json()}
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{FILE}.")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(kept, stream, indent=1, sort_keys=True)
        stream.flush()
        os.fsync(stream.fileno())
    Path(temporary).replace(folder / FILE)


def _read(folder: Path) -> dict[str, dict[str, object]]:
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    if not isinstance(found, dict):
        raise ValueError(f"{folder / FILE} holds no overrides by issuer")
    return found
