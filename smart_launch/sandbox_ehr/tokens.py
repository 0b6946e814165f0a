"""Launches, codes and tokens: only their digests are stored, and what may be used once is used once."""

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .database import Database, IntegrityError
from .scopes import Grant, read_scope

Context = dict[str, Any]


class BearerRefused(Exception):
    """The call carries no usable access token; `challenge` is the WWW-Authenticate answer (RFC 6750)."""

    def __init__(self, sentence: str, error: str | None = None) -> None:
        super().__init__(sentence)
        self.challenge = 'Bearer realm="fhir"' + (f', error="{error}"' if error else "")


@dataclass(frozen=True)
class Launch:
    """An EHR launch that was not used yet: who is signed in, and in which context."""

    digest: str
    client_id: str
    user: str
    context: Context


@dataclass(frozen=True)
class Code:
    """One authorization code, in the form Authlib asks for."""

    digest: str
    family: str
    client_id: str
    redirect_uri: str
    scope: str
    user: str
    context: Context
    nonce: str | None
    code_challenge: str
    auth_time: int
    code_challenge_method: str = "S256"

    def get_redirect_uri(self) -> str:
        """Return the address the code was sent to."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """Return the granted scopes."""
        return self.scope

    def get_nonce(self) -> str | None:
        """Return the nonce of the authorization request."""
        return self.nonce

    def get_auth_time(self) -> int:
        """Return when the user signed in, in seconds since 1970."""
        return self.auth_time

    def get_acr(self) -> None:
        """No authentication class is stated."""
        return

    def get_amr(self) -> None:
        """No authentication method is stated."""
        return


@dataclass(frozen=True)
class Token:
    """One access or refresh token, in the form Authlib asks for."""

    digest: str
    kind: str
    family: str
    client_id: str
    scope: str
    user: str | None
    context: Context
    issued: float
    expires: float
    used: bool
    ended: bool

    def check_client(self, client: Any) -> bool:
        """Say whether the token was given to this client."""
        return bool(client.client_id == self.client_id)

    def get_scope(self) -> str:
        """Return the granted scopes."""
        return self.scope

    def get_expires_in(self) -> int:
        """Return the lifetime in seconds."""
        return int(self.expires - self.issued)

    def is_expired(self) -> bool:
        """Say whether the token is over, by time or by revocation."""
        return self.ended

    def is_revoked(self) -> bool:
        """Say whether the token is over, by time or by revocation."""
        return self.ended or self.used


class Tokens:
    """The launches, codes and tokens of one EHR."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def now(self) -> float:
        """Return the time of the EHR in seconds since 1970."""
        return self._clock().timestamp()

    def new_launch(self, client_id: str, user: str, context: Context, seconds: int) -> str:
        """Store a launch and return its opaque token."""
        token = secrets.token_urlsafe(32)
        values = (_digest(token), client_id, user, json.dumps(context), self.now() + seconds)
        with self._database.transaction() as connection:
            connection.execute("INSERT INTO launch VALUES (?, ?, ?, ?, ?, 0)", values)
        return token

    def launch(self, token: str, client_id: str) -> Launch | None:
        """Return the launch while it is unused, unexpired and made for this client."""
        sql = "SELECT * FROM launch WHERE token = ? AND client_id = ? AND used = 0 AND expires > ?"
        row = self._row(sql, (_digest(token), client_id, self.now()))
        return row and Launch(row["token"], row["client_id"], row["user"], json.loads(row["context"]))

    def use_launch(self, digest: str) -> bool:
        """Use up a launch; False when another request was faster."""
        return self._changed("UPDATE launch SET used = 1 WHERE token = ? AND used = 0", (digest,))

    def save_code(self, code: str, made: Code, seconds: int) -> None:
        """Store an authorization code for its short life."""
        values = (
            _digest(code),
            made.family,
            made.client_id,
            made.redirect_uri,
            made.scope,
            made.user,
            json.dumps(made.context),
            made.nonce,
            made.code_challenge,
            made.auth_time,
            self.now() + seconds,
        )
        with self._database.transaction() as connection:
            connection.execute("INSERT INTO code VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)", values)

    def code(self, code: str, client_id: str) -> Code | None:
        """Return the code while it may be exchanged by this client.

        A code that comes a second time ends every token that came of it (RFC 6749 section 4.1.2).
        """
        row = self._row("SELECT * FROM code WHERE code = ?", (_digest(code),))
        if row is None or row["client_id"] != client_id:
            return None
        if row["used"]:
            self.end_family(row["family"])
            return None
        return _code(row) if row["expires"] > self.now() else None

    def use_code(self, code: Code) -> bool:
        """Use up a code; False, and every token of it ended, when another request was faster."""
        if self._changed("UPDATE code SET used = 1 WHERE code = ? AND used = 0", (code.digest,)):
            return True
        self.end_family(code.family)
        return False

    def save(
        self,
        token: str,
        kind: str,
        family: str,
        client_id: str,
        scope: str,
        user: str | None,
        context: Context,
        seconds: float,
    ) -> None:
        """Store an access or refresh token that lives for `seconds`."""
        issued = self.now()
        values = (_digest(token), kind, family, client_id, scope, user, json.dumps(context), issued)
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)", (*values, issued + seconds)
            )

    def token(self, token: str) -> Token | None:
        """Return a token of either kind, also one that is over."""
        row = self._row("SELECT * FROM token WHERE token = ?", (_digest(token),))
        return _token(row, self.now()) if row else None

    def family(self, text: str) -> str | None:
        """Return the family that a code or token belongs to, also one that is over."""
        values = (_digest(text), _digest(text))
        row = self._row(
            "SELECT family FROM token WHERE token = ? UNION SELECT family FROM code WHERE code = ?", values
        )
        return str(row["family"]) if row else None

    def digest(self, text: str) -> str:
        """Return the form in which a launch, code or token is stored."""
        return _digest(text)

    def use_refresh_token(self, token: Token) -> bool:
        """Use up a refresh token; False when it was used before, and then its whole family is ended."""
        if self._changed("UPDATE token SET used = 1 WHERE token = ? AND used = 0", (token.digest,)):
            return True
        self.end_family(token.family)
        return False

    def end(self, token: Token) -> None:
        """Revoke an access token; with a refresh token all that came of the sign-in (RFC 7009)."""
        if token.kind == "refresh":
            self.end_family(token.family)
        else:
            self._changed("UPDATE token SET revoked = 1 WHERE token = ?", (token.digest,))

    def end_family(self, family: str) -> None:
        """Revoke every token that came of one sign-in."""
        self._changed("UPDATE token SET revoked = 1 WHERE family = ?", (family,))

    def running(self) -> list[Token]:
        """Return the newest token of every sign-in that still has a good one, the newest first."""
        sql = (
            "SELECT * FROM token WHERE revoked = 0 AND used = 0 AND expires > ? AND user IS NOT NULL"
            " ORDER BY issued DESC"
        )
        with self._database.transaction() as connection:
            found = [_token(row, self.now()) for row in connection.execute(sql, (self.now(),))]
        return list({one.family: one for one in reversed(found)}.values())[::-1]

    def first_use(self, client_id: str, jti: str, expires: float) -> bool:
        """Remember the jti of a client assertion; False when it was seen before."""
        try:
            with self._database.transaction() as connection:
                connection.execute("DELETE FROM assertion WHERE expires < ?", (self.now() - 60,))
                connection.execute("INSERT INTO assertion VALUES (?, ?, ?)", (client_id, jti, expires))
        except IntegrityError:
            return False
        return True

    def grant_of(self, authorization: str | None) -> Grant:
        """Return what the bearer of this Authorization header may do.

        Raises BearerRefused when there is no token or it is not valid.
        """
        scheme, _, text = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise BearerRefused("This server answers only with an access token: send Authorization: Bearer.")
        token = self.token(text.strip())
        if token is None or token.kind != "access" or token.ended:
            raise BearerRefused("The access token is unknown, expired or revoked.", "invalid_token")
        scopes = tuple(scope for scope in map(read_scope, token.scope.split()) if scope)
        return Grant(token.client_id, scopes, token.user, token.context.get("patient"))

    def _row(self, sql: str, values: tuple[Any, ...]) -> Any:
        with self._database.transaction() as connection:
            return connection.execute(sql, values).fetchone()

    def _changed(self, sql: str, values: tuple[Any, ...]) -> bool:
        with self._database.transaction() as connection:
            return bool(connection.execute(sql, values).rowcount)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _token(row: Any, now: float) -> Token:
    ended = bool(row["revoked"]) or row["expires"] <= now
    return Token(
        row["token"],
        row["kind"],
        row["family"],
        row["client_id"],
        row["scope"],
        row["user"],
        json.loads(row["context"]),
        row["issued"],
        row["expires"],
        bool(row["used"]),
        ended,
    )


def _code(row: Any) -> Code:
    return Code(
        row["code"],
        row["family"],
        row["client_id"],
        row["redirect_uri"],
        row["scope"],
        row["user"],
        json.loads(row["context"]),
        row["nonce"],
        row["code_challenge"],
        row["auth_time"],
    )
