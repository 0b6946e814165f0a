"""An EHR may have a site overlay of its own; the others keep the installation's."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app import audit
from app.cli import cli
from app.settings import Settings
from app.site_rules import SiteRules, install, remove, site_of
from app.store import open_store
from mappings.library import LibraryError
from tests.app.web.office import EHR, open_office
from tests.smart_launch.test_registration import GOOD

OVERLAY = """
id = "{id}"
jurisdiction = "{place}"
from = 2026-01-01

[parameters]
"rate_code.telehealth" = "{code}"
"""
DAY = date(2026, 3, 4)


def overlay(folder: Path, id: str = "riverbend-own", code: str = "1474", place: str = "us-ny") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{id}.toml"
    file.write_text(OVERLAY.format(id=id, code=code, place=place))
    return file


def telehealth(rules: SiteRules, issuer: str | None) -> object:
    day = rules.of(issuer).on("us-ny", DAY)
    assert day is not None
    return day.value("rate_code.telehealth")


def peerchart(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["issuers", *words, "--data", str(folder / "data")])


@pytest.fixture
def registered(tmp_path: Path) -> Path:
    (tmp_path / "ehr.json").write_text(json.dumps(GOOD))
    assert peerchart(tmp_path, "add", str(tmp_path / "ehr.json")).exit_code == 0
    return tmp_path


def test_each_ehr_is_judged_by_its_own_overlay_and_the_others_by_the_installations(tmp_path):
    settings = Settings(data_dir=tmp_path / "data", site=overlay(tmp_path, "everywhere", "1470"))
    install(settings, "riverbend", overlay(tmp_path), "us-ny")
    rules = SiteRules(settings)
    assert telehealth(rules, "riverbend") == "1474"
    assert [telehealth(rules, other) for other in ("lakeside", "", None)] == ["1470"] * 3
    assert rules.of("riverbend").digest != rules.of("lakeside").digest


def test_an_overlay_that_is_given_again_stands_in_place_of_the_one_before_and_can_be_taken_away(tmp_path):
    settings = Settings(data_dir=tmp_path / "data")
    install(settings, "riverbend", overlay(tmp_path), "us-ny")
    install(settings, "riverbend", overlay(tmp_path, "second", "1472"), "us-ny")
    assert telehealth(SiteRules(settings), "riverbend") == "1472"
    assert remove(settings, "riverbend") is True
    assert remove(settings, "riverbend") is False
    assert site_of(settings, "riverbend") is None
    assert [each.name for each in settings.sites.iterdir()] == []


@pytest.mark.parametrize(
    ("place", "words"), [("us-id", "the rules of this EHR are those of us-ny"), ("us-xx", "us-xx")]
)
def test_an_overlay_of_another_place_is_refused_and_the_one_before_stays(tmp_path, place, words):
    settings = Settings(data_dir=tmp_path / "data")
    install(settings, "riverbend", overlay(tmp_path), "us-ny")
    wrong = overlay(tmp_path, "elsewhere", place=place)
    wrong.write_text(wrong.read_text().partition("[parameters]")[0])
    with pytest.raises(LibraryError, match=words):
        install(settings, "riverbend", wrong, "us-ny")
    assert telehealth(SiteRules(settings), "riverbend") == "1474"


def test_the_command_gives_an_overlay_says_what_stands_and_takes_it_away(registered):
    assert "the installation's rules" in peerchart(registered, "overlay", "riverbend").stdout
    given = peerchart(registered, "overlay", "riverbend", str(overlay(registered)))
    assert given.exit_code == 0, given.output
    assert "riverbend has an overlay of its own (riverbend-own)" in given.stdout
    assert "next start" in given.stderr
    said = json.loads(peerchart(registered, "overlay", "riverbend", "--json").stdout)
    assert (said["own"], said["overlay"]) == (True, "riverbend-own")
    assert "the installation's rules" in peerchart(registered, "overlay", "riverbend", "--none").stdout
    assert peerchart(registered, "overlay", "riverbend", "--none").exit_code == 2
    with open_store(Settings(data_dir=registered / "data")) as store, store.read() as session:
        actions = [line.action for line in audit.of_subject(session, "riverbend", "riverbend")]
    assert actions.count("rules of the site changed") == 2


def test_a_broken_overlay_is_named_with_its_right_form_and_nothing_changes(registered):
    broken = registered / "broken.toml"
    broken.write_text(OVERLAY.format(id="x", place="us-ny", code="1474").replace("rate_code", "rate_kode"))
    result = peerchart(registered, "overlay", "riverbend", str(broken))
    assert result.exit_code == 1
    assert "rate_kode" in result.output
    assert "Nothing was changed." in result.output
    assert not (registered / "data" / "sites" / "riverbend").exists()
    assert peerchart(registered, "overlay", "nobody", str(broken)).exit_code == 2


def test_the_pages_of_an_ehr_are_judged_by_its_own_overlay(tmp_path):
    settings = Settings(data_dir=tmp_path / "data")
    install(settings, EHR, overlay(tmp_path), "us-ny")
    office = open_office(tmp_path / "data")
    desk = office.sit("whitfield")
    assert "riverbend-own, its own" in desk.get("/issuers").text
