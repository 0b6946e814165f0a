"""XML and JSON that mean harm, at every door that takes them: refused in words, nothing read for them."""

from __future__ import annotations

import gzip
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli import cli
from app.fhir_files import read_fhir
from app.problems import MendInput
from mappings.fhir import gate
from mappings.fhir.xml import NotReadable, from_xml
from mappings.intake import Refused, read_record
from smart_launch import wire
from smart_launch.strict_json import MAX_DEPTH, UnreadableJson, loads
from tests.app.web.office import EHR, Office, open_office
from tests.smart_launch.scripted_ehr import ScriptedEhr, reply
from tests.threats.scene import scene

# T14

PATIENT = '<Patient xmlns="http://hl7.org/fhir"><active value="{}"/></Patient>'
LAUGHS = '<!ENTITY l0 "ha">' + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


def _hostile_xml(secret: Path, port: int) -> dict[str, bytes]:
    inside = f'<!ENTITY x SYSTEM "file://{secret}">'
    outside = f'<!ENTITY x SYSTEM "http://127.0.0.1:{port}/x">'
    parameter = f'<!ENTITY % x SYSTEM "http://127.0.0.1:{port}/x.dtd"> %x;'
    told = {
        "a file": f"<!DOCTYPE Patient [{inside}]>{PATIENT.format('&x;')}",
        "an address": f"<!DOCTYPE Patient [{outside}]>{PATIENT.format('&x;')}",
        "a parameter": f"<!DOCTYPE Patient [{parameter}]>{PATIENT.format('true')}",
        "a foreign DTD": f'<!DOCTYPE Patient SYSTEM "http://127.0.0.1:{port}/x.dtd">{PATIENT.format("true")}',
        "laughs in an attribute": f"<!DOCTYPE Patient [{LAUGHS}]>{PATIENT.format('&l9;')}",
        "laughs in text": f"<!DOCTYPE Patient [{LAUGHS}]><Patient>&l9;</Patient>",
        "an empty DOCTYPE": f"<!DOCTYPE Patient>{PATIENT.format('true')}",
        "behind a comment": f"<!-- x --><!DOCTYPE Patient [{inside}]>{PATIENT.format('&x;')}",
        "behind a declaration": f'<?xml version="1.0"?><!DOCTYPE Patient [{inside}]>{PATIENT.format("&x;")}',
        "an entity nobody declared": PATIENT.format("&x;"),
        "deep": '<Patient xmlns="http://hl7.org/fhir">'
        + "<contact>" * 5000
        + "</contact>" * 5000
        + "</Patient>",
        "an XInclude": f'<Patient xmlns="http://hl7.org/fhir" xmlns:xi="http://www.w3.org/2001/XInclude">'
        f'<xi:include href="file://{secret}" parse="text"/></Patient>',
        "broken": PATIENT.format("true")[:-4],
    }
    made = {name: text.encode() for name, text in told.items()}
    made["in UTF-16"] = told["a file"].encode("utf-16")
    made["in UTF-16 without a mark"] = told["a file"].encode("utf-16-le")
    made["in UTF-7"] = b'<?xml version="1.0" encoding="UTF-7"?>' + told["a file"].encode("utf-7")
    made["in EBCDIC"] = told["a file"].encode("cp037")
    return made


NAMES = tuple(_hostile_xml(Path("x"), 1))


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.fixture
def hostile(tmp_path: Path, listener: socket.socket) -> dict[str, bytes]:
    secret = tmp_path / "secret.txt"
    secret.write_text("canary-of-the-file")
    return _hostile_xml(secret, listener.getsockname()[1])


@pytest.mark.parametrize("name", NAMES)
def test_fhir_xml_with_a_doctype_or_an_entity_is_refused_and_nothing_is_read_for_it(
    hostile: dict[str, bytes], name: str
) -> None:
    with pytest.raises(NotReadable) as refused:
        from_xml(hostile[name])
    assert "canary" not in str(refused.value)
    with pytest.raises(MendInput) as said:
        read_fhir(hostile[name])
    assert "canary" not in str(said.value)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"an XInclude", "deep", "broken"}])
