"""What the EHR says of a launch, and what comes of it: who, where it opens, what is missing, the look."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from mappings.fhir.elements import IDENTIFIERS
from smart_launch.backend import backend_token
from smart_launch.discovery import discover
from smart_launch.fhir_client import FhirClient
from tests.app.web.ehr_stage import BACKEND_KEY, STATE, Browser, House, Visit, housed, register
from tests.app.web.office import SCOPES, _issuer

HOME = r"/l/[0-9a-f]{32}/"


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with housed(Path(tmp_path_factory.mktemp("context"))) as both:
        yield both


@pytest.fixture
def house(standing: House) -> Iterator[House]:
    standing.clock.forward(minutes=20)
    yield standing
    requests.delete(f"{standing.ehr}/_faults", timeout=5)
    register(standing, (*SCOPES, STATE))
    standing.office.kit.styles._held.clear()


@pytest.mark.parametrize("form", ["absolute", "relative", "practitioner-role"])
def test_who_is_signed_in_is_found_in_each_form_of_fhir_user(house: House, form: str) -> None:
    visit = house.open(faults=[{"name": "fhir-user", "form": form}])
    assert "Pat Rivera" in visit.page.text
    assert visit.row().practitioner == "Practitioner/prac-rivera"


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("related-person", "not as a practitioner"),
        ("patient", "not as a practitioner"),
        ("other-host", "a person of another system"),
        ("nonsense", "did not say which practitioner you are"),
        ("missing", "did not say which practitioner you are"),
    ],
)
def test_whoever_is_no_practitioner_of_this_ehr_is_told_so_and_nothing_opens(
    house: House, form: str, words: str
) -> None:
    before = house.launches()
    answer = house.callback(Browser(), faults=[{"name": "fhir-user", "form": form}])
    assert answer.status_code == 400
    assert words in answer.text
    assert house.launches() == before


def _written(house: House, visit: Visit | None = None) -> tuple[Visit, str]:
    visit = visit or house.open()
    made = visit.post("/contacts/new")
    assert made.status_code == 303, made.text
    return visit, made.headers["Location"].split("/contacts/")[1].partition("/")[0]


@pytest.mark.parametrize(
    ("user", "patient", "intent", "opens"),
    [
        ("chen", "pat-moss", "plan", r"/l/\w+/plan"),
        ("chen", "", "cosign", r"/l/\w+/queue"),
        ("whitfield", "", "claims", r"/l/\w+/claims"),
        ("whitfield", "pat-moss", "claims", r"/l/\w+/claims"),
        ("rivera", "pat-moss", "claims", HOME),
        ("rivera", "", "plan", HOME),
        ("rivera", "", "cosign", HOME),
        ("rivera", "pat-farrell", "document-contact", HOME),
        ("rivera", "pat-moss", "unheard-of", HOME),
        ("rivera", "pat-moss", "https://elsewhere.example/", HOME),
    ],
)
def test_a_known_intent_opens_its_view_for_those_who_may_see_it_and_any_other_the_first_page(
    house: House, user: str, patient: str, intent: str, opens: str
) -> None:
    visit = house.open(user=user, patient=patient, intent=intent)
    assert re.fullmatch(opens, visit.landed), visit.landed
    assert visit.page.status_code == 200


def test_an_app_context_that_names_a_note_of_this_person_opens_it(house: House) -> None:
    _, contact = _written(house)
    visit = house.open(appContext=json.dumps({"contact": contact}))
    assert visit.landed.endswith(f"/contacts/{contact}/edit")


@pytest.mark.parametrize("asked", [{"patient": "pat-lindqvist"}, {"user": "okafor"}, {"patient": ""}])
def test_a_note_of_another_person_or_author_is_not_opened_by_app_context(
    house: House, asked: dict[str, str]
) -> None:
    _, contact = _written(house)
    visit = house.open(**{"appContext": json.dumps({"contact": contact}), **asked})
    assert re.fullmatch(HOME, visit.landed)


@pytest.mark.parametrize(
    "text",
    [
        "</script><script>alert(1)</script>",
        '{"contact": ["x"]}',
        '{"contact": "../../x"}',
        '{"contact": "a", "more": 1}',
        "[" * 1000,
        '{"contact": "' + "x" * 3000 + '"}',
    ],
)
def test_an_app_context_that_is_not_understood_opens_the_first_page_and_is_shown_nowhere(
    house: House, text: str
) -> None:
    visit = house.open(appContext=text)
    assert re.fullmatch(HOME, visit.landed)
    assert "alert(1)" not in html.unescape(visit.page.text)
    assert visit.row().context["app_context"] == text


def _task(house: House, **more: Any) -> str:
    kit = house.office.kit
    issuer = replace(
        _issuer(house.app, house.ehr), backend_client_id="writer", backend_scopes=("system/Task.crus",)
    )
    profile = discover(kit.http, issuer, house.clock())
    token = backend_token(kit.http, issuer, profile, BACKEND_KEY, house.clock())
    task = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "for": {"reference": "Patient/pat-moss"},
        **more,
    }
    client = FhirClient(kit.http, issuer.base, lambda: token.access_token)
    made = client.create("Task", json.dumps(task).encode(), request_id="r").location
    assert made
    return made


def test_a_launch_for_a_task_of_ours_opens_the_note_it_is_of(house: House) -> None:
    _, contact = _written(house)
    who = {"system": f"{IDENTIFIERS}/task", "value": f"{contact}/note/1/cosigner"}
    task = _task(house, identifier=[who])
    visit = house.open(fhirContext=[{"reference": task, "type": "Task"}])
    assert visit.landed.endswith(f"/contacts/{contact}/edit")


@pytest.mark.parametrize("kind", ["not-ours", "other-patient", "gone", "foreign", "other-role"])
def test_a_task_that_is_not_ours_or_not_this_persons_opens_the_first_page(house: House, kind: str) -> None:
    _, contact = _written(house)
    who = {"system": f"{IDENTIFIERS}/task", "value": f"{contact}/note/1/cosigner"}
    item: dict[str, str] = {"type": "Task"}
    if kind == "not-ours":
        item["reference"] = _task(house, identifier=[{**who, "system": "https://ehr.example/tasks"}])
    elif kind == "other-patient":
        other = {"for": {"reference": "Patient/pat-lindqvist"}}
        item["reference"] = _task(house, identifier=[who], **other)
    elif kind == "other-role":
        item |= {"reference": _task(house, identifier=[who]), "role": "https://ehr.example/roles#x"}
    else:
        item["reference"] = {"gone": "Task/none", "foreign": "https://ehr.example/fhir/Task/1"}[kind]
    assert re.fullmatch(HOME, house.open(fhirContext=[item]).landed)


def test_odd_forms_of_fhir_context_are_kept_and_harm_nothing(house: House) -> None:
    visit = house.open(faults=["fhir-context"])
    assert "Alex Moss" in visit.page.text
    kept = visit.row().context["fhir_context"]
    assert {"role": "https://ehr.example/roles#unheard-of", "reference": "Task/1"}.items() <= kept[5].items()
    assert "javascript:" not in visit.page.text


def test_the_tenant_is_kept_with_the_launch(house: House) -> None:
    assert house.open(tenant="tenant-north").row().context["tenant"] == "tenant-north"


@pytest.mark.parametrize(("stated", "shown"), [(True, True), (False, False), ("no", True)])
def test_who_the_person_is_is_shown_in_full_unless_the_ehr_shows_it(
    house: House, stated: object, shown: bool
) -> None:
    asked: dict[str, Any] = {"need_patient_banner": stated}
    if not isinstance(stated, bool):
        asked = {"faults": [{"name": "need-patient-banner", "value": stated}]}
    page = house.open(**asked).page.text
    assert ("MRN" in page.partition("<main")[0]) is shown
    assert "Alex Moss" in page.partition("<main")[0]


COVERAGE = "The EHR did not grant reading of Coverage, so claims have no payer"


def _without(house: House, *kinds: str) -> dict[str, Any]:
    read = ("Patient", "Condition", "EpisodeOfCare", "Practitioner", "Encounter", "Organization", "Location")
    scopes = [f"user/{kind}.rs" for kind in (*read, "Coverage", "PractitionerRole") if kind not in kinds]
    register(house, (*SCOPES[:-1], *scopes, STATE))
    return {}


def test_what_was_not_granted_is_said_on_the_pages_where_it_is_missing(house: House) -> None:
    _without(house, "Coverage", "EpisodeOfCare")
    visit = house.open(user="whitfield")
    assert COVERAGE in visit.page.text
    assert COVERAGE in visit.get("/claims").text
    assert "an admission in the EHR is not seen here" in visit.get("/engagement").text
    assert COVERAGE not in visit.get("/engagement").text


def test_where_everything_was_granted_nothing_is_said(house: House) -> None:
    visit = house.open(user="whitfield")
    for path in ("/", "/claims", "/engagement"):
        assert "did not grant" not in visit.get(path).text


def test_scopes_of_version_1_grant_the_same_functions(house: House) -> None:
    scope = "openid fhirUser launch offline_access user/*.read"
    visit = house.open(faults=[{"name": "narrowed-scopes", "scope": scope}])
    assert "did not grant reading" not in visit.page.text


def test_lasting_access_that_came_unlisted_counts_as_granted(house: House) -> None:
    visit = house.open(faults=["no-scope-in-answer"])
    house.clock.forward(seconds=400)
    assert "granted no lasting access" not in visit.get("/").text


def test_without_reading_of_patient_the_launch_says_whom_to_ask(house: House) -> None:
    _without(house, "Patient")
    answer = house.callback(Browser())
    assert "whether Peerchart may read Patient" in html.unescape(answer.text)


def test_the_look_of_the_ehr_is_served_as_our_own_stylesheet(house: House) -> None:
    visit = house.open()
    link = re.search(r'href="(/l/\w+/style\.css)"', visit.page.text)
    assert link
    sheet = visit.browser.go(house.app + link[1])
    assert sheet.headers["Content-Type"].startswith("text/css")
    assert "--accent: #0b6e5f" in sheet.text
    assert '"Times New Roman", serif' in sheet.text
    assert "style-src 'self';" in visit.page.headers["Content-Security-Policy"]


def test_a_hostile_style_leaves_the_pages_as_they_are(house: House) -> None:
    house.fault("style-document", count=1)
    sheet = house.open().get("/style.css").text
    for word in ("url", "elsewhere", "expression", "script", "9000000", "#fff"):
        assert word not in sheet


def test_a_style_at_a_host_that_is_not_registered_is_not_asked_for(house: House) -> None:
    for value in ("javascript:alert(1)", "https://elsewhere.example/s.json", "http://127.0.0.1:9/s.json"):
        visit = house.open(faults=[{"name": "style-url", "value": value}])
        assert visit.row().context["style"] is None
        assert "style.css" not in visit.page.text
        assert visit.get("/style.css").text.strip() == ""


def test_an_ehr_whose_style_cannot_be_had_is_asked_again_after_five_minutes(house: House) -> None:
    house.fault("down", at="style", count=1)
    visit = house.open()
    assert visit.get("/style.css").text.strip() == ""
    assert visit.get("/style.css").text.strip() == ""
    house.clock.forward(seconds=301)
    assert "--accent" in visit.get("/style.css").text


def test_a_filter_is_remembered_for_the_person_at_the_ehr(house: House) -> None:
    visit, _ = _written(house)
    kept = visit.post("/preferences/deliveries.listing", value="held")
    assert kept.headers["Location"].endswith("state=held&said=remembered")
    assert _filter(house.open(), "held")
    assert not _filter(house.open(user="chen"), "held")


def _filter(visit: Visit, value: str) -> bool:
    return visit.get("/deliveries").status_code == 200 and visit.row().context.get("preferences") == {
        "deliveries.listing": value
    }


@pytest.mark.parametrize(
    ("name", "value"), [("billing.listing", "held"), ("deliveries.listing", "<b>"), ("x", "held")]
)
def test_only_filters_of_our_lists_are_remembered(house: House, name: str, value: str) -> None:
    assert house.open().post(f"/preferences/{name}", value=value).status_code == 422


def test_an_ehr_that_does_not_answer_for_app_state_leaves_the_list_unfiltered(house: House) -> None:
    house.fault("down", at="app-state", count=3)
    visit = house.open(user="chen")
    assert visit.get("/deliveries").status_code == 200
    said = visit.post("/preferences/deliveries.listing", value="held")
    assert "not-remembered" in said.headers["Location"]


def test_where_app_state_was_not_granted_no_filter_is_offered(house: House) -> None:
    register(house, (*SCOPES[:-1], "user/Patient.rs", "user/Practitioner.rs"))
    visit = house.open()
    assert visit.post("/preferences/deliveries.listing", value="held").status_code == 403


def test_a_long_request_goes_by_a_form_that_only_that_page_may_send(house: House) -> None:
    kinds = ("Patient", "Coverage", "Condition", "Encounter")
    register(house, (*SCOPES, *(f"user/{kind}.rs?_tag={'t' * 500}" for kind in kinds)))
    browser = Browser()
    begun = browser.go(house.started())
    assert begun.status_code == 200
    csp = begun.headers["Content-Security-Policy"]
    ehr = urlsplit(house.ehr)
    assert f"form-action 'self' https: {ehr.scheme}://{ehr.netloc};" in csp
    fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', begun.text))
    action = re.search(r'<form method="post" action="([^"]+)"', begun.text)
    assert action
    sent = {name: html.unescape(value) for name, value in fields.items()}
    back = requests.post(action[1], data=sent, allow_redirects=False, timeout=20)
    opened = browser.go(back.headers["Location"])
    assert opened.status_code == 303
    assert "form-action 'self';" in opened.headers["Content-Security-Policy"]
