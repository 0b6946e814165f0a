"""The master keys of an installation: one file of its owner alone, the key in use first, older ones behind.

An older key stays in the file until nothing is encrypted under it any more, so that a change of the master
key can stop anywhere and everything stays readable.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from app.on_disk import put_on_disk

KEY_BYTES = 32
ID_BYTES = 4
MOST_KEYS = 8


class KeyFileProblem(RuntimeError):
    """The master key file cannot be used; the words say why and what to do."""


class MasterKeys:
    """The keys of one file, read again whenever the file is another one: a server that runs while the master
    key is changed goes on with the new one."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._keys = master_keys(file)
        self._stamp = _stamp(file)

    def current(self) -> bytes:
        """The key that encrypts. Raises KeyFileProblem as `master_keys` does."""
        return self.all()[0]

    def all(self) -> tuple[bytes, ...]:
        """Every key that may decrypt, the one in use first. Raises KeyFileProblem as `master_keys` does."""
        stamp = _stamp(self._file)
        if stamp != self._stamp:
            self._keys, self._stamp = master_keys(self._file), stamp
        return self._keys


def key_id(key: bytes) -> bytes:
    """What stands before a secret to say which key opens it: 4 bytes of the key's SHA-256."""
    return hashlib.sha256(b"peerchart master key" + key).digest()[:ID_BYTES]


def master_key(file: Path) -> bytes:
    """The master key in use; made and refused as by `master_keys`."""
    return master_keys(file)[0]


def master_keys(file: Path) -> tuple[bytes, ...]:
    """The master keys of `file`, the one in use first; a first one is made with mode 0600 when there is no
    file, and two starting at once agree on it. Raises KeyFileProblem when the file is open to others, or
    holds no keys."""
    if not file.exists():
        _make_first(file)
    if file.stat().st_mode & 0o077:
        raise KeyFileProblem(f"The master key {file} can be read by others. Run: chmod 600 {file}")
    held = file.read_bytes()
    if not held or len(held) % KEY_BYTES or len(held) > KEY_BYTES * MOST_KEYS:
        raise KeyFileProblem(f"The file {file} is no master key. Put the right one back from your backup.")
    return tuple(held[at : at + KEY_BYTES] for at in range(0, len(held), KEY_BYTES))


def put_new_first(file: Path) -> bytes:
    """Make a new master key, put it before the others and answer it. Raises KeyFileProblem where older keys
    wait to be forgotten."""
    keys = master_keys(file)
    if len(keys) == MOST_KEYS:
        raise KeyFileProblem(
            f"The file {file} holds {MOST_KEYS} keys. Run: peerchart keys reencrypt --finish"
        )
    made = secrets.token_bytes(KEY_BYTES)
    _replace(file, (made, *keys))
    return made


def forget_older(file: Path) -> int:
    """Keep the key in use alone and answer how many older ones went."""
    keys = master_keys(file)
    if len(keys) > 1:
        _replace(file, keys[:1])
    return len(keys) - 1


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _make_first(file: Path) -> None:
    # Written whole beside its place and linked there: a start that is killed leaves no half key, and of two
    # that start together the second finds the first one's.
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = _written_beside(file, secrets.token_bytes(KEY_BYTES))
    try:
        try:
            os.link(beside, file)
        except FileExistsError:
            return
        put_on_disk(file.parent)
    finally:
        beside.unlink()


def _replace(file: Path, keys: tuple[bytes, ...]) -> None:
    _written_beside(file, b"".join(keys)).replace(file)
    put_on_disk(file.parent)


def _written_beside(file: Path, held: bytes) -> Path:
    beside = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(held)
        out.flush()
        os.fsync(out.fileno())
    return beside
