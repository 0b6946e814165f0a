"""What holds for the whole house: no foreign hosts, whole locks, a command that starts at once."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
PAGES = sorted(
    path
    for folder in ("app/web/templates", "app/web/static", "smart_launch/sandbox_ehr")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".html", ".css", ".js"}
)
LOADS_FROM_ELSEWHERE = re.compile(
    r"""(?:src|href|action|data-src)\s*=\s*["']?\s*(?:https?:)?//|url\(\s*["']?(?:https?:)?//|@import\s+["']?http"""
)


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_names_no_index_host_and_hashes_everything(name):
    text = (ROOT / name).read_text()
    assert "://" not in text
    pins = re.findall(r"^[a-z0-9._-]+==", text, re.MULTILINE)
    assert len(pins) > 30
    assert text.count("--hash=sha256:") >= len(pins)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_loads_anything_from_another_host(path):
    assert not LOADS_FROM_ELSEWHERE.findall(path.read_text())


def test_pages_were_found_to_look_at():
    assert len(PAGES) > 10


def test_the_command_line_starts_without_the_libraries_that_no_command_asked_for():
    heavy = ("flask", "sqlalchemy", "fhir", "authlib", "requests", "gunicorn")
    program = f"import app.cli, sys; print([n for n in {heavy!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_importing_the_sandbox_brings_in_nothing_of_ours():
    program = (
        "import pkgutil, importlib, sys, smart_launch.sandbox_ehr as s\n"
        "for m in pkgutil.walk_packages(s.__path__, s.__name__ + '.'):\n"
        "    if not m.name.endswith('__main__'): importlib.import_module(m.name)\n"
        "ours = [n for n in sys.modules if n.split('.')[0] in ('app', 'mappings')]\n"
        "ours += [n for n in sys.modules if n.startswith('smart_launch.') and 'sandbox_ehr' not in n]\n"
        "print(ours)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
