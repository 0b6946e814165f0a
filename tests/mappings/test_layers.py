"""What a lower layer may set, and what stops at the door: each with file, place and right form."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from mappings.explaining import explain
from mappings.library import Library, LibraryError, load
from mappings.library_files import read_library

SOURCE = """
[[source]]
id = "manual"
title = "Manual"
publisher = "The place"
address = "https://example.org/manual"
published = "2025"
checked = 2026-01-01
"""
FEDERAL = '[pack]\nid = "above"\ntitle = "All"\nlayer = "federal"\nfrom = 2020-01-01\n'
STATE = (
    '[pack]\nid = "state"\ntitle = "A place"\nlayer = "state-program"\njurisdiction = "us-xx"\n'
    'extends = ["above"]\nfrom = 2026-01-01\n'
)
PAYER = (
    '[pack]\nid = "payer"\ntitle = "A contract"\nlayer = "payer"\njurisdiction = "us-xx"\n'
    'extends = ["state"]\npayers = ["MCO"]\nfrom = 2026-01-01\n'
)
SITE = (
    '[pack]\nid = "house"\ntitle = "A house"\nlayer = "site"\njurisdiction = "us-xx"\n'
    'extends = ["state"]\nfrom = 2026-01-01\n'
)
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
from = 2020-01-01
check = "written-in-time"
parameters = ["note.due_hours"]
cite = { source = "manual", at = "p. 1" }
"""


def _parameter(value: object, *, tighter: str = "lower", marked: str = "", id: str = "note.due_hours") -> str:
    kind = {"int": "integer", "str": "text", "list": "texts"}[type(value).__name__]
    shown = str(value).replace("'", '"') if not isinstance(value, str) else f'"{value}"'
    head = f'\n[[parameter]]\nid = "{id}"\ntype = "{kind}"\nsays = "A value."\n'
    return (
        f'{head}tighter = "{tighter}"\n{marked}\n[[parameter.value]]\nfrom = 2020-01-01\nvalue = {shown}\n'
        'cite = { source = "manual", at = "p. 1" }\n'
    )  # fmt: skip


def _library(tmp_path: Path, packs: dict[str, str], overlay: str | None = None) -> Library:
    for name, text in packs.items():
        folder = tmp_path / "guidance" / name
        folder.mkdir(parents=True)
        (folder / "pack.toml").write_text(text, "utf-8")
    (tmp_path / "tables").mkdir()
    site = None
    if overlay is not None:
        site = tmp_path / "site.toml"
        site.write_text(overlay, "utf-8")
    return read_library(tmp_path / "guidance", tmp_path / "tables", site)


def _four(**changes: str) -> dict[str, str]:
    packs = {
        "above": FEDERAL + SOURCE + _parameter(24) + RULE,
        "state": STATE,
        "payer": PAYER,
        "house": SITE,
    }
    return packs | changes


@pytest.mark.parametrize(
    ("tighter", "old", "new", "good"),
    [
        ("lower", 24, 23, True),
        ("lower", 24, 24, True),
        ("lower", 24, 25, False),
        ("higher", 24, 25, True),
        ("higher", 24, 23, False),
        ("none", 24, 24, True),
        ("none", 24, 23, False),
        ("more", ["a"], ["a", "b"], True),
        ("more", ["a", "b"], ["a"], False),
        ("fewer", ["a", "b"], ["a"], True),
        ("fewer", ["a"], ["a", "b"], False),
    ],
)
@pytest.mark.parametrize("marked", ["", "overridable = true\n", 'overridable = ["state-program"]\n'])
@pytest.mark.parametrize("layer", ["state", "payer"])
def test_lower_layer_tightens_freely_and_loosens_only_what_is_marked_for_it(
    tmp_path: Path, tighter: str, old: object, new: object, good: bool, marked: str, layer: str
) -> None:
    above = FEDERAL + SOURCE + _parameter(old, tighter=tighter, marked=marked, id="x")
    own = {"state": STATE, "payer": PAYER}
    own[layer] += _parameter(new, tighter=tighter, id="x")
    packs = {"above": above, **own}
    allowed = good or marked == "overridable = true\n" or (marked != "" and layer == "state")
    if allowed:
        _library(tmp_path, packs)
        return
    with pytest.raises(LibraryError) as refused:
        _library(tmp_path, packs)
    message = str(refused.value)
    assert f"{layer}/pack.toml: parameter x, value from 2020-01-01" in message
    assert "is looser than the" in message
    assert "or no entry" in message


