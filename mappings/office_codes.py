"""The codes that staff and programme records may carry, with their words: tables, and what packs add."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mappings.library import Library
from mappings.records import Program, Staff

Words = Mapping[str, str]


@dataclass(frozen=True)
class OfficeCodes:
    """Each list of codes of an office, code to words: credentials (with licences), categories of supervisors,
    kinds of attestations, sessions and policies, and topics of education (which others may join)."""

    credentials: Words
    categories: Words
    attestations: Words
    sessions: Words
    policies: Words
    topics: Words


def office_codes(library: Library) -> OfficeCodes:
    """The codes of the library's tables and of its packs, which may name credentials and papers."""
    categories = _words(library, "staff-categories", _texts(library, "supervisor.categories"))
    return OfficeCodes(
        credentials={**_words(library, "credentials", _credentials(library)), **categories},
        categories=categories,
        attestations=_words(library, "attestation-kinds", _texts(library, "attestation.kinds")),
        sessions=_words(library, "session-kinds", ()),
        policies=_words(library, "policy-kinds", _papers(library)),
        topics=_words(library, "education-topics", _topics(library)),
    )


def unknown_codes(record: Staff | Program, codes: OfficeCodes) -> dict[str, str]:
    """What of the record no table knows, by its path ("credentials.0.code"), with the right form.

    A blank code is no unknown one: what is missing is a finding of the rules.
    """
    if isinstance(record, Program):
        return _unknown("policies", "kind", record.policies, codes.policies, "kind of policy")
    found = _unknown("credentials", "code", record.credentials, codes.credentials, "credential")
    found |= _unknown("attestations", "kind", record.attestations, codes.attestations, "kind of attestation")
    found |= _unknown("supervision", "kind", record.supervision, codes.sessions, "kind of session")
    earlier = _unknown(
        "earlier_supervisors", "category", record.earlier_supervisors, codes.categories, "category"
    )
    now = [record.supervisor] if record.supervisor else []
    own = _unknown("supervisor", "category", now, codes.categories, "category")
    return found | earlier | {path.replace(".0.", "."): reason for path, reason in own.items()}


def _unknown(path: str, name: str, parts: Iterable[object], known: Words, what: str) -> dict[str, str]:
    values = ((number, getattr(part, name)) for number, part in enumerate(parts))
    return {
        f"{path}.{number}.{name}": f"unknown {what} {value!r}; expected one of {', '.join(known)}"
        for number, value in values
        if value is not None and value not in known
    }


def _words(library: Library, table: str, more: Iterable[str]) -> Words:
    known = {code.code: code.display for code in library.table(table).codes.values()}
    return known | {code: code for code in more if code not in known}


def _values(library: Library, wanted: str) -> Iterator[Any]:
    for own in library.parameters.values():
        for name, parameter in own.items():
            if name == wanted or (wanted.endswith(".") and name.startswith(wanted)):
                yield from (value.value for value in parameter.values if value.value is not None)
    overlay = library.overlay
    if overlay is not None:
        yield from (value for name, value in overlay.values.items() if name == wanted and value is not None)


def _texts(library: Library, wanted: str) -> list[str]:
    lists = (value for value in _values(library, wanted) if not isinstance(value, str | Mapping))
    return [code for value in lists if isinstance(value, Iterable) for code in value if isinstance(code, str)]


def _credentials(library: Library) -> list[str]:
    # The texts of every list of credentials; the table of issuers is keyed by codes of such a list.
    return _texts(library, "credentials.") + _texts(library, "grace.credentials")


def _papers(library: Library) -> list[str]:
    own = [
        str(version.settings["kind"])
        for rule in library.rules()
        for version in rule.versions
        if rule.about == "program" and "kind" in version.settings
    ]
    asked = [kind for value in _values(library, "mco.documents") for kind in value]
    return [*own, *asked, *_texts(library, "credentialing.papers")]


def _topics(library: Library) -> list[str]:
    own = [
        str(version.settings["topic"])
        for rule in library.rules()
        for version in rule.versions
        if "topic" in version.settings
    ]
    return [*own, *_texts(library, "schooling.topics"), *_texts(library, "experience.topics")]
