"""Offices of the page tests behind a real server on this machine, for a real browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from playwright.sync_api import BrowserContext
from werkzeug.serving import make_server

from app.web.access import cookie_name
from tests.app.web.matrix_office import cookie_of
from tests.app.web.office import Desk


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The address of the application while it is asked."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def seat(context: BrowserContext, desk: Desk) -> None:
    """Give the browser the cookie of this launch."""
    context.add_cookies(
        [
            {
                "name": cookie_name(desk.launch_id),
                "value": cookie_of(desk),
                "domain": "127.0.0.1",
                "path": "/",
                "secure": True,
                "httpOnly": True,
                "sameSite": "None",
            }
        ]
    )