REFUSED = [
    (
        {"state": STATE.replace('"above"', '"nowhere"')},
        "state/pack.toml",
        "extends unknown `nowhere`",
        "one of",
    ),
    (
        {"above": FEDERAL + 'jurisdiction = "us-xx"\n' + SOURCE},
        "above/pack.toml",
        "a federal pack has",
        "no `j",
    ),
    (
        {"house": SITE.replace('jurisdiction = "us-xx"\n', "")},
        "house/pack.toml",
        "no jurisdiction",
        "us-..",
    ),
    (
        {"payer": PAYER.replace('payers = ["MCO"]\n', "")},
        "payer/pack.toml",
        "`payers` do not go",
        "payers = [",
    ),
    (
        {"state": STATE + 'payers = ["MCO"]\n'},
        "state/pack.toml",
        "`payers` do not go",
        "on the layer payer alone",
    ),
    (
        {"payer": PAYER.replace('"state"', '"above"')},
        "payer/pack.toml",
        "extends no state programme",
        "state",
    ),
    (
        {"payer": PAYER.replace('n = "us-xx"', 'n = "us-yy"')},
        "payer/pack.toml",
        "extends no state programme",
        "state",
    ),
    (
        {"state": STATE.replace('["above"]', '["house"]')},
        "state/pack.toml",
        "layer site",
        "federal",
    ),
    (
        {"payer": PAYER + '[severity]\n'},
        "payer/pack.toml",
        "unknown key `severity`",
        "one of the keys",
    ),
    (
        {"payer": PAYER + '[pack.severity]\n"XX.WISH" = "block"\n'},
        "payer/pack.toml",
        "unknown rule `XX.WISH`",
        "rules list",
    ),
    (
        {"payer": PAYER + '[pack.severity]\n"XX.NOTE.TIMELY" = "info"\n'},
        "payer/pack.toml",
        "`XX.NOTE.TIMELY` may not be loosened from warn to info",
        '"warn"',
    ),
    (
        {"payer": PAYER + '[pack.severity]\n"XX.NOTE.TIMELY" = "loud"\n'},
        "payer/pack.toml",
        "'loud'",
        "info, warn, block",
    ),
    (
        {"state": STATE + _parameter(20, tighter="higher")},
        "state/pack.toml",
        "`tighter` is 'higher', in above 'lower'",
        "the `tighter` of above: lower",
    ),
    (
        {"state": STATE + _parameter(20, marked="overridable = true\n")},
        "state/pack.toml",
        "lets payer, site loosen",
        "no `overridable`",
    ),
    (
        {"other": STATE.replace('id = "state"', 'id = "other"')},
        "state/pack.toml",
        "overlaps the pack other of the same layer",
        "program_kinds or payers of its own",
    ),
    (
        {"payer2": PAYER.replace('id = "payer"', 'id = "payer2"')},
        "payer2/pack.toml",
        "overlaps the pack payer of the same layer",
        "days",
    ),
    (
        {"state": STATE + RULE.replace("XX.NOTE.TIMELY", "XX.T").replace("due_hours", "wish")},
        "state/pack.toml",
        "unknown parameter `note.wish`",
        "note.due_hours",
    ),
    (
        {"above": FEDERAL + SOURCE + RULE, "state": STATE, "payer": PAYER + _parameter(24)},
        "above/pack.toml",
        "the parameter `note.due_hours` has no value on 2026-01-01 in house",
        "in house",
    ),
    (
        {"state": STATE + RULE.replace("TIMELY", "X").replace('"written-in-time"', '"component-of-type"')
         .replace("parameters = [", 'settings = { table = "none" }\nparameters = [')},
        "state/pack.toml",
        "unknown table `none`",
        "one of the tables",
    ),
    (
        {"state": STATE + RULE.replace("TIMELY", "X").replace('"written-in-time"', '"rights-explained"')},
        "state/pack.toml",
        "needs the setting `scopes`",
        "settings = { scopes",
    ),
    (
        {"state": STATE + RULE.replace("TIMELY", "X").replace('"written-in-time"', '"authorization-units"')
         .replace('["note.due_hours"]', '[]\nsettings = { codes = ["A"] }')},
        "state/pack.toml",
        "needs 1 parameter",
        "parameters = [",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "file", "problem", "form"), REFUSED, ids=[f"{each[2]} in {each[1]}" for each in REFUSED]
)
def test_unsound_layer_stops_with_file_place_and_right_form(
    tmp_path: Path, changes: dict[str, str], file: str, problem: str, form: str
) -> None:
    with pytest.raises(LibraryError) as refused:
        _library(tmp_path, _four(**changes))
    message = str(refused.value)
    assert message.startswith(file), message
    assert problem in message, message
    assert form in message.split("the right form is", 1)[1], message


