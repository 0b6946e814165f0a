"""A server of several `EvenWorker`s whose application answers its process once it has the body.

`python -m tests.app.even_app PORT WORKERS`
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from gunicorn.app.base import BaseApplication

from app.even_worker import EvenWorker, InHand


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    def __init__(self, port: str, workers: int) -> None:
        self._port, self._workers, self.in_hand = port, workers, InHand()
        super().__init__()

    def load_config(self) -> None:
        given: dict[str, Any] = {
            "bind": f"127.0.0.1:{self._port}", "workers": self._workers, "threads": 64, "keepalive": 30,
            "worker_class": EvenWorker, "when_ready": lambda _server: print("ready", flush=True),
            "child_exit": lambda _server, worker: self.in_hand.ended(worker.age), "loglevel": "critical",
            "control_socket_disable": True,
        }  # fmt: skip
        for name, value in given.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return answer


def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    environ["wsgi.input"].read()
    body = str(os.getpid()).encode()
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]


if __name__ == "__main__":
    Server(sys.argv[1], int(sys.argv[2])).run()
