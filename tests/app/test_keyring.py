"""Keys at rest: one master key, everything bound to its row, and nothing readable in the file."""

import json
import stat
import threading

import pytest

from app.keyring import CLIENT, SEAL, KeyFileProblem, Keyring, Unreadable, master_key
from app.problems import NotFound
from mappings.seal import seal, statement, text_digest, verify
from smart_launch.keys import client_assertion
from tests.app.office import ELSEWHERE, ISSUER, NOW

ROW = {"table": "launches", "row": "7", "issuer": ISSUER}


def test_the_master_key_is_made_once_and_for_its_owner_alone(tmp_path):
    file = tmp_path / "deep" / "master.key"
    assert master_key(file) == master_key(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["master.key"]


def test_starts_at_the_same_moment_agree_on_one_master_key(tmp_path):
    found: list[bytes] = []
    together = threading.Barrier(8)

    def begin() -> None:
        together.wait(10)
        found.append(master_key(tmp_path / "master.key"))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_master_key_that_others_can_read_stops_the_start_and_says_what_to_do(tmp_path):
    file = tmp_path / "master.key"
    master_key(file)
    file.chmod(0o640)
    with pytest.raises(KeyFileProblem, match="chmod 600"):
        master_key(file)


def test_a_file_that_is_no_key_stops_the_start(tmp_path):
    file = tmp_path / "master.key"
    file.write_bytes(b"short")
    file.chmod(0o600)
    with pytest.raises(KeyFileProblem, match="backup"):
        master_key(file)


def test_what_was_encrypted_comes_back_and_never_looks_the_same_twice(office):
    first, second = (office.keyring.encrypt(b"token", **ROW) for _ in range(2))
    assert first != second
    assert b"token" not in first
    assert office.keyring.decrypt(first, **ROW) == b"token"


@pytest.mark.parametrize("other", [{"table": "keys"}, {"row": "8"}, {"issuer": ELSEWHERE}])
def test_a_secret_that_was_moved_to_another_row_does_not_open(office, other):
    sealed = office.keyring.encrypt(b"token", **ROW)
    with pytest.raises(Unreadable):
        office.keyring.decrypt(sealed, **{**ROW, **other})


def test_a_secret_with_a_changed_byte_does_not_open(office):
    sealed = office.keyring.encrypt(b"token", **ROW)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(Unreadable):
            office.keyring.decrypt(bytes(changed), **ROW)


def test_another_master_key_opens_nothing(office, tmp_path):
    sealed = office.keyring.encrypt(b"token", **ROW)
    other = Keyring(office.store, office.settings.model_copy(update={"secret_file": tmp_path / "other.key"}))
    with pytest.raises(Unreadable):
        other.decrypt(sealed, **ROW)


def test_each_issuer_has_a_client_key_and_a_seal_key_of_its_own(office):
    with office.store.read() as session:
        keys = {office.keyring.client_key(session, issuer).kid for issuer in (ISSUER, ELSEWHERE)}
        seals = {office.keyring.seal_key(session, issuer)["kid"] for issuer in (ISSUER, ELSEWHERE)}
    assert len(keys | seals) == 4
    assert {key["kid"] for key in office.keyring.public_client_keys()["keys"]} == keys
    assert {key["kid"] for key in office.keyring.public_seal_keys()["keys"]} == seals


def test_making_keys_again_changes_none(office):
    with office.store.write() as session:
        before = office.keyring.client_key(session, ISSUER)
        office.keyring.ensure(session, ISSUER, NOW)
        assert office.keyring.client_key(session, ISSUER) == before


def test_no_private_member_is_ever_published_or_readable_in_the_file(office):
    published = json.dumps([office.keyring.public_client_keys(), office.keyring.public_seal_keys()])
    with office.store.read() as session:
        private = json.loads(office.keyring.client_key(session, ISSUER).private_jwk)["d"]
        seal_private = office.keyring.seal_key(session, ISSUER)["d"]
    folder = office.settings.data_dir
    everything = b"".join(file.read_bytes() for file in folder.iterdir() if "sqlite3" in file.name)
    for secret in (private, seal_private):
        assert secret not in published
        assert secret.encode() not in everything
    assert '"d"' not in published


def test_after_a_rotation_the_new_key_signs_and_the_old_seals_still_verify(office):
    said = statement(
        note_id="C-1",
        version=1,
        individual="urn:example:mrn|MRN-70001",
        program="1900000013",
        signer="1900000021",
        meaning="author",
        at=NOW,
        sha256=text_digest("the note"),
    )
    with office.store.write() as session:
        old = office.keyring.seal_key(session, ISSUER)
        signature = seal(said, old)
        new = office.keyring.rotate(session, ISSUER, SEAL, NOW)
        assert office.keyring.seal_key(session, ISSUER)["kid"] == new != old["kid"]
    assert verify(signature, said, office.keyring.public_seal_keys())["text"]["sha256"] == text_digest(
        "the note"
    )


def test_after_a_rotation_the_retired_client_key_stays_published_behind_the_new_one(office):
    with office.store.write() as session:
        old = office.keyring.client_key(session, ISSUER)
        new = office.keyring.rotate(session, ISSUER, CLIENT, NOW)
        assert office.keyring.client_key(session, ISSUER).kid == new
    kids = [key["kid"] for key in office.keyring.public_client_keys()["keys"]]
    assert kids.index(new) < kids.index(old.kid)


def test_the_stored_client_key_signs_who_we_are(office):
    with office.store.read() as session:
        key = office.keyring.client_key(session, ISSUER)
    assert client_assertion(key, "peerchart", "http://localhost/token", NOW, "jti").count(".") == 2


def test_an_issuer_that_was_never_registered_has_no_key(office):
    with office.store.read() as session, pytest.raises(NotFound, match="Register"):
        office.keyring.client_key(session, "nowhere")


def test_the_keyring_does_not_show_its_key(office):
    assert repr(office.keyring) == "Keyring(...)"
