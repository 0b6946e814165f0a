"""What codes and words for credentials and roles mean here, by the tables `staff-*`; never a guess."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from mappings.fhir.loose import codings_of, object_of, text_of, words_of
from mappings.library import Library
from mappings.library_parts import Code

_LABELS, _ISSUERS = "staff-labels", "staff-issuers"
_OWN = ("credentials", "staff-categories")
_CODED = ("staff-nucc", "staff-v2-0360")
# Other names of the same code systems: the OIDs of C-CDA and the addresses of FHIR STU3.
_ALSO = {
    "urn:oid:2.16.840.1.113883.6.101": "http://nucc.org/provider-taxonomy",
    "http://hl7.org/fhir/v2/0360": "http://terminology.hl7.org/CodeSystem/v2-0360",
}


@dataclass(frozen=True)
class Meaning:
    """What one concept means: the credential it names, None where it names none; the roles it suggests;
    `problem` says why it means nothing, in words."""

    credential: str | None = None
    roles: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class StaffCodes:
    """The tables of one library as they are in use on a day."""

    library: Library
    on: date

    def meaning(self, concept: object) -> Meaning:
        """What a CodeableConcept means. Unknown, or naming two credentials at once, it means nothing."""
        found = list(self._found(concept))
        credentials = sorted({str(one.properties["credential"]) for one in found if _names(one)})
        roles = tuple(dict.fromkeys(role for one in found for role in one.properties.get("roles", ())))
        if not found:
            return Meaning(problem=f"“{words_of(concept)}” is not known here")
        if len(credentials) > 1:
            both = " and ".join(credentials)
            return Meaning(roles=roles, problem=f"“{words_of(concept)}” names more than one: {both}")
        return Meaning(credentials[0] if credentials else None, roles)

    def issuer(self, words: str) -> str | None:
        """The rules' word for an issuer, None where the tables do not know it."""
        found = self.library.table(_ISSUERS).code(words.casefold(), self.on)
        return str(found.properties["issuer"]) if found is not None else None

    def _found(self, concept: object) -> Iterator[Code]:
        words = {text_of(object_of(concept).get("text"))}
        for system, code, display in codings_of(concept):
            known = self._coded(_plain(system), code)
            if known is not None:
                yield known
            else:
                # An office's own code says nothing elsewhere; the words beside it do.
                words |= {display, "" if system else code}
        for word in filter(None, words):
            label = self.library.table(_LABELS).code(word.casefold(), self.on)
            yield from (label,) if label is not None else self._named(word.casefold())

    def _named(self, word: str) -> Iterator[Code]:
        """The credentials of the office, those of a pack among them, that are called so in full."""
        for own in map(self.library.table, _OWN):
            for code in own.codes.values():
                if code.display.casefold() == word and code.covers(self.on):
                    yield _own(code.code)

    def _coded(self, system: str, code: str) -> Code | None:
        for own in map(self.library.table, _OWN):
            if system == own.system and own.code(code, self.on):
                return _own(code)
        tables = (self.library.table(name) for name in _CODED)
        return next((table.code(code, self.on) for table in tables if table.system == system), None)


def _own(credential: str) -> Code:
    return Code(credential, "", "", {"credential": credential}, None, None)


def _names(code: Code) -> bool:
    return bool(code.properties.get("credential"))


def _plain(system: str) -> str:
    # HL7's own examples carry the version of table 0360 behind a slash.
    bare = system.split("|", maxsplit=1)[0].removesuffix("/2.7")
    return _ALSO.get(bare, bare)
