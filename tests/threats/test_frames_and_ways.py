"""Who may frame a page, what every answer says of itself, where a redirect may lead, and that no launch can
be planted in a browser (T3, T8, T11, T12)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from werkzeug.test import TestResponse

from app import registry
from app.web.access import PUBLIC, cookie_name
from app.web.launches import new_id, new_secret
from tests.app.web.office import ORIGIN, Desk, Office, open_office
from tests.threats.scene import Scene, scene

EHR_ADDRESS = "http://localhost:9"
POLICY = {
    "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:",
    "font-src": "'self'", "connect-src": "'self'", "form-action": "'self'", "base-uri": "'none'",
}  # fmt: skip
ELSEWHERE = (
    "https://evil.example", "//evil.example", "///evil.example", "\\\\evil.example", "/\\evil.example",
    "https:evil.example", "http://127.0.0.1:8000@evil.example", "http://127.0.0.1:8000.evil.example",
    "javascript:alert(1)", "data:text/html,x", "%2f%2fevil.example", "/%09/evil.example", "/..//evil.example",
    "evil.example/%2e%2e", "\thttps://evil.example", "https://evil.example#@127.0.0.1:8000",
    "．evil．example",
    "x\r\nLocation: https://evil.example", "x%0d%0aLocation:%20https://evil.example", "?next=//evil.example",
)  # fmt: skip
OPEN_TO_ALL = (
    "/", "/healthz", "/.well-known/jwks.json", "/static/site.css", "/static/no-such", "/no-such",
    f"/l/{'0' * 32}/", "/launch?iss=https://evil.example", "/cb/nobody?code=x&state=y",
)  # fmt: skip
NAMES = (
    "next",
    "url",
    "to",
    "return",
    "returnTo",
    "redirect",
    "redirect_uri",
    "continue",
    "said",
    "goto",
    "iss",
)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    opened = open_office(Path(tmp_path_factory.mktemp("frames")))
    yield opened
    opened.kit.store.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(Path(tmp_path_factory.mktemp("ways"))) as both:
        yield both


def _routes(office: Office, value: str) -> list[tuple[str, str, str]]:
    """Every route as (endpoint, method, path), with this value in the place of every argument but the
    launch's."""
    numbers = {"row_id", "number"}
    found = []
    for rule in office.app.url_map.iter_rules():
        values = {each: "1" if each in numbers else value for each in rule.arguments}
        values |= {"launch_id": "LAUNCH"} if "launch_id" in values else {}
        path = office.app.url_map.bind("x").build(rule.endpoint, values)
        found += [(rule.endpoint, method, path) for method in (rule.methods or set()) & {"GET", "POST"}]
    return found


def _ask(desk: Desk, method: str, path: str) -> TestResponse:
    path = path.replace("LAUNCH", desk.launch_id)
    headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    data = {"csrf": desk.csrf()} if method == "POST" else None
    return desk.client.open(path, method=method, base_url=ORIGIN, data=data, headers=headers)


def _policy(answer: TestResponse) -> dict[str, str]:
    parts = answer.headers["Content-Security-Policy"].split("; ")
    return {name: value for name, _, value in (part.partition(" ") for part in parts)}


def _is_sound(answer: TestResponse, framed_by: str) -> None:
    assert _policy(answer) == POLICY | {"frame-ancestors": framed_by}, answer.request.path
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert (answer.headers.get("X-Frame-Options") == "DENY") == (framed_by == "'none'")
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert not {"Server-Timing", "X-Powered-By"} & set(answer.headers.keys())


@pytest.mark.parametrize(("who", "patient"), [("rivera", "pat-moss"), ("whitfield", None)])
def test_every_answer_below_a_launch_is_framed_by_its_ehr_alone_and_runs_our_files_alone(
    office: Office, who: str, patient: str | None
) -> None:
    desk = office.sit(who, patient)
    for endpoint, method, path in _routes(office, "no-such"):
        if endpoint in PUBLIC or endpoint == "pages.sign_out":
            continue
        answer = _ask(desk, method, path)
        assert answer.status_code < 500, endpoint
        _is_sound(answer, EHR_ADDRESS)
        if endpoint != "styling.sheet":  # the EHR's look, kept by the one browser for a while
            assert answer.headers["Cache-Control"] == "no-store", endpoint


def test_every_answer_without_a_launch_may_be_framed_by_nobody(office: Office) -> None:
    browser = office.app.test_client()
    for path in OPEN_TO_ALL:
        for method in ("GET", "POST", "DELETE"):
            answer = browser.open(path, method=method, base_url=ORIGIN)
            _is_sound(answer, "'none'")
            answer.close()


def test_no_page_brings_a_script_or_a_style_of_its_own(office: Office) -> None:
    desk = office.sit("rivera", "pat-moss")
    for path in ("/", "/plan", "/engagement", "/rules", "/deliveries", "/no-such"):
        page = desk.get(path).text
        assert "<style" not in page
        assert " style=" not in page
        assert page.count("<script") == page.count('<script src="/static/')
        assert not [word for word in ("http://", "https://") if f'src="{word}' in page]


