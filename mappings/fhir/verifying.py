"""Whether the signatures in a set of FHIR resources hold: what was signed by whom, in which meaning and when.

Proof is the seal alone: the statement and the detached JWS in each Provenance, under our public seal keys.
Every other element is compared with what the statement says; what the file does not hold is said, not
guessed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from mappings import seal as seals
from mappings.fhir.comparing import (
    Beside,
    Remarks,
    attachment_bytes,
    canonical_base64,
    compare_note,
    compare_service,
    compare_signature,
)
from mappings.fhir.seal_keys import SealKeys
from mappings.fhir.signature import STATEMENT
from mappings.note_xhtml import XHTML_TYPE, XhtmlChanged, copy_in_xhtml
from mappings.seal import NotVerified, SecondStep

Json = Mapping[str, Any]
State = Literal["holds", "in part", "broken"]


@dataclass(frozen=True)
class Located:
    """One resource of the file: where it stands, its fullUrl where a Bundle gives one."""

    where: str
    resource: Json
    full_url: str = ""


@dataclass(frozen=True)
class Verified:
    """One signature: what its statement says (None unless the seal is proven), what is wrong with it, what
    could not be told from the file, and what the reader should know of its key."""

    where: str
    statement: Json | None
    kid: str | None
    wrong: tuple[str, ...]
    untold: tuple[str, ...]
    name: str | None = None
    told: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        """`holds`, `in part` where something could not be told, `broken` where something is wrong."""
        return "broken" if self.wrong else "in part" if self.untold else "holds"

    @property
    def second_step(self) -> SecondStep | None:
        """How the signer showed again who they are, where the statement says so."""
        step = (self.statement or {}).get("second_step")
        return None if step is None else SecondStep(step["method"], datetime.fromisoformat(step["at"]))


def verify_all(given: Sequence[Located], keys: SealKeys, texts: Collection[str] = ()) -> list[Verified]:
    """Each signature of the file in its order, then each note that nobody signed there. `texts` are the hex
    SHA-256 digests of texts that are at hand beside the file."""
    file = _File(given, keys, texts)
    found = [file.check(one) for one in given if one.resource.get("resourceType") == "Provenance"]
    return [*found, *file.without_signature(found)]


class _File:
    """The resources of one file while their signatures are checked."""

    def __init__(self, given: Sequence[Located], keys: SealKeys, texts: Collection[str]) -> None:
        self.given, self.keys, self.texts = given, keys, texts
        self.beside = Beside({name: one.resource for one in given for name in _names(one)})
        self.seals = {seals.jws_digest(value): one for one in given if (value := _jws_of(one.resource))}

    def check(self, one: Located) -> Verified:
        """One Provenance."""
        found, provenance = Remarks(), one.resource
        signature, several = _first_signature(provenance), provenance.get("signature")
        value, statement = _jws_of(provenance), _statement_of(provenance)
        if not signature and not several:
            why = "who vouches for this: the Provenance carries no signature"
            return Verified(one.where, None, None, (), (why,))
        if value is None or statement is None:
            why = "it carries no seal that can be read: the statement or the signature over it is missing"
            return Verified(one.where, None, None, (why,), ())
        try:
            said = seals.verify(value, statement, self.keys.bare())
        except NotVerified as error:
            return Verified(one.where, None, _kid(value), (str(error),), ())
        kid = _kid(value)
        told = self._life(kid or "", said, found)
        if not isinstance(several, list) or len(several) != 1:
            found.wrong.append("the Provenance carries more than one signature")
        compare_signature(said, provenance, signature, self.beside, found)
        self._targets(said, provenance, found)
        self._chain(said, provenance, found)
        name = _name_of(self.beside.of(signature.get("who")))
        return Verified(one.where, said, kid, _once(found.wrong), _once(found.untold), name, told)

    def _life(self, kid: str, said: Json, found: Remarks) -> tuple[str, ...]:
        """What the life of the key means for a signature of this time."""
        at, told = datetime.fromisoformat(said["at"]), []
        try:
            retired, lost = self.keys.retired_at(kid), self.keys.compromised_from(kid)
        except ValueError as error:
            found.wrong.append(str(error))
            return ()
        if lost is not None and at >= lost:
            found.wrong.append(f"the key may have been in other hands from {lost.isoformat()} on")
        elif lost is not None:
            found.untold.append(
                f"whether it is older than {lost.isoformat()}, from when the key may have been in other "
                "hands: who had it could write an earlier time. Compare with the audit trail or the EHR's "
                "own copy"
            )
        if retired is not None and at > retired:
            found.wrong.append(f"the key was retired at {retired.isoformat()}, before this signature")
        elif retired is not None:
            told.append(f"the key was retired at {retired.isoformat()}; what it sealed before still holds")
        return tuple(told)

    def _targets(self, said: Json, provenance: Json, found: Remarks) -> None:
        targets = provenance.get("target")
        here = [self.beside.of(target) for target in targets] if isinstance(targets, list) else []
        kinds = {str(one["resourceType"]): one for one in here if one is not None}
        if "DocumentReference" in kinds:
            compare_note(said, kinds["DocumentReference"], self.beside, found)
            self._text(said, kinds["DocumentReference"], found)
        elif "ServiceRequest" in kinds:
            compare_service(said, kinds["ServiceRequest"], self.beside, found)
            self._text_at_hand(said, found)
        else:
            found.untold.append("what it is on: the file does not hold what this signature names")
            self._text_at_hand(said, found)

    def _text(self, said: Json, document: Json, found: Remarks) -> None:
        """The attachments: one is the text that was signed, the others are renderings of it."""
        contents = document.get("content")
        attached = [_attachment(one) for one in contents] if isinstance(contents, list) else []
        wanted, proven = said["text"], False
        for one in attached:
            data = attachment_bytes(one, found)
            kind = str(one.get("contentType"))
            if data is None:
                continue
            if kind == XHTML_TYPE:
                proven |= _xhtml(said, data, found)
            elif kind == wanted["media_type"]:
                proven |= _plain(wanted["sha256"], data, found)
            else:
                found.untold.append(f"the copy as {kind}: the seal is over the text, not over this copy")
        if not proven and not found.wrong:
            self._text_at_hand(said, found)

    def _text_at_hand(self, said: Json, found: Remarks) -> None:
        if said["text"]["sha256"] not in self.texts:
            words = "the text: it is not in the file; give it with --text, or say where the installation is"
            found.untold.append(words)

    def _chain(self, said: Json, provenance: Json, found: Remarks) -> None:
        """A later signature stands on the one before it."""
        earlier = said["earlier"]
        if earlier is None:
            if said["meaning"] != "author":
                found.wrong.append("it is a co-signature that stands on no signature")
            return
        before = self.seals.get(earlier)
        if before is None:
            found.untold.append("the signature before it: the file does not hold that one as it was made")
            return
        targets = provenance.get("target")
        here = [self.beside.of(target) for target in targets] if isinstance(targets, list) else []
        if not any(one is before.resource for one in here):
            found.wrong.append(f"it stands on the signature at {before.where}, the Provenance names another")

    def without_signature(self, found: Sequence[Verified]) -> list[Verified]:
        """Each note that has no author's signature here, or names a co-signer whose signature is not here."""
        signed = {(_key(one.statement), one.statement["meaning"]) for one in found if one.statement}
        more = []
        for one in self.given:
            if one.resource.get("resourceType") == "DocumentReference":
                keys = _identifiers(one.resource)
                meanings = {meaning for key, meaning in signed if key in keys}
                more.extend(_missing(one, meanings))
        return more


