"""A command starts with what it uses: the libraries of other commands are not even imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.places import installed_site
from app.settings import Settings
from tests.generator import generate

# What each command has no use for, whatever its input is.
PAGES = ("flask", "jinja2", "gunicorn", "limits")
DATABASE = ("sqlalchemy", "alembic", "pysqlite3")
NETWORK = ("requests", "authlib", "urllib3", "asyncio")
UNUSED = (*PAGES, *DATABASE, *NETWORK, "pydantic_settings", "argon2", "typst")
NOT_MAPPED = ("fhir", "lxml", "cryptography", "joserfc")
SEVERAL = ("multiprocessing", "concurrent.futures", "distributed")
NOT_CHECKED = (
    "filelock",
    "fhir_core",
    "mappings.fhir",
    "mappings.claims",
    "mappings.note_text",
    "app.bulk.mapped",
)
COMMANDS = {
    "--version": (*UNUSED, *NOT_MAPPED, "pydantic", "rich", "tomli"),
    "map --help": (*UNUSED, *NOT_MAPPED, "pydantic", "rich", "tomli"),
    "check --help": (*UNUSED, *NOT_MAPPED, "pydantic", "rich", "tomli"),
    "check {records}": ("tomli", *UNUSED, *NOT_MAPPED, *SEVERAL, *NOT_CHECKED, "rich", "urllib.request"),
    "check {records} --office": (*UNUSED, *NOT_MAPPED, *SEVERAL, *NOT_CHECKED, "rich", "urllib.request"),
    "map {records} --out {out}": (
        "tomli",
        *UNUSED,
        *NOT_MAPPED,
        *SEVERAL,
        "fhir_core",
        "rich",
        "urllib.request",
    ),
    "rules explain NY.UNIT.MIN15 --on 2026-03-04": (*UNUSED, *NOT_MAPPED),
}
PROGRAM = (
    "import sys\n"
    "from app.cli import main\n"
    "names, sys.argv = sys.argv[1].split(','), ['peerchart', *sys.argv[2:]]\n"
    "try:\n"
    "    main()\n"
    "finally:\n"
    "    print(sorted(set(names) & set(sys.modules)), file=sys.stderr)\n"
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_imports_nothing_that_it_does_not_use(command: str, tmp_path: Path) -> None:
    records, out = tmp_path / "records.ndjson", tmp_path / "bundles.ndjson"
    records.write_bytes(b"\n".join(one.line for one in generate(records=24, bad=0)))
    words = [word.format(records=records, out=out) for word in command.split()]
    bare = {name: value for name, value in os.environ.items() if not name.startswith("PEERCHART_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, ",".join(COMMANDS[command]), *words],
        capture_output=True, text=True, timeout=60, check=False, env=bare,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    assert done.stderr.splitlines()[-1] == "[]"


def test_an_unknown_command_is_answered_with_those_that_are_close() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from app.cli import main; main()", "chek"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "'check'" in done.stderr


@pytest.mark.parametrize("named", [(), ("SITE",), ("DATA_DIR",), ("SITE", "DATA_DIR"), ("data_dir",)])
@pytest.mark.parametrize("with_folder", [True, False])
def test_the_rules_of_the_site_are_found_where_the_settings_find_them(
    named: tuple[str, ...], with_folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.lower().startswith("peerchart_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for data in (tmp_path / "data_dir", tmp_path / "home/.local/share/peerchart") if with_folder else ():
        (data / "site").mkdir(parents=True)
    for name in named:
        monkeypatch.setenv(f"PEERCHART_{name}", str(tmp_path / name.lower()))
    assert installed_site(os.environ) == Settings().site_rules
