"""The pieces of one running sandbox EHR, and how a request finds them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app

from .app_state_store import AppStates
from .config import Config
from .faults import Faults
from .signing_keys import SigningKeys
from .store import Store
from .tokens import Tokens

EXTENSION = "sandbox-ehr"


@dataclass(frozen=True)
class Ehr:
    """One running EHR. `authorization` is Authlib's server, `signing_keys` sign its id_tokens."""

    config: Config
    store: Store
    states: AppStates
    tokens: Tokens
    faults: Faults
    started: datetime
    authorization: Any
    signing_keys: SigningKeys

    def close(self) -> None:
        """Close the file."""
        self.store.database.close()


def current_ehr() -> Ehr:
    """Return the EHR that answers the current request."""
    ehr: Ehr = current_app.extensions[EXTENSION]
    return ehr
