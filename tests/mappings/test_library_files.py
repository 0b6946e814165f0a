"""What stops the library at the door, each with a message that names file, rule and the right form."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from mappings.library import LibraryError, load
from mappings.library_files import HERE, read_library

PACK = """
[pack]
id = "xx"
title = "An invented place"
layer = "state-program"
jurisdiction = "us-xx"
from = 2026-01-01
"""
SOURCE = """
[[source]]
id = "manual"
title = "Manual"
publisher = "The place"
address = "https://example.org/manual"
published = "2025"
checked = 2026-01-01
"""
PARAMETER = """
[[parameter]]
id = "note.due_hours"
type = "integer"
says = "Hours."
tighter = "lower"

[[parameter.value]]
from = 2026-01-01
value = 24
cite = { source = "manual", at = "p. 1" }
"""
RULE = """
[[rule]]
id = "XX.NOTE.TIMELY"
title = "In time"
says = "A note is written in time."
about = "contact"
stage = "signing"
severity = "warn"
fix = "Write sooner."

[[rule.version]]
from = 2026-01-01
until = 2026-06-30
check = "written-in-time"
parameters = ["note.due_hours"]
cite = { source = "manual", at = "p. 1" }

[[rule.version]]
from = 2026-07-01
check = "written-in-time"
parameters = ["note.due_hours"]
cite = { source = "manual", at = "p. 2" }
"""
TABLE = """
[table]
id = "service-components"
title = "Components"
properties = ["service_type"]
cite = { source = "manual", at = "p. 3" }

