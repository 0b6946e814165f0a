"""The style of this EHR for apps to fit in (SMART App Launch 2.2, "smart_style_url")."""

from flask import Blueprint, Response, abort, jsonify

from .sandbox import current_ehr
from .striking import strike

style_page = Blueprint("style", __name__)

STYLE = {
    "color_background": "#f5f7f6",
    "color_error": "#9e2d2d",
    "color_highlight": "#0b6e5f",
    "color_modal_backdrop": "",
    "color_success": "#2f6b2f",
    "color_text": "#1d2b28",
    "dim_border_radius": "4px",
    "dim_font_size": "16px",
    "dim_spacing_size": "16px",
    "font_family_body": "Georgia, Times, 'Times New Roman', serif",
    "font_family_heading": "'HelveticaNeue-Light', Helvetica, Arial, sans-serif",
}


@style_page.get("/style.json")
def style() -> Response:
    """Colours, sizes and fonts, asked without a token."""
    if not current_ehr().config.style:
        abort(404)
    fault = strike("style-document")
    response = jsonify(fault["value"] if fault else STYLE)
    response.headers["Cache-Control"] = "public, max-age=3600"
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response
