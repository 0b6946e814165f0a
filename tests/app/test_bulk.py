"""Inputs of any size: judged in groups and written in input order, and the same as judged all together."""

from __future__ import annotations

import gc
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.bulk import index, journal, lines, pool
from app.bulk.beside import Beside
from app.cli import cli
from mappings.intake import Refused, read_record
from mappings.library import load
from mappings.records import Record
from mappings.rules import judge, judge_office
from mappings.situation import Situation
from tests.app.all_together import Together
from tests.app.tangled import tangled
from tests.generator import generate
from tests.intake_makers import NOW, as_line, contact, office, seeded

CLOCK = datetime.fromisoformat(NOW)


def peerchart(*words: str, given: bytes | None = None) -> Result:
    return CliRunner().invoke(cli, [*words, "--now", NOW], input=given)


def readable(many: list[bytes]) -> list[Record]:
    found = []
    for line in many:
        try:
            found.append(read_record(line))
        except Refused:
            continue
    return found


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups and blocks so small that hardly two people are judged together."""
    monkeypatch.setattr(index, "CHUNK", 3)
    monkeypatch.setattr(lines, "BLOCK", 5000)


def dumped(found: list[Any]) -> list[Any]:
    return [json.loads(json.dumps(each)) for each in found]


def test_nothing_of_a_group_waits_in_memory_to_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "many").write_bytes(b"\n".join(tangled(7, 60)))
    gc.collect()
    gc.disable()
    monkeypatch.setattr(gc, "collect", lambda *_: 0)
    try:
        done = peerchart("map", str(tmp_path / "many"), "--out", str(tmp_path / "out"))
        waiting = [each for each in gc.get_objects() if isinstance(each, Situation | Beside)]
    finally:
        gc.enable()
    assert (tmp_path / "out").stat().st_size > 0, done.output
    assert waiting == []


@pytest.mark.usefixtures("small")
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10_000), count=st.integers(10, 90))
def test_what_is_judged_in_groups_is_what_is_judged_together(seed: int, count: int) -> None:
    many = tangled(seed, count)
    known = readable(many)
    wanted = [each.to_json(all=True) for each in judge(known, load(), CLOCK)]
    wanted += [each.to_json(all=True) for each in judge_office(known, load(), CLOCK)]
    done = peerchart("check", "--all", "--office", given=b"\n".join(many))
    assert [json.loads(line) for line in done.stdout.splitlines()] == dumped(wanted)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seed", range(4))
def test_what_is_mapped_in_groups_is_what_is_mapped_together(seed: int, tmp_path: Path) -> None:
    many = tangled(seed, 70)
    (tmp_path / "in.ndjson").write_bytes(b"\n".join(many))
    names = {name: str(tmp_path / name) for name in ("out", "claims", "report")}
    options = [word for name in names for word in (f"--{name}", names[name])]
    peerchart("map", str(tmp_path / "in.ndjson"), *options, "--json")
    wanted = Together(readable(many), load(), CLOCK)
    assert (tmp_path / "out").read_bytes().splitlines(True) == wanted.bundles
    assert (tmp_path / "claims").read_bytes().splitlines(True) == wanted.claims
    told = [json.loads(line) for line in (tmp_path / "report").read_bytes().splitlines()]
    assert told == dumped([line.to_json() for line in wanted.lines])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["claims", "in.ndjson", "out", "report"]


def written(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("out", "claims", "report", "refused")}


def asked(folder: Path, source: Path, *more: str) -> list[str]:
    options = [
        word for name in ("out", "claims", "report", "refused") for word in (f"--{name}", str(folder / name))
    ]
    return ["map", str(source), *options, "--json", "--now", NOW, *more]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("given") / "in.ndjson"
    file.write_bytes(b"\n".join(tangled(1, 500)))
    return file


@pytest.fixture(scope="module")
def in_one_go(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    CliRunner().invoke(cli, asked(folder, source))
    return written(folder)


def test_several_processes_write_what_one_writes(
    source: Path, in_one_go: dict[str, bytes], tmp_path: Path
) -> None:
    run(["-c", "from app.cli import main; main()", *asked(tmp_path, source, "--jobs", "2")], timeout=240)
    assert written(tmp_path) == in_one_go
    assert in_one_go["out"]
    assert in_one_go["claims"]


@pytest.mark.parametrize(
    ("cores", "long", "words", "jobs"),
    [
        (4, True, (), 4),
        (4, False, (), 1),
        (1, True, (), 1),
        (64, True, (), 8),
        (4, True, ("--jobs", "2"), 2),
        (4, False, ("--jobs", "2"), 2),
    ],
)
@pytest.mark.parametrize("command", [("check",), ("map", "--dry-run")])
def test_a_long_input_is_worked_on_by_all_cores_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], cores: int, long: bool, words: tuple[str, ...],
    jobs: int,
) -> None:  # fmt: skip
    begun: list[int] = []
    monkeypatch.setattr(pool, "pool", lambda jobs: begun.append(jobs) or nullcontext(pool.Pool()))
    monkeypatch.setattr(pool.os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    line = as_line(office()[0])
    monkeypatch.setattr(pool, "_LONG", len(line) if long else len(line) + 1)
    assert peerchart(*command, *words, given=line).exit_code == 0
    assert begun == [jobs]


@pytest.mark.parametrize(("jobs", "small", "settle"), [(1, 0, 0), (2, 0, 0.1), (2, 10**9, 0)])
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_output(
    source: Path, in_one_go: dict[str, bytes], tmp_path: Path, jobs: int, small: int, settle: float
) -> None:
    pick = random.Random(jobs)  # noqa: S311 - moments to kill at
    whole = sum(map(len, in_one_go.values()))
    moments = [("index.sqlite", pick.randrange(1, 200_000))]
    moments += [("pieces", size) for size in sorted(pick.randrange(1, whole // 2) for _ in range(2))]
    words = asked(tmp_path, source, "--resume", "--jobs", str(jobs))
    program = _IN_SMALL_GROUPS.format(small=small, settle=settle)
    for name, size in moments:
        process = subprocess.Popen([sys.executable, "-c", program, *words], stderr=subprocess.PIPE)
        _wait_until(lambda: _size(tmp_path / ".out.unfinished", name) >= size, process)  # noqa: B023 - asked here
        process.kill()
        # The end of its standard error is only seen once the processes that it started are gone too.
        process.communicate(timeout=30)
        assert process.returncode == -signal.SIGKILL
        assert not (tmp_path / "out").exists()
    done = subprocess.run([sys.executable, "-c", program, *words], timeout=240, check=False)
    assert done.returncode == 2
    assert written(tmp_path) == in_one_go
    assert sorted(path.name for path in tmp_path.iterdir()) == ["claims", "out", "refused", "report"]


# Small groups, so that there is much to be stopped between.
_IN_SMALL_GROUPS = """
from app.bulk import index, journal, lines, pool
from app.bulk.beside import Beside
index.CHUNK, lines.BLOCK, journal.SMALL = 25, 50_000, {small}
index.SETTLE_SECONDS = journal.SETTLE_SECONDS = {settle}
from app.cli import main
main()
"""


def _size(folder: Path, name: str) -> int:
    """How large a file is; those of all processes together."""
    try:
        return sum(path.stat().st_size for path in folder.glob(f"{name}*"))
    except FileNotFoundError:
        return -1


def _wait_until(so: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 240
    while not so():
        assert process.poll() is None, process.communicate()[1].decode()[-3000:]
        assert time.monotonic() < end
        time.sleep(0.002)


def test_an_unfinished_run_of_other_inputs_is_not_gone_on_with(tmp_path: Path) -> None:
    source, out = tmp_path / "in.ndjson", tmp_path / "out"
    source.write_bytes(b"\n".join(tangled(1, 10)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.bulk.run.judged", _out_of_order)
        peerchart("map", str(source), "--out", str(out))
    assert (tmp_path / ".out.unfinished").is_dir()
    source.write_bytes(b"\n".join(tangled(2, 10)))
    refused = peerchart("map", str(source), "--out", str(out), "--resume")
    assert refused.exit_code == 2
    assert "was of other inputs, rules or options; leave --resume out to start anew" in refused.stderr
    assert peerchart("map", str(source), "--out", str(out)).exit_code == 1
    assert not (tmp_path / ".out.unfinished").exists()


@pytest.mark.parametrize("small", [0, 10**9])
def test_what_was_not_put_on_the_disk_is_not_gone_on_with_once_the_machine_was_started_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: int
) -> None:
    source, out, boot = tmp_path / "in.ndjson", tmp_path / "out", tmp_path / "boot_id"
    source.write_bytes(b"\n".join(tangled(2, 10)))
    boot.write_text("one\n")
    monkeypatch.setattr(journal, "_BOOT", boot)
    monkeypatch.setattr(journal, "SMALL", small)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.bulk.run.judged", _out_of_order)
        peerchart("map", str(source), "--out", str(out))
    assert journal.asked_of(out) is not None
    boot.write_text("another\n")
    assert (journal.asked_of(out) is None) == (small > 0)
    assert peerchart("map", str(source), "--out", str(out), "--resume").exit_code == 1
    assert sorted(each.name for each in tmp_path.iterdir()) == ["boot_id", "in.ndjson", "out"]


def test_where_the_machine_does_not_say_when_it_was_started_every_run_is_put_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = tmp_path / "in.ndjson", tmp_path / "out"
    source.write_bytes(b"\n".join(tangled(1, 10)))
    monkeypatch.setattr(journal, "_BOOT", tmp_path / "nowhere")
    monkeypatch.setattr("app.bulk.run.judged", _out_of_order)
    peerchart("map", str(source), "--out", str(out))
    assert json.loads((journal.unfinished(out) / "asked.json").read_text())["boot"] is None


def test_what_an_earlier_program_left_is_done_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, out = tmp_path / "in.ndjson", tmp_path / "out"
    source.write_bytes(b"\n".join(tangled(2, 10)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.bulk.run.judged", _out_of_order)
        peerchart("map", str(source), "--out", str(out))
    assert journal.asked_of(out) is not None
    monkeypatch.setattr(journal, "FORM", journal.FORM + 1)
    assert journal.asked_of(out) is None
    assert peerchart("map", str(source), "--out", str(out), "--resume").exit_code == 1
    assert out.exists()


def _out_of_order(*_: object) -> None:
    raise RuntimeError("the machine is out of order")


def test_what_comes_through_a_pipe_cannot_be_gone_on_with(tmp_path: Path) -> None:
    done = peerchart("map", "--out", str(tmp_path / "out"), "--resume", given=b"")
    assert done.exit_code == 2
    assert "--resume needs inputs and --out that are files" in done.stderr


def test_refused_lines_stand_apart_with_their_reasons_and_nothing_else_is_disturbed(tmp_path: Path) -> None:
    many = tangled(5, 30)
    bad = [b"{not json}", b'{"kind": "contact", "id": "X", "jurisdiction": "us-ny"}', b"\xff\xfe"]
    given_ = b"\n".join([many[0], bad[0], *many[1:20], bad[1], b"", bad[2], *many[20:]])
    peerchart("check", "--refused", str(tmp_path / "bad"), given=given_)
    told = [json.loads(line) for line in (tmp_path / "bad").read_bytes().splitlines()]
    mine = [each for each in told if each["line"] in (2, 22, 24)]
    assert [each["problem"][:8] for each in mine] == ["not JSON", "is missi", "the line"]
    assert [each["text"] for each in mine][:2] == [line.decode() for line in bad[:2]]
    assert mine[1]["field"] == "individual"
    without = peerchart("check", given=b"\n".join(many))
    assert peerchart("check", given=given_).stdout == without.stdout


def test_a_dry_run_says_what_map_would_do_and_writes_nothing(tmp_path: Path) -> None:
    source = tmp_path / "in.ndjson"
    source.write_bytes(b"\n".join(tangled(3, 60)))
    dry = peerchart("map", str(source), "--dry-run", "--json")
    assert [path.name for path in tmp_path.iterdir()] == ["in.ndjson"]
    said = [json.loads(line) for line in dry.stdout.splitlines()]
    options = [word for name in ("out", "claims", "report") for word in (f"--{name}", str(tmp_path / name))]
    done = peerchart("map", str(source), *options, "--json")
    assert done.exit_code == dry.exit_code
    report = [json.loads(line) for line in (tmp_path / "report").read_bytes().splitlines()]
    assert [each for each in said if each["outcome"] not in ("leaves", "claimed")] == report
    leaving = [each["id"] for each in said if each["outcome"] == "leaves"]
    assert len(leaving) == len((tmp_path / "out").read_bytes().splitlines())
    claimed = [each["id"] for each in said if each["outcome"] == "claimed"]
    assert claimed == [_control_number(line) for line in (tmp_path / "claims").read_bytes().splitlines()]


def _control_number(line: bytes) -> str:
    claims = [
        one["resource"] for one in json.loads(line)["entry"] if one["resource"]["resourceType"] == "Claim"
    ]
    return str(claims[0]["identifier"][0]["value"])


@pytest.mark.parametrize("option", ["--dry-run", "--diff"])
def test_what_writes_nothing_takes_no_place_to_write_to(option: str, tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"")
    words = [option, str(tmp_path / "old")] if option == "--diff" else [option]
    done = peerchart("map", *words, "--out", str(tmp_path / "out"), given=b"")
    assert done.exit_code == 2
    assert f"{option} writes nothing; leave --out out" in done.stderr


def test_differences_are_told_by_identifier_with_the_paths_that_differ(tmp_path: Path) -> None:
    maker = seeded(4)
    first, second, third = (contact(maker) for _ in range(3))
    old, new = tmp_path / "old.ndjson", tmp_path / "new.ndjson"
    old.write_bytes(b"\n".join(as_line(one) for one in [*office(), first, second]))
    peerchart("map", str(old), "--out", str(tmp_path / "sent"), "--claims", str(tmp_path / "filed"))
    second["end"] = (datetime.fromisoformat(second["end"]) + timedelta(minutes=15)).isoformat()
    new.write_bytes(b"\n".join(as_line(one) for one in [*office(), second, third]))
    before = ("--diff", str(tmp_path / "sent"), "--diff", str(tmp_path / "filed"))
    done = peerchart("map", str(new), *before, "--json")
    ways = {
        (each["type"], each["identifier"].split("|")[-1]): each
        for each in map(json.loads, done.stdout.splitlines())
    }
    assert ways["Encounter", first["id"]]["way"] == "gone"
    assert ways["Encounter", third["id"]]["way"] == "new"
    assert ways["Encounter", second["id"]]["way"] == "changed"
    assert "Encounter.period.end" in ways["Encounter", second["id"]]["paths"]
    assert ways["Patient", second["individual"]["id"]]["way"] == "same"
    same = peerchart("map", str(old), *before)
    assert same.stdout == ""
    assert same.stderr.startswith("0 new, 0 changed, 0 gone, ")


def test_a_file_that_holds_no_bundles_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b'{"resourceType": "Patient"}\n')
    done = peerchart("map", "--diff", str(tmp_path / "old"), given=as_line(office()[0]))
    assert done.exit_code == 2
    assert f"{tmp_path / 'old'}:1: no Bundle in JSON" in done.stderr


def test_memory_stays_flat_however_long_the_input_is(tmp_path: Path) -> None:
    peaks = [_peak(tmp_path, count) for count in (2_000, 6_000)]
    assert peaks[1] < 1.4 * peaks[0]
    assert peaks[1] < 400 * 1024


def _peak(folder: Path, count: int) -> int:
    """The most memory in kB that mapping so many records takes."""
    source = folder / f"{count}.ndjson"
    source.write_bytes(b"\n".join(one.line for one in generate(seed=7, records=count, bad=0)))
    words = [
        "map",
        str(source),
        "--out",
        str(folder / f"{count}.out"),
        "--report",
        str(folder / f"{count}.txt"),
        "--jobs",
        "1",
    ]
    done = run(["-c", _MEASURED, *words, "--now", NOW], timeout=240)
    return int(done.stdout.split()[-1])


_MEASURED = """
import sys
from pathlib import Path
from app.cli import main
try:
    main()
finally:
    # Not ru_maxrss: a process begins with what the one that started it had at most.
    status = Path("/proc/self/status").read_text()
    print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


def run(words: list[str], timeout: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=timeout, check=False
    )


def test_a_cluster_that_does_not_answer_is_wrong_usage() -> None:
    done = peerchart("check", "--cluster", "tcp://127.0.0.1:1", given=as_line(office()[0]))
    assert done.exit_code == 2
    assert "tcp://127.0.0.1:1" in done.stderr or "pip install 'peerchart[dask]'" in done.stderr
