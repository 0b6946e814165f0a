"""What an installation shows to the EHR where it is registered, and what it never does with what comes in."""

from __future__ import annotations

import ast
import builtins
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from joserfc.jwk import ECKey, RSAKey

from app import registry
from app.registration_sheet import sheet
from app.settings import Settings
from mappings.fhir.gate import check
from smart_launch.issuers import AuthMethod, Issuer
from smart_launch.keys import Algorithm
from smart_launch.registration import read_registration
from tests.app.web.office import ORIGIN, Office, open_office
from tests.smart_launch.test_registration import GOOD

ROOT = Path(__file__).parents[2]
BASE = "https://peerchart.example"
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def _whole(address: str) -> bool:
    parts = urlsplit(address)
    plain = not parts.query and not parts.fragment and "*" not in address and "{" not in address
    return address.startswith(f"{BASE}/") and plain


def _sheet(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    issuer = read_registration({**GOOD, **changes})
    return sheet(issuer, Settings(data_dir=tmp_path, base_url=BASE))


@pytest.mark.parametrize(
    ("method", "secret", "said"),
    [
        ("private_key_jwt", None, "asymmetric"),
        ("client_secret_basic", "a secret between two", "symmetric"),
        ("none", None, "public"),
    ],
)
def test_the_registration_sheet_states_launch_and_redirect_as_whole_addresses_and_the_kind_of_client(
    tmp_path: Path, method: AuthMethod, secret: str | None, said: str
) -> None:
    told = _sheet(tmp_path, auth_method=method, client_secret=secret)
    assert told["addresses"]["launch"] == f"{BASE}/launch"
    assert told["addresses"]["redirect"] == GOOD["redirect_uri"]
    assert all(_whole(address) for address in told["addresses"].values())
    assert said in told["client"]["type"]
    assert bool(told["client"]["algorithms"]) == (method == "private_key_jwt")
    assert "a secret between two" not in str(told)


def test_the_registration_sheet_names_the_address_of_our_keys_over_tls_and_no_key(tmp_path: Path) -> None:
    told = _sheet(tmp_path)
    assert told["addresses"]["jwks"] == f"{BASE}/.well-known/jwks/riverbend.json"
    assert told["backend_client"]["jwks"] == told["addresses"]["jwks"]
    assert told["backend_client"]["type"] == told["client"]["type"]
    assert "kty" not in str(told)


# The published keys.


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    opened = open_office(tmp_path_factory.mktemp("keys"))
    for alg in ("ES384", "RS384"):
        _register(opened, alg)
    yield opened
    opened.kit.store.close()


def _register(office: Office, alg: Algorithm) -> None:
    name = f"ehr-{alg.lower()}"
    facts = {"id": name, "iss": f"https://{name}.example/fhir", "redirect_uri": f"{ORIGIN}/cb/{name}"}
    issuer: Issuer = replace(read_registration(GOOD), key_alg=alg, **facts)  # type: ignore[arg-type]
    with office.kit.store.write() as session:
        registry.register(session, office.kit.keyring, issuer, office.clock())


def _published(office: Office, alg: str) -> tuple[Any, dict[str, Any], Any]:
    """The answer to somebody without cookie, token or anything; its one key; and the key that signs."""
    answer = office.app.test_client().get(f"/.well-known/jwks/ehr-{alg.lower()}.json", base_url=ORIGIN)
    (key,) = json.loads(answer.text)["keys"]
    with office.kit.store.read() as session:
        return answer, key, office.kit.keyring.client_key(session, f"ehr-{alg.lower()}")


def _number(text: str) -> int:
    assert re.fullmatch(r"[A-Za-z0-9_-]+", text), "base64url without padding"
    return int.from_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


@pytest.mark.parametrize("alg", ["ES384", "RS384"])
def test_our_keys_are_given_to_whoever_asks_with_how_long_they_may_be_kept(office: Office, alg: str) -> None:
    answer, key, held = _published(office, alg)
    assert answer.status_code == 200
    assert answer.mimetype in {"application/json", "application/jwk-set+json"}
    assert re.fullmatch(r"public, max-age=[1-9][0-9]*", answer.headers["Cache-Control"])
    assert "Set-Cookie" not in answer.headers
    assert (key["kid"], key["alg"]) == (held.kid, held.alg) == (held.kid, alg)
    assert not PRIVATE & key.keys()


def test_an_rsa_key_is_shown_by_its_bare_modulus_and_exponent(office: Office) -> None:
    _, key, held = _published(office, "RS384")
    shown = RSAKey.import_key(json.loads(held.private_jwk)).public_key.public_numbers()
    assert key["kty"] == "RSA"
    assert (_number(key["n"]), _number(key["e"])) == (shown.n, shown.e)
    assert shown.n.bit_length() >= 2048


def test_a_key_on_a_curve_is_shown_by_its_curve_and_both_coordinates(office: Office) -> None:
    _, key, held = _published(office, "ES384")
    shown = ECKey.import_key(json.loads(held.private_jwk)).public_key.public_numbers()
    assert (key["kty"], key["crv"]) == ("EC", "P-384")
    assert (_number(key["x"]), _number(key["y"])) == (shown.x, shown.y)


def test_no_two_keys_of_the_whole_set_share_an_id(office: Office) -> None:
    answer = office.app.test_client().get("/.well-known/jwks.json", base_url=ORIGIN)
    keys = json.loads(answer.text)["keys"]
    assert len({key["kid"] for key in keys}) == len(keys) >= 3


# What comes in is never run.

RUNNING = {"eval", "exec", "compile", "__import__", "system", "popen", "render_template_string", "Markup"}
LOADING = {"pickle", "marshal", "shelve", "dill", "yaml"}
# The checks of written FHIR are compiled from the names of our own models: see the next test.
# The hidden field of a form is markup with its value escaped by `format`.
ALLOWED = {("mappings/fhir/compiled.py", "exec"), ("mappings/fhir/compiled.py", "compile"),
           ("app/web/access.py", "Markup")}  # fmt: skip


def _called(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = str(getattr(node.func, "id", None) or getattr(node.func, "attr", ""))
            if called != "compile" or isinstance(node.func, ast.Name):  # not those of regular expressions
                yield called
            if any(word.arg == "shell" for word in node.keywords):
                yield "shell"
        if isinstance(node, ast.Import):
            yield from (one.name.partition(".")[0] for one in node.names)
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module).partition(".")[0]


def test_no_line_of_ours_runs_a_text_as_code() -> None:
    sources = [path for room in ("app", "mappings", "smart_launch") for path in (ROOT / room).rglob("*.py")]
    assert len(sources) > 200
    found = {
        (str(path.relative_to(ROOT)), name)
        for path in sources
        for name in _called(ast.parse(path.read_text()))
        if name in RUNNING | LOADING | {"shell"}
    }
    assert found <= ALLOWED


def test_no_page_takes_a_value_for_markup_but_the_attributes_that_our_templates_write() -> None:
    pages = list((ROOT / "app" / "web" / "templates").rglob("*.html"))
    assert len(pages) > 30
    unescaped = {match for page in pages for match in re.findall(r"(\w+)\s*\|\s*safe\b", page.read_text())}
    assert unescaped == {"attrs"}
    given = [match for page in pages for match in re.findall(r"attrs=([^,)]+)", page.read_text())]
    assert given and all(re.fullmatch(r"""'[a-z-]+="[a-z-]+"'|\"\"""", one) for one in given), given
    assert not any(re.search(r"autoescape\s+false|javascript:", page.read_text()) for page in pages)
    scripts = list((ROOT / "app" / "web" / "static").glob("*.js"))
    assert scripts
    running = re.compile(r"\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write")
    assert not [path.name for path in scripts if running.search(path.read_text())]


@pytest.mark.parametrize(
    "name",
    [
        "x'] or __import__('builtins').__dict__.update(ran=1) or value['x",
        "status']\n    __import__('builtins').__dict__.update(ran=1)\n    value['status",
        "__import__('builtins').__dict__.update(ran=1)",
        '"); __import__("builtins").__dict__.update(ran=1); ("',
    ],
)
def test_a_name_of_an_element_or_a_type_is_never_run(name: str) -> None:
    whole = {"resourceType": "Task", "status": "requested", "intent": "order"}
    for hostile in ({**whole, name: "x"}, {**whole, "resourceType": name}, {**whole, "note": [{name: "x"}]}):
        with pytest.raises(ValueError):
            check(hostile)
    assert not hasattr(builtins, "ran")
