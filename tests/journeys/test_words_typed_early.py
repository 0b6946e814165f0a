"""Words that are typed before the page has loaded to its end are saved like all others."""

from __future__ import annotations

import pytest
import requests
from playwright.sync_api import expect

from tests.journeys.stage import Stage, Watched

pytestmark = pytest.mark.browser
_TYPED = """
const typeOnce = () => {
  const field = document.querySelector("form[data-writing] textarea");
  if (!field) return;
  field.focus();
  field.value = "A walk";
  field.dispatchEvent(new Event("input", { bubbles: true }));
};
"""
MOMENTS = {
    "before any script of the page has run": """
        document.addEventListener("readystatechange", () => {
          if (document.readyState === "interactive") typeOnce();
        });""",
    "before what saves listens": 'window.addEventListener("DOMContentLoaded", typeOnce, true);',
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_words_typed_while_the_page_loads_are_saved(stage: Stage, window: Watched, moment: str) -> None:
    asked = {"user": "rivera", "client_id": "peerchart", "patient": "pat-moss"}
    page = window.page
    page.goto(requests.post(f"{stage.ehr}/launches", json=asked, timeout=20).json()["launch_url"])
    page.wait_for_url("**/l/**")
    page.add_init_script(_TYPED + MOMENTS[moment])
    with page.expect_response(lambda answer: "autosave" in answer.url) as saved:
        page.get_by_role("button", name="Write a contact").click()
    assert saved.value.status == 200
    assert "A+walk" in (saved.value.request.post_data or "")
    expect(page.locator("#save-status")).to_contain_text("Saved")
