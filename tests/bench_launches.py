"""The burst of the morning: 300 launches at once against an EHR whose token answer takes 0.7 s.

    python -m tests.bench_launches [--launches 300] [--token-seconds 0.7] [--threads 160]

Served as the README tells operators. The people have signed in at the EHR; at one moment all of them come
back with their codes. A launch has ended when its first page is there. Nothing is asserted here.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from socket import create_server
from urllib.parse import parse_qs, quote, urlsplit

from app.service import utc_now
from tests.app.web.office import EHR, open_office
from tests.stub_ehr import code_for

HERE = Path(__file__).parents[1]
MOST_SECONDS = 120.0


@dataclass
class Person:
    """One browser on its way: cookies, and the address of the way back."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    back: str = ""
    ended: float | None = None
    open_after: float | None = None
    page_status: int = 0

    def begin(self, iss: str, number: int) -> None:
        """Up to the EHR's sign-in, which this person passes at once."""
        status, place, _ = self._get(self._line(), f"/launch?iss={quote(iss, safe='')}&launch=x{number}")
        assert status == 302, status
        asked = {name: values[0] for name, values in parse_qs(urlsplit(place).query).items()}
        code = quote(code_for(asked["nonce"], f"p-{number % 20}"))
        self.back = f"/cb/{EHR}?code={code}&state={quote(asked['state'])}"

    def come_back(self, together: threading.Barrier, began: list[float]) -> None:
        """From the way back to the first page, at the moment when everybody does."""
        line = self._line()
        together.wait(MOST_SECONDS)
        status, place, _ = self._get(line, self.back)
        self.open_after = time.perf_counter() - began[0]
        while status in {302, 303}:
            parts = urlsplit(place)
            status, place, _ = self._get(line, parts.path)
        self.page_status, self.ended = status, time.perf_counter() - began[0]
        line.close()

    def _line(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=MOST_SECONDS)

    def _get(self, line: HTTPConnection, path: str) -> tuple[int, str, bytes]:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        line.request("GET", path, headers={"Cookie": cookie} if cookie else {})
        answer = line.getresponse()
        for given in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = given.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer.status, answer.headers.get("Location", ""), answer.read()


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
    """One burst: how long until every launch was open, and until every first page was there."""
    with (
        tempfile.TemporaryDirectory() as folder,
        _ehr(token_seconds) as ehr,
        _served(Path(folder), ehr, threads) as port,
    ):
        people = [Person(port) for _ in range(launches)]
        for number, person in enumerate(people):
            person.begin(f"{ehr}/fhir", number)
        _all_at_once(people)
    wrong = sum(person.page_status != 200 for person in people)
    what = f"{launches} launches at once, token answer {token_seconds} s"
    yield f"{what}: open", _spread([one.open_after or MOST_SECONDS for one in people])
    failed = f"; {wrong} failed" if wrong else ""
    yield f"{what}: first page", _spread([one.ended or MOST_SECONDS for one in people]) + failed


def _all_at_once(people: list[Person]) -> None:
    began: list[float] = []
    together = threading.Barrier(len(people), action=lambda: began.append(time.perf_counter()))
    threads = [threading.Thread(target=one.come_back, args=(together, began)) for one in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(MOST_SECONDS)


def _spread(times: list[float]) -> str:
    return f"all after {max(times):.1f} s, half after {statistics.median(times):.1f} s"


@contextmanager
def _ehr(token_seconds: float) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.stub_ehr", "--token-seconds", str(token_seconds)]
    with _process(command, r"http://localhost:\d+") as found:
        yield found


@contextmanager
def _served(folder: Path, ehr: str, threads: int | None) -> Iterator[int]:
    with create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    base = f"http://127.0.0.1:{port}"
    open_office(folder, clock=utc_now, base_url=base, ehr=ehr).kit.store.close()
    command = [sys.executable, "-c", "from app.cli import main; main()", "serve", "--no-deliver"]
    command += ["--port", str(port), "--data", str(folder)]
    command += ["--threads", str(threads)] if threads else []
    with _process(command, r"Peerchart on .*"):
        yield port


@contextmanager
def _process(command: list[str], ready: str) -> Iterator[str]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE)
    try:
        assert process.stdout is not None
        found = re.search(ready, process.stdout.readline())
        assert found, f"{command} did not start"
        yield found[0]
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout:
            process.stdout.close()


if __name__ == "__main__":
    main()
