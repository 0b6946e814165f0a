"""A new master key: every secret follows, a stop at any moment leaves all readable, and none is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import LargeBinary, select

from app.cli import cli
from app.keyring import Keyring, Unreadable
from app.master_key import MOST_KEYS, KeyFileProblem, forget_older, master_keys, put_new_first
from app.reencryption import SECRETS, left_behind, reencrypt
from app.registry import register, registered
from app.tables import KeyRow, Launch
from app.tables.base import Table
from tests.app.office import ISSUER, NOW, Office
from tests.app.test_registry import CLINIC

# Bytes that are no secret: what was signed, what goes out, and the texts of the rules.
PLAIN = {
    ("signatures", "statement"),
    ("outbox", "payload"),
    ("outbox_steps", "body"),
    ("libraries", "texts"),
}
MANY = 1200


def file_of(office: Office) -> Path:
    return office.settings.master_key_file


def add_launches(office: Office, count: int) -> None:
    with office.store.write() as session:
        for number in range(count):
            row = f"launch-{number}"
            sealed = office.keyring.encrypt(
                f"token {number}".encode(), table="launches", row=row, issuer=ISSUER
            )
            session.add(_launch(row, sealed))


def _launch(row: str, sealed: bytes) -> Launch:
    return Launch(
        id=row,
        issuer=ISSUER,
        staff_id="s",
        cookie_hash="c",
        context={},
        secret=sealed,
        opened_at=NOW,
        seen_at=NOW,
        good_until=NOW + timedelta(hours=1),
    )


def every_secret(office: Office) -> int:
    """Open every secret of the database with what the key file holds now, and answer how many there are."""
    ring, count = Keyring(office.store, office.settings), 0
    with office.store.read() as session:
        for table, row_name in SECRETS:
            for row in session.scalars(select(table).where(table.secret.is_not(None))):
                bound = {"table": table.__tablename__, "row": getattr(row, row_name), "issuer": row.issuer}
                assert ring.decrypt(row.secret, **bound)
                count += 1
    return count


def left(office: Office) -> int:
    with office.store.read() as session:
        return left_behind(session, Keyring(office.store, office.settings))


def peerchart(office: Office, *words: str) -> Result:
    return CliRunner().invoke(cli, [*words, "--data", str(office.settings.data_dir)])


def test_every_column_of_bytes_is_either_a_secret_that_follows_or_named_here_as_none():
    of_bytes = {
        (table.name, column.name)
        for table in Table.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    secrets = {(table.__tablename__, "secret") for table, _ in SECRETS}
    assert of_bytes == secrets | PLAIN


def test_after_it_everything_opens_and_nothing_stands_under_the_old_key(office):
    with office.store.write() as session:
        register(session, office.keyring, CLINIC, NOW)
    add_launches(office, 7)
    before = every_secret(office)
    result = peerchart(office, "keys", "reencrypt")
    assert result.exit_code == 0, result.output
    assert "--finish" in result.stdout
    assert (every_secret(office), left(office), len(master_keys(file_of(office)))) == (before, 0, 2)
    assert peerchart(office, "keys", "reencrypt", "--finish").exit_code == 0
    assert (every_secret(office), len(master_keys(file_of(office)))) == (before, 1)
    with office.store.read() as session:
        assert registered(session, office.keyring).by_id("clinic") == CLINIC


def test_a_server_that_runs_meanwhile_goes_on_with_the_new_key(office):
    running = office.keyring
    old = running.encrypt(b"token", table="launches", row="1", issuer=ISSUER)
    assert peerchart(office, "keys", "reencrypt").exit_code == 0
    assert running.decrypt(old, table="launches", row="1", issuer=ISSUER) == b"token"
    assert running.under_current(running.encrypt(b"token", table="launches", row="1", issuer=ISSUER))


def test_once_finished_the_old_key_opens_nothing(office, tmp_path):
    old = file_of(office).read_bytes()
    assert peerchart(office, "keys", "reencrypt").exit_code == 0
    assert peerchart(office, "keys", "reencrypt", "--finish").exit_code == 0
    elsewhere = tmp_path / "old.key"
    elsewhere.write_bytes(old)
    elsewhere.chmod(0o600)
    ring = Keyring(office.store, office.settings.model_copy(update={"secret_file": elsewhere}))
    with office.store.read() as session, pytest.raises(Unreadable):
        ring.client_key(session, ISSUER)


def test_a_secret_of_the_first_form_still_opens_and_follows(office):
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key, nonce = master_keys(file_of(office))[0], b"n" * 12
    bound = f'["launches", "old", "{ISSUER}"]'.encode()
    with office.store.write() as session:
        session.add(_launch("old", b"\x01" + nonce + AESGCM(key).encrypt(nonce, b"token", bound)))
    assert left(office) == 1
    assert peerchart(office, "keys", "reencrypt").exit_code == 0
    assert (left(office), bool(every_secret(office))) == (0, True)


def test_a_secret_that_no_key_opens_stops_it_and_the_older_keys_stay(office):
    with office.store.write() as session:
        session.scalars(select(KeyRow)).first().secret = b"\x02" + bytes(60)
    result = peerchart(office, "keys", "reencrypt")
    assert result.exit_code == 1
    assert "does not open" in result.output
    assert peerchart(office, "keys", "reencrypt", "--finish").exit_code == 1
    assert len(master_keys(file_of(office))) == 2


@pytest.mark.parametrize("after", [0, 1, 2, 4])
def test_killed_midway_everything_is_readable_and_it_goes_on_where_it_was(office, after):
    """A process of its own is killed, as by the machine, once `after` steps are done."""
    add_launches(office, MANY)
    before = every_secret(office)
    environment = {**os.environ, "PEERCHART_DATA_DIR": str(office.settings.data_dir)}
    process: Any = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(after)], env=environment, stdout=subprocess.PIPE
    )
    said, _ = process.communicate(timeout=60)
    assert process.returncode == -9, said
    assert len(master_keys(file_of(office))) == 2
    assert every_secret(office) == before
    assert left(office) > 0
    assert peerchart(office, "keys", "reencrypt", "--again").exit_code == 0
    assert (every_secret(office), left(office)) == (before, 0)
    assert peerchart(office, "keys", "reencrypt", "--finish").exit_code == 0
    assert every_secret(office) == before


_KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from app.keyring import Keyring
from app.master_key import put_new_first
from app.reencryption import reencrypt
from app.settings import Settings
from app.store import open_store

settings = Settings()
put_new_first(settings.master_key_file)
store = open_store(settings)
keyring = Keyring(store, settings)
class Dying(Keyring):
    made = 0
    def encrypt(self, plain, **bound):
        Dying.made += 1
        if Dying.made > int(sys.argv[1]) * 200 + 17:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encrypt(plain, **bound)
for _ in reencrypt(store, Dying(store, settings), datetime.now(UTC)):
    pass
"""


def test_the_key_file_takes_no_more_keys_than_it_may_hold(tmp_path):
    file = tmp_path / "master.key"
    for _ in range(MOST_KEYS - 1):
        newest = put_new_first(file)
    assert master_keys(file)[0] == newest
    with pytest.raises(KeyFileProblem, match="--finish"):
        put_new_first(file)
    assert forget_older(file) == MOST_KEYS - 1
    assert master_keys(file) == (newest,)
    assert [each.name for each in tmp_path.iterdir()] == ["master.key"]


def test_a_step_says_how_many_secrets_it_took(office):
    add_launches(office, 5)
    put_new_first(file_of(office))
    steps = list(reencrypt(office.store, office.keyring, NOW, at_a_time=2))
    assert [step.secrets for step in steps if step.table == "launches"] == [2, 2, 1]
