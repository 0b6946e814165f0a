"""One way out to an EHR: no redirects, no cookies, no proxy from the environment, answers bounded."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from threading import Lock
from typing import Any, NamedTuple, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as TimedOut
from urllib3.response import HTTPResponse
from urllib3.util.retry import Retry
from urllib3.util.timeout import Timeout as Seconds
from urllib3.util.wait import wait_for_read

from smart_launch import addresses
from smart_launch.strict_json import MAX_BYTES

Timeout = tuple[float, float]
TIMEOUT: Timeout = (5, 20)
TOTAL_SECONDS = 60.0

_CHUNK = 64 * 1024
# Connections to one EHR that are kept for the next request: more launches than that at once open new ones.
_KEPT = 64

# At DEBUG Authlib writes the code verifier; urllib3 writes search addresses with identifiers in them, when
# it tries again even as a warning.
for _logger in ("authlib", "urllib3"):
    logging.getLogger(_logger).setLevel(logging.ERROR)


class NotSent(Exception):
    """The request never reached the other side: it may be sent again with no risk."""


class Lost(Exception):
    """The request was sent, or may have been, and no whole answer came back."""


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP: status, headers (names in lower case) and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def media_type(self) -> str:
        """The media type of the body in lower case, without parameters; empty when none was stated."""
        return self.headers.get("content-type", "").split(";")[0].strip().lower()

    @property
    def is_json(self) -> bool:
        """True when the other side says that the body is JSON."""
        kind = self.media_type
        return kind in {"application/json", "text/json", "application/json+fhir"} or kind.endswith("+json")


Waiting = Callable[[], AbstractContextManager[None]]


class Line(requests.Session):
    """A session for EHRs, made by `http_session`. What `ask` sends goes to its pools of connections directly:
    the cookies, hooks, redirects and settings of the environment that it leads around cost as much as the
    sending, and a session for EHRs has none of them."""

    def __init__(self, waiting: Waiting = nullcontext) -> None:
        super().__init__()
        self.waiting = waiting
        self._ways: dict[str, _Way] = {}

    def get_redirect_target(self, _resp: requests.Response) -> None:
        """No answer leads anywhere else."""

    def close(self) -> None:
        """Let all connections go."""
        self._ways.clear()
        super().close()

    def exchange(
        self, method: str, address: str, headers: Mapping[str, str], body: bytes | None, timeout: Timeout
    ) -> HTTPResponse:
        """Send one request; the answer is to be read and closed. Raises ValueError for an address that is
        none, and urllib3's HTTPError."""
        parts = addresses.split(address)
        if parts is None:
            raise ValueError("this is not an address")
        way = self._way(address, f"{parts.scheme}://{parts.netloc}")
        answer = way.pool.urlopen(
            method,
            f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}",
            body=body,
            headers={**way.headers, **headers},
            retries=way.retries,
            redirect=False,
            assert_same_host=False,
            timeout=Seconds(connect=timeout[0], read=timeout[1]),
            preload_content=False,
            decode_content=False,
        )
        return cast(HTTPResponse, answer)

    def _way(self, address: str, origin: str) -> "_Way":
        """The connections to one origin, as requests makes them and with the certificates it asks for."""
        way = self._ways.get(origin)
        if way is None:
            plain = requests.Request("GET", address).prepare()
            verify = True if self.verify is None else self.verify
            adapter = cast(HTTPAdapter, self.get_adapter(address))
            pool = cast(HTTPConnectionPool, adapter.get_connection_with_tls_context(plain, verify=verify))
            adapter.cert_verify(pool, address, verify, None)  # type: ignore[no-untyped-call]  # of requests
            way = _Way(pool, adapter.max_retries, dict(cast("Mapping[str, str]", self.headers)))
            self._ways[origin] = way
        return way


class _Way(NamedTuple):
    """What goes to one origin: by which connections, how often it is tried, and what each request says."""

    pool: HTTPConnectionPool
    retries: Retry
    headers: Mapping[str, str]


class _Waits:
    """A connection that says when it only waits for the other side."""

    sock: Any
    timeout: float | None
    waiting: Waiting

    def connect(self) -> None:
        with self.waiting():
            super().connect()  # type: ignore[misc]  # of the connection that this is mixed into

    def getresponse(self) -> HTTPResponse:
        # What a secure connection has decrypted already shows no more on its socket.
        ahead = self.sock is None or getattr(self.sock, "pending", lambda: 0)()
        if not ahead:
            with self.waiting():
                # The socket still has the time to connect; that for the answer is the connection's by now.
                came = wait_for_read(self.sock, self.timeout)
            if not came:
                raise TimeoutError("no answer came in time")
        found: HTTPResponse = super().getresponse()  # type: ignore[misc]  # as above
        return found


