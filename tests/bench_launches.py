"""The burst of the morning: 300 launches at once against an EHR whose token answer takes 0.7 s.

    python -m tests.bench_launches [--launches 300] [--token-seconds 0.7] [--threads 160]

Served as the README tells operators. The people have signed in at the EHR; at one moment all of them come
back with their codes. A launch has ended when its first page is there. The EHR and the browsers are light and
stand on the same machine; what each takes of the processor is told apart. Nothing is asserted here.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_server
from urllib.parse import quote, urlsplit

from app.service import utc_now
from tests.app.web.office import open_office

HERE = Path(__file__).parents[1]
MOST_SECONDS = 120.0
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Line:
    """One connection of a browser or to an EHR."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @staticmethod
    async def to(port: int) -> Line:
        return Line(*await asyncio.open_connection("127.0.0.1", port))

    async def get(self, path: str, cookie: str = "") -> tuple[int, dict[str, list[str]]]:
        """Ask, and answer status and headers (names in lower case) once the whole page is there."""
        also = f"Cookie: {cookie}\r\n" if cookie else ""
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{also}\r\n".encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        headers: dict[str, list[str]] = {}
        for name, _, value in (line.partition(": ") for line in lines):
            headers.setdefault(name.lower(), []).append(value)
        await self.reader.readexactly(int(headers["content-length"][0]))
        return int(first.split(" ")[1]), headers


@dataclass
class Person:
    """One browser on its way: cookies, and the address of the way back."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    back: str = ""
    ended: float | None = None
    open_after: float | None = None
    page_status: int = 0

    async def sign_in(self, ehr: str, number: int) -> None:
        """Up to the EHR's sign-in and through it, as far as the address of the way back."""
        line = await Line.to(self.port)
        status, place = await self._go(line, f"/launch?iss={quote(f'{ehr}/fhir', safe='')}&launch=x{number}")
        assert status == 302, status
        asked = urlsplit(place)
        theirs = await Line.to(int(asked.port or 0))
        status, headers = await theirs.get(f"{asked.path}?{asked.query}")
        assert status == 302, status
        back = urlsplit(headers["location"][0])
        self.back = f"{back.path}?{back.query}"
        line.writer.close()
        theirs.writer.close()

    async def come_back(self, began: float) -> None:
        """From the way back to the first page."""
        line = await Line.to(self.port)
        status, place = await self._go(line, self.back)
        self.open_after = time.perf_counter() - began
        while status in {302, 303}:
            status, place = await self._go(line, place)
        self.page_status, self.ended = status, time.perf_counter() - began
        line.writer.close()

    async def _go(self, line: Line, path: str) -> tuple[int, str]:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        status, headers = await line.get(path, cookie)
        for given in headers.get("set-cookie", ()):
            name, _, value = given.partition(";")[0].partition("=")
            self.cookies[name] = value
        return status, headers.get("location", [""])[0]


def main() -> None:
    """Print the figures of one burst."""
    parser = argparse.ArgumentParser(description="Many launches at once.")
    parser.add_argument("--launches", type=int, default=300)
    parser.add_argument("--token-seconds", type=float, default=0.7)
    parser.add_argument(
        "--threads", type=int, default=None, help="Threads of the server; else its own number."
    )
    asked = parser.parse_args()
    for what, value in burst(asked.launches, asked.token_seconds, asked.threads):
        print(f"{what:<58} {value}", flush=True)


def burst(
    launches: int = 300, token_seconds: float = 0.7, threads: int | None = None
) -> Iterator[tuple[str, str]]:
    """One burst: how long until every launch was open, and until every first page was there; and what that
    took of the processor."""
    with (
        tempfile.TemporaryDirectory() as folder,
        _ehr(token_seconds) as (ehr, theirs),
        _served(Path(folder), ehr, threads) as (port, ours),
    ):
        people = [Person(port) for _ in range(launches)]
        asyncio.run(_sign_in(people, ehr))
        before, machine = [_processor(one) for one in (ours, theirs, os.getpid())], _machine()
        asyncio.run(_all_at_once(people))
        after = [_processor(one) for one in (ours, theirs, os.getpid())]
        whole, idle = (now - then for now, then in zip(_machine(), machine, strict=True))
    wrong = sum(person.page_status != 200 for person in people)
    what = f"{launches} launches at once, token answer {token_seconds} s"
    yield f"{what}: open", _spread([one.open_after or MOST_SECONDS for one in people])
    failed = f"; {wrong} failed" if wrong else ""
    yield f"{what}: first page", _spread([one.ended or MOST_SECONDS for one in people]) + failed
    spent = [(end - begin) * 1000 / launches for begin, end in zip(before, after, strict=True)]
    names = ("Peerchart", "EHR", "browsers")
    told = ", ".join(f"{name} {each:.1f} ms" for name, each in zip(names, spent, strict=True))
    yield "processor for each launch", told
    others = whole - idle - sum(after) + sum(before)
    yield "the machine meanwhile", f"{idle / whole:.0%} idle, {others / whole:.0%} with other things"


async def _sign_in(people: list[Person], ehr: str) -> None:
    for number, person in enumerate(people):
        await person.sign_in(ehr, number)


async def _all_at_once(people: list[Person]) -> None:
    began = time.perf_counter()
    coming = [person.come_back(began) for person in people]
    await asyncio.wait_for(asyncio.gather(*coming, return_exceptions=True), MOST_SECONDS)


def _processor(process: int) -> float:
    """Seconds of processor that a process and those it started have taken, as Linux counts them."""
    stats = [_stat(each) for each in Path("/proc").glob("[0-9]*/stat")]
    own = process == os.getpid()  # what it started is told apart
    mine = [ticks for pid, parent, ticks in stats if pid == process or (parent == process and not own)]
    return sum(mine) / TICKS


def _machine() -> tuple[float, float]:
    """Seconds of all processors of this machine since it started, and those of them that were idle."""
    first = Path("/proc/stat").read_text().splitlines()[0]
    ticks = [int(each) / TICKS for each in first.split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4]


def _stat(path: Path) -> tuple[int, int, int]:
    try:
        text = path.read_text()
    except OSError:  # ended meanwhile
        return 0, 0, 0
    fields = text[text.rindex(")") + 2 :].split()
    return int(path.parent.name), int(fields[1]), int(fields[11]) + int(fields[12])


def _spread(times: list[float]) -> str:
    return f"all after {max(times):.1f} s, half after {statistics.median(times):.1f} s"


@contextmanager
def _ehr(token_seconds: float) -> Iterator[tuple[str, int]]:
    command = [sys.executable, "-m", "tests.stub_ehr", "--token-seconds", str(token_seconds)]
    with _process(command, r"http://localhost:\d+") as found:
        yield found


@contextmanager
def _served(folder: Path, ehr: str, threads: int | None) -> Iterator[tuple[int, int]]:
    with create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    base = f"http://127.0.0.1:{port}"
    open_office(folder, clock=utc_now, base_url=base, ehr=ehr).kit.store.close()
    command = [sys.executable, "-c", "from app.cli import main; main()", "serve", "--no-deliver"]
    command += ["--port", str(port), "--data", str(folder)]
    command += ["--threads", str(threads)] if threads else []
    with _process(command, r"Peerchart on .*") as (_, process):
        yield port, process


@contextmanager
def _process(command: list[str], ready: str) -> Iterator[tuple[str, int]]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE)
    try:
        assert process.stdout is not None
        found = re.search(ready, process.stdout.readline())
        assert found, f"{command} did not start"
        yield found[0], process.pid
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout:
            process.stdout.close()


if __name__ == "__main__":
    main()
