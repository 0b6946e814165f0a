"""The page that says why something was held or allowed, for those who may read what it is about."""

from __future__ import annotations

import html
import re

import pytest

from tests.app.web.office import Desk, Office
from tests.app.web.test_writing_and_signing import _cosign, _sign, _write


@pytest.fixture
def peer(office: Office) -> Desk:
    return office.sit("rivera", "pat-moss")


@pytest.fixture
def note(office: Office, peer: Desk) -> str:
    """A co-signed contact."""
    contact = _write(peer)
    _sign(peer, contact)
    _cosign(office.sit("chen", "pat-moss"), contact)
    return contact


def _text(desk: Desk, path: str) -> str:
    answer = desk.get(path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def _link(page: str, words: str) -> str:
    [address] = re.findall(rf'href="([^"]*)">{re.escape(words)}', page)
    return "/" + str(address).split("/", 3)[3]


def test_the_signed_note_leads_to_why_it_was_allowed(peer: Desk, note: str) -> None:
    read = _text(peer, f"/contacts/{note}")
    page = _text(peer, _link(read, "Why was this held or allowed?"))
    assert "Why was this contact allowed?" in page
    assert page.index("When it was signed") < page.index("When it was co-signed")
    assert "rules that passed" in page
    assert "twelve units per day" in page
    assert "last compared" in page
    assert "Today's rules say the same." in page
    assert "Dana Chen" in page


def test_a_note_that_waits_says_why_its_claim_is_held(peer: Desk) -> None:
    contact = _write(peer)
    _sign(peer, contact)
    page = _text(peer, f"/contacts/{contact}/why")
    assert "Why was this contact held?" in page
    assert f'href="{peer.address("/rules/NY.PRE.COSIGN")}"' in page


def test_why_is_told_to_whom_the_note_is_shown_and_to_nobody_else(office: Office, note: str) -> None:
    path = f"/contacts/{note}/why"
    assert office.sit("chen", "pat-moss").get(path).status_code == 200
    assert office.sit("moreno", "pat-moss").get(path).status_code == 403
    assert office.sit("rivera", "pat-lindqvist").get(path).status_code == 404
    assert office.sit("rivera").get(path).status_code == 403


@pytest.mark.parametrize("query", ["?version=7", "?version=x", "?version=-1"])
def test_a_version_that_is_not_there_is_not_found(peer: Desk, note: str, query: str) -> None:
    assert peer.get(f"/contacts/{note}/why{query}").status_code == 404


def test_of_a_draft_nothing_is_told(peer: Desk) -> None:
    assert peer.get(f"/contacts/{_write(peer)}/why").status_code == 404


def test_a_released_claim_says_why_it_was_allowed(office: Office, note: str) -> None:
    biller = office.sit("moreno")
    [reference] = set(re.findall(r"/claims/([^\"/?]+)\"", _text(biller, "/claims"))) - {
        "redraft",
        "charges",
    }
    before = _text(biller, f"/claims/{reference}")
    assert "Why was this allowed?" not in before
    seen = re.findall(r'name="seen" value="([^"]+)"', before)[0]
    assert biller.post(f"/claims/{reference}/release", {"seen": seen}).status_code == 303
    page = _text(biller, _link(_text(biller, f"/claims/{reference}"), "Why was this allowed?"))
    assert "When the claim was released" in page
    assert "Talk about what brought Alex here" not in page
    assert office.sit("rivera", "pat-moss").get(f"/claims/{reference}/why").status_code == 403


def test_the_page_of_a_rule_that_is_gone_is_explained_all_the_same(
    office: Office, peer: Desk, note: str
) -> None:
    from dataclasses import replace
    from types import SimpleNamespace

    rules = {id: rule for id, rule in office.kit.library.rules_by_id.items() if id != "NY.UNIT.DAYCAP"}
    fewer = replace(office.kit.library, rules_by_id=rules, digest="later", _days={})
    office.app.extensions["peerchart"] = replace(office.kit, rules=SimpleNamespace(of=lambda _issuer: fewer))
    page = _text(peer, f"/contacts/{note}/why")
    assert "twelve units per day" in page
    assert "Today's library has no such rule." in page
