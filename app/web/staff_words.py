"""The words for what stands in staff and programme records: fields that changed, and codes."""

from __future__ import annotations

import re

from app.web.formkit import Field
from app.web.staff_forms import (
    ASSIGNMENT,
    ATTESTATION,
    CREDENTIAL,
    EDUCATION,
    ENROLMENT,
    LICENCE,
    POLICY,
    PROGRAM,
    SESSION,
    STAFF,
    TELECOM,
)
from mappings.office_codes import Words

_ROWS: dict[str, tuple[str, tuple[Field, ...]]] = {
    "credentials": ("Credential", CREDENTIAL),
    "attestations": ("Confirmation", ATTESTATION),
    "earlier_supervisors": ("Earlier supervisor", ASSIGNMENT),
    "education": ("Education", EDUCATION),
    "supervision": ("Session", SESSION),
    "telecom": ("Way to reach them", TELECOM),
    "policies": ("Policy", POLICY),
    "licences": ("Licence", LICENCE),
    "enrolments": ("Contract with a payer", ENROLMENT),
}
_SINGLE = {item.path: item.label for item in (*STAFF, *PROGRAM)} | {
    "roles": "Roles",
    "active": "Works here now",
    "name": "Name",
    "supervisor": "Supervisor",
    "kind": "",
    "jurisdiction": "Place whose rules hold",
}
_ROW = re.compile(r"([a-z_]+)\.(\d+)(?:\.([a-z_]+))?")


def field_words(path: str) -> str:
    """What people call a changed field: "Credential 1, Valid until" for "credentials.0.to"."""
    row = _ROW.fullmatch(path)
    if row and row[1] in _ROWS:
        word, fields = _ROWS[row[1]]
        label = next((item.label for item in fields if item.path == row[3]), "")
        return f"{word} {int(row[2]) + 1}" + (f", {label}" if label else "")
    if path in _ROWS:
        return _ROWS[path][0]
    if path.startswith("supervisor."):
        label = next((item.label for item in ASSIGNMENT if f"supervisor.{item.path}" == path), path)
        return label if label.startswith("Supervisor") else f"Supervisor, {label}"
    return _SINGLE.get(path, path)


def by_code(words: Words) -> list[tuple[str, str]]:
    """A list of codes as the choices of a form, in the order of their table."""
    return list(words.items())
