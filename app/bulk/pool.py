"""Where groups are judged: in this process, in several on this machine, or on a Dask cluster."""

from __future__ import annotations

import atexit
import contextlib
import gc
import hashlib
import importlib
import itertools
import os
import signal
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from app.bulk.outcomes import PIECES, Order, Outcome, Stored, stored
from app.bulk.work import texts_of, worker_of

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
_AHEAD = 2
# What stands around a group refers to itself, and is memory in use until somebody looks for it. That is done
# when a group is answered and nearly all of it is gone; in the middle of one, with hundreds of thousands of
# objects in use, it took a tenth of a run. So many new objects in one group are more than any makes.
_NEW_OBJECTS = 2_000_000
# What is kept from group to group is looked through with every so manieth.
_ALL_AFTER = 64
# Bytes of input that one process has done before it pays to have others: some two seconds.
_LONG = 4_000_000
# Each has a few hundred megabytes of its own, and a container may show more cores than it may use.
_MOST_JOBS = 8
_one_at_a_time = threading.Lock()
_answers = itertools.count(1)


class NoCluster(RuntimeError):
    """The cluster cannot be used, with the reason in words."""


class Ended(RuntimeError):
    """A process ended before its time."""


class _Future(Protocol):
    def result(self) -> Any: ...


class Pool:
    """Answers questions in order, several at once; this one asks them one after another."""

    def ask(self, answer: Callable[[Asked], Answer], asked: Iterable[Asked]) -> Iterator[Answer]:
        """The answer to each question, in order."""
        return map(partial(_answered, answer), asked)

    def groups(self, order: Order, index: Path, chunks: Iterable[int]) -> Iterator[Outcome | Stored]:
        """The outcome of each group, in order."""
        return self.ask(_Group(order, index), chunks)


class Processes(Pool):
    """Several processes of this machine."""

    def __init__(self, executor: ProcessPoolExecutor, jobs: int) -> None:
        self._executor, self._jobs = executor, jobs

    def ask(self, answer: Callable[[Asked], Answer], asked: Iterable[Asked]) -> Iterator[Answer]:
        """The answer to each question, in order; only some are asked ahead, so that few are in memory."""
        return _ahead(lambda each: self._executor.submit(_answered, answer, each), asked, self._jobs * _AHEAD)

    def groups(self, order: Order, index: Path, chunks: Iterable[int]) -> Iterator[Outcome | Stored]:
        """The outcome of each group, in order. What is to be written is not told through a pipe: each process
        puts it into a file of its own beside the index."""
        return self.ask(_Storing(order, index), chunks)


class Cluster(Pool):
    """A Dask cluster: each worker gets the index once, and with each group its lines."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def groups(self, order: Order, index: Path, chunks: Iterable[int]) -> Iterator[Outcome | Stored]:
        """The outcome of each group, in order."""
        packed = index.read_bytes()
        digest = hashlib.sha256(packed).hexdigest()
        sent = self._client.scatter(packed, broadcast=True, hash=False)
        here = worker_of(order, index).reader

        def submit(chunk: int) -> _Future:
            numbers = [*here.numbers(chunk), *here.foreign_entries(chunk)]
            texts = texts_of(order.sources, numbers)
            made: _Future = self._client.submit(_elsewhere, order, sent, digest, chunk, texts, pure=False)
            return made

        return _ahead(submit, chunks, sum(self._client.nthreads().values()) * _AHEAD)


def usual_jobs(size: int) -> int:
    """How many processes an input of so many bytes is worth on this machine."""
    if size < _LONG:
        return 1
    allowed = getattr(os, "sched_getaffinity", None)
    cores = len(allowed(0)) if allowed else os.cpu_count() or 1
    return min(cores, _MOST_JOBS)


@contextlib.contextmanager
def pool(jobs: int) -> Iterator[Pool]:
    """The processes of this machine that are asked for; one means this process itself. Raises Ended where
    one of them ends before its time."""
    with collecting_seldom():
        if jobs == 1:
            yield Pool()
            return
        with _executor(jobs) as executor:
            yield Processes(executor, jobs)


@contextlib.contextmanager
def collecting_seldom() -> Iterator[None]:
    """What stands in memory by now (rules, modules) is not looked through for garbage any more, nor copied
    into the processes for it; and what comes, between two answers."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


@contextlib.contextmanager
def _executor(jobs: int) -> Iterator[ProcessPoolExecutor]:
    # One process needs none of this, and the command starts sooner without it.
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    way = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(way)
    executor = ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(os.getpid(),))
    try:
        yield executor
    except BrokenProcessPool as error:
        words = "a process ended before its time (out of memory?); try again with fewer --jobs"
        raise Ended(words) from error
    finally:
        executor.shutdown(cancel_futures=True)


@contextlib.contextmanager
def cluster(address: str) -> Iterator[Pool]:
    """A Dask cluster at an address such as tcp://10.0.0.5:8786. Raises NoCluster."""
    try:
        # An extra: it is not there for whoever reads or checks this.
        distributed = importlib.import_module("distributed")
    except ImportError:
        raise NoCluster("--cluster needs the extra: pip install 'peerchart[dask]'") from None
    try:
        client = distributed.Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise NoCluster(f"no Dask scheduler answers at {address}: {error}") from error
    with client:
        if not client.nthreads():
            raise NoCluster(f"the Dask scheduler at {address} has no workers yet; start one and try again")
        yield Cluster(client)


class _Group:
    """Answers with the outcome of a group."""

    def __init__(self, order: Order, index: Path) -> None:
        self._order, self._index = order, index

    def __call__(self, chunk: int) -> Outcome:
        return worker_of(self._order, self._index).group(chunk)


class _Storing:
    """Answers with what a group gave, stored."""

    def __init__(self, order: Order, index: Path) -> None:
        self._group, self._folder = _Group(order, index), index.parent

    def __call__(self, chunk: int) -> Stored:
        outcome, file = self._group(chunk), f"{PIECES}-{os.getpid()}"
        with (self._folder / file).open("ab") as stream:
            return stored(outcome, stream, file)


def _answered(answer: Callable[[Asked], Answer], asked: Asked) -> Answer:
    """The answer, and what it left behind looked for."""
    try:
        return answer(asked)
    finally:
        gc.collect(2 if next(_answers) % _ALL_AFTER == 0 else 1)


def _ahead(submit: Callable[[Any], _Future], asked: Iterable[Any], most: int) -> Iterator[Any]:
    waiting: deque[_Future] = deque()
    for each in asked:
        waiting.append(submit(each))
        if len(waiting) > most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _begin(parent: int) -> None:
    # Ctrl-C ends the one who asks, who then ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    # A process that is killed cannot tell those it started.
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _elsewhere(order: Order, packed: bytes, digest: str, chunk: int, texts: dict[int, bytes]) -> Outcome:
    # A Dask worker may have several threads; judging keeps one of them busy at a time anyway.
    with _one_at_a_time:
        return worker_of(order, _unpacked(_Packed(packed, digest))).group(chunk, texts)


class _Packed:
    """The bytes of an index, told apart by their digest."""

    def __init__(self, data: bytes, digest: str) -> None:
        self.data, self.digest = data, digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Packed) and self.digest == other.digest


@lru_cache(maxsize=1)
def _unpacked(packed: _Packed) -> Path:
    handle, name = tempfile.mkstemp(prefix="peerchart-index-")
    with os.fdopen(handle, "wb") as stream:
        stream.write(packed.data)
    path = Path(name)
    atexit.register(path.unlink, missing_ok=True)
    return path