def test_a_new_registration_of_origins_counts_at_once(office: Office) -> None:
    kit = office.kit
    with kit.store.write() as session:
        before = registry.registered(session, kit.keyring).by_id("sandbox")
        both = replace(
            before, frame_origins=("https://a.example", "https://b.example:8443", "https://*", "*")
        )
        registry.register(session, kit.keyring, both, kit.now())
    try:
        answer = office.sit("rivera", "pat-moss").get("/")
        assert _policy(answer)["frame-ancestors"] == "https://a.example https://b.example:8443"
    finally:
        with kit.store.write() as session:
            registry.register(session, kit.keyring, before, kit.now())


def _leads_to_us(answer: TestResponse, and_to: str = "") -> None:
    where = answer.headers.get("Location")
    if where is None:
        return
    assert "\n" not in where
    if and_to and where.startswith(and_to):
        return
    parts = urlsplit(where)
    assert (parts.scheme, parts.netloc) in (("", ""), ("http", "127.0.0.1:8000")), where
    assert where.startswith(("/", ORIGIN)), where
    assert not where.startswith(("//", "/\\")), where


@pytest.mark.parametrize("where", ELSEWHERE)
def test_no_redirect_leads_to_another_site_whatever_stands_in_an_address(office: Office, where: str) -> None:
    desk = office.sit("rivera", "pat-moss")
    asked = "&".join(f"{name}={quote(where, safe='')}" for name in NAMES)
    for path in ("/", "/plan", "/contacts/x", "/contacts/x/edit"):
        _leads_to_us(desk.get(f"{path}?{asked}"))
    below = (f"launch?{asked}", f"cb/sandbox?{asked}", f"l/{desk.launch_id}?{asked}")
    odd = (where, f"{where}/..", f"l/{quote(where, safe='')}", f"/evil.example/l/{where}")
    for path in (f"/{each}" for each in (*below, *odd)):
        _leads_to_us(desk.client.get(quote(path, safe="/?&=%\\"), base_url=ORIGIN))
    _leads_to_us(desk.post("/contacts/new", dict.fromkeys(NAMES, where)))


def test_a_launch_leads_to_the_sign_in_of_its_registered_ehr_and_back_to_us(stage: Scene) -> None:
    browser = stage.office.app.test_client()
    begun = stage.go(browser, stage.launch() + "&redirect_uri=https%3A%2F%2Fevil.example")
    assert begun.headers["Location"].startswith(f"{stage.ehr}/auth/authorize?")
    assert "evil.example" not in begun.headers["Location"]
    back = stage.to_callback(browser, stage.launch())
    for _ in range(3):
        answer = stage.go(browser, back)
        _leads_to_us(answer)
        assert "code=" not in answer.headers.get("Location", "")
        back = answer.headers.get("Location", "/")


def test_a_cookie_that_was_planted_before_the_launch_opens_nothing_afterwards(stage: Scene) -> None:
    browser = stage.office.app.test_client()
    planted, secret = new_id(), new_secret()
    browser.set_cookie(cookie_name(planted), secret, domain="127.0.0.1", secure=True)
    arrived = stage.go(browser, stage.to_callback(browser, stage.launch()))
    opened = arrived.headers["Location"].split("/")[2]
    assert opened != planted
    assert stage.go(browser, f"/l/{planted}/").status_code == 401
    other = stage.office.app.test_client()
    other.set_cookie(cookie_name(opened), secret, domain="127.0.0.1", secure=True)
    assert stage.go(other, f"/l/{opened}/").status_code == 401
    assert stage.go(browser, f"/l/{opened}/").status_code == 200


def test_what_the_browser_held_while_signing_in_opens_no_launch(stage: Scene) -> None:
    browser = stage.office.app.test_client()
    callback = stage.to_callback(browser, stage.launch())
    held = [each.value for each in (browser._cookies or {}).values() if "-go-" in each.key]
    arrived = stage.go(browser, callback)
    opened = arrived.headers["Location"].split("/")[2]
    assert held
    for secret in held:
        other = stage.office.app.test_client()
        other.set_cookie(cookie_name(opened), secret, domain="127.0.0.1", secure=True)
        assert stage.go(other, f"/l/{opened}/").status_code == 401


def test_a_second_launch_in_the_same_browser_leaves_the_first_one_open(stage: Scene) -> None:
    browser = stage.office.app.test_client()
    opened = []
    for patient in ("pat-moss", "pat-lindqvist"):
        arrived = stage.go(browser, stage.to_callback(browser, stage.launch(patient=patient)))
        opened.append(arrived.headers["Location"].split("/")[2])
    assert "Alex Moss" in stage.go(browser, f"/l/{opened[0]}/").text
    assert "Maja Lindqvist" in stage.go(browser, f"/l/{opened[1]}/").text


def test_signing_out_is_a_form_and_takes_back_the_cookie_of_that_launch_alone(office: Office) -> None:
    moss = office.sit("rivera", "pat-moss")
    maja = office.sit("rivera", "pat-lindqvist", moss.client)
    assert moss.get("/sign-out").status_code == 405
    assert moss.get("/").status_code == 200
    taken = moss.post("/sign-out").headers.getlist("Set-Cookie")
    assert len(taken) == 1
    assert taken[0].startswith(f"{cookie_name(moss.launch_id)}=;")
    for word in ("Max-Age=0", "Secure", "HttpOnly", "SameSite=None", "Partitioned", "Path=/"):
        assert word in taken[0]
    assert moss.get("/").status_code == 401
    assert maja.get("/").status_code == 200
