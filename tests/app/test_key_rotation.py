"""A client key changes without a gap: the next is known before it signs, the old one long enough after."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.serving import make_server

from app import audit
from app.actor import ADMINISTRATOR, PEER
from app.key_rotation import SHORTEST_OVERLAP, Rotation, rotate_key
from app.keyring import Keyring
from app.problems import MendInput, NotAllowed, NotFound
from app.registry import register, registered
from app.service import create_app
from app.settings import Settings
from smart_launch.backend import backend_token
from smart_launch.discovery import discover
from smart_launch.fhir_client import http_session
from smart_launch.issuers import Issuer
from smart_launch.keys import ASSERTION_SECONDS
from smart_launch.sandbox_ehr.config import Client, Config
from smart_launch.sandbox_ehr.serving import running
from tests.app.office import ISSUER, NOW, Office, actor

KEEPER = actor("setting-up")
MINUTE = timedelta(minutes=1)


def at(office: Office, moment: datetime) -> Keyring:
    return Keyring(office.store, office.settings, lambda: moment)


def signing(office: Office, moment: datetime) -> str:
    with office.store.read() as session:
        return at(office, moment).client_key(session, ISSUER).kid


def published(office: Office, moment: datetime) -> set[str]:
    return {key["kid"] for key in at(office, moment).public_client_keys(ISSUER)["keys"]}


def change(office: Office, moment: datetime, **asked: Any) -> str:
    with office.store.write() as session:
        return rotate_key(session, office.keyring, KEEPER, Rotation(**asked), moment).kid


def test_the_next_key_is_published_at_once_and_signs_once_the_ehr_can_know_it(office):
    old = signing(office, NOW)
    new = change(office, NOW, lead=10 * MINUTE)
    assert published(office, NOW) == {old, new}
    assert signing(office, NOW + 9 * MINUTE) == old
    assert signing(office, NOW + 10 * MINUTE) == new


def test_the_old_key_leaves_the_set_at_the_given_time(office):
    old = signing(office, NOW)
    new = change(office, NOW, lead=10 * MINUTE, until=NOW + 60 * MINUTE)
    assert published(office, NOW + 59 * MINUTE) == {old, new}
    assert published(office, NOW + 60 * MINUTE) == {new}


def test_an_old_key_may_not_leave_while_what_it_signed_is_still_good(office):
    with pytest.raises(MendInput, match="Keep it until"):
        change(office, NOW, lead=10 * MINUTE, until=NOW + 12 * MINUTE)
    assert len(published(office, NOW)) == 1


def test_a_lost_key_leaves_at_once_and_the_next_one_signs_at_once(office):
    old = signing(office, NOW)
    waiting = change(office, NOW, lead=10 * MINUTE)
    new = change(office, NOW + MINUTE, lost=True)
    assert signing(office, NOW + MINUTE) == new
    assert signing(office, NOW + 20 * MINUTE) == new
    assert published(office, NOW + MINUTE) == {new}
    assert {old, waiting}.isdisjoint({new})


def test_a_key_of_another_algorithm_follows_and_that_one_stays_the_next_time(office):
    change(office, NOW, alg="RS384", lead=0 * MINUTE)
    with office.store.read() as session:
        assert at(office, NOW).client_key(session, ISSUER).alg == "RS384"
    change(office, NOW + MINUTE, lead=0 * MINUTE)
    with office.store.read() as session:
        assert at(office, NOW + MINUTE).client_key(session, ISSUER).alg == "RS384"


def test_the_algorithm_that_an_ehr_registered_is_the_one_of_its_key(office):
    with office.store.write() as session:
        known = registered(session, office.keyring).by_id(ISSUER)
        register(session, office.keyring, replace(known, key_alg="RS384"), NOW)
    with office.store.read() as session:
        assert office.keyring.client_key(session, ISSUER).alg == "RS384"


def test_a_seal_key_changes_at_once_and_never_leaves(office):
    with office.store.read() as session:
        old = office.keyring.seal_key(session, ISSUER)["kid"]
    new = change(office, NOW, purpose="seal", lead=0 * MINUTE)
    with office.store.read() as session:
        assert office.keyring.seal_key(session, ISSUER)["kid"] == new
    far = at(office, NOW + timedelta(days=9000)).public_seal_keys()["keys"]
    assert {old, new} <= {key["kid"] for key in far}


def test_a_change_is_written_down_and_only_an_administrator_makes_one(office):
    kid = change(office, NOW)
    with office.store.read() as session:
        assert [line.action for line in audit.of_subject(session, ISSUER, kid)] == ["key made", "key rotated"]
    with office.store.write() as session:
        with pytest.raises(NotAllowed):
            rotate_key(session, office.keyring, actor("x", None, ISSUER, PEER), Rotation(), NOW)
        with pytest.raises(NotFound):
            nobody = actor("x", None, "nowhere", ADMINISTRATOR)
            rotate_key(session, office.keyring, nobody, Rotation(), NOW)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # the office only grows: each example goes on from the keys of the one before, a day later
@given(changes=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 30)), min_size=1, max_size=4))
def test_whatever_changes_come_the_key_that_signs_is_published_until_its_last_word_has_ended(office, changes):
    moment = office.later(days=1)
    begun = moment
    for gap, lead in changes:
        moment += gap * MINUTE
        change(office, moment, lead=lead * MINUTE, until=moment + lead * MINUTE + SHORTEST_OVERLAP)
    for minute in range(0, 200, 11):
        at_this_time = begun + minute * MINUTE
        kid = signing(office, at_this_time)
        assert kid in published(office, at_this_time)
        assert kid in published(office, at_this_time + timedelta(seconds=ASSERTION_SECONDS))


class FastClock:
    """A clock that runs ten times as fast as the real one."""

    def __init__(self) -> None:
        self._began, self._real = datetime(2026, 3, 4, 16, 0, tzinfo=UTC), time.monotonic()

    def __call__(self) -> datetime:
        return self._began + timedelta(seconds=10 * (time.monotonic() - self._real))


@contextmanager
def served(app: Any) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def ehr_of(base: str) -> Issuer:
    return Issuer(
        id="busy",
        iss=f"{base}/fhir",
        client_id="peerchart",
        auth_method="private_key_jwt",
        redirect_uri="http://127.0.0.1:9/cb/busy",
        scopes=("launch",),
        jurisdiction="us-ny",
        backend_client_id="peerchart-backend",
        backend_scopes=("system/DocumentReference.crus",),
    )


def test_while_keys_change_under_load_no_token_request_is_refused(tmp_path):
    """The EHR reads our key set over HTTP and keeps it as our Cache-Control allows; eight threads ask it for
    tokens all the while."""
    clock, lead = FastClock(), timedelta(seconds=3)
    app = create_app(Settings(data_dir=tmp_path / "data"), clock=clock)
    kit = app.extensions["peerchart"]
    keeper = replace(KEEPER, issuer="busy")
    with served(app) as ours, http_session() as http:
        backend = Client(
            client_id="peerchart-backend",
            name="Backend",
            token_endpoint_auth_method="private_key_jwt",
            jwks_uri=f"{ours}/.well-known/jwks/busy.json",
            grant_types=("client_credentials",),
            scope="system/DocumentReference.crus",
        )

        def config(base: str) -> Config:
            with kit.store.write() as session:
                register(session, kit.keyring, ehr_of(base), clock())
            db = str(tmp_path / "ehr.sqlite3")
            return Config(base_url=base, database=db, clients=(backend,), clock=clock, today=date(2026, 3, 4))

        with running(config) as base:
            issuer = ehr_of(base)
            profile = discover(http, issuer, clock())
            stop, used, troubles = threading.Event(), [], []

            def ask_on() -> None:
                while not stop.is_set():
                    with kit.store.read() as session:
                        key = kit.keyring.client_key(session, "busy")
                    try:
                        backend_token(http, issuer, profile, key, clock())
                        used.append(key.kid)
                    except Exception as trouble:  # noqa: BLE001 - whatever went wrong is what is looked for
                        troubles.append(trouble)

            threads = [threading.Thread(target=ask_on) for _ in range(8)]
            for thread in threads:
                thread.start()
            kids = []
            for alg in ("ES384", "ES384", "RS384", "ES384", "ES384"):
                asked = Rotation(alg=alg, lead=lead)
                with kit.store.write() as session:
                    kids.append(rotate_key(session, kit.keyring, keeper, asked, clock()).kid)
                _until(lambda kid=kids[-1]: kid in used or troubles)
            stop.set()
            for thread in threads:
                thread.join(30)
    assert not troubles
    assert set(kids) <= set(used)
    assert len(used) > 50


def _until(true: Any) -> None:
    end = time.monotonic() + 30
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