def _missing(one: Located, meanings: Collection[str]) -> list[Verified]:
    if not meanings:
        return [Verified(one.where, None, None, (), ("who signed this note: the file holds no proof of it",))]
    if one.resource.get("authenticator") and not {*meanings} - {"author"}:
        words = "the note names a co-signer; no co-signature that can be proven is in the file"
        return [Verified(one.where, None, None, (words,), ())]
    return []


def _xhtml(said: Json, data: bytes, found: Remarks) -> bool:
    try:
        copy = copy_in_xhtml(data)
    except XhtmlChanged as error:
        found.wrong.append(str(error))
        return False
    at = datetime.fromisoformat(said["at"])
    if not any(
        (one.meaning, one.by, one.at) == (said["meaning"], said["signer"], at) for one in copy.signatures
    ):
        found.wrong.append("the XHTML does not show this signature as it was made")
    return _plain(said["text"]["sha256"], copy.text.encode(), found)


def _plain(wanted: str, data: bytes, found: Remarks) -> bool:
    if hashlib.sha256(data).hexdigest() != wanted:
        found.wrong.append("the text is not the text that was signed")
        return False
    return True


def _attachment(content: object) -> Json:
    found = content.get("attachment") if isinstance(content, dict) else None
    return found if isinstance(found, dict) else {}


def _names(one: Located) -> list[str]:
    kind, own = one.resource.get("resourceType"), one.resource.get("id")
    return [name for name in (one.full_url, f"{kind}/{own}" if own else "") if name]


def _first_signature(provenance: Json) -> Json:
    found = provenance.get("signature")
    return found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}


def _jws_of(resource: Json) -> str | None:
    if resource.get("resourceType") != "Provenance":
        return None
    data = canonical_base64(_first_signature(resource).get("data"))
    return data.decode("ascii") if data and data.isascii() else None


def _statement_of(provenance: Json) -> bytes | None:
    extensions = _first_signature(provenance).get("extension")
    for one in extensions if isinstance(extensions, list) else []:
        if isinstance(one, dict) and one.get("url") == STATEMENT:
            return canonical_base64(one.get("valueBase64Binary"))
    return None


def _kid(value: str) -> str | None:
    try:
        return seals.key_named(value)
    except NotVerified:
        return None


def _key(statement: Json) -> str:
    return f"{statement['note']['id']}/note/{statement['note']['version']}"


def _identifiers(document: Json) -> list[Any]:
    found = document.get("identifier")
    return [one.get("value") for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _name_of(person: Json | None) -> str | None:
    names = (person or {}).get("name")
    first = names[0] if isinstance(names, list) and names and isinstance(names[0], dict) else {}
    text = first.get("text") or " ".join([*first.get("given", ()), str(first.get("family", ""))]).strip()
    return str(text) or None


def _once(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))
