"""Who signed which version of the note, in which role, and when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache

from mappings.checks.registry import (
    NOT_APPLICABLE,
    PASS,
    Outcome,
    Test,
    by_codes,
    check,
    fails,
    missing,
    shared,
    together,
)
from mappings.checks.texts import blank, listed
from mappings.coding import Coding
from mappings.contact_seen import Signed
from mappings.days import covers
from mappings.in_force import Bound
from mappings.situation import Situation

_FOREVER = timedelta.max
COSIGNERS = ("cosigner", "second-cosigner")


@lru_cache(maxsize=16)
def hours(number: int) -> timedelta:
    """So many hours."""
    return timedelta(hours=number)


def _place(s: Situation, signed: Signed) -> str:
    return f"signatures[{s.signed.index(signed)}]"


def _standing(s: Situation, signed: Signed, who: str) -> Outcome:
    """Whether a signature counts for this version: version, day, not before the last edit or the end."""
    version, at = signed.version, signed.at
    if version is None:
        return missing(f"the version that {who} signed", f"{_place(s, signed)}.version")
    if version != s.version:
        return fails(
            f"{who[0].upper()}{who[1:]} signed version {version}; version {s.version} is unsigned.",
            "signatures",
        )
    if at is None:
        return missing(f"when {who} signed", f"{_place(s, signed)}.at")
    if at > s.now:
        return fails(f"The signature of {who} is dated in the future.", f"{_place(s, signed)}.at")
    if s.edited is not None and at < s.edited:
        return fails(f"The note was changed after {who} signed.", "signatures", "note.edited_at")
    if s.end is not None and at < s.ended:
        words = f"The signature of {who} is older than the end of the contact."
        return fails(words, f"{_place(s, signed)}.at", "end")
    return PASS


@shared
def author_standing(s: Situation) -> Outcome:
    """Whether the rendering peer's own signature stands on this version."""
    peer = s.peer_id
    if peer is None:
        return missing("the peer", "peer")
    # Somebody else's signature beside it takes nothing from that of the peer.
    authors = [x for x in s.signed if x.meaning == "author"]
    signed = s.latest([x for x in authors if x.by == peer]) or s.latest(authors)
    if signed is None:
        return fails("The note is not signed by the peer.", "signatures")
    if blank(signed.by):
        return missing("who signed as author", f"{_place(s, signed)}.by")
    if signed.by != peer:
        return fails(f"Signed by {signed.by}; the peer who gave the service is {peer}.", "signatures")
    return _standing(s, signed, "the peer")


@together(
    "signed-by-the-peer",
    "one-signed-version",
    "nothing-changed-after-signing",
    "written-in-time",
    "not-in-the-future",
)
def _signed_well(bounds: Sequence[Bound]) -> Test:
    """Whether the peer signed this version within the hours, and nothing is wrong with any of the signatures:
    each is of this version, of somebody, after the end and the last change, and in the past."""
    due = min([hours(b["note.due_hours"]) for b in bounds if "note.due_hours" in b.values], default=_FOREVER)

    def passes(s: Situation) -> bool:
        edited, ended, now = s.edited, s.ended, s.now
        if s.doubled or edited is None or s.start is None or s.end is None or s.began > now:
            return False
        peer, version, in_time = s.peer_id, s.version, False
        for _, meaning, by, of, _, at in s.signed:
            if of != version or at is None or not (edited <= at and ended <= at <= now) or blank(by):
                return False
            if meaning == "author" and by == peer and at - ended <= due:
                in_time = True
        return in_time

    return passes


def cosigner_standing(s: Situation, b: Bound) -> Outcome:
    """Whether a co-signature of an LPHA, licensed that day, stands on this version."""
    signature = _best_cosignature(s, b)
    if signature is None:
        return fails("The note is not co-signed by an LPHA.", "signatures")
    return _cosignature_standing(s, b, signature)


def _best_cosignature(s: Situation, b: Bound) -> Signed | None:
    """A co-signature that counts where there is one, since one is enough; else the latest."""
    found = [x for x in s.signed if x.meaning in COSIGNERS]
    if len(found) < 2:
        return found[0] if found else None
    good = [x for x in found if x.by != s.peer_id and _cosignature_standing(s, b, x) is PASS]
    return s.latest(good or found)


def _cosignature_standing(s: Situation, b: Bound, signed: Signed) -> Outcome:
    if blank(signed.by):
        return missing("who co-signed", f"{_place(s, signed)}.by")
    role = lpha_role(s, b, signed)
    return role if role is not PASS else _standing(s, signed, "the co-signer")


def lpha_role(s: Situation, b: Bound, signed: Signed) -> Outcome:
    """Whether a co-signer is an LPHA whose licence was in force on the day of signing."""
    if signed.category is None:
        return missing("the co-signer's category", f"{_place(s, signed)}.category")
    if signed.category not in b["lpha.categories"]:
        return fails(
            f"The co-signer is {signed.category!r}, not an LPHA: "
            f"{listed(b['lpha.categories'])}{b.standing('lpha.categories')}.",
            f"{_place(s, signed)}.category",
            "signatures",
        )
    if signed.at is None:
        return missing("when the co-signer signed", f"{_place(s, signed)}.at")
    day = s.day_of(signed.at)
    in_force = covers(signed.signature.licence_from, signed.signature.licence_to, day)
    if in_force:
        return PASS
    at = _place(s, signed)
    if in_force is None:
        return missing("the period of the co-signer's licence", f"{at}.licence_from", f"{at}.licence_to")
    return fails(f"The co-signer's licence was not in force on {day}.", "signatures", f"{at}.licence_to")


