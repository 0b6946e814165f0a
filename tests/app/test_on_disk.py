"""Many who wrote at once wait for the disk together, and nobody goes on before it has what they wrote."""

import errno
import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.on_disk import Begun, OnDisk
from app.store import open_store
from tests.app.test_store import goal, goals, until


class Disk:
    """A disk that takes what stood in the journal when it was asked, as slowly as the test lets it."""

    def __init__(self) -> None:
        self.written, self.has, self.asked = 0, 0, 0
        self.fails = self.begun = False
        self.may = threading.Event()

    def sync(self, _journal: Path) -> None:
        self.asked += 1
        found, self.begun = self.written, True
        assert self.may.wait(20)
        if self.fails:
            raise OSError("no space")
        self.has = found


def test_nobody_goes_on_before_the_disk_has_what_they_wrote() -> None:
    disk = Disk()
    disk.may.set()
    together, guard, too_early = OnDisk(Path("x"), sync=disk.sync), threading.Lock(), list[int]()

    def write(_: int) -> None:
        with guard:
            disk.written += 1
            mine = disk.written
        together.reached()
        if disk.has < mine:
            too_early.append(mine)

    with ThreadPoolExecutor(24) as pool:
        list(pool.map(write, range(2000)))
    assert too_early == []
    assert disk.has == 2000


def test_who_comes_while_the_disk_is_busy_waits_for_the_next_time_and_all_of_them_for_the_same() -> None:
    disk = Disk()
    together = OnDisk(Path("x"), sync=disk.sync)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(together.reached)
        until(lambda: disk.begun)
        others = [pool.submit(together.reached) for _ in range(8)]
        until(lambda: together._given == 9)
        disk.may.set()
        for one in (first, *others):
            one.result(20)
    assert disk.asked == 2


def test_what_the_disk_did_not_take_is_said_to_all_who_waited_for_it_and_to_nobody_else() -> None:
    disk = Disk()
    together = OnDisk(Path("x"), sync=disk.sync)
    disk.fails = True
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(together.reached)
        until(lambda: disk.begun)
        disk.may.set()
        with pytest.raises(OSError, match="did not take"):
            first.result(20)
    disk.fails = False
    together.reached()
    assert disk.asked == 2


def test_an_interrupted_wait_leaves_the_others_to_ask_the_disk_themselves() -> None:
    asked = []

    def once_interrupted(_: Path) -> None:
        asked.append(1)
        if len(asked) == 1:
            raise KeyboardInterrupt

    together = OnDisk(Path("x"), sync=once_interrupted)
    with pytest.raises(KeyboardInterrupt):
        together.reached()
    together.reached()
    assert len(asked) == 2


def test_a_block_written_together_ends_when_its_journal_was_synced_and_not_before(office, monkeypatch):
    seen = []
    monkeypatch.setattr("app.on_disk.os.fdatasync", lambda _: seen.append(len(wal.read_bytes())))
    wal = Path(f"{office.store.engine.url.database}-wal")
    with office.store.write(together=True) as session:
        session.add(goal("kept"))
        session.flush()
        assert seen == []
    assert len(seen) == 1
    assert seen[0] > 0
    with office.store.read() as session:
        assert goals(session) == ["kept"]


def test_without_a_journal_of_its_own_a_block_written_together_is_waited_for_alone(office, monkeypatch):
    monkeypatch.setattr("app.store.journal_mode", lambda _: "DELETE")
    with open_store(office.settings) as slow:
        assert slow._disk is None


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system cannot be asked to begin")
def test_the_disk_begins_to_take_each_byte_of_a_file_once_and_the_file_holds_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, parts = (
        list[tuple[int, int]](),
        [bytes([n]) * size for n, size in enumerate((3, 5000, 0, 12, 9001))],
    )
    monkeypatch.setattr(os, "posix_fadvise", lambda _, place, length, __: begun.append((place, length)))

    with io.BufferedWriter(Begun(tmp_path / "out", "w"), 4096) as stream:
        stream.writelines(parts)

    assert (tmp_path / "out").read_bytes() == b"".join(parts)
    ends = [place + length for place, length in begun]
    assert [place for place, _ in begun] == [0, *ends[:-1]]
    assert ends[-1] == sum(map(len, parts))


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system cannot be asked to begin")
def test_a_place_that_cannot_be_asked_to_begin_takes_what_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(os, "posix_fadvise", refuses)

    with io.BufferedWriter(Begun(tmp_path / "out", "w"), 4096) as stream:
        stream.write(b"whole")

    assert (tmp_path / "out").read_bytes() == b"whole"
