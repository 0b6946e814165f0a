"""A season of contacts as an office has them: each individual seen week after week, the plan beside them.

python -m tests.caseload --seed 7 --records 1000 --weeks 20 > records.ndjson
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain, count, islice

from tests.generator import generate
from tests.intake_makers import NOW, Json, as_line, office, written

_WEEKS_APART = timedelta(days=7)


def caseload(seed: int, records: int, weeks: int = 20) -> list[bytes]:
    """At most `records` lines, for 20,000 some 16,500: the office, then contacts in order of time, each
    individual seen once in each of `weeks` weeks; plan entries stand once."""
    return list(islice(chain(map(as_line, office()), _by_week(seed, records, weeks)), records))


def seen_at(weeks: int = 20) -> datetime:
    """A time after the last of the contacts and their signatures."""
    return datetime.fromisoformat(NOW) + weeks * _WEEKS_APART


def _by_week(seed: int, records: int, weeks: int) -> Iterator[bytes]:
    made = [json.loads(one.line) for one in generate(seed=seed, records=records // weeks + 40, bad=0)]
    contacts = [one for one in made if one["kind"] == "contact"]
    yield from (as_line(one) for one in made if one["kind"] == "plan-entry")
    numbers = count(1)
    for week in range(weeks):
        for one in contacts:
            yield as_line(_in_week(one, week, next(numbers)))


def _in_week(made: Json, week: int, number: int) -> Json:
    """The contact as it went in another week, with words of its own."""
    again: Json = json.loads(json.dumps(made))
    again["id"] = f"{made['id']}-{week}"
    if again.get("group"):
        again["group"]["session"] += f"-{week}"
    if week:
        again["note"]["response"] = (
            f"{again['note'].get('response') or ''} {written(number)['response']}".strip()
        )
    by = week * _WEEKS_APART
    times = [(again, "start"), (again, "end"), (again["note"], "edited_at")]
    times += [(each, "at") for each in again["signatures"]]
    for holder, key in times:
        holder[key] = (datetime.fromisoformat(holder[key]) + by).isoformat()
    return again


def main() -> None:
    """Write the lines to standard output."""
    parser = argparse.ArgumentParser(description="A season of contacts of one office.")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument("--weeks", type=int, default=20)
    chosen = parser.parse_args()
    for line in caseload(chosen.seed, chosen.records, chosen.weeks):
        sys.stdout.buffer.write(line + b"\n")


if __name__ == "__main__":
    main()
