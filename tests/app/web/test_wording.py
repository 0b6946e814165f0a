"""Advice on wording on the contact form: one click takes it, another undoes it, and what is left is left."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.wording import LEFT, Change, asked, changed, left
from tests.app.web.office import Desk, Forms, Office
from tests.app.web.test_writing_and_signing import WRITTEN

TEXT = "  He is an addict and lazy.\nShe said: “I am lazy.”"


@pytest.fixture
def desk(office: Office) -> Desk:
    return office.sit("rivera", "pat-moss")


def _begin(desk: Desk, text: str = TEXT) -> tuple[str, dict[str, Any]]:
    path = "/contacts/" + str(desk.post("/contacts/new").headers["Location"].split("/")[-2]) + "/edit"
    form = _form(desk.get(path).text) | WRITTEN | {"note.response": [text]}
    assert desk.post(path, form | {"then": "stay"}).status_code == 303
    return path, _form(desk.get(path).text)


def _form(page: str) -> dict[str, Any]:
    return {
        name: typed for name, typed in Forms(page).fields.items() if name not in ("reword", "leave", "then")
    }


def _buttons(page: str, name: str) -> list[str]:
    return [unescape(found) for found in re.findall(rf'name="{name}" value="([^"]*)"', page)]


def test_advice_stands_beside_its_field_with_the_words_and_a_button_for_each_wording(desk: Desk) -> None:
    path, _ = _begin(desk)
    page = desk.get(path).text
    beside = page[page.index('id="f-note-response"') : page.index('id="f-note-progress"')]
    assert "<mark>an addict</mark>" in beside and "<mark>lazy</mark>" in beside
    assert "Use “a person with an addiction”" in beside
    assert "National Institute on Drug Abuse" in beside
    assert "Advice on wording beside the fields: 2." in page


def test_a_click_puts_the_wording_there_and_another_undoes_it(desk: Desk) -> None:
    path, form = _begin(desk)
    taken = desk.post(path, form | {"reword": _buttons(desk.get(path).text, "reword")[:1]})
    assert taken.status_code == 200
    now = _form(taken.text)
    assert now["note.response"] == ["He is a person with an addiction and lazy.\nShe said: “I am lazy.”"]
    back = desk.post(path, now | {"reword": _buttons(taken.text, "reword")[:1]})
    assert _form(back.text)["note.response"] == ["He is an addict and lazy.\nShe said: “I am lazy.”"]
    assert _form(desk.get(path).text)["note.response"] == _form(back.text)["note.response"]


def test_words_that_moved_meanwhile_are_not_overwritten(desk: Desk) -> None:
    path, form = _begin(desk)
    wanted = _buttons(desk.get(path).text, "reword")[:1]
    answer = desk.post(path, form | {"note.response": ["Something else by now"], "reword": wanted})
    assert answer.status_code == 200 and "Nothing was changed" in answer.text
    assert _form(answer.text)["note.response"] == ["Something else by now"]


def test_what_is_left_as_it_is_is_not_advised_on_again(desk: Desk) -> None:
    path, form = _begin(desk)
    keys = [key for key in _buttons(desk.get(path).text, "leave") if "lazy" in key]
    assert desk.post(path, form | {"leave": keys}).status_code == 303
    page = desk.get(path).text
    assert "<mark>lazy</mark>" not in page and "Left as it is (1)" in page
    live = desk.post(path.replace("/edit", "/findings"), _form(page)).text
    assert "<mark>lazy</mark>" not in live and "<mark>an addict</mark>" in live
    saved = desk.post(
        path.replace("/edit", "/autosave"), _form(page) | {"note.outcome": ["We meet on Friday."]}
    )
    assert saved.status_code == 200
    assert "<mark>lazy</mark>" not in desk.get(path).text
    again = desk.post(path, _form(desk.get(path).text) | {"ask_again": keys})
    assert again.status_code == 303
    assert "<mark>lazy</mark>" in desk.get(path).text


def _left_and_on_to_sign(desk: Desk, words: str) -> str:
    path, form = _begin(desk)
    keys = [key for key in _buttons(desk.get(path).text, "leave") if words in key]
    assert desk.post(path, form | {"leave": keys, "then": "sign"}).status_code == 303
    return path.replace("/edit", "")


def test_what_is_left_is_not_listed_again_at_signing_and_the_rest_is(desk: Desk) -> None:
    page = desk.get(_left_and_on_to_sign(desk, "lazy") + "/sign").text
    findings = page[page.index("What the rules say") :]
    assert "“lazy” in the response" not in findings
    assert "“an addict” in the response" in findings
    assert "Advice on wording that you leave as it is: 1." in findings


def test_the_reviewer_is_not_shown_what_the_author_left_but_that_it_was(office: Office, desk: Desk) -> None:
    path = _left_and_on_to_sign(desk, "lazy")
    sign = _form(desk.get(path + "/sign").text)
    assert desk.post(path + "/sign", sign | {"confirm": "yes"}).status_code == 303
    chen = office.sit("chen", "pat-moss")
    page = chen.get(path + "/review").text
    findings = page[page.index("What the rules say now") :]
    assert "“lazy” in the response" not in findings
    assert "Advice on wording that the author leaves as it is: 1." in findings


def test_what_was_kept_at_signing_says_that_advice_was_given_and_left(desk: Desk) -> None:
    path = _left_and_on_to_sign(desk, "lazy")
    sign = _form(desk.get(path + "/sign").text)
    assert desk.post(path + "/sign", sign | {"confirm": "yes"}).status_code == 303
    then = desk.get(path).text.partition("What they said when it was signed")[2]
    assert "“lazy” in the response" in then
    assert "The author left as it was: “lazy”." in then
    why = desk.get(path + "/why").text
    assert "<strong>The author left as it was:</strong> “lazy”." in why


def test_a_new_wording_beside_left_words_is_advised_on_at_signing(desk: Desk) -> None:
    path = _left_and_on_to_sign(desk, "lazy")
    form = _form(desk.get(path + "/edit").text)
    again = form | {"note.outcome": ["The addict is lazy."], "then": "sign"}
    assert desk.post(path + "/edit", again).status_code == 303
    assert "“lazy” in the outcome" in desk.get(path + "/sign").text


def test_advice_never_holds_a_note(desk: Desk) -> None:
    path, form = _begin(desk)
    assert desk.post(path, form | {"then": "sign"}).status_code == 303
    assert '<button class="usa-button">Sign</button>' in desk.get(path.replace("/edit", "/sign")).text


def test_the_enter_key_saves_and_changes_no_words(desk: Desk) -> None:
    path, _ = _begin(desk)
    page = desk.get(path).text
    form = page[page.index('id="contact-form"') :]
    assert re.search(r"<button[^>]*>", form)[0].count('name="then" value="stay"') == 1  # type: ignore[index]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "3",
        "[]",
        '["note.response", -1, "a", "b"]',
        '["edit", 0, "a", "b"]',
        '["note.response", "0", "a", "b"]',
    ],
)
def test_a_button_of_no_known_form_changes_nothing(value: str) -> None:
    assert asked({"reword": [value]}, ["note.response"]) is None


@given(st.text(max_size=30), st.text(max_size=10), st.text(max_size=10), st.text(max_size=30))
def test_a_change_and_its_undoing_leave_the_text_as_it_was(
    before: str, old: str, new: str, behind: str
) -> None:
    text = f"x{before}{old}{behind}"
    change = Change("note.response", 1 + len(before), old, new)
    done = changed({"note.response": [text]}, change)
    assert done is not None and done["note.response"] == [f"x{before}{new}{behind}"]
    assert changed(done, change.back) == {"note.response": [text]}
    assert asked({"reword": [change.value]}, ["note.response"]) == change


def test_what_is_left_has_an_end() -> None:
    many = [str(number) for number in range(1000)]
    assert left({LEFT: many, "leave": ["more"]})[-1] == "more" and len(left({LEFT: many})) == 200