[[code]]
code = "A"
display = "A"
"""


def _folder(tmp_path: Path, pack: str = PACK, rules: str = RULE, parameters: str = PARAMETER) -> Path:
    guidance = tmp_path / "guidance" / "xx"
    guidance.mkdir(parents=True)
    (tmp_path / "tables").mkdir()
    (guidance / "pack.toml").write_text(pack, "utf-8")
    (guidance / "sources.toml").write_text(SOURCE, "utf-8")
    (guidance / "parameters.toml").write_text(parameters, "utf-8")
    (guidance / "rules.toml").write_text(rules, "utf-8")
    return tmp_path


def _read(root: Path) -> object:
    return read_library(root / "guidance", root / "tables")


def test_sound_pack_of_an_invented_place_loads_without_any_code(tmp_path: Path) -> None:
    root = _folder(tmp_path)
    library = read_library(root / "guidance", root / "tables")
    rule = library.rule("XX.NOTE.TIMELY")
    versions = {day: rule.at(date.fromisoformat(day)) for day in ("2025-12-31", "2026-06-30", "2026-07-01")}
    assert versions["2025-12-31"] is None
    assert [v.cite.at for v in versions.values() if v is not None] == ["p. 1", "p. 2"]


@pytest.mark.parametrize(
    ("old", "new", "problem", "form"),
    [
        ('check = "written-in-time"', 'check = "wish"', "unknown check `wish`", "written-in-time"),
        (
            "until = 2026-06-30",
            "until = 2026-07-01",
            "overlaps the one from 2026-07-01",
            "until = 2026-06-30",
        ),
        ("until = 2026-06-30", "", "overlaps the one from 2026-07-01", "until = 2026-06-30"),
        ("until = 2026-06-30", "until = 2026-06-29", "a gap between 2026-06-29", "from = 2026-06-30"),
        ("until = 2026-06-30", "until = 2025-06-30", "lies before `from`", "not before from"),
        ("from = 2026-07-01", "from = 2025-07-01", "not sorted", "later than the one before"),
        ("from = 2026-07-01", 'from = "2026-07-01"', "`from` is '2026-07-01'", "without quotation marks"),
        ('cite = { source = "manual", at = "p. 2" }', "", "the citation is missing", "cite = { source ="),
        ('source = "manual", at = "p. 2"', 'source = "rumour", at = "p. 2"', "unknown source", "manual"),
        (
            'cite = { source = "manual", at = "p. 2" }',
            'cite = "p. 2"',
            "`cite` is 'p. 2'",
            "cite = { source =",
        ),
        ('source = "manual", at = "p. 2"', 'source = "manual", at = " "', "`at` is ' '", "not blank"),
        ('fix = "Write sooner."', "", "`fix` is missing", "fix = a text"),
        ('severity = "warn"', 'severity = "loud"', "`severity` is 'loud'", "info, warn, block"),
        ('stage = "signing"', 'stage = "later"', "`stage` is 'later'", "signing, claim"),
        ('about = "contact"', 'about = "weather"', "`about` is 'weather'", "contact, plan-entry"),
        ('about = "contact"', 'about = "contact"\nwhen = ["rain"]', "unknown condition `rain`", "enrolled"),
        (
            'about = "contact"',
            'about = "plan-entry"\nwhen = ["enrolled"]',
            "its conditions are those of a contact",
            "no `when`",
        ),
        ('about = "contact"', 'about = "contact"\ncolour = "red"', "unknown key `colour`", "one of the keys"),
        ('parameters = ["note.due_hours"]', 'parameters = ["x"]', "unknown parameter `x`", "note.due_hours"),
        ('parameters = ["note.due_hours"]', "", "needs the parameter `note.due_hours`", "parameters = ["),
    ],
)
def test_unsound_rule_is_refused_with_its_name_and_the_right_form(
    tmp_path: Path, old: str, new: str, problem: str, form: str
) -> None:
    assert old in RULE
    root = _folder(tmp_path, rules=RULE.replace(old, new, 1))
    with pytest.raises(LibraryError) as refused:
        _read(root)
    message = str(refused.value)
    assert problem in message
    assert form in message
    assert "xx/rules.toml" in message
    assert "XX.NOTE.TIMELY" in message


def test_rule_id_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match=r"xx/rules.toml: rule XX.NOTE.TIMELY: .* stands twice"):
        _read(_folder(tmp_path, rules=RULE + RULE))


def test_number_that_two_rules_have_is_refused(tmp_path: Path) -> None:
    numbered = RULE.replace('title = "In time"', 'no = "X1"\ntitle = "In time"')
    other = numbered.replace("XX.NOTE.TIMELY", "XX.NOTE.OTHER")
    with pytest.raises(LibraryError, match=r"rule XX.NOTE.OTHER: the number `X1` is that of XX.NOTE.TIMELY"):
        _read(_folder(tmp_path, rules=numbered + other))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("value = 24", 'value = "24"', "`value` is '24'"),
        ("value = 24", "value = true", "`value` is True"),
        ("value = 24", "value = -24", "`value` is -24; the right form is a whole number"),
        ("value = 24", "value = 24\nunset = true", "it has a value and is `unset`"),
        ('tighter = "lower"', 'tighter = "softer"', "`tighter` is 'softer'"),
        ('tighter = "lower"', 'tighter = "lower"\nchoices = ["a"]', "`value` is 24"),
        ("from = 2026-01-01", "from = 2026-02-01", "has no value on 2026-01-01"),
        ('cite = { source = "manual", at = "p. 1" }', "", "the citation is missing"),
    ],
)
def test_unsound_parameter_is_refused(tmp_path: Path, old: str, new: str, problem: str) -> None:
    with pytest.raises(LibraryError, match=problem):
        _read(_folder(tmp_path, parameters=PARAMETER.replace(old, new, 1)))


def test_values_out_of_order_are_refused(tmp_path: Path) -> None:
    older = PARAMETER[PARAMETER.index("[[parameter.value]]") :].replace("2026-01-01", "2025-01-01")
    with pytest.raises(LibraryError, match="not sorted"):
        _read(_folder(tmp_path, parameters=PARAMETER + older))


@pytest.mark.parametrize(
    ("pack", "problem"),
    [
        (PACK.replace('id = "xx"', 'id = "yy"'), "`id` is 'yy'"),
        (PACK + 'extends = ["nowhere"]\n', "extends unknown `nowhere`"),
        (PACK + 'extends = ["xx"]\n', "extends unknown `xx`; the right form is no `extends`"),
        (PACK + "until = 2025-01-01\n", "lies before"),
        ("", "its folder has no pack"),
        ("[pack", "not TOML"),
    ],
)
def test_unsound_pack_is_refused(tmp_path: Path, pack: str, problem: str) -> None:
    with pytest.raises(LibraryError, match=problem):
        _read(_folder(tmp_path, pack=pack))


def test_two_packs_of_one_place_and_day_are_refused(tmp_path: Path) -> None:
    root = _folder(tmp_path)
    (root / "guidance" / "zz").mkdir()
    (root / "guidance" / "zz" / "pack.toml").write_text(PACK.replace('id = "xx"', 'id = "zz"'), "utf-8")
    with pytest.raises(LibraryError, match="overlaps the pack"):
        _read(root)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('display = "A"', 'display = "A"\n\n[[code]]\ncode = "A"\ndisplay = "B"', "stands twice"),
        ('display = "A"', 'display = "A"\nshade = "dark"', "unknown key `shade`"),
        ('display = "A"', "", "`display` is missing"),
        ('cite = { source = "manual", at = "p. 3" }', "", "the citation is missing"),
    ],
)
def test_unsound_table_is_refused(tmp_path: Path, old: str, new: str, problem: str) -> None:
    root = _folder(tmp_path)
    (root / "tables" / "components.toml").write_text(TABLE.replace(old, new, 1), "utf-8")
    with pytest.raises(LibraryError, match=problem):
        _read(root)


@pytest.mark.parametrize(
    ("text", "problem", "form"),
    [
        ('[parameters]\n"cap.units_per_day" = 13\n', "looser than the guidance's 12", "a lower number"),
        ('[parameters]\n"unit.minutes" = 8\n', "looser", "a higher number"),
        ('[parameters]\n"unit.rounding" = "eight-minute"\n', "looser", "further down"),
        ('[parameters]\n"note.required" = ["purpose"]\n', "looser", "keeps every entry"),
        ('[parameters]\n"cosign.required_when" = []\n', "looser", "keeps every entry"),
        ('[parameters]\n"code.individual" = "H2015"\n', "looser", "no other value"),
        ('[parameters]\n"cap.units_per_day" = "8"\n', "is '8'", "a whole number"),
        ('[parameters]\n"note.required" = ["colour"]\n', "is ['colour']", "of the choices"),
        ("[parameters]\nwish = 1\n", "unknown parameter `wish`", "cap.units_per_day"),
        ('[severity]\n"NY.UNIT.MIN15" = "warn"\n', "may not be loosened", "block"),
        ('[severity]\n"NY.WISH" = "warn"\n', "unknown rule", "rules list"),
        ('[severity]\n"NY.PLAN.ADHOC" = "loud"\n', "'loud'", "info, warn, block"),
        ("[wishes]\n", "unknown key `wishes`", "parameters"),
        ("from = 2026-02-01\nuntil = 2026-01-01\n", "lies before `from`", "not before `from`"),
        ('jurisdiction = "us-xx"\n', "there are no rules for `us-xx`", "us-id, us-ny"),
        ("[", "not TOML", "[parameters]"),
    ],
)
def test_overlay_that_loosens_or_cannot_be_read_is_refused(
    tmp_path: Path, text: str, problem: str, form: str
) -> None:
    file = tmp_path / "site.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(LibraryError) as refused:
        load(file)
    assert problem in str(refused.value)
    assert form in str(refused.value)
    assert "site.toml" in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        '[parameters]\n"cap.units_per_day" = 8\n',
        '[parameters]\n"cosign.required_when" = ["pre-admission", "provisional-peer"]\n',
        '[parameters]\n"lpha.categories" = ["lcsw", "rn", "lpn"]\n',
        "[parameters.note]\ndue_hours = 48\n",
        '[severity]\n"NY.PLAN.TARGETED" = "block"\n',
        "",
    ],
)
def test_overlay_that_tightens_or_fills_what_is_left_to_it_is_taken(tmp_path: Path, text: str) -> None:
    file = tmp_path / "site.toml"
    file.write_text(text, "utf-8")
    assert load(file).overlay is not None


def test_overlay_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="no such file"):
        load(tmp_path / "none.toml")


def test_shipped_library_is_read_once_and_its_digest_follows_every_byte(tmp_path: Path) -> None:
    assert load() is load()
    for folder in ("guidance", "tables"):
        shutil.copytree(HERE / folder, tmp_path / folder)
    assert read_library(tmp_path / "guidance", tmp_path / "tables").digest == load().digest
    file = tmp_path / "guidance" / "us-ny" / "units.toml"
    file.write_bytes(file.read_bytes() + b"\n")
    assert read_library(tmp_path / "guidance", tmp_path / "tables").digest != load().digest
