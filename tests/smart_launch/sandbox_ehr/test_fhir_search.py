"""Search finds exactly what is there, page by page, and refuses what it does not understand."""

import uuid
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.smart_launch.sandbox_ehr.office import Office

NPI = "http://hl7.org/fhir/sid/us-npi"
VISIT = "enc-visit-70002"


@pytest.fixture(scope="module")
def bearer(office: Office) -> dict[str, str]:
    return office.bearer()


def ids(office: Office, bearer: dict[str, str], query: str) -> list[str]:
    answer = office.call("GET", f"/{query}", bearer)
    assert answer.status_code == 200, answer.text
    return [entry["resource"]["id"] for entry in answer.json().get("entry", [])]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Patient?_id=pat-moss", {"pat-moss"}),
        ("Patient?_id=pat-moss,pat-duval", {"pat-moss", "pat-duval"}),
        ("Patient?identifier=urn:example:mrn|MRN-70001", {"pat-moss"}),
        ("Patient?identifier=MRN-70001", {"pat-moss"}),
        ("Patient?identifier=|MRN-70001", set()),
        ("Patient?identifier=urn:other|MRN-70001", set()),
        ("Patient?family=lind", {"pat-lindqvist"}),
        ("Patient?family:exact=Lindqvist", {"pat-lindqvist"}),
        ("Patient?family:exact=lindqvist", set()),
        ("Patient?name:contains=QVI", {"pat-lindqvist"}),
        ("Patient?given=maja&family=lindqvist", {"pat-lindqvist"}),
        ("Patient?given=alex&family=lindqvist", set()),
        ("Patient?birthdate=1990-02-03", {"pat-moss"}),
        ("Patient?birthdate=1990", {"pat-moss"}),
        ("Patient?birthdate=lt1960", {"pat-kowalski"}),
        ("Patient?birthdate=ge1990-02&birthdate=le1990-02", {"pat-moss"}),
        ("Patient?organization=Organization/org-lakeside", {"pat-kowalski"}),
        (f"Practitioner?identifier={NPI}|1900000039", {"prac-chen"}),
        ("PractitionerRole?practitioner=prac-chen", {"role-chen"}),
        ("Coverage?beneficiary=Patient/pat-singh", {"cov-70009-1", "cov-70009-2"}),
        ("Coverage?payor=payer-harbor", {"cov-70009-1"}),
        ("Coverage?patient=pat-duval", set()),
        ("Condition?code=F33.1", {"cond-70002-f33-1"}),
        ("Condition?code=http://hl7.org/fhir/sid/icd-10-cm|F33.1", {"cond-70002-f33-1"}),
        ("Condition?category=problem-list-item&patient=pat-singh", {"cond-70009-f43-10"}),
        ("EpisodeOfCare?patient=pat-lindqvist&status=active", {"episode-70002"}),
        ("EpisodeOfCare?status=finished", {"episode-70011"}),
        ("Encounter?patient=Patient/pat-lindqvist&status=in-progress", {VISIT}),
        ("Encounter?subject:Patient=pat-lindqvist", {VISIT}),
        # An open period has no end, so no day contains it: FHIR R4 search, 3.1.1.5.6.
        ("Encounter?patient=pat-lindqvist&date=2026-11-20", set()),
        ("Encounter?patient=pat-lindqvist&date=ge2026-11-20T14:00:00Z", {VISIT}),
        ("Encounter?patient=pat-lindqvist&date=lt2026-11-20", set()),
        ("Encounter?patient=pat-lindqvist&date=gt2026-11-20", {VISIT}),
        ("Encounter?class=VR", {"enc-visit-70012"}),
        ("RelatedPerson?patient=pat-abara", {"rel-abara"}),
        ("Organization?name=new york", {"payer-nymedicaid"}),
        ("Location?organization=org-riverbend", {"loc-riverbend"}),
    ],
)
def test_a_search_finds_what_it_should(
    office: Office, bearer: dict[str, str], query: str, found: set[str]
) -> None:
    got = ids(office, bearer, query)
    assert set(got) == found
    assert len(got) == len(set(got))


def test_a_search_by_absolute_reference_finds_the_local_resource(
    office: Office, bearer: dict[str, str]
) -> None:
    reference = quote(f"{office.fhir}/Patient/pat-lindqvist", safe="")
    assert ids(office, bearer, f"Encounter?patient={reference}") == [VISIT]


@pytest.mark.parametrize(
    "query",
    [
        "Patient?shoe-size=42",
        "Encounter?patient.name=Maja",
        "Patient?name:sounds=Maja",
        "Patient?identifier:not=x",
        "Patient?birthdate=ne1990",
        "Patient?birthdate=yesterday",
        "Patient?birthdate=1990-13",
        "Patient?name=",
        "Patient?_count=many",
        "Patient?_count=-1",
        "Patient?_sort=name",
        "Patient?_include=Patient:name",
        "Patient?_include=*",
        "Patient?_page=forged",
        "Patient?_revinclude=Provenance:target",
        "Patient?_summary=count",
        "Encounter?_lastUpdated=soon",
    ],
)
def test_what_is_not_understood_is_refused(office: Office, bearer: dict[str, str], query: str) -> None:
    answer = office.call("GET", f"/{query}", bearer)
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["diagnostics"]


