"""What a stopped run keeps: gone on with where all of it is there, done anew where a part is missing."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from app.bulk.journal import Journal
from app.bulk.outcomes import OUT, PIECES, Outcome, Stored, at, stored

OTHER = f"{PIECES}-12"


def _journal(folder: Path, durable: bool = False) -> Journal:
    return Journal(folder, {"inputs": []}, durable)


def _outcome(chunk: int, data: bytes) -> Outcome:
    return Outcome(chunk, 1, [at(OUT, chunk, data)], Counter({"leaves": 1}))


def _of_another_process(folder: Path, chunk: int, data: bytes) -> Stored:
    with (folder / OTHER).open("ab") as stream:
        return stored(_outcome(chunk, data), stream, OTHER)


def _stopped(folder: Path) -> None:
    """A run that was stopped when this process and another had given something."""
    journal = _journal(folder)
    journal.keep(_outcome(0, b"of Ann\n"))
    journal.keep(_of_another_process(folder, 1, b"of Ben\n"))
    journal.settle()
    journal.close()


def test_what_is_there_is_gone_on_with(tmp_path: Path) -> None:
    _stopped(tmp_path)
    journal = _journal(tmp_path)
    assert journal.done() == {0, 1}
    assert [*journal.pieces(OUT)] == [b"of Ann\n", b"of Ben\n"]
    journal.close()


@pytest.mark.parametrize("left", [None, 0, 3])
@pytest.mark.parametrize("file", [PIECES, OTHER])
def test_where_a_part_of_what_was_written_is_missing_all_is_done_anew(
    file: str, left: int | None, tmp_path: Path
) -> None:
    _stopped(tmp_path)
    (tmp_path / file).unlink() if left is None else os.truncate(tmp_path / file, left)
    journal = _journal(tmp_path)
    assert journal.done() == set() and not journal.counts()
    # A process may come to have the number of an earlier one.
    journal.keep(_of_another_process(tmp_path, 0, b"of Cleo\n"))
    journal.keep(_outcome(1, b"of Dan\n"))
    journal.settle()
    assert [*journal.pieces(OUT)] == [b"of Cleo\n", b"of Dan\n"]
    assert journal.counts() == {"leaves": 2}
    journal.close()


def test_the_name_of_a_file_is_put_on_the_disk_with_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, put, sync = _journal(tmp_path, durable=True), set[int](), os.fsync

    def noted(descriptor: int) -> None:
        put.add(os.fstat(descriptor).st_ino)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    journal.keep(_of_another_process(tmp_path, 0, b"of Ann\n"))
    journal.settle()
    journal.close()
    assert put == {(tmp_path / OTHER).stat().st_ino, tmp_path.stat().st_ino}
