"""The texts of a library are kept and read again, whatever the program knows by then."""

from __future__ import annotations

import io
import shutil
import zipfile
from datetime import date
from pathlib import Path

import pytest

from mappings.checks import CHECKS, CONDITIONS
from mappings.library import Library, LibraryError, load, load_kept
from mappings.library_files import HERE, read_kept, read_library
from mappings.library_texts import LibraryTexts, TextFile, unpacked
from mappings.past_findings import GONE, NOT_IN_FORCE, PastRule, as_it_stood, otherwise

LAYERS = ("federal", "us-ny")
DAY = date(2026, 3, 4)
CAP = "NY.UNIT.DAYCAP"


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """The folders of the shipped library, to be changed by a test."""
    for folder in ("guidance", "tables"):
        shutil.copytree(HERE / folder, tmp_path / folder)
    return tmp_path


def _read(root: Path, site: Path | None = None) -> Library:
    return read_library(root / "guidance", root / "tables", site)


def _edit(root: Path, file: str, old: str, new: str) -> None:
    path = root / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def _stood(library: Library, id: str = CAP, on: date = DAY) -> PastRule:
    found = as_it_stood(library, id, LAYERS, "us-ny", on)
    assert found is not None
    return found


def test_a_library_is_read_again_from_its_texts_whole() -> None:
    library = load()
    again = load_kept(library.texts.packed)
    assert again.digest == library.digest == library.texts.digest
    assert again.rules_by_id == library.rules_by_id
    assert again.parameters == library.parameters
    assert again.sources == library.sources
    assert again.tables == library.tables
    assert again.breaks == library.breaks


def test_equal_texts_are_equal_bytes_that_any_unzip_opens() -> None:
    texts = load().texts
    assert LibraryTexts(texts.files).packed == texts.packed
    with zipfile.ZipFile(io.BytesIO(texts.packed)) as box:
        assert box.testzip() is None
        [units] = [name for name in box.namelist() if name.endswith("-packs/us-ny/units.toml")]
        assert box.read(units) == (HERE / "guidance/us-ny/units.toml").read_bytes()


def test_the_overlay_of_a_site_is_kept_with_its_values_and_without_its_folder(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text('[parameters]\n"cap.units_per_day" = 8\n', "utf-8")
    library = load(site)
    again = load_kept(library.texts.packed)
    assert again.overlay == library.overlay
    assert again.digest == library.digest
    assert _stood(again).values["cap.units_per_day"].value == "8"
    assert again.texts.files[-1].folder == ""


def test_tables_of_one_name_in_two_folders_are_both_kept(tmp_path: Path, changed: Path) -> None:
    more = tmp_path / "more" / "tables"
    more.mkdir(parents=True)
    (more / "service-components.toml").write_text(
        '[table]\nid = "extra"\ntitle = "Extra"\ncite = { source = "omh-2022", at = "p. 1" }\n'.replace(
            "omh-2022", next(iter(load().sources))
        ),
        "utf-8",
    )
    library = read_library(changed / "guidance", changed / "tables", None, (), (more,))
    assert load_kept(library.texts.packed).tables == library.tables


def test_a_check_that_the_program_does_not_have_any_more_does_not_stop_explaining(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packed, stood = load().texts.packed, _stood(load())
    monkeypatch.delitem(CHECKS, stood.check)
    for condition in list(CONDITIONS):
        monkeypatch.delitem(CONDITIONS, condition)
    read_kept.cache_clear()
    again = load_kept(packed)
    assert _stood(again) == stood
    with pytest.raises(LibraryError, match="unknown"):
        read_library(HERE / "guidance", HERE / "tables")
    read_kept.cache_clear()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('check = "', 'colour = "red"\ncheck = "'),
        ('stage = "', 'mood = "calm"\nstage = "'),
        ('stage = "claim"', 'stage = "counter"'),
    ],
)
def test_keys_and_words_that_the_program_does_not_know_do_not_stop_explaining(
    changed: Path, old: str, new: str
) -> None:
    _edit(changed, "guidance/us-ny/units.toml", old, new)
    with pytest.raises(LibraryError):
        _read(changed)
    texts = LibraryTexts(
        tuple(TextFile.read("packs", p) for p in sorted((changed / "guidance").glob("*/*.toml")))
    )
    assert _stood(load_kept(texts.packed)).says == _stood(load()).says


def test_bytes_that_are_no_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="not the texts of a library"):
        unpacked(b"something")
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as box:
        box.writestr("readme.txt", "x")
    with pytest.raises(ValueError, match=r"readme\.txt"):
        unpacked(into.getvalue())


def test_every_rule_stands_in_a_kept_library_as_it_does_in_the_loaded_one() -> None:
    library, again = load(), load_kept(load().texts.packed)
    for rule in library.rules():
        for version in rule.versions:
            stood = as_it_stood(again, rule.id, (rule.pack,), "", version.from_, version.from_)
            assert stood == as_it_stood(library, rule.id, (rule.pack,), "", version.from_)
            assert stood is not None
            assert stood.says == rule.says


def test_the_same_library_says_nothing_otherwise() -> None:
    assert otherwise(_stood(load()), load(), LAYERS, "us-ny", DAY) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("us-ny/parameters.toml", "value = 12", "value = 10", "cap.units_per_day is now 10; then it was 12."),
        ("us-ny/units.toml", "twelve units per day", "ten units per day", "It now quotes “"),
    ],
)
def test_what_today_says_otherwise_is_said_in_a_sentence(
    changed: Path, file: str, old: str, new: str, says: str
) -> None:
    _edit(changed, f"guidance/{file}", old, new)
    said = otherwise(_stood(load()), _read(changed), LAYERS, "us-ny", DAY)
    assert any(line.startswith(says) for line in said), said


def test_a_rule_that_is_gone_or_not_in_force_any_more_is_said_so(changed: Path) -> None:
    stood = _stood(load())
    _edit(changed, "guidance/us-ny/units.toml", f'id = "{CAP}"', 'id = "NY.UNIT.OTHER"')
    assert otherwise(stood, _read(changed), LAYERS, "us-ny", DAY) == [GONE]
    assert otherwise(stood, load(), LAYERS, "us-ny", date(2020, 1, 1)) == [NOT_IN_FORCE]


def test_a_severity_that_a_site_raises_is_said_as_it_was(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text('[severity]\n"NY.PLAN.TARGETED" = "block"\n', "utf-8")
    stood = _stood(load_kept(load(site).texts.packed), "NY.PLAN.TARGETED")
    assert stood.severity == "block"
    now = _stood(load(), "NY.PLAN.TARGETED").severity
    said = otherwise(stood, load(), LAYERS, "us-ny", DAY)
    assert said == [f"It is now {now}; then it was block."]
