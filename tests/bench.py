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
from mappings.fhir.bundle import ChartLinks, contact_bundle, plan_bundle
from mappings.fhir.model import model_class
from mappings.fhir.writing import Writer
from mappings.findings import Judgement
from mappings.intake import read_record
from mappings.library import load
from mappings.office import Surroundings
from mappings.records import Contact, PlanEntry, Program, Record, Staff
from mappings.rules import judge
from tests.bench_bulk import bulk_figures
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
    whole = (Figure(what, value) for what, value in bulk_figures())
    for figure in chain(own, records(seconds), whole, pages(seconds), morning):
        print(f"{figure.what:<58} {figure.value}", flush=True)


def records(seconds: float) -> Iterator[Figure]:
    """Reading, judging and mapping; and the same when fhir.resources builds and validates every Bundle."""
    lines = [one.line for one in generate(seed=7, records=400, bad=0)]
    known = [read_record(line) for line in lines]
    rules = len(load().rules())
    yield _rate("records read", len(lines), seconds, lambda: [read_record(line) for line in lines])
    yield _rate(f"records checked ({rules} rules)", len(known), seconds, lambda: judge(known, load(), CLOCK))
    swift = _best(seconds, lambda: _written(lines))
    full = _best(seconds, lambda: _by_models(lines))
    yield Figure("records read, checked, mapped, written", f"{len(lines) / swift:>10,.0f} a second")
    yield Figure("the same, fhir.resources on every Bundle", f"{len(lines) / full:>10,.0f} a second")
    yield Figure("  the one as many times as fast as the other", f"{full / swift:>10,.1f}")


def _written(lines: list[bytes]) -> list[bytes]:
    known, judged, around = _judged(lines)
    writer = Writer(load(), CLOCK)
    made = [writer.contact(one, judged[one.id], around) for one in known if isinstance(one, Contact)]
    return made + [writer.plan(around.plan_of(one), around) for one in known if isinstance(one, PlanEntry)]


def _by_models(lines: list[bytes]) -> list[bytes]:
    """What an office would do that had only the models: build, validate and dump each Bundle by them."""
    known, judged, around = _judged(lines)
    rest = (), ChartLinks(), load(), CLOCK
    made = [contact_bundle(one, judged[one.id], around, *rest) for one in known if isinstance(one, Contact)]
    made += [plan_bundle(around.plan_of(one), around, *rest) for one in known if isinstance(one, PlanEntry)]
    model = model_class("Bundle")
    return [model.model_validate(one).model_dump_json().encode() for one in made]


def _judged(lines: list[bytes]) -> tuple[list[Record], dict[str, Judgement], Surroundings]:
    known = [read_record(line) for line in lines]
    judged = {one.id: one for one in judge(known, load(), CLOCK)}
    staff = {one.id: one for one in known if isinstance(one, Staff)}
    program = next(one for one in known if isinstance(one, Program))
    entries = {one.id: one for one in known if isinstance(one, PlanEntry)}
    return known, judged, Surroundings(staff, program, entries)


def _best(seconds: float, job: Callable[[], object]) -> float:
    """The best of several runs in seconds of the processor, since others may use the machine."""
    job()
    best = float("inf")
    for _ in _until(seconds):
        began = time.process_time()
        job()
        best = min(best, time.process_time() - began)
    return best


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
