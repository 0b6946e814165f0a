"""A seal holds for exactly what was signed, and for nothing else."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws

from mappings import seal
from mappings.seal import NotVerified

KEY = seal.new_seal_key()
PUBLIC = {"keys": [seal.public_jwk(seal.new_seal_key()), seal.public_jwk(KEY)]}
AT = datetime(2026, 3, 4, 11, 5, tzinfo=timezone(timedelta(hours=-5)))
PARTS: dict[str, Any] = {
    "note_id": "ENC-2026-000451",
    "version": 1,
    "individual": "urn:example:mrn|MRN-70001",
    "program": "1900000013",
    "signer": "1900000021",
    "meaning": "author",
    "at": AT,
    "sha256": seal.text_digest("The note.\n"),
}
SAID = seal.statement(**PARTS)
SEALED = seal.seal(SAID, KEY)


def test_a_seal_says_what_was_signed_by_whom_when_and_with_what_meaning() -> None:
    said = seal.verify(SEALED, SAID, PUBLIC)
    assert said["note"] == {"id": "ENC-2026-000451", "version": 1}
    assert said["individual"] == "urn:example:mrn|MRN-70001"
    assert said["program"] == "1900000013"
    assert said["signer"] == "1900000021"
    assert said["meaning"] == "author"
    assert datetime.fromisoformat(said["at"]) == AT
    assert said["text"] == {"media_type": "text/plain; charset=utf-8", "sha256": PARTS["sha256"]}
    assert said["earlier"] is None


def test_the_jws_is_detached_and_names_its_key_and_es256() -> None:
    header, payload, _ = SEALED.split(".")
    assert payload == ""
    assert jws.extract_compact(SEALED.encode(), SAID).headers() == {"alg": "ES256", "kid": KEY["kid"]}
    assert header


def test_the_public_key_holds_no_private_part() -> None:
    assert "d" in KEY
    assert "d" not in seal.public_jwk(KEY)
    assert seal.public_jwk(KEY)["kid"] == KEY["kid"]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_one_changed_byte_of_the_statement_is_found(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(SAID) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda each: each != SAID[place]))
    with pytest.raises(NotVerified):
        seal.verify(SEALED, SAID[:place] + bytes([byte]) + SAID[place + 1 :], PUBLIC)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_one_changed_sign_of_the_signature_is_found(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(SEALED) - 1))
    sign = data.draw(st.characters(codec="utf-8").filter(lambda each: each != SEALED[place]))
    with pytest.raises(NotVerified):
        seal.verify(SEALED[:place] + sign + SEALED[place + 1 :], SAID, PUBLIC)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("note_id", "ENC-2026-000452"),
        ("version", 2),
        ("individual", "urn:example:mrn|MRN-70002"),
        ("program", "1900000014"),
        ("signer", "1900000039"),
        ("meaning", "cosigner"),
        ("at", AT + timedelta(seconds=1)),
        ("sha256", seal.text_digest("Another note.\n")),
        ("earlier", seal.jws_digest(SEALED)),
        ("media_type", "application/pdf"),
    ],
    ids=["note", "version", "individual", "program", "signer", "meaning", "at", "sha256", "earlier", "media"],
)
def test_a_seal_cannot_be_moved_to_another_note_person_version_or_meaning(part: str, value: object) -> None:
    moved = seal.statement(**{**PARTS, part: value})
    with pytest.raises(NotVerified, match="does not fit the statement"):
        seal.verify(SEALED, moved, PUBLIC)


def test_a_key_that_was_never_published_is_refused() -> None:
    stranger = seal.new_seal_key()
    with pytest.raises(NotVerified, match="not among the published seal keys"):
        seal.verify(seal.seal(SAID, stranger), SAID, PUBLIC)


def test_a_published_key_does_not_cover_for_another_of_the_same_name() -> None:
    forged = seal.seal(SAID, {**seal.new_seal_key(), "kid": KEY["kid"]})
    with pytest.raises(NotVerified, match="does not fit"):
        seal.verify(forged, SAID, PUBLIC)


@pytest.mark.parametrize(
    "value",
    ["", "a", "a.b", "a..b", "..", "é..é", SEALED + ".x", SEALED + "="],
    ids=["empty", "one-part", "two-parts", "no-signature", "dots", "letters", "a-part-more", "padded"],
)
def test_what_is_no_detached_jws_is_refused_in_words(value: str) -> None:
    with pytest.raises(NotVerified):
        seal.verify(value, SAID, PUBLIC)


def test_a_signed_text_that_is_no_statement_of_ours_is_refused() -> None:
    loose = json.dumps(json.loads(SAID), indent=1).encode()
    for other in (loose, b"{}", b"hello", b"[]"):
        with pytest.raises(NotVerified, match="no statement"):
            seal.verify(seal.seal(other, KEY), other, PUBLIC)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("note_id", " "),
        ("signer", ""),
        ("meaning", "witness"),
        ("at", AT.replace(tzinfo=None)),
    ],
)
def test_a_statement_needs_all_its_parts(part: str, value: object) -> None:
    with pytest.raises(ValueError, match="no statement from"):
        seal.statement(**{**PARTS, part: value})
