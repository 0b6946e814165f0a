"""Processes that serve together share out what comes, and wait for none that has ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest
from gunicorn.workers.gthread import PollableMethodQueue

from app.even_worker import EvenWorker, InHand

WORKERS = 2


def test_of_no_workers_the_fewest_is_what_one_has_oneself() -> None:
    assert InHand().fewest(7) == 7


def test_the_fewest_is_that_of_the_worker_with_the_fewest_until_it_has_ended() -> None:
    shared = InHand()
    for worker, many in ((1, 5), (2, 0), (35, 9)):
        shared.tell(worker, many)
    assert shared.fewest(5) == 0
    shared.ended(2)
    assert shared.fewest(5) == 5


@pytest.fixture
def server() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server of two processes on a free port, that ends well when it is told to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = int(listener.getsockname()[1])
    command = [sys.executable, "-m", "tests.app.even_app", str(free), str(WORKERS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            _wait_for_all(free)
            yield server, free
            server.terminate()
            assert server.wait(60) == 0
        finally:
            # Whatever failed above: to leave this block is to wait for the server, without an end.
            server.kill()


@pytest.fixture
def port(server: tuple[subprocess.Popen[str], int]) -> int:
    return server[1]


def _wait_for_all(port: int) -> None:
    until = monotonic() + 60
    while len(shares(port, 6)) < WORKERS:
        assert monotonic() < until, "not all processes came up"


def in_hand(port: int) -> socket.socket:
    """A connection whose request a process has taken, and which it cannot answer yet."""
    line = socket.create_connection(("127.0.0.1", port), timeout=30)
    line.sendall(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")
    assert line.recv(1024).startswith(b"HTTP/1.1 100")
    return line


def answered(line: socket.socket) -> int:
    """The process that answers it."""
    line.sendall(b".")
    with line.makefile("rb") as answer:
        head = [row for row in iter(answer.readline, b"\r\n") if row]
        assert head[0].startswith(b"HTTP/1.1 200"), head
        length = next(
            int(row.partition(b":")[2]) for row in head if row.lower().startswith(b"content-length")
        )
        process = int(answer.read(length))
    line.close()
    return process


def shares(port: int, many: int) -> Counter[int]:
    return Counter(answered(line) for line in [in_hand(port) for _ in range(many)])


def test_of_requests_that_all_take_long_each_process_has_its_share(port: int) -> None:
    found = shares(port, 60)
    assert len(found) == WORKERS
    assert min(found.values()) >= 60 // WORKERS - 10


def test_a_process_that_was_ended_by_force_keeps_nobody_waiting(port: int) -> None:
    first = max(shares(port, 12))
    os.kill(first, signal.SIGKILL)
    found = shares(port, 30)
    assert sum(found.values()) == 30
    assert first not in found


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT])
def test_what_is_in_hand_is_answered_before_the_server_ends(
    server: tuple[subprocess.Popen[str], int], how: signal.Signals
) -> None:
    process, port = server
    lines = [in_hand(port) for _ in range(8)]
    process.send_signal(how)
    assert all(answered(line) for line in lines)
    assert process.wait(60) == 0


def test_a_signal_to_end_never_waits_for_what_it_interrupted() -> None:
    worker = object.__new__(EvenWorker)
    worker.alive, worker.method_queue = True, PollableMethodQueue()
    worker.method_queue.init()
    with ThreadPoolExecutor(1) as worker.tpool:
        with worker.tpool._shutdown_lock:  # as while it is given a request
            signalled = threading.Thread(target=worker.handle_quit, args=(signal.SIGQUIT, None), daemon=True)
            signalled.start()
            signalled.join(20)
            assert not signalled.is_alive()
        assert not worker.alive
    worker.method_queue.close()
