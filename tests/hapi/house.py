"""An installation of ours beside HAPI as an EHR; and as a program, one worker of it, which may be killed.

python -m tests.hapi.house DATA_DIR ORIGIN PRESET
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from app import migrations
from app.keyring import Keyring
from app.registry import register
from app.settings import Settings
from app.store import open_store
from smart_launch.fhir_client import http_session
from tests.app.delivery_house import NOW, Clock, House, note_bundle, registration
from tests.hapi.fhir_server import FhirServer
from tests.hapi.front import Front, before
from tests.hapi.sent_and_stored import with_what_it_refers_to

TIMEOUT = (5, 60)


@contextmanager
def opened(data_dir: Path, origin: str) -> Iterator[House]:
    """The installation in this folder; `origin` is where the EHR stands."""
    settings = Settings(data_dir=data_dir)
    with open_store(settings) as store, http_session(tries=1) as http:
        migrations.upgrade(store)
        house = House(origin, store, Keyring(store, settings), http, Clock())
        house.ehrs.timeout = TIMEOUT
        yield house


@contextmanager
def beside(server: FhirServer, folder: Path) -> Iterator[tuple[House, Front]]:
    """A new installation, registered with a front before the server, which holds the EHR's own records."""
    with_what_it_refers_to(server, note_bundle(1))
    with before(server.base) as front, opened(folder / "data", front.origin) as house:
        with house.store.write() as session:
            issuer = registration(front.origin)
            scopes = (*issuer.backend_scopes, "system/RelatedPerson.crus")
            register(session, house.keyring, replace(issuer, backend_scopes=scopes), NOW)
        front.jwks.update(house.keyring.public_client_keys())
        yield house, front


if __name__ == "__main__":
    with opened(Path(sys.argv[1]), sys.argv[2]) as doomed:
        doomed.takes = sys.argv[3]
        doomed.worker("doomed").drain()
