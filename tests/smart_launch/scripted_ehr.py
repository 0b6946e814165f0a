"""A tiny HTTP server on an ephemeral loopback port that answers as a test has written down."""

import json
import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

FHIR_JSON = "application/fhir+json"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: Literal["none", "drop", "truncate", "hang"] = "none"


Script = Callable[[Request], Reply]


def reply(body: object, status: int = 200, content_type: str = FHIR_JSON, **headers: str) -> Reply:
    """A whole answer; anything that is not bytes goes out as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, raw, {"Content-Type": content_type, **named})


def outcome(status: int, code: str = "invalid", diagnostics: str = "no", **headers: str) -> Reply:
    """An error with the EHR's own words."""
    issue = {"severity": "error", "code": code, "diagnostics": diagnostics, "expression": ["Task.status"]}
    return reply({"resourceType": "OperationOutcome", "issue": [issue]}, status, **headers)


class ScriptedEhr:
    """Answers each path with its script, in turn when several stand there; unknown paths get 404."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.scripts: dict[tuple[str, str], list[Reply | Script]] = defaultdict(list)
        self.released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def origin(self) -> str:
        return f"http://localhost:{self._server.server_port}"

    @property
    def fhir(self) -> str:
        return f"{self.origin}/fhir"

    def on(self, method: str, path: str, *replies: Reply | Script) -> None:
        self.scripts[method, path] = list(replies)

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _answer(self, request: Request) -> Reply:
        self.requests.append(request)
        waiting = self.scripts[request.method, request.path]
        if not waiting:
            return outcome(404, "not-found", "unknown path")
        script = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return script(request) if callable(script) else script

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        ehr = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (ConnectionError, OSError):
                    self.close_connection = True

            def _any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                parts = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(length)
                self._send(ehr._answer(Request(self.command, parts.path, parts.query, headers, body)))

            do_GET = do_POST = do_PUT = _any  # noqa: N815 - the names that http.server looks for

            def _send(self, answer: Reply) -> None:
                if answer.fault == "hang":
                    ehr.released.wait(10)
                if answer.fault in {"drop", "hang"}:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                half = len(answer.body) // 2
                self.wfile.write(answer.body[:half] if answer.fault == "truncate" else answer.body)
                self.close_connection = self.close_connection or answer.fault == "truncate"

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        return Handler