def test_a_narrative_with_a_doctype_or_an_entity_is_no_narrative(
    hostile: dict[str, bytes], name: str
) -> None:
    text = hostile[name].decode("latin-1").replace("Patient", "div")
    resource = {"resourceType": "Patient", "text": {"status": "generated", "div": text}}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource}]}
    with pytest.raises(gate.NotFit) as refused:
        gate.check(bundle)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("name", NAMES)
def test_hostile_xml_in_a_file_of_staff_is_wrong_usage_on_the_command_line(
    hostile: dict[str, bytes], name: str, tmp_path: Path
) -> None:
    (tmp_path / "staff.xml").write_bytes(hostile[name])
    asked = ["staff", "import-fhir", str(tmp_path / "staff.xml"), "--issuer", EHR, "--dry-run"]
    result = CliRunner().invoke(cli, [*asked, "--data", str(tmp_path / "data")])
    assert result.exit_code == 2
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "canary" not in result.output


def test_hostile_xml_in_an_upload_is_said_on_the_page(hostile: dict[str, bytes], tmp_path: Path) -> None:
    with _office(tmp_path / "office") as office:
        desk = office.sit("whitfield")
        for name, data in hostile.items():
            answer = desk.post("/staff/import/fhir", {"file": (io.BytesIO(data), "staff.xml")})
            assert answer.status_code in {400, 409, 422}, (name, answer.status_code)
            assert "canary" not in answer.text


def test_records_are_never_xml() -> None:
    with pytest.raises(Refused, match="XML"):
        read_record(b"<!DOCTYPE x [<!ENTITY y 'z'>]><x/>")


# T15

DEEP = 100_000
HOSTILE_JSON: dict[str, bytes] = {
    "deeper than allowed": b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
    "endlessly deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "endlessly deep lists": b"[" * DEEP + b"]" * DEEP,
    "brackets that never close": b"[" * DEEP,
    "a key twice": b'{"kind": "contact", "kind": "staff"}',
    "a key twice, spelled in two ways": b'{"kind": "contact", "\\u006bind": "staff"}',
    "NaN": b'{"a": NaN}',
    "infinity": b'{"a": Infinity}',
    "less than everything": b'{"a": -Infinity}',
    "a number of 5,000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "half a character": b'{"a": "\\ud800"}',
    "not UTF-8": b'{"a": "\xff"}',
    "cut off": b'{"a": "b',
    "two values": b'{"a": 1} {"a": 2}',
    "a comment": b'{"a": 1 /* x */}',
    "a trailing comma": b'{"a": 1,}',
    "nothing": b"",
    "a zero byte": b'{"a": 1}\x00',
}


@pytest.mark.parametrize("name", HOSTILE_JSON)
def test_json_that_has_no_one_meaning_is_refused_at_every_door(name: str, tmp_path: Path) -> None:
    data = HOSTILE_JSON[name]
    with pytest.raises(UnreadableJson):
        loads(data)
    with pytest.raises(Refused):
        read_record(data)
    with pytest.raises(MendInput):
        read_fhir(data)
    (tmp_path / "given").write_bytes(data)
    for words in (
        ["issuers", "add"],
        ["staff", "program", "--issuer", EHR],
        ["staff", "import-fhir", "--issuer", EHR, "--dry-run"],
    ):
        told = [*words, str(tmp_path / "given"), "--data", str(tmp_path / "data")]
        result = CliRunner().invoke(cli, told)
        assert result.exit_code == 2, (words, result.output)
        assert isinstance(result.exception, SystemExit), (words, result.exception)
    result = CliRunner().invoke(cli, ["check", str(tmp_path / "given")])
    assert result.exit_code == (0 if name == "nothing" else 2), result.output


def test_a_text_of_many_megabytes_is_refused_before_it_is_parsed() -> None:
    began = time.process_time()
    big = b'{"a": "' + b"x" * (17 * 1024 * 1024) + b'"}'
    for door, refusal in ((loads, UnreadableJson), (read_record, Refused), (read_fhir, MendInput)):
        with pytest.raises(refusal):
            door(big)
    assert time.process_time() - began < 30


PLACES = ("configuration", "metadata", "keys", "token", "fhir")
SPOILT: tuple[Any, ...] = (
    "huge-body", "deep-json", "duplicate-keys", "truncated-json", "list-instead-of-object", "html",
    "wrong-content-type", "no-answer", "down",
)  # fmt: skip


