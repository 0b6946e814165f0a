"""What a person sees when a page cannot be shown: what happened, what to do next, nothing of the inside."""

from __future__ import annotations

from datetime import timedelta

import structlog
from flask import Flask, Response, g, make_response, render_template, request, url_for
from werkzeug.exceptions import HTTPException, SecurityError

from app import audit
from app.problems import Held, MendInput, NotAllowed, NotFound, OtherChart, Problem, Stale
from app.web.access import Locked, TooMany, cookie_name
from app.web.kit import kit
from app.web.launches import OpenLaunch
from app.web.registry import issuer_of
from app.web.tokens import Closed
from smart_launch.refusal import LaunchRefused

log = structlog.get_logger()

JUST_OPENED = timedelta(minutes=1)

STATUS = ((NotFound, 404), (NotAllowed, 403), (Stale, 409), (OtherChart, 409), (Held, 409), (MendInput, 422))
HEADINGS = {
    403: "You cannot do that here",
    404: "Nothing here",
    409: "It was changed meanwhile",
    422: "Please mend what you typed",
}
OWN_HEADINGS = ((Held, "The rules hold this"), (OtherChart, "This form belongs to another chart"))
LOCKED = {
    "no-launch": ("This address does not open a chart", "Open Peerchart from the chart of your EHR."),
    "signed-out": ("You signed out here", "Open Peerchart from the chart again when you need it."),
    "idle": (
        "Your session ended because nothing was done for a while",
        "What was saved is safe. Open Peerchart from the chart again and go on.",
    ),
    "absolute": (
        "Your session reached its longest time",
        "What was saved is safe. Open Peerchart from the chart again and go on.",
    ),
    "patient-changed": (
        "This window was closed: the EHR now has another patient in view",
        "What was saved is safe. Close this window and open Peerchart from the chart of the person you are "
        "with.",
    ),
    "inactive": (
        "You are no longer on this programme's staff list",
        "If that is wrong, ask the person who keeps the staff list.",
    ),
}
HTTP_WORDS = {
    400: (
        "The browser sent something that cannot be read",
        "Go back, load the page again and try once more.",
    ),
    404: ("Nothing here", "Check the address, or open Peerchart from the chart of your EHR."),
    405: ("This page cannot be used in that way", "Go back and use the buttons of the page."),
    413: (
        "That is more than a form may hold",
        "Shorten the text, or send the file in parts of less than 1 MB.",
    ),
}


def install(app: Flask) -> None:
    """Give an application its error pages."""
    app.register_error_handler(Problem, _problem)
    app.register_error_handler(Locked, _locked)
    app.register_error_handler(Closed, _closed)
    app.register_error_handler(TooMany, _too_many)
    app.register_error_handler(LaunchRefused, _refused)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def plain(heading: str, message: str, what_to_do: str, status: int, **more: object) -> Response:
    """One page in plain words; only a line of it for a part of a page that asked by itself."""
    part = request.headers.get("HX-Request") is not None
    page = "parts/problem.html" if part else "problem.html"
    text = render_template(page, heading=heading, message=message, what_to_do=what_to_do, **more)
    return make_response(text, status)


def _problem(problem: Problem) -> Response:
    if isinstance(problem, NotAllowed | NotFound) and g.get("actor") is not None:
        _note_refusal(problem)
    status = next(code for kind, code in (*STATUS, (Problem, 400)) if isinstance(problem, kind))
    heading = next((words for kind, words in OWN_HEADINGS if isinstance(problem, kind)), None)
    heading = heading or HEADINGS.get(status, "That did not work")
    findings = problem.findings if isinstance(problem, Held) else ()
    return plain(heading, problem.message, problem.what_to_do, status, findings=findings)


def _note_refusal(problem: Problem) -> None:
    """What somebody was not allowed, or asked for in vain, stands in the trail; nothing else of it stays."""
    kind = "not allowed" if isinstance(problem, NotAllowed) else "not here"
    with kit().store.write() as session:
        audit.did(session, g.actor, "refused", kit().now(), subject=request.endpoint, why=kind)


def _closed(_problem: Closed) -> Response:
    """The launch of this request was closed on the way: from here on nobody is at the screen."""
    launch = g.pop("launch", None)
    g.pop("actor", None)
    return _locked(Locked("patient-changed", launch))


def _locked(locked: Locked) -> Response:
    if locked.launch is not None:
        g.frame_issuer = locked.launch.issuer
    if locked.reason == "no-cookie" and locked.launch is not None and _never_kept(locked.launch):
        return no_cookie(locked.launch.issuer, 401)
    if locked.reason == "no-cookie":
        return plain(
            "This page belongs to another browser, or your browser gave up its session",
            "Nobody is signed in here.",
            "Open Peerchart from the chart of your EHR again.",
            401,
        )
    heading, what_to_do = LOCKED.get(locked.reason, LOCKED["no-launch"])
    return plain(heading, "Nobody is signed in here now.", what_to_do, 401)


def no_cookie(issuer_id: str, status: int = 200) -> Response:
    """The way out where the browser keeps no cookie in the frame: the same EHR in a window of its own."""
    return plain(
        "Your browser does not let Peerchart keep a session inside this frame",
        "The browser refused the cookie that tells your launch from others. Nobody is signed in here.",
        "Open Peerchart in a window of its own; the EHR will ask you which chart to open. Check the name at "
        "the top of the page before you write.",
        status,
        new_window=url_for("launch.begin", iss=issuer_of(issuer_id).iss),
    )


def _never_kept(launch: OpenLaunch) -> bool:
    """Whether the launch was opened just now and its browser brings no cookie: it was refused, not lost."""
    young = kit().now() - launch.opened_at < JUST_OPENED
    return young and cookie_name(launch.id) not in request.cookies


def _too_many(much: TooMany) -> Response:
    response = plain(
        "That was too much at once",
        "More was asked of Peerchart here than one person asks for. What was saved before is safe.",
        f"Wait {much.seconds} seconds and try again.",
        429,
    )
    response.headers["Retry-After"] = str(much.seconds)
    return response


def _refused(refused: LaunchRefused) -> Response:
    status = 502 if refused.passing else 400
    return plain(
        "Peerchart did not open", refused.message, refused.what_to_do, status, code=refused.reason_code
    )


def _http(error: HTTPException) -> Response:
    code = error.code or 500
    if isinstance(error, SecurityError):
        # Asked under a name that is not ours: no page of ours can be drawn with addresses of that name.
        return Response("This is not the address of Peerchart.\n", 400, mimetype="text/plain")
    if code in (301, 302, 303, 307, 308):
        return make_response(error.get_response())
    heading, what_to_do = HTTP_WORDS.get(code, ("That did not work", "Go back and try again."))
    return plain(heading, "", what_to_do, code)


def _unexpected(error: Exception) -> Response:
    # The text of an error may hold what a person typed; the log keeps its kind and place only.
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
    log.error("page failed", endpoint=request.endpoint, kind=type(error).__name__, where=where)
    return plain(
        "Something went wrong on our side",
        "What was saved before is safe. This step was not done.",
        "Go back and try again. If it goes on, tell your administrator when it happened.",
        500,
    )
