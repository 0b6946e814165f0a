"""Secrets, codes and tokens go to servers that show who they are, by TLS 1.2 or newer, and nowhere else."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from smart_launch.backend import backend_token
from smart_launch.discovery import discover
from smart_launch.fhir_client import FhirClient, FhirTrouble
from smart_launch.issuers import Issuer, by_iss
from smart_launch.launch import InsecureIssuer, LaunchRefused, begin, finish
from smart_launch.profile import EhrProfile
from smart_launch.trouble import Wait
from smart_launch.wire import http_session
from tests.smart_launch.people import NOW, SCOPES, our_key

Key = ec.EllipticCurvePrivateKey
CANARIES = ("code-canary", "token-canary", "client_assertion", "code_verifier")


@dataclass
class TlsEhr:
    """An EHR that speaks TLS, what reached it, and by which version."""

    port: int
    bundle: str
    heard: list[str] = field(default_factory=list)
    versions: set[str] = field(default_factory=set)

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.port}"

    def issuer(self) -> Issuer:
        return Issuer(
            "tls", f"{self.origin}/fhir", "peerchart", "private_key_jwt", "https://p.example/cb/tls", SCOPES,
            backend_client_id="backend", backend_scopes=("system/Task.crus",),
        )  # fmt: skip

    def profile(self) -> EhrProfile:
        return EhrProfile(
            "tls",
            NOW,
            token_endpoint=f"{self.origin}/token",
            authorization_endpoint=f"{self.origin}/authorize",
        )


def _certificate(key: Key, name: str, issuer: x509.Certificate | None, signed_by: Key, host: str) -> Any:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(made - timedelta(days=2))
        .not_valid_after(made + timedelta(days=-1 if host == "over" else 2))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer is not None:
        names = x509.SubjectAlternativeName([x509.DNSName("localhost" if host == "over" else host)])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signed_by, hashes.SHA256())


@cache
def _authority() -> tuple[Key, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    return key, _certificate(key, "an authority for tests", None, key, "")


def _context(folder: Path, host: str, newest: ssl.TLSVersion) -> ssl.SSLContext:
    authority_key, authority = _authority()
    key = ec.generate_private_key(ec.SECP256R1())
    shown = _certificate(key, "an EHR", authority, authority_key, host)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.pem").write_bytes(private + shown.public_bytes(Encoding.PEM))
    (folder / "authority.pem").write_bytes(authority.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # so that the old version is really offered
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = newest
    return context


@contextmanager
def _serving(
    folder: Path, host: str = "localhost", newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> Iterator[TlsEhr]:
    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            ehr.heard.append(f"{self.requestline} {self.headers} {body}")
            ehr.versions.add(str(self.connection.version()))
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = _any  # noqa: N815 - the names that http.server looks for

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A handshake that fails is what is tested."""

    context = _context(folder, host, newest)
    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    ehr = TlsEhr(server.server_port, str(folder / "authority.pem"))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield ehr
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def _try_everything(http: requests.Session, ehr: TlsEhr) -> list[type[Exception]]:
    """Every request that carries a secret, a code or a token; what each of them ended in."""
    issuer, profile, key = ehr.issuer(), ehr.profile(), our_key()
    pending, _ = begin(issuer, profile, None, NOW)
    fhir = FhirClient(http, issuer.base, lambda: "token-canary", timeout=(2, 2))
    back = {"code": "code-canary", "state": pending.state}
    ended = []
    for ask in (
        lambda: finish(http, issuer, profile, key, pending, back, NOW),
        lambda: backend_token(http, issuer, profile, key, NOW),
        lambda: fhir.read("Patient/a", request_id="r-1"),
        lambda: discover(http, issuer, NOW),
    ):
        with pytest.raises((LaunchRefused, Wait, FhirTrouble)) as trouble:
            ask()
        ended.append(trouble.type)
    return ended


@pytest.mark.parametrize("flaw", ["nobody vouches for it", "it is another host", "its certificate is over"])
def test_a_server_that_cannot_show_who_it_is_hears_nothing(tmp_path: Path, flaw: str) -> None:
    host = {"it is another host": "ehr.example", "its certificate is over": "over"}.get(flaw, "localhost")
    with _serving(tmp_path, host) as ehr:
        bundle = None if flaw == "nobody vouches for it" else ehr.bundle
        with http_session(bundle) as http:
            ended = _try_everything(http, ehr)
    assert len(ended) == 4
    assert ehr.heard == []


@pytest.mark.filterwarnings("ignore:.*TLSv1_1 is deprecated")  # it is what is tested
def test_a_server_that_speaks_no_newer_version_than_tls_1_1_hears_nothing(tmp_path: Path) -> None:
    with _serving(tmp_path, newest=ssl.TLSVersion.TLSv1_1) as ehr, http_session(ehr.bundle) as http:
        _try_everything(http, ehr)
        assert ehr.heard == []
        careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        careless.load_verify_locations(ehr.bundle)
        careless.set_ciphers("DEFAULT:@SECLEVEL=0")
        careless.minimum_version = ssl.TLSVersion.TLSv1_1
        with (
            socket.create_connection(("127.0.0.1", ehr.port), 5) as plain,
            careless.wrap_socket(plain, server_hostname="localhost") as spoken,
        ):
            assert spoken.version() == "TLSv1.1"


@pytest.mark.parametrize(
    ("newest", "spoken"), [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")]
)
def test_a_server_that_shows_who_it_is_hears_all_of_it_by_tls_1_2_or_newer(
    tmp_path: Path, newest: ssl.TLSVersion, spoken: str
) -> None:
    with _serving(tmp_path, newest=newest) as ehr, http_session(ehr.bundle) as http:
        _try_everything(http, ehr)
    heard = "\n".join(ehr.heard)
    assert ehr.versions == {spoken}
    for canary in CANARIES:
        assert canary in heard


def test_without_tls_nothing_is_begun_with_a_server_off_this_machine() -> None:
    issuer = Issuer(
        "plain", "http://ehr.example/fhir", "c", "private_key_jwt", "https://p.example/cb", SCOPES
    )
    profile = EhrProfile(
        "plain", NOW, token_endpoint="http://ehr.example/t", authorization_endpoint="http://e"
    )
    with http_session() as http:
        for ask in (
            lambda: by_iss([issuer], issuer.iss),
            lambda: discover(http, issuer, NOW),
            lambda: begin(issuer, profile, None, NOW),
            lambda: backend_token(http, issuer, profile, our_key(), NOW),
        ):
            with pytest.raises(InsecureIssuer):
                ask()
