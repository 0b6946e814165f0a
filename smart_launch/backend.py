"""The backend-services token: the installation speaks for itself, with no person signed in."""

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import requests

from smart_launch import scopes
from smart_launch.issuers import Issuer, require_secure
from smart_launch.keys import ClientKey, new_jti
from smart_launch.profile import EhrProfile
from smart_launch.token_endpoint import (
    Client,
    TokenAnswer,
    TokenRefused,
    TokenUnreadable,
    request_token,
)
from smart_launch.trouble import NotAllowed, Wait, retry_after_seconds
from smart_launch.wire import Lost, NotSent, alone

RENEW_BEFORE = timedelta(seconds=60)


@dataclass(frozen=True)
class BackendToken:
    """A token of the installation, its end (aware) and the scopes granted."""

    access_token: str = field(repr=False)
    expires_at: datetime
    scope: tuple[str, ...]


def backend_token(
    http: requests.Session,
    issuer: Issuer,
    profile: EhrProfile,
    key: ClientKey,
    now: datetime,
    jti: Callable[[], str] = new_jti,
) -> BackendToken:
    """Ask for a token by client_credentials with a signed assertion (SMART App Launch 2.2, backend
    services). Raises trouble.Wait when the server is away or busy, trouble.NotAllowed when it says no."""
    require_secure(issuer)
    if issuer.backend_client_id is None or profile.token_endpoint is None:
        raise NotAllowed(f"For the EHR {issuer.id!r} no backend client is registered: add its client id.")
    wanted = scopes.render(issuer.backend_scopes, scopes.speaks_v2(profile))
    grant = {"grant_type": "client_credentials", "scope": " ".join(wanted)}
    client = Client(issuer.backend_client_id, issuer, key, auth_method="private_key_jwt")
    answer = _ask(http, profile.token_endpoint, client, grant, now, jti)
    return BackendToken(answer.access_token, answer.expires_at, _granted(answer, wanted))


@dataclass
class BackendTokens:
    """Backend tokens shared by threads: one request at a time for each issuer, renewed 60 s before their
    end (half way for tokens that live less than two minutes)."""

    http: requests.Session
    jti: Callable[[], str] = new_jti
    _held: dict[str, tuple[Issuer, BackendToken, datetime]] = field(default_factory=dict, repr=False)
    _locks: defaultdict[str, threading.Lock] = field(
        default_factory=lambda: defaultdict(threading.Lock), repr=False
    )
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def get(self, issuer: Issuer, profile: EhrProfile, key: ClientKey, now: datetime) -> BackendToken:
        """A token that is still good at `now` (aware). Raises as `backend_token` does."""
        with self._guard:
            lock = self._locks[issuer.id]
        with alone(self.http, lock):
            held = self._held.get(issuer.id)
            if held and held[0] == issuer and now < held[2]:
                return held[1]
            token = backend_token(self.http, issuer, profile, key, now, self.jti)
            ahead = min(RENEW_BEFORE, (token.expires_at - now) / 2)
            self._held[issuer.id] = (issuer, token, token.expires_at - ahead)
            return token

    def forget(self, issuer_id: str, access_token: str | None = None) -> None:
        """Ask anew next time, after a 401. With the token that was refused, a newer one that another thread
        has fetched meanwhile is kept."""
        held = self._held.get(issuer_id)
        if held and access_token in {None, held[1].access_token}:
            self._held.pop(issuer_id, None)


def _ask(
    http: requests.Session,
    endpoint: str,
    client: Client,
    grant: dict[str, str],
    now: datetime,
    jti: Callable[[], str],
) -> TokenAnswer:
    try:
        return request_token(http, endpoint, client, now, grant, jti)
    except (NotSent, Lost) as error:
        raise Wait(f"The EHR's token address could not be reached: {error}.") from error
    except TokenUnreadable as error:
        raise Wait(f"The EHR's token address answered, but {error}.") from error
    except TokenRefused as error:
        if error.busy:
            after = retry_after_seconds(error.retry_after, now)
            raise Wait(
                "The EHR's token address is busy or out of order.",
                retry_after=after,
                status=error.status,
                words=error.words,
            ) from error
        raise NotAllowed(
            "The EHR gives this installation no token: check the backend client's id, key and scopes there.",
            status=error.status,
            words=error.words,
        ) from error


def _granted(answer: TokenAnswer, wanted: tuple[str, ...]) -> tuple[str, ...]:
    stated = answer.text("scope")
    return tuple(dict.fromkeys(stated.split())) if stated else wanted
