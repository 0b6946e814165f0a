"""A browser for a robot: requests for the pages, lxml for the forms, cookies as a browser keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urljoin

import requests
from lxml import html
from requests.cookies import get_cookie_header

Value = str | Sequence[str]
TIMEOUT = (5.0, 20.0)


class Lost(Exception):
    """The robot does not find what a person would see; the words say on which page."""


@dataclass(frozen=True)
class Page:
    """One page as it came."""

    url: str
    status: int
    tree: Any = field(repr=False)

    @property
    def text(self) -> str:
        """What stands on the page, white space as one blank."""
        return " ".join(self.tree.text_content().split())

    def form(self, action: str) -> Any:
        """The form whose address ends so; raises Lost."""
        for form in self.tree.forms:
            if urljoin(self.url, form.action or "").split("?")[0].endswith(action):
                return form
        raise Lost(f"no form {action!r} on {self.url} ({self.status}): {self.text[:300]}")

    def links(self, part: str) -> list[str]:
        """The addresses of links that hold `part`, absolute, each once."""
        found = (urljoin(self.url, str(href)) for href in self.tree.xpath("//a/@href"))
        return list(dict.fromkeys(address for address in found if part in address))


class _Session(requests.Session):
    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        # requests copies the cookies into a jar with a policy of its own, which then drops Secure ones.
        request.headers.pop("Cookie", None)
        header = get_cookie_header(self.cookies, request)  # type: ignore[no-untyped-call]  # as typeshed has it
        if header:
            request.headers["Cookie"] = header
        return super().send(request, **kwargs)


class Browser:
    """One person's browser, with cookies of its own."""

    def __init__(self) -> None:
        self.http = _Session()
        self.http.trust_env = False
        # As browsers do: a Secure cookie goes to loopback over plain http as well.
        self.http.cookies.set_policy(DefaultCookiePolicy(secure_protocols=("http", "https")))

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def open(self, address: str) -> Page:
        """The page at this address, redirects followed; raises Lost when it is an error page."""
        return self._page(self.http.get(address, timeout=TIMEOUT))

    def submit(self, page: Page, action: str, changes: Mapping[str, Value | None] | None = None) -> Page:
        """Fill a form of the page as given (None: leave the field out) and send it; raises Lost when what
        comes is an error page."""
        form = page.form(action)
        values = self.values(form, changes or {})
        answer = self.http.post(
            urljoin(page.url, form.action or ""),
            data=values,
            headers={"Origin": _origin(page.url), "Referer": page.url},
            timeout=TIMEOUT,
        )
        return self._page(answer)

    @staticmethod
    def values(form: Any, changes: Mapping[str, Value | None]) -> list[tuple[str, str]]:
        """The fields of a form as they would be sent, with these changes."""
        kept = [(name, value or "") for name, value in form.form_values() if name not in changes]
        for name, value in changes.items():
            if isinstance(value, str):
                kept.append((name, value))
            else:
                kept.extend((name, one) for one in value or ())
        return kept

    @staticmethod
    def _page(answer: requests.Response) -> Page:
        tree = html.fromstring(answer.text or "<html></html>")
        page = Page(answer.url, answer.status_code, tree)
        if answer.status_code >= 400:
            raise Lost(f"{answer.url} answered {answer.status_code}: {page.text[:600]}")
        return page


def _origin(address: str) -> str:
    return "/".join(address.split("/")[:3])
