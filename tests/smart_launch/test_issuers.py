"""Only registered EHRs: letter for letter, and before anything is sent (SMART App Launch 2.2; RFC 3986)."""

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_launch.addresses import is_loopback, is_secure, lies_below
from smart_launch.issuers import Issuer, Registry, by_iss, endpoint_allowed
from smart_launch.refusal import InsecureIssuer, UnknownIssuer

GOOD = "https://ehr.example/r4/tenant-1"
ISSUER = Issuer(
    id="example",
    iss=GOOD,
    client_id="peerchart",
    auth_method="private_key_jwt",
    redirect_uri="https://peerchart.example/cb/example",
    scopes=("openid",),
    endpoint_hosts=("login.ehr.example", "id.ehr.example:8443"),
)

HOSTS = (
    "169.254.169.254",
    "[::ffff:127.0.0.1]",
    "0x7f.1",
    "2130706433",
    "0177.0.0.1",
    "127.1",
    "127.0.0.1",
    "localhost",
    "localhost.",
    "[::1]",
    "[::]",
    "0.0.0.0",  # noqa: S104 - an address to be refused, nothing listens there
    "ehr.example.",
    "ehr.example@127.0.0.1",
    "127.0.0.1#ehr.example",
    "127.0.0.1?ehr.example",
    "127.0.0.1\\ehr.example",
    "ehr.example%00.127.0.0.1",
    "еhr.example",
    "xn--hr-xlc.example",
    "EHR.example",
    "ehr.example:443",
    "ⓔhr.example",
    "ehr。example",
)
SHAPES = ("http://{h}", "https://{h}", "http://{h}:{p}/r4/tenant-1", "https://{h}:{p}/r4/tenant-1",
          "//{h}:{p}/", "ftp://{h}:{p}/", "gopher://{h}:{p}/_x", "http:\\\\{h}:{p}")  # fmt: skip
VARIANTS = (
    "",
    "/",
    GOOD + "//",
    GOOD + "/.",
    GOOD + "/../tenant-1",
    GOOD + "?",
    GOOD + "#",
    GOOD + "%2f",
    GOOD + "\n",
    GOOD + " ",
    " " + GOOD,
    GOOD + "\x00",
    GOOD.upper(),
    GOOD.replace("https", "http"),
    GOOD.replace("https", "HTTPS"),
    GOOD.replace("https://", "https:///"),
    GOOD.replace("https://", "https://user:pass@"),
    GOOD.replace("tenant-1", "tenant-2"),
    GOOD.replace("tenant-1", "TENANT-1"),
    GOOD.replace("tenant-1", "tenant%2D1"),
    GOOD + "/metadata",
    GOOD[:-1],
    GOOD + "," + GOOD,
    "javascript:alert(1)",
    "file:///etc/passwd",
    "data:text/html,x",
    "x" * 100_000,
)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def test_two_hundred_hostile_addresses_are_unknown_and_nobody_is_connected_or_resolved(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = listener.getsockname()[1]
    hostile = [shape.format(h=host, p=port) for host in HOSTS for shape in SHAPES] + list(VARIANTS)
    assert len(set(hostile)) >= 200
    resolved: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **_: resolved.append(args))
    for iss in hostile:
        with pytest.raises(UnknownIssuer):
            by_iss([ISSUER], iss)
    assert resolved == []
    with pytest.raises(BlockingIOError):
        listener.accept()


@given(st.text(max_size=80) | st.text(max_size=5).map(lambda tail: GOOD + tail))
def test_nothing_but_the_registered_letters_finds_an_ehr(iss: str) -> None:
    if iss in {GOOD, GOOD + "/"}:
        assert by_iss([ISSUER], iss) is ISSUER
    else:
        with pytest.raises(UnknownIssuer):
            by_iss([ISSUER], iss)


@pytest.mark.parametrize("registered", [GOOD, GOOD + "/"])
@pytest.mark.parametrize("asked", [GOOD, GOOD + "/"])
def test_one_slash_at_the_end_makes_no_difference(registered: str, asked: str) -> None:
    issuer = replace(ISSUER, iss=registered)
    assert Registry((issuer,)).by_iss(asked) is issuer


def test_an_ehr_is_found_by_its_id_and_an_unknown_id_is_unknown() -> None:
    registry = Registry((ISSUER,))
    assert registry.by_id("example") is ISSUER
    with pytest.raises(UnknownIssuer):
        registry.by_id("other")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.8.7", "[::1]"])
def test_plain_http_is_good_on_this_machine(host: str) -> None:
    issuer = replace(ISSUER, iss=f"http://{host}:8080/fhir")
    assert by_iss([issuer], issuer.iss) is issuer


@pytest.mark.parametrize(
    "iss",
    [
        "http://ehr.example/r4",
        "http://localhost.ehr.example/r4",
        "http://128.0.0.1/r4",
        "http://127.0.0.1.example/r4",
        "http://user@localhost/r4",
        "http://[::2]/r4",
        "ftp://localhost/r4",
        "http:///r4",
    ],
)
def test_plain_http_elsewhere_is_refused_although_registered(iss: str) -> None:
    with pytest.raises(InsecureIssuer) as refused:
        by_iss([replace(ISSUER, iss=iss)], iss)
    assert refused.value.reason_code == "insecure-issuer"
    assert refused.value.what_to_do


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://ehr.example/oauth/token", True),
        ("https://ehr.example:443/oauth/token", True),
        ("https://login.ehr.example/token", True),
        ("https://id.ehr.example:8443/token", True),
        ("https://id.ehr.example/token", False),
        ("https://ehr.example:8443/token", False),
        ("http://ehr.example/oauth/token", False),
        ("https://evil.example/token", False),
        ("https://ehr.example.evil.example/token", False),
        ("https://ehr.example@evil.example/token", False),
        ("https://evil.example\\@ehr.example/token", False),
        ("//ehr.example/token", False),
        ("https://ehr.example/token#x", False),
        ("https://ehr.example:99999/token", False),
    ],
)
def test_codes_and_tokens_go_to_the_ehr_or_to_hosts_pinned_for_it(address: str, allowed: bool) -> None:
    assert endpoint_allowed(ISSUER, address) is allowed


@pytest.mark.parametrize("host", [None, "", "ehr.example", "localhost.", "0", "::1%lo", "127.1"])
def test_only_plain_spellings_of_this_machine_are_loopback(host: str | None) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "address",
    ["https://e.example/r4/../auth", "https://e.example/r4/%2e%2e/auth", "https://e.example/r4/%252e%252e/x",
     "https://e.example/r4x", "https://f.example/r4/x", "http://e.example/r4/x", "https://e.example:444/r4/x",
     "https://e.example/r4/..%5cauth", "https://u@e.example/r4/x", "/r4/x", ""],
)  # fmt: skip
def test_an_address_outside_the_base_does_not_lie_below_it(address: str) -> None:
    assert not lies_below(address, "https://e.example/r4")
    assert lies_below("https://e.example/r4/Patient?_page=2", "https://e.example/r4/")


@given(st.text(max_size=60))
def test_judging_any_text_as_an_address_never_fails(text: str) -> None:
    assert is_secure(text) in {True, False}
    assert lies_below(text, GOOD) in {True, False}
    assert endpoint_allowed(ISSUER, text) in {True, False}
