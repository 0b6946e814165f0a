"""The public keys of registered clients: fetched when a signature must be verified, and not before."""

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

import requests
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from werkzeug.datastructures import ResponseCacheControl
from werkzeug.http import parse_cache_control_header

from .config import Client

_log = logging.getLogger(__name__)
_SECONDS, _MOST_BYTES = 3, 100_000
_FRESH, _BETWEEN_FETCHES = 300.0, 1.0


@dataclass(frozen=True)
class _Fetched:
    keys: KeySet | None
    at: float
    fresh_for: float = 0.0


class ClientKeys:
    """Key sets by client, kept as long as their Cache-Control says, and for five minutes where it says
    nothing; an unknown kid fetches again, at most once a second.

    `now` returns seconds since 1970.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._fetched: dict[str, _Fetched] = {}

    def of(self, client: Client, kid: str) -> KeySet | None:
        """Return a key set of the client that holds `kid`, or None."""
        if client.jwks is not None:
            keys: KeySet | None = KeySet.import_key_set(client.jwks)  # type: ignore[arg-type]  # its JSON form
        else:
            keys = self._current(client, kid)
        return keys if keys is not None and _holds(keys, kid) else None

    def _current(self, client: Client, kid: str) -> KeySet | None:
        with self._lock:
            known = self._fetched.get(client.client_id)
            age = self._now() - known.at if known else 0.0
            usable = known is not None and known.keys is not None and _holds(known.keys, kid)
            if known and ((usable and age < known.fresh_for) or (age < _BETWEEN_FETCHES and not usable)):
                return known.keys
            fetched = _fetch(client.jwks_uri or "", self._now())
            self._fetched[client.client_id] = fetched
            return fetched.keys


def _holds(keys: KeySet, kid: str) -> bool:
    return any(key.kid == kid for key in keys.keys)


def _fetch(address: str, now: float) -> _Fetched:
    try:
        with requests.get(address, timeout=_SECONDS, allow_redirects=False, stream=True) as response:
            response.raise_for_status()
            body = response.raw.read(_MOST_BYTES, decode_content=True)
            keys = KeySet.import_key_set(json.loads(body))
            return _Fetched(keys, now, _fresh_for(response.headers.get("Cache-Control", "")))
    except (requests.RequestException, JoseError, ValueError, KeyError, TypeError, OSError) as error:
        _log.warning("The keys at %s cannot be read: %s", address, error)
        return _Fetched(None, now)


def _fresh_for(cache_control: str) -> float:
    """Return the seconds that an answer may be kept (RFC 9111 section 5.2.2)."""
    said = parse_cache_control_header(cache_control, cls=ResponseCacheControl)
    if said.no_store or said.no_cache:
        return 0.0
    return _FRESH if said.max_age is None else float(max(said.max_age, 0))
