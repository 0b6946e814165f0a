"""One question to a token endpoint: who we are, what we want, and the answer read strictly."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode

import requests
from authlib.oauth2.auth import ClientAuth

from smart_launch.issuers import AuthMethod, Issuer
from smart_launch.keys import ASSERTION_TYPE, ClientKey, client_assertion, new_jti
from smart_launch.strict_json import UnreadableJson, loads_object
from smart_launch.wire import Answer, ask

MAX_BYTES = 1024 * 1024
# A server that does not say how long its token lives gets the shortest life seen in practice.
UNSTATED_LIFE = timedelta(minutes=5)
LONGEST_LIFE = timedelta(days=1)

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


class TokenRefused(Exception):
    """The token endpoint said no: status, OAuth error code and its own description (plain text)."""

    def __init__(self, status: int, error: str, description: str, retry_after: str | None = None) -> None:
        super().__init__(f"{status} {error}")
        self.status = status
        self.error = error
        self.description = description
        self.retry_after = retry_after

    @property
    def words(self) -> str:
        """The server's own words, on one line, at most 500 characters."""
        return one_line(f"{self.error}: {self.description}" if self.description else self.error)

    @property
    def busy(self) -> bool:
        """True when the server is down or asks for patience, and has not judged the request."""
        return self.status == 429 or self.status >= 500


class TokenUnreadable(Exception):
    """The token endpoint answered with something that is not a token answer."""


@dataclass(frozen=True)
class TokenAnswer:
    """A granted token with its end (aware) and every other member of the answer."""

    access_token: str = field(repr=False)
    expires_at: datetime
    members: Mapping[str, Any] = field(repr=False)

    def text(self, name: str) -> str | None:
        """The member of this name when it is a text that is not empty."""
        value = self.members.get(name)
        return value if isinstance(value, str) and value else None


@dataclass(frozen=True)
class Client:
    """Who asks: the client id at this issuer, and what it shows to be believed."""

    client_id: str
    issuer: Issuer
    key: ClientKey | None
    auth_method: AuthMethod

    def auth(self, endpoint: str, now: datetime, jti: Callable[[], str]) -> ClientAuth:
        """How this client proves itself at the endpoint; raises ValueError where its key or secret lacks."""
        method = self.auth_method
        if method == "private_key_jwt":
            return ClientAuth(self.client_id, None, _assertion_auth(self._key(), endpoint, now, jti))
        if method == "client_secret_basic":
            if not self.issuer.client_secret:
                raise ValueError(f"issuer {self.issuer.id!r} is registered with a secret, but none is stored")
            # RFC 6749 section 2.3.1 encodes both halves as a form does; Authlib leaves that to its caller.
            return ClientAuth(quote_plus(self.client_id), quote_plus(self.issuer.client_secret), method)
        return ClientAuth(self.client_id, None, "none")

    def _key(self) -> ClientKey:
        if self.key is None:
            raise ValueError(f"issuer {self.issuer.id!r} is registered with a key, but none was given")
        return self.key


def request_token(
    http: requests.Session,
    endpoint: str,
    client: Client,
    now: datetime,
    grant: Mapping[str, str],
    jti: Callable[[], str] = new_jti,
) -> TokenAnswer:
    """Ask for a token. Raises TokenRefused, TokenUnreadable, and wire.NotSent or wire.Lost."""
    auth = client.auth(endpoint, now, jti)
    _, headers, body = auth.prepare("POST", endpoint, dict(FORM), urlencode(grant))
    answer = ask(http, "POST", endpoint, headers=headers, body=body, max_bytes=MAX_BYTES)
    members = _members(answer)
    if answer.status != 200:
        raise _refused(answer, members)
    return _granted(members, now)


def one_line(text: str, limit: int = 500) -> str:
    """The text on one line without control characters, at most `limit` characters long."""
    plain = "".join(c if c.isprintable() else " " for c in text[: limit * 4])
    return " ".join(plain.split())[:limit]


def _assertion_auth(
    key: ClientKey, endpoint: str, now: datetime, jti: Callable[[], str]
) -> Callable[[Any, str, str, dict[str, str], str], tuple[str, dict[str, str], str]]:
    def attach(
        client: Any, _method: str, uri: str, headers: dict[str, str], body: str
    ) -> tuple[str, dict[str, str], str]:
        assertion = client_assertion(key, client.client_id, endpoint, now, jti())
        proof = f"client_assertion_type={quote_plus(ASSERTION_TYPE)}&client_assertion={assertion}"
        return uri, headers, f"{body}&{proof}"

    return attach


def _members(answer: Answer) -> dict[str, Any]:
    try:
        return loads_object(answer.body, max_bytes=MAX_BYTES)
    except UnreadableJson as error:
        if answer.status == 200:
            raise TokenUnreadable(f"its answer could not be read: {error}") from error
        return {}


def _refused(answer: Answer, members: Mapping[str, Any]) -> TokenRefused:
    error, description = members.get("error"), members.get("error_description")
    return TokenRefused(
        answer.status,
        one_line(error, 100) if isinstance(error, str) and error else f"status {answer.status}",
        one_line(description) if isinstance(description, str) else "",
        answer.headers.get("retry-after"),
    )


def _granted(members: Mapping[str, Any], now: datetime) -> TokenAnswer:
    token, kind = members.get("access_token"), members.get("token_type")
    if not isinstance(token, str) or not token or not all("!" <= c <= "~" for c in token):
        raise TokenUnreadable("its answer holds no access token")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise TokenUnreadable("its answer holds a token that is not a bearer token")
    return TokenAnswer(token, now + _life(members.get("expires_in")), members)


def _life(stated: object) -> timedelta:
    if stated is None:
        return UNSTATED_LIFE
    # Some servers send the number as a text.
    digits = str(stated)
    if isinstance(stated, bool) or not (digits.isascii() and digits.isdigit() and len(digits) < 12):
        raise TokenUnreadable("its answer does not say in whole seconds how long the token lives")
    return min(timedelta(seconds=int(digits)), LONGEST_LIFE)
