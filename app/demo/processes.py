"""Two processes beside each other: started, waited for, and ended together."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests

from app.demo.setting_up import set_up

READY_SECONDS = 30.0
END_SECONDS = 15.0


class NotStarted(Exception):
    """One of the two did not come up; the words hold the end of what it wrote."""


@dataclass(frozen=True)
class Demo:
    """A running demo: the two addresses, its folder, and what there was to say while it started."""

    app_base: str
    ehr_base: str
    folder: Path
    processes: tuple[subprocess.Popen[bytes], ...]
    notices: tuple[str, ...]

    def ended(self) -> subprocess.Popen[bytes] | None:
        """The process that has ended by itself, if one has."""
        return next((one for one in self.processes if one.poll() is not None), None)


@contextmanager
def running(takes: str, port: int, ehr_port: int, data: Path | None) -> Iterator[Demo]:
    """The demo while the block runs: the EHR as localhost and the app as 127.0.0.1, so that a frame of one in
    the other is truly cross-site. Without `data` its folder is temporary. Raises NotStarted."""
    with ExitStack() as stack:
        folder = data.absolute() if data else Path(stack.enter_context(_temporary()))
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        taken, notices = _ports(port, ehr_port)
        app_base, ehr_base = f"http://127.0.0.1:{taken[0]}", f"http://localhost:{taken[1]}"
        set_up(folder, app_base, ehr_base, takes, datetime.now(UTC))
        ehr = stack.enter_context(_process(_ehr_command(folder, taken[1]), folder / "ehr.log"))
        app = stack.enter_context(_process(_app_command(folder, taken[0]), folder / "app.log", app_base))
        _wait(ehr, f"{ehr_base}/fhir/metadata", folder / "ehr.log")
        _wait(app, f"{app_base}/healthz", folder / "app.log")
        yield Demo(app_base, ehr_base, folder, (ehr, app), notices)


def _ports(port: int, ehr_port: int) -> tuple[tuple[int, int], tuple[str, ...]]:
    first, told = _free(port, "app", ())
    second, more = _free(ehr_port, "sandbox EHR", (first,))
    return (first, second), (*told, *more)


def _free(wanted: int, what: str, not_these: Sequence[int]) -> tuple[int, tuple[str, ...]]:
    for port in (wanted, 0):
        try:
            with socket.create_server(("127.0.0.1", port)) as tried:
                found = int(tried.getsockname()[1])
        except OSError:
            continue
        if found not in not_these:
            busy = () if found == wanted else (f"Port {wanted} is busy, so the {what} uses {found}.",)
            return found, busy
    raise NotStarted(f"No free port was found for the {what}.")


def _ehr_command(folder: Path, port: int) -> list[str]:
    files = ("--db", str(folder / "ehr.sqlite3"), "--clients", str(folder / "clients.json"))
    return [sys.executable, "-m", "smart_launch.sandbox_ehr", "--port", str(port), *files]


def _app_command(folder: Path, port: int) -> list[str]:
    program = "from app.cli import main; main()"
    return [sys.executable, "-c", program, "serve", "--port", str(port), "--data", str(folder)]


@contextmanager
def _process(command: list[str], log: Path, base: str = "") -> Iterator[subprocess.Popen[bytes]]:
    # A session of its own: Ctrl-C in the terminal reaches us alone, and we end the two in order.
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter with our own words
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=_environment(base),
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process)


def _environment(base: str) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PEERCHART_")}
    return {**kept, "PEERCHART_BASE_URL": base, "PEERCHART_DELIVER_EVERY_SECONDS": "1"} if base else kept


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    until = time.monotonic() + READY_SECONDS
    with requests.Session() as http:
        http.trust_env = False
        while time.monotonic() < until and process.poll() is None:
            try:
                if http.get(address, timeout=5).status_code == 200:
                    return
            except requests.RequestException:
                time.sleep(0.05)
    tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise NotStarted(f"{address} did not answer. The end of {log.name}:\n{tail}")


@contextmanager
def _temporary() -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="peerchart-demo-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
