"""The application behind gunicorn: one process with many threads, and the delivery worker beside them.

One process, since one fair line of writers serves SQLite best; many threads, since launches wait for EHRs and
not for this machine.
"""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication

from app.settings import Settings

# Longer than a proxy keeps an idle connection, or requests are reset under its feet.
KEEP_ALIVE_SECONDS = 75
REQUEST_SECONDS = 120
GRACEFUL_SECONDS = 20


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


def run(settings: Settings, listener: socket.socket, *, threads: int, deliver: bool) -> None:
    """Serve on this socket until SIGINT or SIGTERM; requests in hand are answered first."""
    # gunicorn closes what it was given; two owners of one descriptor would close it twice.
    _Server(settings, listener.detach(), threads, deliver).run()


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    def __init__(self, settings: Settings, descriptor: int, threads: int, deliver: bool) -> None:
        self._settings, self._descriptor = settings, descriptor
        self._threads, self._deliver = threads, deliver
        self._stop: Callable[[], None] | None = None
        super().__init__()

    def load_config(self) -> None:
        """gunicorn's settings; nothing is read from its files or environment."""
        given: dict[str, Any] = {
            "bind": f"fd://{self._descriptor}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": self._threads,
            "keepalive": KEEP_ALIVE_SECONDS,
            "timeout": REQUEST_SECONDS,
            "graceful_timeout": GRACEFUL_SECONDS,
            "loglevel": "warning",
            "when_ready": self._ready,
            "worker_exit": self._exit,
        }
        for name, value in given.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The application, made in the worker process; the delivery thread starts with it."""
        from app.service import create_app

        app = create_app(self._settings)
        if self._deliver:
            self._stop = _start_delivering(app)
        return app

    def _ready(self, _server: Any) -> None:
        sys.stdout.write(f"Peerchart on {self._settings.base_url}\n")
        sys.stdout.flush()

    def _exit(self, _server: Any, _worker: Any) -> None:
        if self._stop is not None:
            self._stop()


def _start_delivering(app: Any) -> Callable[[], None]:
    from app.delivery.loop import start_delivering, worker_of

    kit = app.extensions["peerchart"]
    worker = worker_of(kit.settings, kit.store, kit.keyring, kit.http, kit.clock)
    logging.getLogger("peerchart").info("delivery starts")
    return start_delivering(worker, kit.settings.deliver_every_seconds)
