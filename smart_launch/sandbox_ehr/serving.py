"""Serves an EHR over HTTP on the loopback interface: for a test or until the process is told to stop."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from .config import Config
from .sandbox import EXTENSION
from .server import create_app

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class _InFlight:
    """Counts the requests in work, so that the file is closed after the last of them."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app
        self._changed = threading.Condition()
        self._running = 0

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        self._count(1)
        try:
            return self._app(environ, start_response)
        finally:
            self._count(-1)

    def wait(self, seconds: float) -> None:
        """Return when no request is in work, at the latest after `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self._running == 0, seconds)

    def _count(self, step: int) -> None:
        with self._changed:
            self._running += step
            self._changed.notify_all()


class _Handler(WSGIRequestHandler):
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Stay silent: addresses may name people."""


def listening(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one. Raises OSError when the port is busy."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(128)
    except OSError:
        made.close()
        raise
    return made


@contextmanager
def serving(config: Config, listener: socket.socket) -> Iterator[BaseWSGIServer]:
    """Yield a threaded server for this EHR on the listener; everything is closed at the end."""
    app = create_app(config)
    counted = _InFlight(app)
    host, port = listener.getsockname()[:2]
    server = make_server(host, port, counted, threaded=True, request_handler=_Handler, fd=listener.fileno())
    try:
        yield server
    finally:
        server.server_close()
        counted.wait(10)
        app.extensions[EXTENSION].close()


@contextmanager
def running(config: Config | Callable[[str], Config]) -> Iterator[str]:
    """Yield the base address of an EHR that answers on a free port, and stop it at the end.

    The address is put into `config`; a function of the address may be given in its place, for clients
    whose registration needs it.
    """
    with closing(listening("127.0.0.1", 0)) as listener:
        base = f"http://localhost:{listener.getsockname()[1]}"
        made = config(base) if callable(config) else replace(config, base_url=base)
        with serving(made, listener) as server:
            # A short poll, so that stopping does not wait for the default half second.
            thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
            thread.start()
            try:
                yield base
            finally:
                server.shutdown()
                thread.join(10)
