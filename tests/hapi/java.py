"""HAPI FHIR on this machine: built by Maven from its published name, started on a loopback port, ended by
its process id; and HL7's validator beside it, asked over a pipe."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "server"
TARGET = HERE / "target"
CLASSPATH = TARGET / "classpath"
# The first build brings some 350 MB of libraries; a mirror that is slow or away must not hold the tests.
DOWNLOAD_SECONDS = int(os.environ.get("HAPI_DOWNLOAD_SECONDS", "420"))
START_SECONDS = 240
END_SECONDS = 20
# One small heap and the plain collector: the machine is shared with the tests, and the server lives minutes.
JVM = ("-Xmx1200m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"


class NotHere(Exception):
    """What is missing on this machine, in one line."""


def require() -> None:
    """Raises NotHere when this machine has no Java 17 or no Maven, or nobody asked for these tests."""
    if os.environ.get("HAPI") != "1":
        raise NotHere("HAPI FHIR is not asked for here: `make hapi` starts it (Java 17, Maven, 350 MB once)")
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise NotHere(f"Java is not here: {program} was not found, so HAPI FHIR judges nothing")


def build() -> str:
    """The class path of the server, compiled; from the libraries that Maven keeps if they are there, else
    fetched within DOWNLOAD_SECONDS. Raises NotHere when that fails."""
    require()
    words = "it was not tried"
    for offline in (["-o"], []):
        with contextlib.suppress(subprocess.TimeoutExpired):
            done = _maven(offline)
            if done.returncode == 0:
                return f"{TARGET / 'classes'}{os.pathsep}{CLASSPATH.read_text(encoding='utf-8').strip()}"
            words = _first_error(done.stdout)
    raise NotHere(f"HAPI FHIR could not be fetched from Maven Central: {words}")


def _maven(offline: Sequence[str]) -> subprocess.CompletedProcess[str]:
    goals = ("compile", "dependency:build-classpath", f"-Dmdep.outputFile={CLASSPATH}")
    command = ("mvn", "-q", "-B", *offline, *goals)
    return subprocess.run(
        command, cwd=HERE, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False
    )


def _first_error(said: str) -> str:
    lines = [line for line in said.splitlines() if "ERROR" in line]
    return lines[0][:300] if lines else "Maven ran out of time"


@contextlib.contextmanager
def server(classpath: str, log: Path) -> Iterator[str]:
    """The address of the FHIR base of a running server, e.g. http://127.0.0.1:41943/fhir; its database ends
    with it. Raises RuntimeError, with the end of its log, when it does not come up in START_SECONDS."""
    with _java(classpath, log, "Server", ["0"]) as process:
        yield _ready(process, log)


def _ready(process: subprocess.Popen[str], log: Path) -> str:
    found: list[str] = []
    assert process.stdout is not None
    reader = threading.Thread(target=lambda: found.append(process.stdout.readline()), daemon=True)  # type: ignore[union-attr]  # a pipe
    reader.start()
    until = time.monotonic() + START_SECONDS
    while reader.is_alive() and process.poll() is None and time.monotonic() < until:
        reader.join(0.2)
    reader.join(0.2)
    if not found or not found[0].startswith("ready "):
        raise RuntimeError(f"HAPI FHIR did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")
    return found[0].split()[1]


@contextlib.contextmanager
def _java(classpath: str, log: Path, main: str, arguments: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    command = ["java", *JVM, QUIET, "-cp", classpath, f"org.peerchart.hapi.{main}", *arguments]
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, encoding="utf-8"
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


@dataclass(frozen=True)
class Said:
    """One remark of the validator: `severity` is fatal, error, warning or information; `id` its own name."""

    severity: str
    id: str
    at: str
    words: str


@dataclass
class Judge:
    """HL7's validator, with R4 and the profiles of one package; one question at a time."""

    process: subprocess.Popen[str] = field(repr=False)
    log: Path

    def __call__(self, resource: dict[str, Any]) -> list[Said]:
        """What it says of a resource."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(resource) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"The validator ended:\n{self.log.read_text(encoding='utf-8')[-2000:]}")
        return [Said(**one) for one in json.loads(answer)]


@contextlib.contextmanager
def judge(classpath: str, log: Path, packages: Sequence[Path]) -> Iterator[Judge]:
    """The validator with these FHIR packages, running."""
    with _java(classpath, log, "Judge", [str(one) for one in packages]) as process:
        yield Judge(process, log)