@pytest.mark.parametrize("fault", SPOILT)
def test_an_answer_of_the_ehr_that_cannot_be_relied_on_never_breaks_a_page(
    tmp_path: Path, fault: str
) -> None:
    with scene(tmp_path) as stage:
        for at in PLACES:
            office = stage.office
            office.kit.profiles.forget(EHR)
            office.kit.key_sets._held.clear()
            more = {"megabytes": 17} if fault == "huge-body" else {}
            faults = [{"name": fault, "at": at, **more}]
            browser = stage.browser()
            answer = stage.go(browser, stage.launch(faults=faults))
            if answer.status_code == 302:
                answer = stage.opened(browser, stage.to_callback(browser, stage.launch(faults=faults)))
            assert answer.status_code in {200, 400, 502}, (at, answer.status_code, answer.text[:400])
            assert "went wrong on our side" not in answer.text


def test_a_packed_bomb_is_put_down_at_the_size_allowed() -> None:
    bomb = gzip.compress(b" " * (300 * 1024 * 1024), 9)
    ehr = ScriptedEhr()
    ehr.on("GET", "/bomb", reply(bomb, Content_Encoding="gzip"))
    try:
        with wire.http_session(tries=1) as http, pytest.raises(wire.Lost, match="longer"):
            wire.ask(http, "GET", f"{ehr.origin}/bomb")
    finally:
        ehr.close()


@contextmanager
def _trickling(head: bytes, drop: bytes) -> Iterator[str]:
    """A server that sends a head and then a drop every 50 ms, for as long as somebody listens."""
    done = threading.Event()

    def serve(listener: socket.socket) -> None:
        line, _ = listener.accept()
        with line:
            line.recv(65536)
            try:
                line.sendall(head)
                while not done.wait(0.05):
                    line.sendall(drop)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield f"http://localhost:{listener.getsockname()[1]}/slow"
        finally:
            done.set()
            thread.join(5)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "drop"),
    [(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"), (CHUNKED, b"1\r\nx\r\n"),
     (b"HTTP/1.1 200 OK\r\n\r\n", b"x")],
    ids=["of a length", "in chunks", "until the end"],
)  # fmt: skip
def test_a_body_that_comes_letter_by_letter_ends_with_the_time_allowed(
    monkeypatch: pytest.MonkeyPatch, head: bytes, drop: bytes
) -> None:
    monkeypatch.setattr(wire, "TOTAL_SECONDS", 0.5)
    with (
        _trickling(head, drop) as address,
        wire.http_session(tries=1) as http,
        pytest.raises(wire.Lost, match="took longer"),
    ):
        wire.ask(http, "GET", address, timeout=(2, 2))


PARTS = "multipart/form-data"
FORMS: dict[str, Callable[[], dict[str, Any]]] = {
    "two megabytes in one field": lambda: {"data": {"note.purpose": "x" * (2 * 1024 * 1024)}},
    "three thousand fields": lambda: {"data": {f"f{n}": "x" for n in range(3000)}, "content_type": PARTS},
    "JSON where a form belongs": lambda: {"data": json.dumps({"csrf": "x"}), "content_type": "text/json"},
    "broken parts": lambda: {"data": b"--x\r\nbroken", "content_type": f"{PARTS}; boundary=x"},
    "a field name with brackets without end": lambda: {"data": {"a" + "[x]" * 5000: "1"}},
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_a_form_that_no_page_of_ours_sends_is_refused_in_words(tmp_path: Path, name: str) -> None:
    with _office(tmp_path) as office:
        desk = office.sit("rivera", "pat-moss")
        asked = FORMS[name]()
        headers = {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}
        answer = desk.client.post(
            desk.address("/contacts/new"), base_url="http://127.0.0.1:8000", headers=headers, **asked
        )
        assert answer.status_code in {400, 403, 413, 422}, answer.status_code
        assert "went wrong on our side" not in answer.text


@contextmanager
def _office(folder: Path) -> Iterator[Office]:
    opened = open_office(folder)
    try:
        yield opened
    finally:
        opened.kit.store.close()
