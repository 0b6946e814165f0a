"""An EHR's look on our pages: every colour that is used can be read by, whatever the EHR asks for."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from app.web.styling import _GROUNDS, _STAYING, READABLE, stylesheet
from smart_launch.style import COLORS, SIZES, clamped, contrast

HEX = st.from_regex(r"#[0-9a-f]{6}", fullmatch=True)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(COLORS, HEX)))
def test_no_colour_of_an_ehr_makes_our_text_hard_to_read(asked: dict[str, str]) -> None:
    sheet = stylesheet(clamped(asked))
    ground = _one(r"body \{ background: (#\w{6})", sheet) or "#ffffff"
    text = _one(r"--ink: (#\w{6})", sheet) or "#1b1b1b"
    link = _one(r"--accent: (#\w{6})", sheet) or "#005ea2"
    bar = _one(r"\.top \{ background: (#\w{6})", sheet) or "#162e51"
    for one in (ground, *_GROUNDS):
        assert contrast(text, one) >= READABLE
    assert all(contrast(one, ground) >= READABLE for one in (*_STAYING, text))
    assert contrast("#ffffff", bar) >= READABLE
    if "--accent" in sheet:
        assert contrast(link, ground) >= READABLE


def _one(pattern: str, sheet: str) -> str | None:
    found = re.search(pattern, sheet)
    return found[1] if found else None


@given(st.dictionaries(st.sampled_from([*COLORS, *SIZES, "font_family_body", "more"]), st.text(max_size=60)))
def test_nothing_but_plain_values_reaches_the_stylesheet(document: dict[str, str]) -> None:
    sheet = stylesheet(clamped(document))
    assert re.fullmatch(r"[A-Za-z0-9 .,:;#{}()\"\n\-]*", sheet)
    assert "url(" not in sheet
    assert sheet.count("{") == sheet.count("}")


def test_a_style_that_fits_is_taken_whole() -> None:
    style = {
        "color_background": "#fefefe",
        "color_text": "#111",
        "color_highlight": "#0b6e5f",
        "dim_font_size": "99px",
        "dim_border_radius": "4.5px",
        "font_family_heading": "'Open Sans', serif",
    }
    sheet = stylesheet(clamped(style))
    for said in ("#fefefe", "--ink: #111111", "font-size: 24px", "border-radius: 4px", '"Open Sans", serif'):
        assert said in sheet


def test_the_contrast_is_that_of_the_guidelines() -> None:
    assert contrast("#000000", "#ffffff") == 21
    assert round(contrast("#767676", "#ffffff"), 2) == round(contrast("#ffffff", "#767676"), 2)
    assert contrast("#767676", "#ffffff") >= READABLE > contrast("#777777", "#ffffff")


def test_a_light_ground_that_our_links_cannot_be_read_on_is_not_taken() -> None:
    assert "background" not in stylesheet(clamped({"color_background": "#808080"}))
    assert stylesheet({}).strip() == ""