class _Adapter(HTTPAdapter):
    """Says by `waiting` when it waits, and not when it works."""

    def __init__(self, waiting: Waiting, **more: Any) -> None:
        self._while_waiting = waiting
        super().__init__(**more)

    def init_poolmanager(self, *of: Any, **more: Any) -> None:
        super().init_poolmanager(*of, **more)
        told = {"waiting": staticmethod(self._while_waiting)}
        plain = type("Plain", (_Waits, HTTPConnection), told)
        secure = type("Secure", (_Waits, HTTPSConnection), told)
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }


def http_session(
    ca_bundle: str | None = None, tries: int = 2, waiting: Waiting = nullcontext
) -> requests.Session:
    """A session for EHRs: no redirects, cookies, netrc or proxies of the environment. Connections that
    never came about are tried `tries` times, and so are GETs whose answer was lost; nothing else is.
    `ca_bundle` names a file with the certificates of an EHR on premises; `waiting` makes a context that is
    held while a connection is made and while an answer is awaited, and at no other time."""
    session = Line(waiting)
    session.trust_env = False
    session.verify = ca_bundle or True
    session.headers["User-Agent"] = f"Peerchart/{_version()}"
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(waiting, max_retries=_retry(tries), pool_maxsize=_KEPT))
    return session


@contextmanager
def alone(http: requests.Session, lock: Lock) -> Iterator[None]:
    """Hold a lock that one keeps while it asks an EHR for all. To stand in line for it is to wait for that
    EHR: who kept a turn meanwhile would hold up the very one who asks."""
    if not lock.acquire(blocking=False):
        with cast(Line, http).waiting():
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def ask(
    http: requests.Session,
    method: str,
    address: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | str | None = None,
    timeout: Timeout = TIMEOUT,
    max_bytes: int = MAX_BYTES,
    clock: Callable[[], float] = time.monotonic,
) -> Answer:
    """Send one request and read the whole answer, up to `max_bytes` after decompression and one minute.
    Raises NotSent when nothing reached the other side, Lost when that is not certain."""
    started, sent = clock(), body.encode() if isinstance(body, str) else body
    try:
        response = cast(Line, http).exchange(method, address, headers or {}, sent, timeout)
    except (HTTPError, OSError, ValueError) as error:
        reason = error.reason if isinstance(error, MaxRetryError) else error
        kind = NotSent if _never_sent(reason) else Lost
        # The cause carries the address, and a search address carries identifiers: it must not reach a log.
        raise kind(_why(reason)) from None
    try:
        content = _read(response, max_bytes, lambda: clock() - started > TOTAL_SECONDS)
        lowered = {name.lower(): value for name, value in response.headers.itermerged()}
        return Answer(response.status, lowered, content)
    finally:
        # What was read to its end has given its connection back by now; any other is closed.
        response.close()
        response.release_conn()


def _read(response: HTTPResponse, max_bytes: int, overdue: Callable[[], bool]) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in iter(lambda: _some(response), b""):
        size += len(part)
        if size > max_bytes:
            raise Lost(f"the answer is longer than {max_bytes} bytes")
        if overdue():
            raise Lost(f"the answer took longer than {TOTAL_SECONDS:.0f} seconds")
        parts.append(part)
    return b"".join(parts)


def _some(response: HTTPResponse) -> bytes:
    """What has come so far, at most one chunk: waiting for a whole one would let an answer that trickles run
    past every end."""
    try:
        part: bytes = response.read1(_CHUNK, decode_content=True)
    except (HTTPError, OSError) as error:
        raise Lost("the connection broke off before a whole answer had come") from error
    return part


def _never_sent(reason: BaseException | None) -> bool:
    if isinstance(reason, NewConnectionError | ConnectTimeoutError | ValueError):
        return True
    return isinstance(reason, SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(reason)


def _why(reason: BaseException | None) -> str:
    if isinstance(reason, TimedOut) and not isinstance(reason, NewConnectionError):
        return "no answer came in time"
    if isinstance(reason, SSLError):
        return "the secure connection failed: the certificate of the other side is not trusted or not valid"
    if _never_sent(reason):
        return "no connection could be made"
    return "the connection broke off before a whole answer had come"


def _retry(tries: int) -> Retry:
    again = tries - 1
    return Retry(
        total=again,
        connect=again,
        read=again,
        status=0,
        other=0,
        redirect=0,
        allowed_methods=frozenset({"GET"}),
        backoff_factor=0.2,
        respect_retry_after_header=False,
        raise_on_status=False,
    )


def _version() -> str:
    try:
        return version("peerchart")
    except PackageNotFoundError:
        return "0"
