"""The addresses on a page: made once for all launches, and the same as those that Flask makes."""

from __future__ import annotations

from typing import Any

import pytest
from flask import g, url_for

from app.web.links import Links
from tests.app.web.office import ORIGIN, Office

IDS = ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210")


@pytest.mark.parametrize("root", ["", "/peerchart"])
@pytest.mark.parametrize(
    ("endpoint", "values"),
    [
        ("pages.home", {}),
        ("pages.home", {"launch_id": IDS[1]}),
        ("pages.home", {"launch_id": "of/ another?"}),
        ("pages.home", {"said": "saved"}),
        ("static", {"filename": "site.css"}),
        ("static", {"filename": "../a b.css"}),
        ("charting.edit", {"contact_id": "c-1"}),
        ("pages.front", {}),
        ("launch.begin", {"iss": "https://ehr.example/fhir"}),
    ],
)
def test_an_address_is_the_one_that_flask_makes_for_each_launch(
    office: Office, endpoint: str, values: dict[str, Any], root: str
) -> None:
    with office.app.test_request_context("/", base_url=ORIGIN, environ_overrides={"SCRIPT_NAME": root}):
        for launch_id in (*IDS, None, IDS[0]):
            g.launch_id = launch_id
            if launch_id is None and endpoint == "charting.edit":
                continue
            if launch_id is None and endpoint == "pages.home" and "launch_id" not in values:
                continue
            assert Links()(endpoint, **values) == url_for(endpoint, **values)


def test_a_page_of_one_launch_names_no_other(office: Office) -> None:
    first, second = office.sit("rivera"), office.sit("rivera")
    for own, other in ((first, second), (second, first), (first, second)):
        page = own.get("/").text
        assert own.launch_id in page
        assert other.launch_id not in page
