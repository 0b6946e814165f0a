"""The keys that sign id_tokens: kept in the file of the EHR, published, rotated."""

import json
import threading
from typing import Any

from joserfc.jwk import ECKey, RSAKey

from .database import Database

_CURVES = {"ES256": "P-256", "ES384": "P-384"}
ID_TOKEN_ALGORITHMS = ("RS256", "RS384", "ES256", "ES384")


class SigningKeys:
    """The private keys of one EHR for one algorithm, the newest first; all of them are published."""

    def __init__(self, database: Database, algorithm: str) -> None:
        self.algorithm = algorithm
        self._database = database
        self._lock = threading.Lock()
        self._name = f"signing-keys-{algorithm}"
        fresh = json.dumps([self._generated().as_dict(private=True)])
        self._keys = [_imported(one) for one in json.loads(database.setting(self._name, fresh))]

    def current(self) -> Any:
        """Return the private key that signs now."""
        with self._lock:
            return self._keys[0]

    def published(self) -> list[dict[str, Any]]:
        """Return the public keys as JWKs."""
        with self._lock:
            return [key.as_dict(private=False, use="sig", alg=self.algorithm) for key in self._keys]

    def rotate(self, *, overlap: bool) -> None:
        """Sign with a new key from now on; without overlap the old ones are no longer published."""
        with self._lock:
            self._keys = [self._generated(), *(self._keys[:3] if overlap else [])]
            kept = json.dumps([key.as_dict(private=True) for key in self._keys])
            self._database.store_setting(self._name, kept)

    def _generated(self) -> Any:
        return generated(self.algorithm)


def generated(algorithm: str) -> Any:
    """Return a new private key for an algorithm, with the thumbprint as its kid."""
    if algorithm in _CURVES:
        return ECKey.generate_key(_CURVES[algorithm], auto_kid=True)
    return RSAKey.generate_key(2048, auto_kid=True)


def _imported(stored: dict[str, Any]) -> Any:
    return RSAKey.import_key(stored) if stored["kty"] == "RSA" else ECKey.import_key(stored)
