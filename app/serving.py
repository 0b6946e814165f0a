"""The application behind gunicorn: a process more than cores, many threads in each, and one delivery worker.

Many threads, since launches wait for EHRs and not for this machine: when an office opens in the morning,
each launch holds one for as long as the EHR takes over its token. Of the processes one delivers, the one that
holds the lock; when it ends, another takes over.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from filelock import FileLock, Timeout
from gunicorn.app.base import BaseApplication

from app.even_worker import EvenWorker, InHand
from app.settings import Settings
from app.shared_counts import SharedCounts
from app.turns import Turns

# Longer than a proxy keeps an idle connection, or requests are reset under its feet.
KEEP_ALIVE_SECONDS = 75
REQUEST_SECONDS = 120
GRACEFUL_SECONDS = 20
THREADS = 160
# A page makes some ten thousand objects, and nearly all are gone with it: looking sooner finds nothing.
GARBAGE = (25_000, 20, 50)
# SQLite takes one writer at a time: beyond a few processes they only wait for each other.
MOST_PROCESSES = 4


class Busy(Exception):
    """The port cannot be listened on."""


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one. Raises Busy in words."""
    try:
        listener = socket.create_server((host, port), backlog=512)
    except OSError as error:
        raise Busy(
            f"Port {port} on {host} cannot be used ({error.strerror}). Choose another with --port."
        ) from error
    listener.set_inheritable(True)
    return listener


def usual_processes() -> int:
    """One for each core and one more, which works while another waits for the disk; two at least and four at
    most."""
    return min((os.cpu_count() or 1) + 1, MOST_PROCESSES)


def run(
    settings: Settings, listener: socket.socket, *, threads: int = THREADS, processes: int = 1, deliver: bool
) -> None:
    """Serve on this socket until SIGINT or SIGTERM; requests in hand are answered first. The schema is
    brought up before the processes start, so that none of them finds it half way."""
    from app import migrations

    migrations.upgrade(settings)
    # gunicorn closes what it was given; two owners of one descriptor would close it twice.
    _Server(settings, listener.detach(), threads, processes, deliver).run()


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    def __init__(
        self, settings: Settings, descriptor: int, threads: int, processes: int, deliver: bool
    ) -> None:
        self._settings, self._descriptor = settings, descriptor
        self._threads, self._processes, self._deliver = threads, processes, deliver
        self._counts = SharedCounts()
        self.in_hand = InHand()
        self._stop: Callable[[], None] | None = None
        super().__init__()

    def load_config(self) -> None:
        """gunicorn's settings; nothing is read from its files or environment."""
        given: dict[str, Any] = {
            "bind": f"fd://{self._descriptor}",
            "worker_class": EvenWorker,
            "workers": self._processes,
            "threads": self._threads,
            "keepalive": KEEP_ALIVE_SECONDS,
            "timeout": REQUEST_SECONDS,
            "graceful_timeout": GRACEFUL_SECONDS,
            "loglevel": "warning",
            # A door to the processes that nobody asked for; all servers of one user would share it, in HOME.
            "control_socket_disable": True,
            "when_ready": self._ready,
            "worker_exit": self._exit,
            "child_exit": self._ended,
        }
        for name, value in given.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The application, made in the worker process; the delivery thread starts with it."""
        with _undisturbed():
            return self._made()

    def _made(self) -> Any:
        from app import ready_sql
        from app.logs import to_standard_error
        from app.service import create_app
        from app.store import open_store
        from app.web import view
        from smart_launch.fhir_client import http_session

        to_standard_error()
        turns = Turns()
        http = http_session(waiting=turns.let_go)
        store = open_store(self._settings, waiting=turns.let_go)
        app = create_app(self._settings, http=http, store=store, counts=self._counts)
        view.make_ready(app)
        ready_sql.make_ready(store.engine.dialect)
        app.wsgi_app = turns.around(app.wsgi_app)  # type: ignore[method-assign, assignment]  # WSGI of Flask
        if self._deliver:
            self._stop = _start_delivering(app)
        # What stands now stands as long as the process: looking through it again and again costs a tenth.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GARBAGE)
        return app

    def _ready(self, _server: Any) -> None:
        sys.stdout.write(f"Peerchart on {self._settings.base_url}\n")
        sys.stdout.flush()

    def _exit(self, _server: Any, _worker: Any) -> None:
        if self._stop is not None:
            self._stop()

    def _ended(self, _server: Any, worker: Any) -> None:
        self.in_hand.ended(worker.age)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let signals that end the process wait. One that comes while something is thrown away is lost there,
    with what it raised, and the process is only ended by force; seen with callbacks of weak references."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGQUIT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _start_delivering(app: Any) -> Callable[[], None]:
    kit = app.extensions["peerchart"]
    stop = threading.Event()
    thread = threading.Thread(target=_deliver_alone, args=(kit, stop), name="delivery", daemon=True)
    thread.start()

    def end() -> None:
        stop.set()
        thread.join(30)

    return end


def _deliver_alone(kit: Any, stop: threading.Event) -> None:
    """Deliver as soon as no other process of this installation does; the lock ends with its process."""
    from app.delivery.loop import keep_delivering, token_ends_of, worker_of

    every = kit.settings.deliver_every_seconds
    lock = FileLock(_lock_file(kit.settings))
    while not stop.is_set():
        try:
            with lock.acquire(blocking=False):
                structlog.get_logger("peerchart").info("delivery starts")
                pieces = (kit.settings, kit.store, kit.keyring, kit.http, kit.clock)
                ends = token_ends_of(*pieces)
                keep_delivering(worker_of(*pieces), stop, every, beside=ends.round)
        except Timeout:
            stop.wait(every)


def _lock_file(settings: Settings) -> Path:
    return settings.data_dir / "delivery.lock"
