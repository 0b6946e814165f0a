"""The pages: charts, what stands in them, and the frame in which an app is opened."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from lxml import html

from tests.smart_launch.sandbox_ehr.office import Office


def page(office: Office, path: str) -> Any:
    answer = office.get(path)
    assert answer.status_code == 200, answer.text
    return html.fromstring(answer.text)


def test_the_list_of_charts_can_be_searched(office: Office) -> None:
    assert len(page(office, "/").xpath("//tbody/tr")) == 13
    for wanted in ("lindqvist", "MAJA", "70002"):
        rows = page(office, f"/?q={wanted}").xpath("//tbody/tr")
        assert ["Maja Lindqvist" in row.text_content() for row in rows] == [True]
    assert "No chart has" in page(office, "/?q=zzz").text_content()


def test_the_chart_page_offers_who_signs_in_and_the_visit(office: Office) -> None:
    form = page(office, "/charts/pat-lindqvist").xpath("//form")[0]
    users = form.xpath(".//select[@name='user']/option/@value")
    assert users == ["rivera", "okafor", "delgado", "chen", "haddad", "whitfield", "moreno"]
    assert form.xpath(".//select[@name='encounter']/option/@value") == ["enc-visit-70002", ""]
    without = page(office, "/charts/pat-moss").xpath("//form")[0]
    assert without.xpath(".//select[@name='encounter']/option/@value") == [""]


@pytest.mark.parametrize(
    ("path", "context"),
    [
        ("/charts/pat-lindqvist/app?user=rivera&encounter=enc-visit-70002", {"patient", "encounter"}),
        ("/charts/pat-lindqvist/app?user=rivera&encounter=", {"patient"}),
        ("/menu/app?user=chen", set()),
    ],
)
def test_the_frame_opens_the_app_with_a_launch_of_its_own(
    office: Office, path: str, context: set[str]
) -> None:
    sources = [page(office, path).xpath("//iframe/@src")[0] for _ in range(2)]
    assert sources[0] != sources[1]
    query = parse_qs(urlsplit(sources[0]).query)
    assert query["iss"] == [office.fhir]
    token = office.sign_in(launch=query["launch"][0])
    assert set(token) & {"patient", "encounter"} == context


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/charts/pat-nobody", 404),
        ("/charts/pat-moss/app?user=nobody", 400),
        ("/charts/pat-moss/app", 400),
        ("/charts/pat-moss/app?user=rivera&encounter=enc-visit-70002", 400),
        ("/charts/pat-moss/Encounter/enc-visit-70002", 404),
        ("/charts/pat-moss/Nonsense/1", 404),
        ("/nothing", 404),
        ("/launches", 405),
    ],
)
def test_what_is_not_there_gets_a_page(office: Office, path: str, status: int) -> None:
    answer = office.get(path)
    assert answer.status_code == status
    assert "refused" in answer.text


def test_a_note_is_readable_in_the_chart(office: Office) -> None:
    body = {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": {"text": "Peer note"},
        "subject": {"reference": "Patient/pat-moss"},
        "content": [{"attachment": {"contentType": "text/plain", "data": "V2UgPGI+d2Fsa2VkPC9iPi4="}}],
    }
    note = office.call("POST", "/DocumentReference", json=body).json()
    link = page(office, "/charts/pat-moss").xpath("//a[text()='Peer note']/@href")[0]
    assert link == f"/charts/pat-moss/DocumentReference/{note['id']}"
    answer = office.get(link)
    assert "We <b>walked</b>." not in answer.text
    assert "We <b>walked</b>." in unescape(answer.text)


def test_no_page_loads_anything_from_another_host(office: Office) -> None:
    for path in ("/", "/charts/pat-lindqvist", "/menu", "/nothing"):
        answer = office.get(path)
        addresses = re.findall(r"""(?:src|href|action)=["']([^"']+)""", answer.text)
        assert addresses
        assert all(address.startswith(("/", "#")) for address in addresses)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-src 'self' http://127.0.0.1:9;" in policy


def test_a_foreign_host_name_is_refused(office: Office) -> None:
    answer = requests.get(f"{office.base}/", headers={"Host": "evil.example"}, timeout=10)
    assert answer.status_code == 400


def test_the_people_fit_what_the_app_is_told(office: Office) -> None:
    bearer = office.bearer()

    def one(path: str) -> Any:
        return office.call("GET", path, bearer).json()

    assert one("/EpisodeOfCare/episode-70002")["period"] == {"start": "2026-01-05"}
    assert one("/Encounter/enc-visit-70002")["period"]["start"] == "2026-11-20T09:00:00-05:00"
    assert one("/Coverage/cov-70007-1")["period"]["end"] == "2026-10-21"
    assert one("/Patient/pat-abara")["birthDate"] == "2017-05-17"
    assert one("/Organization/payer-nymedicaid")["identifier"][0]["value"] == "NYMEDICAID"
    assert one("/Coverage?beneficiary=pat-duval")["total"] == 0
