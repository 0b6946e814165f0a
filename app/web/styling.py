"""The EHR's look on our pages: a stylesheet of our own, made of plain values that people can read by.

The style is asked for when the first page of a launch asks for its stylesheet: no launch waits for it.
A colour that does not reach the contrast of WCAG 2.2 AA (4.5 to 1) where it would be used is not used.
"""

from __future__ import annotations

from decimal import Decimal

from flask import Blueprint, Response, g

from app.web.access import EVERYBODY, allow, launch
from app.web.kit import kit
from app.web.registry import issuer_of
from smart_launch.refusal import UnknownIssuer
from smart_launch.style import Style, contrast

styling = Blueprint("styling", __name__, url_prefix="/l/<launch_id>")

READABLE = Decimal("4.5")
# What our own parts of a page lie on: site.css.
_GROUNDS = ("#ffffff", "#e7f6f8", "#f0f0f0", "#f8eff1", "#faf3d1", "#ecf3ec")
_OUR_TEXT, _OUR_GROUND = "#1b1b1b", "#ffffff"
# Texts of ours that stay on the ground of a page: link, quiet, deep, block, warn, good.
_STAYING = ("#005ea2", "#454545", "#162e51", "#b50909", "#6a4b00", "#216e1f")
_KEPT_SECONDS = 600
# Our filled buttons: white text on a ground.
_KINDS = ("outline", "unstyled", "secondary")
_FILLED = ".usa-button" + "".join(f":not(.usa-button--{kind})" for kind in _KINDS) + ":not(:disabled)"
_OUTLINED = ".usa-button--outline, .usa-button--outline:visited, .usa-button--unstyled:not(:disabled)"
_CONTROLS = ".usa-button, .usa-label, .usa-input, .usa-select, .usa-textarea, .usa-list, .usa-alert"


@styling.get("/style.css")
@allow(*EVERYBODY)
def sheet() -> Response:
    """The stylesheet of this launch; empty where the EHR's style cannot be had or not be read by."""
    address = launch().context.get("style")
    style: Style | None = None
    if isinstance(address, str):
        try:
            style = kit().styles.get(kit().http, issuer_of(launch().issuer), address, kit().now())
        except UnknownIssuer:
            style = None
    g.kept_seconds = _KEPT_SECONDS
    return Response(stylesheet(style or {}), mimetype="text/css")


def stylesheet(style: Style) -> str:
    """The rules for a style of clamped values: every colour checked against what it stands on or carries."""
    ground = _ground(style)
    rules = [
        _rule("body", [("background", ground if ground != _OUR_GROUND else None), *_body(style, ground)]),
        _rule("h1, h2, h3, h4", [("font-family", style.get("font_family_heading"))]),
        _rule(_CONTROLS, [("font-family", style.get("font_family_body"))]),
        *_highlight(style, ground),
        _rule(".usa-button, .usa-input, .usa-select, .usa-textarea, .card", _corners(style)),
    ]
    return "\n".join(rule for rule in rules if rule) + "\n"


def _ground(style: Style) -> str:
    """The EHR's ground where all that we write on a page's ground can still be read on it."""
    asked = style.get("color_background", _OUR_GROUND)
    return asked if all(contrast(one, asked) >= READABLE for one in (_OUR_TEXT, *_STAYING)) else _OUR_GROUND


def _body(style: Style, ground: str) -> list[tuple[str, str | None]]:
    text = style.get("color_text")
    on = (ground, *_GROUNDS)
    readable = text if text and all(contrast(text, one) >= READABLE for one in on) else None
    return [
        ("--ink", readable),
        ("color", readable),
        ("font-family", style.get("font_family_body")),
        ("font-size", style.get("dim_font_size")),
    ]


def _highlight(style: Style, ground: str) -> list[str]:
    """The highlight under the white text of the top bar and of buttons, and as the colour of links."""
    color = style.get("color_highlight")
    if not color or contrast(color, _OUR_GROUND) < READABLE:
        return []
    rules = [
        _rule(".top", [("background", color)]),
        _rule(
            f"{_FILLED}, {_FILLED}:hover",
            [("background-color", color)],
        ),
        _rule(".top button:hover", [("color", color)]),
    ]
    if all(contrast(color, one) >= READABLE for one in (ground, *_GROUNDS)):
        rules.append(_rule(":root", [("--accent", color)]))
        rules.append(_rule("a, .usa-link, .usa-link:visited", [("color", "var(--accent)")]))
        rules.append(_rule(_OUTLINED, [("color", "var(--accent)")]))
        rules.append(_rule(".usa-button--outline", [("box-shadow", "inset 0 0 0 2px var(--accent)")]))
        rules.append(_rule(".top a, .top .brand, .skip", [("color", "#ffffff")]))
        rules.append(_rule(".skip:focus", [("color", color)]))
        rules.append(_rule(f"a{_FILLED}", [("color", "#ffffff")]))
    return rules


def _corners(style: Style) -> list[tuple[str, str | None]]:
    return [("border-radius", style.get("dim_border_radius"))]


def _rule(selector: str, parts: list[tuple[str, str | None]]) -> str:
    said = "; ".join(f"{name}: {value}" for name, value in parts if value)
    return f"{selector} {{ {said}; }}" if said else ""