def test_a_search_by_form_is_the_same_search(office: Office, bearer: dict[str, str]) -> None:
    form = {"family": "Lindqvist", "_count": "5"}
    answer = office.call("POST", "/Patient/_search", bearer, data=form)
    assert [entry["resource"]["id"] for entry in answer.json()["entry"]] == ["pat-lindqvist"]
    assert office.call("POST", "/Patient/_search", bearer, json={}).status_code == 415


def walked(office: Office, bearer: dict[str, str], query: str) -> list[str]:
    """Follow the next links from the first page to the last and return every id."""
    seen: list[str] = []
    path = f"/{query}"
    for _ in range(100):
        page = office.call("GET", path, bearer).json()
        seen += [entry["resource"]["id"] for entry in page.get("entry", [])]
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        if not following:
            assert page["total"] == len(seen)
            return seen
        assert following[0].startswith(f"{office.fhir}/")
        path = following[0].removeprefix(office.fhir)
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("count", [1, 3, 7, 13, 50])
@pytest.mark.parametrize("order", ["", "&_sort=_lastUpdated", "&_sort=-_lastUpdated"])
def test_paging_walks_everything_once(office: Office, bearer: dict[str, str], count: int, order: str) -> None:
    seen = walked(office, bearer, f"Patient?_count={count}{order}")
    assert len(seen) == len(set(seen)) == 13


def test_paging_keeps_the_search(office: Office, bearer: dict[str, str]) -> None:
    seen = walked(office, bearer, "Patient?organization=org-riverbend&_count=5")
    assert len(seen) == 12
    assert "pat-kowalski" not in seen


def test_sorting_by_last_update_is_by_last_update(office: Office, bearer: dict[str, str]) -> None:
    newest = ids(office, bearer, "Patient?_sort=-_lastUpdated&_count=200")
    assert newest == list(reversed(ids(office, bearer, "Patient?_sort=_lastUpdated&_count=200")))


def test_a_page_address_is_bound_to_its_type_and_stands_alone(office: Office, bearer: dict[str, str]) -> None:
    page = office.call("GET", "/Patient?_count=1", bearer).json()
    following = urlsplit(next(link["url"] for link in page["link"] if link["relation"] == "next"))
    token = dict(parse_qsl(following.query))["_page"]
    assert office.call("GET", f"/Task?_page={token}", bearer).status_code == 400
    assert office.call("GET", f"/Patient?_page={token}&name=x", bearer).status_code == 400


def test_count_zero_says_how_many_and_shows_none(office: Office, bearer: dict[str, str]) -> None:
    bundle = office.call("GET", "/Patient?_count=0", bearer).json()
    assert bundle["total"] == 13
    assert "entry" not in bundle


def test_an_include_adds_what_is_referred_to(office: Office, bearer: dict[str, str]) -> None:
    answer = office.call("GET", f"/Encounter?_id={VISIT}&_include=Encounter:subject", bearer).json()
    modes = {entry["resource"]["resourceType"]: entry["search"]["mode"] for entry in answer["entry"]}
    assert modes == {"Encounter": "match", "Patient": "include"}
    assert answer["total"] == 1


def test_every_advertised_parameter_is_understood(office: Office, bearer: dict[str, str]) -> None:
    values = {"date": "2026-01-01", "token": "x", "string": "x", "reference": "Patient/x"}
    rest = office.get("/fhir/metadata").json()["rest"][0]
    for resource in rest["resource"]:
        query = "&".join(f"{one['name']}={values[one['type']]}" for one in resource["searchParam"])
        answer = office.call("GET", f"/{resource['type']}?{query}", bearer)
        assert answer.status_code == 200, answer.text


identifiers = st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Z")), min_size=1, max_size=20
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(identifiers, min_size=1, max_size=4, unique=True), data=st.data())
def test_a_search_by_identifier_finds_exactly_what_was_created(
    office: Office,
    bearer: dict[str, str],
    encounter: dict[str, Any],
    values: list[str],
    data: st.DataObject,
) -> None:
    system = f"urn:uuid:{uuid.uuid4()}"
    made = {}
    for value in values:
        body = encounter | {"identifier": [{"system": system, "value": value}]}
        made[value] = office.call("POST", "/Encounter", bearer, json=body).json()["id"]
    wanted = data.draw(st.sampled_from(values))
    escaped = wanted.replace("\\", "\\\\").replace(",", "\\,").replace("|", "\\|").replace("$", "\\$")
    found = ids(office, bearer, f"Encounter?identifier={quote(f'{system}|{escaped}', safe='')}")
    assert found == [made[wanted]]
    assert set(ids(office, bearer, f"Encounter?identifier={quote(f'{system}|', safe='')}")) == set(
        made.values()
    )
