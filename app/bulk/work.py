"""What is done with one group of records: judged, and for `map` made into Bundles and Claims."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from app.bulk.beside import Beside, MeetingsOf, Reader
from app.bulk.lines import Source, text_at
from app.bulk.outcomes import OUT, Order, Outcome, at, json_bytes
from mappings.intake import Alike, read_again
from mappings.library import Library, load
from mappings.records import Contact, PlanEntry
from mappings.rules import judge, judge_office

if TYPE_CHECKING:
    from app.bulk.mapped import Mapper


# The records of one person come one after another in a group.
_KEPT_ALIKE = 512


class OtherRules(RuntimeError):
    """A worker has other rules than whoever asks it."""


def _mapper(order: Order, library: Library, reader: Reader) -> Mapper:
    # To check imports nothing of FHIR and of claims.
    from app.bulk.mapped import Mapper

    return Mapper(order, library, reader)


class Worker:
    """Judges groups of one input; one for each process."""

    def __init__(self, order: Order, index: Path) -> None:
        self.order, self.library = order, load(order.site)
        if self.library.digest != order.digest:
            raise OtherRules("a worker has other rules than this machine; install the same Peerchart there")
        self.reader, self.alike = Reader(index), Alike(_KEPT_ALIKE)
        self.mapper = _mapper(order, self.library, self.reader) if order.mapping else None

    def group(self, chunk: int, texts: Mapping[int, bytes] | None = None) -> Outcome:
        """The outcome of one group; `texts` are its lines where the inputs cannot be read here."""
        numbers = self.reader.numbers(chunk)
        foreign = self.reader.foreign_entries(chunk)
        texts = texts if texts is not None else texts_of(self.order.sources, [*numbers, *foreign])
        records = [read_again(texts[number], self.alike) for number in numbers]
        own = [one for one in records if isinstance(one, (Contact, PlanEntry))]
        others = [one for n in foreign if isinstance(one := read_again(texts[n], self.alike), PlanEntry)]
        beside = Beside(own, others, self.reader, chunk, self.library)
        judged = judge(own, self.library, self.order.now, around=beside)
        outcome = Outcome(chunk, len(own))
        for judgement in judged:
            outcome.counts[f"signing {judgement.signing}"] += 1
            outcome.counts[f"claim {judgement.claim}"] += 1
            outcome.counts["units"] += judgement.billed_units
        if self.mapper is not None:
            outcome.pieces += self.mapper.pieces(numbers, own, judged, outcome.counts)
        else:
            outcome.pieces += [
                at(OUT, n, json_bytes(each.to_json(all=self.order.everything)))
                for n, each in zip(numbers, judged, strict=True)
            ]
        beside.forget()
        return outcome

    def office(self) -> Iterator[bytes]:
        """One line for each staff member and programme of the input, in order."""
        meetings = MeetingsOf(self.reader)
        rows = self.reader.db.execute(
            "SELECT number FROM office WHERE kind IN ('staff', 'program') AND number >= 0 ORDER BY number"
        )
        for (number,) in rows:
            record = self.reader.office(number)
            for each in judge_office([record], self.library, self.order.now, meetings=meetings):
                yield json_bytes(each.to_json(all=self.order.everything))


def texts_of(sources: Sequence[Source], numbers: Sequence[int]) -> dict[int, bytes]:
    """The lines of records by their numbers."""
    found: dict[int, bytes] = {}
    bases = [source.base for source in sources]
    with ExitStack() as stack:
        opened: dict[int, BinaryIO] = {}
        for number in numbers:
            at = bisect_right(bases, number) - 1
            if at not in opened:
                opened[at] = stack.enter_context(Path(sources[at].path).open("rb"))
            found[number] = text_at(opened[at], number - bases[at])
    return found


_workers: dict[tuple[Order, Path], Worker] = {}


def worker_of(order: Order, index: Path) -> Worker:
    """The worker of this process for an order, made when it is first asked for."""
    if (order, index) not in _workers:
        let_go()
        _workers[order, index] = Worker(order, index)
    return _workers[order, index]


def let_go() -> None:
    """Close the worker of this process."""
    for worker in _workers.values():
        worker.reader.db.close()
    _workers.clear()
