"""The look of an EHR that apps may fit into: an untrusted document, of which only plain values are taken.

Source: SMART App Launch 2.2, "smart_style_url".
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import requests

from smart_launch.issuers import Issuer, endpoint_allowed
from smart_launch.strict_json import UnreadableJson, loads_object
from smart_launch.wire import Lost, NotSent, ask

COLORS = (
    "color_background",
    "color_error",
    "color_highlight",
    "color_modal_backdrop",
    "color_success",
    "color_text",
)
FONTS = ("font_family_body", "font_family_heading")
# The least and the most that a size may be, in CSS pixels.
SIZES = {"dim_border_radius": (0, 16), "dim_font_size": (14, 24), "dim_spacing_size": (8, 32)}
MAX_BYTES = 16 * 1024
_PATIENCE = (2.0, 3.0)
_HEX = re.compile(r"#(?:[0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})")
_PIXELS = re.compile(r"(\d{1,4})(?:\.\d{1,4})?px")
_FONT = re.compile(r"[A-Za-z][A-Za-z0-9 \-]{0,60}")
_GENERIC = frozenset({"serif", "sans-serif", "monospace", "system-ui", "ui-sans-serif", "ui-serif"})

Style = Mapping[str, str]


def allowed(issuer: Issuer, address: str | None) -> bool:
    """Whether a style may be asked for at this address: on the EHR's own origin or a host pinned for it."""
    return address is not None and endpoint_allowed(issuer, address)


def fetch(http: requests.Session, issuer: Issuer, address: str) -> Style | None:
    """The style at an allowed address, at most 16 KiB within seconds; None when it cannot be had or is no
    style. Nothing is asked of another host."""
    if not allowed(issuer, address):
        return None
    try:
        answer = ask(
            http,
            "GET",
            address,
            headers={"Accept": "application/json"},
            max_bytes=MAX_BYTES,
            timeout=_PATIENCE,
        )
        return clamped(loads_object(answer.body, max_bytes=MAX_BYTES)) if answer.status == 200 else None
    except (NotSent, Lost, UnreadableJson):
        return None


def clamped(document: Mapping[str, Any]) -> Style:
    """The values of a style that are what they should be, in one form: colours as #rrggbb, sizes in whole
    pixels within their bounds, fonts as quoted names. Everything else is left out."""
    found: dict[str, str] = {}
    readers = dict.fromkeys(COLORS, _color) | dict.fromkeys(FONTS, _fonts)
    for name, reader in readers.items():
        if value := reader(document.get(name)):
            found[name] = value
    for name, (least, most) in SIZES.items():
        if match := _PIXELS.fullmatch(str(document.get(name))):
            found[name] = f"{min(max(int(match[1]), least), most)}px"
    return found


def contrast(one: str, other: str) -> Decimal:
    """The contrast of two colours (#rrggbb), 1 to 21 (WCAG 2.2, "contrast ratio")."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + Decimal("0.05")) / (darker + Decimal("0.05"))


@dataclass
class StyleCache:
    """Styles with an end, shared by threads: kept an hour, the lack of one five minutes."""

    lifetime: timedelta = timedelta(hours=1)
    pause: timedelta = timedelta(minutes=5)
    _held: dict[tuple[str, str], tuple[datetime, Style | None]] = field(default_factory=dict, repr=False)
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)
    most: int = 200

    def get(self, http: requests.Session, issuer: Issuer, address: str, now: datetime) -> Style | None:
        """The style at this address of this issuer, None when there is none to be had."""
        held = self._held.get((issuer.id, address))
        if held and timedelta(0) <= now - held[0] < (self.pause if held[1] is None else self.lifetime):
            return held[1]
        found = fetch(http, issuer, address)
        with self._guard:
            while len(self._held) >= self.most:
                del self._held[next(iter(self._held))]
            self._held[issuer.id, address] = (now, found)
        return found


def _color(value: object) -> str | None:
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        return None
    digits = value[1:].lower()
    return "#" + ("".join(2 * one for one in digits) if len(digits) == 3 else digits)


def _fonts(value: object) -> str | None:
    if not isinstance(value, str) or len(value) > 400:
        return None
    names = [name.strip().strip("'\"").strip() for name in value.split(",")]
    if not all(_FONT.fullmatch(name) for name in names) or len(names) > 10:
        return None
    return ", ".join(name if name in _GENERIC else f'"{name}"' for name in names)


def _luminance(color: str) -> Decimal:
    parts = (Decimal(int(color[at : at + 2], 16)) / 255 for at in (1, 3, 5))
    red, green, blue = (_linear(part) for part in parts)
    return Decimal("0.2126") * red + Decimal("0.7152") * green + Decimal("0.0722") * blue


def _linear(part: Decimal) -> Decimal:
    if part <= Decimal("0.04045"):
        return part / Decimal("12.92")
    return ((part + Decimal("0.055")) / Decimal("1.055")) ** Decimal("2.4")
