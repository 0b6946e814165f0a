"""Who runs a command on the database stands in the audit trail by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from app.cli import cli
from app.settings import Settings
from app.store import open_store


def _told(folder: Path) -> list[tuple[str, str]]:
    with open_store(Settings(data_dir=folder)) as store, store.read() as session:
        rows = session.execute(
            text("SELECT actor, detail FROM audit WHERE action = 'command run' ORDER BY seq")
        )
        return [(actor, detail) for actor, detail in rows]


def _run(*words: str, **environment: str) -> int:
    return CliRunner().invoke(cli, words, env=environment).exit_code


def test_the_name_is_the_one_said_with_the_command_else_of_the_environment(tmp_path: Path) -> None:
    here = ("--data", str(tmp_path))
    assert _run("db", "upgrade", *here, "--operator", "Robin Doe") == 0
    assert _run("issuers", "list", *here, PEERCHART_OPERATOR="Kim Roe") == 0
    names = [actor for actor, _ in _told(tmp_path)]
    assert names == ["command line: Robin Doe", "command line: Kim Roe"]


def test_without_a_name_it_is_the_user_of_the_machine(tmp_path: Path) -> None:
    assert _run("issuers", "list", "--data", str(tmp_path), LOGNAME="nightly") == 0
    [(actor, detail)] = _told(tmp_path)
    assert actor == "command line: nightly"
    assert "issuers list" in detail


@pytest.mark.parametrize("name", [" ", "two\nlines", "x" * 65])
def test_a_name_that_is_none_is_wrong_usage(tmp_path: Path, name: str) -> None:
    assert _run("issuers", "list", "--data", str(tmp_path), "--operator", name) == 2
