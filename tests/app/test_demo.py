"""The demo by real processes: the robot's proof, the robot's eyes, and an end without orphans."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.demo.processes import NotStarted, _free, _wait
from app.demo.proof import Line
from app.demo.setting_up import BACKEND_SCOPES, OWNED_BY_EHR, people
from app.demo.walk import slots

PROGRAM = [sys.executable, "-c", "from app.cli import main; main()", "demo"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def ports() -> list[str]:
    return ["--port", str(free_port()), "--ehr-port", str(free_port())]


@pytest.mark.parametrize("takes", ["full", "oracle"])
def test_the_robot_does_the_whole_job_and_all_of_it_is_right(takes: str) -> None:
    command = [*PROGRAM, "--check", "--as", takes, "--json", *ports()]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    *lines, last = [json.loads(line) for line in done.stdout.splitlines()] or [{}]
    assert done.returncode == 0, (done.stderr, [line for line in lines if not line["ok"]])
    assert last["wrong"] == 0
    assert last["lines"] == len(lines) >= 40
    if takes == "full":
        seen = {line["resource"] for line in lines}
        assert {"Encounter", "Provenance", "Task", "EpisodeOfCare", "Goal", "CarePlan", "Claim"} <= seen


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [*PROGRAM, *ports(), "--data", str(tmp_path / "demo")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=40)


def children(process: subprocess.Popen[bytes]) -> list[int]:
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(word) for word in listed.split()]


@pytest.mark.skipif(not Path("/proc").exists(), reason="children are looked up in /proc")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_says_what_to_open_and_who_is_who_and_ends_both_processes(
    shown: subprocess.Popen[bytes], stop: signal.Signals
) -> None:
    assert shown.stdout is not None
    said = b""
    while b"Ctrl-C" not in said and shown.poll() is None:
        said += shown.stdout.readline()
    assert b"Open this in a browser:  http://localhost:" in said
    assert b"chen" in said
    both = children(shown)
    assert len(both) == 2
    shown.send_signal(stop)
    _, errors = shown.communicate(timeout=40)
    assert shown.returncode == 0
    assert errors == b""
    until = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in both) and time.monotonic() < until:
        time.sleep(0.02)
    assert not any(Path(f"/proc/{pid}").exists() for pid in both)


def test_a_busy_port_is_said_and_another_one_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        found, notices = _free(port, "app", ())
    assert found != port
    assert notices == (f"Port {port} is busy, so the app uses {found}.",)


def test_a_process_that_does_not_come_up_is_told_with_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("the disk is full\n")
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    process.wait(20)
    with pytest.raises(NotStarted, match="the disk is full"):
        _wait(process, "http://127.0.0.1:9/healthz", log)


def test_a_wrong_line_is_wrong_and_says_what_was_found() -> None:
    said = Line("Task", "status: completed", "requested", ok=False).to_json()
    assert said == {"resource": "Task", "expected": "status: completed", "found": "requested", "ok": False}


def test_the_demo_never_asks_to_write_what_the_ehr_owns() -> None:
    for name in OWNED_BY_EHR:
        assert f"system/{name}.rs" in BACKEND_SCOPES


def test_everybody_who_may_sign_in_is_introduced() -> None:
    assert {"rivera", "chen", "moreno", "whitfield"} <= {one["login"] for one in people()}


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)))  # noqa: DTZ001 - made aware below
def test_the_robot_s_contacts_lie_in_the_past_on_one_day_and_never_overlap(when: datetime) -> None:
    now = when.replace(tzinfo=UTC)
    made = slots(now)
    four = [next(made) for _ in range(4)]
    assert len({slot.day for slot in four}) == 1
    assert all(slot.start < slot.end for slot in four)
    assert all(later.start > earlier.end for later, earlier in pairwise(four))
    end = datetime.fromisoformat(f"{four[0].day}T{four[0].end}").replace(tzinfo=ZoneInfo("America/New_York"))
    assert end.timestamp() < now.timestamp()