@pytest.mark.parametrize(
    "changes",
    [
        {"payer": PAYER + '[pack.severity]\n"XX.NOTE.TIMELY" = "block"\n'},
        {"state": STATE + 'program_kinds = ["a"]\n',
         "other": STATE.replace('"state"', '"other"') + 'program_kinds = ["b"]\n'},
        {"payer2": PAYER.replace('"payer"\ntitle', '"payer2"\ntitle').replace('"MCO"', '"OTHER"')},
        {"payer": PAYER + "until = 2026-06-30\n",
         "payer2": PAYER.replace('"payer"\ntitle', '"payer2"\ntitle').replace("2026-01-01", "2026-07-01")},
    ],
)  # fmt: skip
def test_packs_that_differ_in_programme_payer_or_days_stand_together(
    tmp_path: Path, changes: dict[str, str]
) -> None:
    assert len(_library(tmp_path, _four(**changes)).packs) == len(_four(**changes))


def test_loosening_is_seen_on_the_days_on_which_both_are_in_force_alone(tmp_path: Path) -> None:
    later = (
        '\n[[parameter.value]]\nfrom = 2027-01-01\nvalue = 12\ncite = { source = "manual", at = "p. 2" }\n'
    )
    above = FEDERAL + SOURCE + _parameter(24) + later
    ended = STATE + "until = 2026-12-31\n" + _parameter(20)
    _library(tmp_path / "ended", {"above": above, "state": ended})
    with pytest.raises(LibraryError, match="20 is looser than the 12 of above"):
        _library(tmp_path / "open", {"above": above, "state": STATE + _parameter(20)})


def test_values_of_the_lowest_layer_count_and_a_site_never_loosens_a_payer(tmp_path: Path) -> None:
    packs = _four(state=STATE + _parameter(20), payer=PAYER + _parameter(10), house=SITE + _parameter(5))
    library = _library(tmp_path, packs, 'jurisdiction = "us-xx"\n[parameters]\n"note.due_hours" = 15\n')
    day = date(2026, 3, 4)
    values = {
        payer: bound.value("note.due_hours")
        for payer in (None, "NOBODY", "MCO")
        if (bound := library.on("us-xx", day, None, payer)) is not None
    }
    assert values == {None: 15, "NOBODY": 15, "MCO": 10}
    used = _library(tmp_path / "used", packs, 'packs = ["house"]\n').on("us-xx", day, None, "MCO")
    assert used is not None
    assert used.layers == ("above", "state", "payer", "house")
    assert used.value("note.due_hours") == 5