def cosign_needed(s: Situation, asked: Sequence[str]) -> bool:
    """Whether the conditions of `cosign.required_when` ask for a co-signature on this contact."""
    return (
        "all" in asked
        or ("enrolled" if s.state.enrolled else "pre-admission") in asked
        or ("provisional-peer" in asked and _provisional(s))
    )


@shared
def _provisional(s: Situation) -> bool:
    codes = s.pack_value("credentials.provisional") or ()
    return any(
        credential.code in codes and covers(credential.from_, credential.to, s.day)
        for credential in (s.peer.credentials if s.peer is not None else ())
    )


@check("signed-by-the-peer")
def signed_by_the_peer(s: Situation, b: Bound) -> Outcome:
    """The rendering peer's signature stands on the current version (R060, R129)."""
    return author_standing(s)


@check("peer-and-lpha-signed", "cosign.required_when", "lpha.categories")
def peer_and_lpha_signed(s: Situation, b: Bound) -> Outcome:
    """Both the peer and an LPHA, two people, signed the same version, where it is asked (R040)."""
    if not cosign_needed(s, b["cosign.required_when"]):
        return NOT_APPLICABLE
    for standing in (author_standing(s), cosigner_standing(s, b)):
        if standing is not PASS:
            return standing
    cosigner = _best_cosignature(s, b)
    if cosigner is not None and s.contact.peer is not None and cosigner.by == s.contact.peer.id:
        return fails("The same person signed as peer and as LPHA.", "signatures")
    return PASS


@check("cosigner-is-lpha", "cosign.required_when", "lpha.categories")
def cosigner_is_lpha(s: Situation, b: Bound) -> Outcome:
    """Where a co-signature is asked, whoever gave it is an LPHA licensed that day (R061, AMB-09)."""
    if not cosign_needed(s, b["cosign.required_when"]):
        return NOT_APPLICABLE
    signature = _best_cosignature(s, b)
    return NOT_APPLICABLE if signature is None else lpha_role(s, b, signature)


@by_codes("cosigner-is-lpha", "two-people-signed")
def _nobody_cosigned(codes: Coding, b: Bound) -> Outcome | None:
    return None if any(meaning in COSIGNERS for meaning, _ in codes.signatures) else NOT_APPLICABLE


@by_codes("peer-and-lpha-signed")
def _no_cosignature_asked(codes: Coding, b: Bound) -> Outcome | None:
    asked = b["cosign.required_when"]
    may_be = {"all", "provisional-peer", "enrolled" if codes.enrolled else "pre-admission"}
    return None if may_be & set(asked) else NOT_APPLICABLE


@check("nothing-changed-after-signing")
def nothing_changed_after_signing(s: Situation, b: Bound) -> Outcome:
    """A note changed after a signature has lost it (D-2)."""
    own = [each for each in s.signed if each.version == s.version]
    if not own:
        return NOT_APPLICABLE
    edited = s.edited
    if edited is None:
        return missing("when the note was last changed", "note.edited_at")
    for each in own:
        if each.at is None:
            return missing("when the note was signed", f"{_place(s, each)}.at")
        if each.at < edited:
            return fails("The note was changed after it was signed.", "signatures", "note.edited_at")
    return PASS


@check("one-signed-version")
def one_signed_version(s: Situation, b: Bound) -> Outcome:
    """A claim line points to exactly one signed version of one note (D-3)."""
    version, signed = s.version, False
    if s.doubled:
        return fails("Another record of the input has this id and version but says something else.", "id")
    for place, signature in enumerate(s.signed):
        if signature.version is None:
            return missing("the version that was signed", f"signatures[{place}].version")
        if blank(signature.by):
            return missing("who signed", f"signatures[{place}].by")
        if signature.version > version:
            return fails(f"Version {signature.version} is signed; this is version {version}.", "signatures")
        signed = signed or (signature.version == version and signature.meaning == "author")
    if signed:
        return PASS
    unsigned = f"Nobody has signed version {version} of the note as its author."
    return fails(unsigned, "signatures", fix="The peer signs this version of the note.")


@check("two-people-signed")
def two_people_signed(s: Situation, b: Bound) -> Outcome:
    """The author and the co-signers are different people (D-4)."""
    own = [x for x in s.signed if x.version == s.version]
    cosigners = [x for x in own if x.meaning in COSIGNERS]
    if not cosigners:
        return NOT_APPLICABLE
    authors = {x.by for x in own if x.meaning == "author"}
    if s.peer_id is not None:
        authors.add(s.peer_id)
    for unnamed in [x for x in cosigners if blank(x.by)]:
        return missing("who co-signed", f"{_place(s, unnamed)}.by")
    names = [x.by for x in cosigners]
    if authors & set(names):
        return fails("One person cannot co-sign their own note.", "signatures")
    if len(set(names)) < len(names):
        return fails("The same person co-signed twice.", "signatures")
    return PASS
