"""How a client proves who it is: private_key_jwt as SMART asks, and a secret by Basic and by nothing else.

Sources: RFC 7523, RFC 6749 section 2.3, SMART App Launch 2.2 "Client authentication".
"""

from typing import Any

from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError
from authlib.oauth2.rfc6749.authenticate_client import authenticate_client_secret_basic
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc import jws, jwt
from joserfc.errors import JoseError

from .capability import ASSERTION_ALGORITHMS
from .client_keys import ClientKeys
from .config import Client, Config
from .tokens import Tokens

_MOST_ASSERTION_SECONDS = 300


def secret_by_basic(query_client: Any, request: Any) -> Client | None:
    """Authenticate by Basic; a client that names itself in the body as well uses two methods at once."""
    client: Client | None = authenticate_client_secret_basic(query_client, request)
    if client is None:
        return None
    named = {"client_id", "client_secret"} & set(request.form)
    if named and client.client_id_in_body == "refused":
        raise InvalidRequestError(f"A client that authenticates by Basic sends no {min(named)} in the body.")
    return client


class ClientAssertion(JWTBearerClientAssertion):  # type: ignore[misc]  # Authlib ships no types
    """private_key_jwt: RS384 or ES384, a kid, less than five minutes, each jti once."""

    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self, config: Config, tokens: Tokens) -> None:
        super().__init__(leeway=0)
        self._config = config
        self._tokens = tokens
        self._keys = ClientKeys(tokens.now)

    def __call__(self, query_client: Any, request: Any) -> Client | None:
        """Return the client whose assertion the request carries, or None without one."""
        client: Client | None = super().__call__(query_client, request)
        named = request.form.get("client_id")
        if client and named is not None and named != client.client_id:
            raise InvalidClientError(description="client_id names another client than the assertion.")
        return client

    def get_audiences(self) -> list[str]:
        """The token endpoint is the only audience."""
        return [self._config.token_url]

    def resolve_client_public_key(self, client: Client) -> Client:
        """The key is chosen by kid, which only the assertion knows: see process_assertion_claims."""
        return client

    def process_assertion_claims(self, assertion: str, resolve_key: Client) -> dict[str, Any]:
        """Verify the signature by a key of the client, then the claims."""
        try:
            header = jws.extract_compact(assertion.encode()).headers()
            token = jwt.decode(assertion, self._key_set(resolve_key, header), algorithms=ASSERTION_ALGORITHMS)
        except (JoseError, ValueError) as error:
            raise InvalidClientError(description="The client assertion is not valid.") from error
        self.verify_claims(token.claims)
        return token.claims

    def verify_claims(self, claims: dict[str, Any]) -> None:
        """Refuse an assertion that is for another, too old, too long, or used before."""
        now = self._tokens.now()
        registry = jwt.JWTClaimsRegistry(
            now=lambda: int(now),
            iss={"essential": True},
            sub={"essential": True},
            aud={"essential": True, "values": self.get_audiences()},
            exp={"essential": True},
            jti={"essential": True},
        )
        try:
            registry.validate(claims)
        except JoseError as error:
            raise InvalidClientError(description="A claim of the client assertion is not valid.") from error
        if claims["iss"] != claims["sub"]:
            raise InvalidClientError(description="iss and sub of the client assertion differ.")
        # Epic refuses an exp of exactly five minutes.
        if claims["exp"] >= now + _MOST_ASSERTION_SECONDS:
            raise InvalidClientError(description="The client assertion lives five minutes or longer.")
        if not self._tokens.first_use(claims["sub"], str(claims["jti"]), claims["exp"]):
            raise InvalidClientError(description="The jti of the client assertion was used before.")

    def _key_set(self, client: Client, header: dict[str, Any]) -> Any:
        kid = header.get("kid")
        if header.get("typ", "JWT") != "JWT":
            raise InvalidClientError(description="typ of the client assertion is not JWT.")
        if "jku" in header and header["jku"] != client.jwks_uri:
            raise InvalidClientError(description="jku is not the registered address of the client's keys.")
        keys = self._keys.of(client, kid) if isinstance(kid, str) else None
        if keys is None:
            raise InvalidClientError(description="No public key of the client has this kid.")
        return keys