def test_place_with_packs_for_several_programmes_never_guesses_which(tmp_path: Path) -> None:
    other = STATE.replace('"state"', '"other"') + 'program_kinds = ["b"]\n'
    library = _library(tmp_path, _four(state=STATE + 'program_kinds = ["a"]\n', other=other))
    found = {kind: library.pack_for("us-xx", date(2026, 3, 4), kind) for kind in ("a", "b", "c", None)}
    assert {kind: pack and pack.id for kind, pack in found.items()} == {
        "a": "state", "b": "other", "c": None, None: None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("overlay", "problem"),
    [
        ('packs = ["nothing"]\n', "unknown pack `nothing` of the layer site"),
        ('packs = ["payer"]\n', "unknown pack `payer` of the layer site"),
        ('packs = ["house", "house2"]\n', "house and house2 are of one layer, place and day"),
    ],
)
def test_overlay_names_packs_of_the_layer_site_one_for_a_place(
    tmp_path: Path, overlay: str, problem: str
) -> None:
    packs = _four(house2=SITE.replace('"house"', '"house2"'))
    with pytest.raises(LibraryError, match=problem):
        _library(tmp_path, packs, overlay)


def test_pack_s_table_adds_codes_and_replaces_none(tmp_path: Path) -> None:
    table = '\n[table]\nid = "own"\ntitle = "Own"\n{}cite = {{ source = "manual", at = "p. 3" }}\n'
    code = '\n[[code]]\ncode = "{}"\ndisplay = "A"\n'
    for adds, new, problem in (
        ('adds_to = "credentials"\n', "zz-new", ""),
        ('adds_to = "credentials"\n', "nycps", "the code `nycps` stands in credentials already"),
        ('adds_to = "wishes"\n', "zz-new", "adds to an unknown table `wishes`"),
    ):
        folder = tmp_path / f"{new}{len(adds)}" / "us-xx"
        folder.mkdir(parents=True)
        (folder / "table.toml").write_text(SOURCE + table.format(adds) + code.format(new), "utf-8")
        if problem:
            with pytest.raises(LibraryError, match=problem):
                load(packs=folder.parent)
        else:
            assert load(packs=folder.parent).table("credentials").code("zz-new") is not None


def test_site_folder_brings_overlay_and_packs_and_is_read_again_when_it_changes(
    tmp_path: Path,
) -> None:
    assert load(tmp_path).overlay is None
    (tmp_path / "site.toml").write_text('id = "a"\n', "utf-8")
    overlay = load(tmp_path).overlay
    assert overlay is not None
    assert overlay.id == "a"
    (tmp_path / "packs" / "us-xx").mkdir(parents=True)
    state = STATE.replace('"state"', '"us-xx"').replace('extends = ["above"]\n', "")
    (tmp_path / "packs" / "us-xx" / "pack.toml").write_text(state, "utf-8")
    assert load(tmp_path).on("us-xx", date(2026, 3, 4)) is not None
    assert load(tmp_path).digest != load().digest
    with pytest.raises(LibraryError, match="no such folder"):
        load(packs=tmp_path / "none")


def test_rule_of_several_places_is_explained_with_the_values_of_each() -> None:
    shared = explain(load(), "FED.REND.CERT", date(2024, 3, 4))["parameters"]
    assert shared["credentials.adult (us-id)"]["value"] == ["id-cpss"]
    assert shared["credentials.adult (us-ny)"]["value"] == ["nycps", "nycps-provisional"]
    assert explain(load(), "R085", date(2024, 6, 30))["parameters"]["auth.initial_units"]["value"] == 16
    assert explain(load(), "R085", date(2024, 7, 1))["parameters"] == {}
    assert explain(load(), "R029", date(2026, 12, 31))["parameters"]["credentials.adult"]["value"] == [
        "wa-cpc",
        "wa-cps",
    ]
    assert explain(load(), "R029", date(2027, 1, 1))["parameters"]["credentials.adult"]["value"] == ["wa-cps"]
