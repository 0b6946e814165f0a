"""A small client of the sandbox EHR: nothing of the app is used to judge it."""

import base64
import hashlib
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import requests
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

CALLBACK = "http://127.0.0.1:9/cb/sandbox"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EVERYTHING = (
    "openid fhirUser profile launch launch/patient launch/encounter offline_access online_access"
    " user/*.cruds patient/*.cruds"
)
TODAY = date(2026, 11, 20)


Test = TypeVar("Test", bound=Callable[..., None])


def shows(*faults: str) -> Callable[[Test], Test]:
    """Say which faults a test shows; another test hunts for a fault that none shows."""

    def marked(test: Test) -> Test:
        test.shows = faults  # type: ignore[attr-defined]  # a mark of our own on the function
        return test

    return marked


@dataclass
class Clock:
    """A clock that a test can put forward."""

    now: datetime = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def forward(self, **how_far: float) -> None:
        self.now += timedelta(**how_far)


@dataclass
class Keys:
    """Key pairs of the confidential clients."""

    es384: ECKey = field(default_factory=lambda: ECKey.generate_key("P-384", {"kid": "es"}))
    rs384: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "rs"}))
    es256: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "p256"}))
    stranger: ECKey = field(default_factory=lambda: ECKey.generate_key("P-384", {"kid": "es"}))

    def public(self) -> dict[str, Any]:
        known = (self.es384, self.rs384, self.es256)
        return {"keys": [key.as_dict(private=False) for key in known]}


@dataclass
class Office:
    """Everything a test does with the EHR, over real HTTP."""

    base: str
    clock: Clock
    keys: Keys

    @property
    def fhir(self) -> str:
        return f"{self.base}/fhir"

    @property
    def token_url(self) -> str:
        return f"{self.base}/auth/token"

    def get(self, path: str, **how: Any) -> requests.Response:
        return requests.get(f"{self.base}{path}", timeout=20, **how)

    def post(self, path: str, **how: Any) -> requests.Response:
        return requests.post(f"{self.base}{path}", timeout=20, **how)

    def smart(self) -> dict[str, Any]:
        """Return smart-configuration."""
        found: dict[str, Any] = self.get("/fhir/.well-known/smart-configuration").json()
        return found

    def delete(self, path: str) -> requests.Response:
        return requests.delete(f"{self.base}{path}", timeout=20)

    def launch(self, **asked: Any) -> str:
        """Start a launch and return its opaque token."""
        answer = self.post("/launches", json={"user": "rivera"} | asked)
        assert answer.status_code == 201, answer.text
        address: str = answer.json()["launch_url"]
        return parse_qs(urlsplit(address).query)["launch"][0]

    def request(self, verifier: str, **changes: Any) -> dict[str, Any]:
        """Return a right authorization request, with changes; None takes a parameter away."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
        right = {
            "response_type": "code",
            "client_id": "public",
            "redirect_uri": CALLBACK,
            "scope": EVERYTHING,
            "state": "a-state",
            "nonce": "a-nonce",
            "aud": self.fhir,
            "code_challenge": challenge.decode(),
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in (right | changes).items() if value is not None}

    def authorize(self, parameters: dict[str, Any]) -> requests.Response:
        return self.get("/auth/authorize", params=parameters, allow_redirects=False)

    def code(self, verifier: str, **changes: Any) -> str:
        """Go through an EHR launch up to the code."""
        parameters = self.request(verifier, **changes)
        if "launch" not in changes:
            parameters["launch"] = self.launch(
                patient="pat-lindqvist", encounter="enc-visit-70002", client_id=parameters["client_id"]
            )
        answer = self.authorize(parameters)
        assert answer.status_code == 302, answer.text
        found = redirected(answer)
        assert found["state"] == "a-state"
        return found["code"]

    def exchange(self, code: str, verifier: str, /, **changes: Any) -> requests.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": verifier,
            "client_id": "public",
        }
        form = {name: value for name, value in (form | changes).items() if value is not None}
        return self.post("/auth/token", data=form)

    def sign_in(self, **changes: Any) -> dict[str, Any]:
        """Go through an EHR launch and return the token response."""
        verifier = secrets.token_urlsafe(48)
        answer = self.exchange(self.code(verifier, **changes), verifier)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def assertion(
        self,
        key: Any = None,
        alg: str = "ES384",
        kid: str | None = None,
        header: dict[str, str] | None = None,
        **changes: Any,
    ) -> str:
        """Return a signed client assertion; None takes a claim away."""
        key = key or self.keys.es384
        now = int(self.clock.now.timestamp())
        claims = {
            "iss": "backend",
            "sub": "backend",
            "aud": self.token_url,
            "exp": now + 240,
            "iat": now,
            "jti": str(uuid.uuid4()),
        } | changes
        claims = {name: value for name, value in claims.items() if value is not None}
        head = {"alg": alg, "kid": kid or key.kid, "typ": "JWT"} | (header or {})
        return jwt.encode(head, claims, key, algorithms=[alg])

    def backend(self, scope: str = "system/*.cruds", assertion: str | None = None) -> requests.Response:
        """Ask for a backend token."""
        form = {
            "grant_type": "client_credentials",
            "scope": scope,
            "client_assertion_type": ASSERTION,
            "client_assertion": assertion or self.assertion(),
        }
        return self.post("/auth/token", data=form)

    def bearer(self, scope: str = "system/*.cruds") -> dict[str, str]:
        answer = self.backend(scope)
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def faulty(self, *faults: Any, **changes: Any) -> dict[str, Any]:
        """Go through a launch that bears these faults and return the token response."""
        return self.sign_in(launch=self.launched_with(*faults), **changes)

    def launched_with(self, *faults: Any, **asked: Any) -> str:
        """Start a launch of the public app that bears these faults; return its opaque token."""
        usual = {"patient": "pat-lindqvist", "encounter": "enc-visit-70002", "client_id": "public"}
        return self.launch(**(usual | asked), faults=list(faults))

    def plan(self, name: str, **how: Any) -> None:
        """Plan a fault for the whole EHR."""
        answer = self.post("/_faults", json={"name": name, **how})
        assert answer.status_code == 200, answer.text

    def refresh(self, token: dict[str, Any], **changes: Any) -> requests.Response:
        """Ask for new tokens by the refresh token of an answer."""
        form = {"grant_type": "refresh_token", "client_id": "public", "refresh_token": token["refresh_token"]}
        return self.post("/auth/token", data=form | changes)

    def call(
        self, method: str, path: str, bearer: dict[str, str] | None = None, **how: Any
    ) -> requests.Response:
        """Call the FHIR server; `json` goes out as FHIR JSON."""
        headers = (bearer if bearer is not None else self.bearer()) | how.pop("headers", {})
        if "json" in how:
            headers = {"Content-Type": "application/fhir+json"} | headers
        return requests.request(
            method, f"{self.fhir}{path}", headers=headers, timeout=20, allow_redirects=False, **how
        )


def bearer_of(token: dict[str, Any]) -> dict[str, str]:
    """Return the header that carries the access token of an answer."""
    return {"Authorization": f"Bearer {token['access_token']}"}


def redirected(answer: requests.Response) -> dict[str, str]:
    """Return the parameters that an answer sends back to the app."""
    location = answer.headers["Location"]
    assert location.startswith(CALLBACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
