"""The door: which launch, which person, which role, from which page."""

from __future__ import annotations

import pytest
from flask import Flask

from app import staff
from app.tables import Launch
from app.web.access import PUBLIC, cookie_name, guard_of
from tests.app.web.office import ADMIN, EHR, ORIGIN, STAFF, Desk, Office
from tests.app.web.test_matrix import LINES

# Who may use which page stands in matrix.toml, and test_matrix.py asks each page for each role.
MATRIX = {endpoint: line.who for endpoint, line in LINES.items()}


def _addresses(app: Flask) -> list[tuple[str, str, str]]:
    """Every guarded route as (endpoint, method, path below the launch)."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint in PUBLIC:
            continue
        values = {name: "1" if name in ("row_id", "number") else "no-such-record" for name in rule.arguments}
        path = app.url_map.bind("x").build(rule.endpoint, values, method=None)
        below = path.removeprefix("/l/no-such-record")
        found += [(rule.endpoint, method, below) for method in (rule.methods or set()) & {"GET", "POST"}]
    return found


def test_every_guarded_route_stands_below_a_launch(office: Office) -> None:
    for rule in office.app.url_map.iter_rules():
        if rule.endpoint not in PUBLIC:
            assert rule.rule.startswith("/l/<launch_id>/"), rule


def test_a_route_that_names_nobody_lets_nobody_in(office: Office) -> None:
    office.app.view_functions["forgotten"] = lambda: "secret"
    office.app.url_map.add(office.app.url_rule_class("/l/<launch_id>/forgotten", endpoint="forgotten"))
    assert office.sit("rivera", "pat-moss").get("/forgotten").status_code == 404


@pytest.mark.parametrize("who", sorted(who for who in STAFF if len(STAFF[who][3]) > 1))
@pytest.mark.parametrize("patient", ["pat-moss", None])
def test_who_has_two_roles_reaches_what_is_for_either_and_nothing_else(
    office: Office, who: str, patient: str | None
) -> None:
    desk = office.sit(who, patient)
    roles = set(STAFF[who][3])
    for endpoint, method, below in _addresses(office.app):
        if roles <= MATRIX[endpoint] and "no-such-record" not in below:
            continue  # the matrix asks it for each role by itself
        guard = guard_of(office.app, endpoint)
        assert guard is not None
        allowed = bool(roles & MATRIX[endpoint]) and guard.person in (None, patient is not None)
        answer = desk.get(below) if method == "GET" else desk.post(below)
        if allowed:
            assert answer.status_code != 403 or "Your role" not in answer.text, (endpoint, answer.status_code)
            assert answer.status_code < 500, endpoint
        else:
            assert answer.status_code == 403, (endpoint, answer.status_code)


def test_without_the_cookie_no_page_of_a_launch_opens(office: Office) -> None:
    desk = office.sit("rivera", "pat-moss")
    stranger = Desk(office.app.test_client(), desk.launch_id)
    for _, method, below in _addresses(office.app):
        answer = stranger.get(below) if method == "GET" else stranger.post(below)
        assert answer.status_code == 401, below
        assert "Moss" not in answer.text


def test_the_cookie_of_one_launch_opens_no_other(office: Office) -> None:
    moss = office.sit("rivera", "pat-moss")
    maja = office.sit("rivera", "pat-lindqvist", moss.client)
    kept = moss.client.get_cookie(cookie_name(moss.launch_id), domain="127.0.0.1")
    assert kept is not None
    moss.client.set_cookie(cookie_name(maja.launch_id), kept.value, domain="127.0.0.1")
    assert maja.get("/").status_code == 401
    assert moss.get("/").status_code == 200


def test_two_charts_open_in_one_browser_never_mix(office: Office) -> None:
    moss = office.sit("rivera", "pat-moss")
    maja = office.sit("rivera", "pat-lindqvist", moss.client)
    assert "Alex Moss" in moss.get("/").text
    assert "Maja Lindqvist" in maja.get("/").text
    contact = moss.post("/contacts/new").headers["Location"].split("/")[-2]
    assert maja.get(f"/contacts/{contact}/edit").status_code == 404
    assert maja.post(f"/contacts/{contact}/edit", {"edit": "0"}).status_code == 404
    assert moss.get(f"/contacts/{contact}/edit").status_code == 200


def test_a_session_ends_when_nothing_is_done(office: Office) -> None:
    desk = office.sit("rivera", "pat-moss")
    office.clock.forward(minutes=14)
    assert desk.get("/").status_code == 200
    office.clock.forward(minutes=14)
    assert desk.get("/").status_code == 200
    office.clock.forward(minutes=15)
    ended = desk.get("/")
    assert ended.status_code == 401
    assert "nothing was done" in ended.text
    office.clock.forward(minutes=-10)
    assert desk.get("/").status_code == 401


def test_a_session_ends_after_its_longest_time_however_busy(office: Office) -> None:
    desk = office.sit("rivera", "pat-moss")
    for _ in range(42):
        office.clock.forward(minutes=14)
        assert desk.get("/style.css").status_code == 200
    office.clock.forward(minutes=12)
    assert "longest time" in desk.get("/").text


def test_a_change_of_role_counts_at_the_next_request(office: Office) -> None:
    desk = office.sit("chen")
    assert desk.get("/queue").status_code == 200
    _save(office, "chen", frozenset({"clinician"}), True)
    assert desk.get("/queue").status_code == 403
    _save(office, "chen", frozenset({"clinician"}), False)
    gone = desk.get("/")
    assert gone.status_code == 401
    assert "staff list" in gone.text


def _save(office: Office, who: str, roles: frozenset[str], active: bool) -> None:
    with office.kit.store.write() as session:
        member = staff.find(session, EHR, STAFF[who][0])
        assert member is not None
        staff.save(session, ADMIN, member.record, roles, active, office.clock())


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://127.0.0.1:9999", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_a_form_of_another_site_changes_nothing(office: Office, headers: dict[str, str]) -> None:
    desk = office.sit("rivera", "pat-moss")
    refused = desk.client.post(
        desk.address("/contacts/new"), data={"csrf": desk.csrf()}, headers=headers, base_url=ORIGIN
    )
    assert refused.status_code == 403
    assert "No contact is written yet" in desk.get("/").text


@pytest.mark.parametrize("token", ["", "x", "x.y", "W10.x", "bnVsbA.x", "other browser"])
def test_a_form_without_its_token_changes_nothing(office: Office, token: str) -> None:
    desk = office.sit("rivera", "pat-moss")
    if token == "other browser":
        token = office.sit("rivera", "pat-lindqvist").csrf()
    assert desk.post("/contacts/new", {"csrf": token}).status_code == 403


def test_a_form_of_another_chart_in_this_browser_is_told_so_and_changes_nothing(office: Office) -> None:
    moss = office.sit("rivera", "pat-moss")
    maja = office.sit("rivera", "pat-lindqvist", moss.client)
    refused = moss.post("/contacts/new", {"csrf": maja.csrf()})
    assert refused.status_code == 409
    assert "shown for another chart" in refused.text
    assert "This form belongs to another chart" in refused.text
    for desk in (moss, maja):
        assert "No contact is written yet" in desk.get("/").text


def test_a_form_shown_for_one_person_is_refused_when_its_launch_is_for_another_now(office: Office) -> None:
    desk = office.sit("rivera", "pat-moss")
    shown = desk.csrf()
    with office.kit.store.write() as session:
        session.get_one(Launch, desk.launch_id).patient = "pat-lindqvist"
    refused = desk.post("/contacts/new", {"csrf": shown})
    assert refused.status_code == 409
    assert "shown for another chart" in refused.text


def test_signing_out_closes_this_launch_and_no_other(office: Office) -> None:
    moss = office.sit("rivera", "pat-moss")
    maja = office.sit("rivera", "pat-lindqvist", moss.client)
    assert "signed out" in moss.post("/sign-out").text
    assert moss.get("/").status_code == 401
    assert maja.get("/").status_code == 200


def test_every_answer_carries_the_headers_of_the_house(office: Office) -> None:
    desk = office.sit("rivera", "pat-moss")
    for answer in (
        desk.get("/"),
        desk.get("/no-such-page"),
        Desk(office.app.test_client(), "0" * 32).get("/"),
    ):
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors http://localhost:9" in desk.get("/").headers["Content-Security-Policy"]
    front = office.app.test_client().get("/", base_url=ORIGIN)
    assert "frame-ancestors 'none'" in front.headers["Content-Security-Policy"]
    assert front.headers["X-Frame-Options"] == "DENY"


def test_another_host_name_is_refused(office: Office) -> None:
    assert office.app.test_client().get("/", base_url="http://evil.example").status_code == 400


def test_a_form_larger_than_it_may_be_is_refused_in_plain_words(office: Office) -> None:
    desk = office.sit("rivera", "pat-moss")
    answer = desk.post("/contacts/new", {"x": "y" * (1024 * 1024 + 10)})
    assert answer.status_code == 413
    assert "less than 1 MB" in answer.text


def test_an_error_shows_nothing_of_the_inside(office: Office) -> None:
    def fail() -> str:
        raise RuntimeError("the note of Alex Moss")

    office.app.view_functions["pages.front"] = fail
    answer = office.app.test_client().get("/", base_url=ORIGIN)
    assert answer.status_code == 500
    assert "Alex" not in answer.text
    assert "RuntimeError" not in answer.text


@pytest.mark.parametrize("origin", ["http://[", "http://127.0.0.1:8000.example", "null"])
def test_an_origin_that_is_not_ours_or_no_address_at_all_is_refused(office: Office, origin: str) -> None:
    desk = office.sit("rivera", "pat-moss")
    address, data = desk.address("/contacts/new"), {"csrf": desk.csrf()}
    answer = desk.client.post(address, data=data, headers={"Origin": origin}, base_url=ORIGIN)
    assert answer.status_code == 403


def test_a_number_no_delivery_can_have_is_no_delivery(office: Office) -> None:
    assert office.sit("rivera", "pat-moss").post(f"/deliveries/{'9' * 30}/retry").status_code == 404
