"""Figures beside each other in one run: `make bench`. Nothing is asserted here; a machine is only compared
with itself.

    python -m tests.bench [--seconds 5]
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain

from app.demo.browser import Browser
from app.demo.processes import Demo, running
from app.demo.setting_up import CLIENT
from app.demo.walk import LINDQVIST, launched
from mappings.fhir import gate
from mappings.fhir.bundle import ChartLinks, contact_bundle, plan_bundle
from mappings.intake import read_record
from mappings.library import load
from mappings.office import Surroundings
from mappings.records import Contact, PlanEntry, Program, Staff
from mappings.rules import judge
from tests.bench_launches import burst
from tests.bench_rules import rule_figures
from tests.generator import generate
from tests.intake_makers import NOW

CLOCK = datetime.fromisoformat(NOW)


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    what: str
    value: str


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Figures beside each other in one run.")
    parser.add_argument("--seconds", type=float, default=5.0, help="For each of the measured loops.")
    seconds = parser.parse_args().seconds
    print(f"Python {platform.python_version()}, {platform.machine()}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    own = (Figure(what, value) for what, value in rule_figures(seconds))
    morning = (Figure(what, value) for what, value in burst())
    for figure in chain(own, records(seconds), pages(seconds), morning):
        print(f"{figure.what:<58} {figure.value}", flush=True)


def records(seconds: float) -> Iterator[Figure]:
    """Reading, judging and mapping; and the same when fhir.resources builds and validates every Bundle."""
    lines = [one.line for one in generate(seed=7, records=400, bad=0)]
    known = [read_record(line) for line in lines]
    rules = len(load().rules())
    yield _rate("records read", len(lines), seconds, lambda: [read_record(line) for line in lines])
    yield _rate(f"records checked ({rules} rules)", len(known), seconds, lambda: judge(known, load(), CLOCK))
    yield _rate("records checked and mapped", len(lines), seconds, lambda: _mapped(lines, full=False))
    yield _rate(
        "records checked and mapped, fhir.resources on every Bundle",
        len(lines),
        seconds,
        lambda: _mapped(lines, full=True),
    )


def _mapped(lines: list[bytes], *, full: bool) -> None:
    known, library = [read_record(line) for line in lines], load()
    judged = {(one.id, one.kind): one for one in judge(known, library, CLOCK)}
    staff = {one.id: one for one in known if isinstance(one, Staff)}
    program = next(one for one in known if isinstance(one, Program))
    entries = {one.id: one for one in known if isinstance(one, PlanEntry)}
    around, links = Surroundings(staff, program, entries), ChartLinks()
    for one in known:
        if isinstance(one, Contact):
            bundle = contact_bundle(one, judged[one.id, one.kind], around, (), links, library, CLOCK)
        elif isinstance(one, PlanEntry):
            bundle = plan_bundle(around.plan_of(one), around, (), links, library, CLOCK)
        else:
            continue
        if full:
            gate.check(bundle, full=True)


def pages(seconds: float) -> Iterator[Figure]:
    """A running app: findings while typing, and from the EHR's chart to the first page."""
    with running("full", 8000, 8080, None) as demo:
        yield _quantiles("findings while typing, over HTTP", list(_findings(demo, seconds)))
        yield _quantiles("launch from the chart to the first page", list(_launches(demo, seconds)))


def _findings(demo: Demo, seconds: float) -> Iterator[float]:
    with launched(demo, "rivera", LINDQVIST) as rivera:
        rivera.send("/contacts/new")
        contact = rivera.page.url.split("/contacts/")[1].split("/")[0]
        form = rivera.page.form(f"/contacts/{contact}/edit")
        typed = {"note.purpose": "Practise the way to the choir.", "service.type": "adult"}
        values = Browser.values(form, typed)
        address, headers = f"{rivera.base}/contacts/{contact}/findings", {"Origin": demo.app_base}
        for _ in _until(seconds):
            began = time.perf_counter()
            rivera.browser.http.post(address, data=values, headers=headers, timeout=20).raise_for_status()
            yield time.perf_counter() - began


def _launches(demo: Demo, seconds: float) -> Iterator[float]:
    asked = {"user": "rivera", "patient": LINDQVIST, "client_id": CLIENT}
    for _ in _until(seconds):
        browser = Browser()
        address = browser.http.post(f"{demo.ehr_base}/launches", json=asked, timeout=20).json()["launch_url"]
        began = time.perf_counter()
        browser.open(address)
        yield time.perf_counter() - began
        browser.close()


def _until(seconds: float) -> Iterator[None]:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        yield


def _rate(what: str, count: int, seconds: float, job: Callable[[], object]) -> Figure:
    job()
    began, rounds = time.perf_counter(), 0
    for _ in _until(seconds):
        job()
        rounds += 1
    return Figure(what, f"{count * rounds / (time.perf_counter() - began):>10,.0f} a second")


def _quantiles(what: str, times: list[float]) -> Figure:
    cuts = statistics.quantiles(times, n=20) if len(times) > 1 else times * 19
    half, most = cuts[9] * 1000, cuts[18] * 1000
    return Figure(what, f"p50 {half:.0f} ms, p95 {most:.0f} ms ({len(times)} times)")


if __name__ == "__main__":
    main()
