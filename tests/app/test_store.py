import stat
import threading
import time

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from app.migrations import upgrade
from app.settings import Settings
from app.store import SAFE_WAL, FairLock, journal_mode, open_engine, open_store, sqlite_module
from app.tables import EngagementGoalRow
from tests.app.office import ISSUER, MOSS, NOW


def goal(text_: str) -> EngagementGoalRow:
    return EngagementGoalRow(
        issuer=ISSUER, patient=MOSS, goal=text_, on=NOW.date(), recorded_by="x", recorded_at=NOW
    )


def goals(session) -> list[str]:
    return list(session.scalars(select(EngagementGoalRow.goal).order_by(EngagementGoalRow.id)))


def test_every_connection_is_fully_synchronous_and_keeps_foreign_keys(office):
    with office.store.write() as first, office.store.read() as second, office.store.read() as third:
        for session in (first, second, third):
            assert session.execute(text("PRAGMA synchronous")).scalar() == 2
            assert session.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_the_sqlite_in_use_is_free_of_the_wal_reset_bug_or_does_not_use_wal(office):
    with office.store.read() as session:
        mode = session.execute(text("PRAGMA journal_mode")).scalar()
    assert mode.upper() == journal_mode(sqlite_module().sqlite_version_info)


@pytest.mark.parametrize(
    ("version", "mode"),
    [((3, 40, 1), "DELETE"), ((3, 51, 2), "DELETE"), (SAFE_WAL, "WAL"), ((3, 53, 4), "WAL")],
)
def test_wal_is_used_from_the_fixed_version_on(version, mode):
    assert journal_mode(version) == mode


def test_the_files_of_the_database_are_for_their_owner_alone(tmp_path):
    with open_store(Settings(data_dir=tmp_path / "new")) as store:
        upgrade(store)
        files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new").iterdir()}
    assert set(files.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_a_block_that_raises_leaves_nothing_behind(office):
    with pytest.raises(RuntimeError), office.store.write() as session:
        session.add(goal("half"))
        session.flush()
        raise RuntimeError
    with office.store.read() as session:
        assert goals(session) == []


@pytest.mark.parametrize("kind", [{}, {"lasting": False}, {"together": True}])
def test_a_commit_that_fails_leaves_nothing_behind_and_holds_up_nobody(office, kind):
    with office.store.write() as session:
        session.execute(text("CREATE TABLE above (id INTEGER PRIMARY KEY)"))
        later = "REFERENCES above DEFERRABLE INITIALLY DEFERRED"
        session.execute(text(f"CREATE TABLE beneath (id INTEGER {later})"))
    for _ in range(2):
        with pytest.raises(IntegrityError), office.store.write(**kind) as session:
            session.execute(text("INSERT INTO beneath VALUES (1)"))
    with office.store.write(**kind) as session:
        assert session.execute(text("SELECT count(*) FROM beneath")).scalar() == 0
        session.add(goal("afterwards"))
    with office.store.write() as session:
        assert goals(session) == ["afterwards"]


def test_a_reading_block_cannot_write(office):
    with office.store.read() as session:
        session.add(goal("by stealth"))
        with pytest.raises(OperationalError, match="readonly"):
            session.flush()


def test_a_reading_block_sees_one_moment_while_others_write(office):
    with office.store.read() as reader:
        assert goals(reader) == []
        with office.store.write() as writer:
            writer.add(goal("later"))
        assert goals(reader) == []
    with office.store.read() as reader:
        assert goals(reader) == ["later"]


def test_the_reading_blocks_of_a_page_are_of_one_moment_until_it_writes_or_ends(office):
    def others_write(words: str) -> None:
        other = threading.Thread(target=write, args=(words,))
        other.start()
        other.join(30)

    def write(words: str) -> None:
        with office.store.write() as writer:
            writer.add(goal(words))

    def seen() -> list[str]:
        with office.store.read() as reader:
            return goals(reader)

    office.store.stand_still()
    assert seen() == []
    others_write("another's")
    assert seen() == []
    write("my own")
    assert seen() == ["another's", "my own"]
    others_write("after mine")
    assert seen() == ["another's", "my own"]
    office.store.move_on()
    assert seen() == ["another's", "my own", "after mine"]


def test_a_block_that_is_open_while_the_page_writes_stays_as_it_was_and_the_next_sees_what_was_written(
    office,
):
    office.store.stand_still()
    with office.store.read() as before:
        assert goals(before) == []
        with office.store.write() as writer:
            writer.add(goal("written"))
        with office.store.read() as after:
            assert goals(after) == ["written"]
        assert goals(before) == []
    with office.store.read() as after:
        assert goals(after) == ["written"]
    office.store.move_on()


def test_what_need_not_last_is_there_for_everybody_and_the_next_block_is_fully_synchronous(office):
    with office.store.write(lasting=False) as passing:
        passing.add(goal("on its way"))
        wal = journal_mode(sqlite_module().sqlite_version_info) == "WAL"
        assert passing.execute(text("PRAGMA synchronous")).scalar() == (1 if wal else 2)
    with office.store.read() as reader:
        assert goals(reader) == ["on its way"]
    with office.store.write() as lasting:
        assert lasting.execute(text("PRAGMA synchronous")).scalar() == 2


def test_a_second_writing_block_in_one_thread_is_refused_instead_of_waiting_for_itself(office):
    with office.store.write(), pytest.raises(RuntimeError, match="already open"), office.store.write():
        pass
    with office.store.write() as session:
        session.add(goal("afterwards"))


def test_many_threads_write_and_nothing_is_lost(office):
    def write(number: int) -> None:
        for turn in range(5):
            with office.store.write() as session:
                session.add(goal(f"{number}-{turn}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with office.store.read() as session:
        found = goals(session)
    assert sorted(found) == sorted(f"{number}-{turn}" for number in range(12) for turn in range(5))


def until(true, bound: float = 10) -> None:
    end = time.monotonic() + bound
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_the_line_of_writers_is_served_in_the_order_of_coming():
    lock, served = FairLock(), []

    def come(number: int) -> None:
        with lock:
            served.append(number)

    with lock:
        threads = []
        for number in range(8):
            threads.append(threading.Thread(target=come, args=(number,)))
            threads[-1].start()
            until(lambda number=number: len(lock._waiting) == number + 1)
    for thread in threads:
        thread.join(10)
    assert served == list(range(8))


def test_a_naive_time_is_refused(office):
    with pytest.raises(Exception, match="no time zone"), office.store.write() as session:
        row = goal("when?")
        row.recorded_at = NOW.replace(tzinfo=None)
        session.add(row)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "postgresql://localhost/peerchart"])
def test_a_database_that_cannot_keep_the_promises_is_refused_with_the_right_form(url):
    with pytest.raises(ValueError, match="sqlite:////var/lib"):
        open_engine(url)


def test_the_data_folder_is_made_and_a_second_opening_finds_what_the_first_wrote(office):
    with office.store.write() as session:
        session.add(goal("kept"))
    with open_store(Settings(data_dir=office.settings.data_dir)) as again, again.read() as session:
        assert goals(session) == ["kept"]


def test_writers_of_two_processes_who_read_first_wait_for_each_other_and_lose_nothing(office):
    def add(number: int) -> None:
        with open_store(office.settings) as own:
            for _ in range(10):
                with own.write() as session:
                    session.add(goal(f"{number}: after {len(goals(session))}"))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with office.store.read() as session:
        found = goals(session)
    assert [int(each.rpartition(" ")[2]) for each in found] == list(range(40))
