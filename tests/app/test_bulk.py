"""Inputs of any size: judged in groups and written in input order, and the same as judged all together."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.bulk import index, lines
from app.cli import cli
from mappings.intake import Refused, read_record
from mappings.library import load
from mappings.records import Record
from mappings.rules import judge, judge_office
from tests.app.all_together import Together
from tests.app.tangled import tangled
from tests.intake_makers import NOW

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
