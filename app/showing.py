"""A version of a note as a signer is shown it: the text, its digest, what the rules say, who signed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import charting, judging, reviews, second_step
from app.actor import Actor, not_here
from app.findings_kept import Reason, left_wording, read_kept
from app.judging import CONTACT, Around
from app.tables import ContactRow, ReviewRow, SignatureRow, VersionRow
from app.words import CONTACT_WORDS
from mappings.findings import Finding, Judgement
from mappings.left_wording import left_hits, without_left
from mappings.library import Library
from mappings.note_text import note_text
from mappings.records import Contact
from mappings.seal import SecondStep, text_digest


@dataclass(frozen=True)
class SignatureView:
    """A signature as every reader is shown it: who, in which meaning, when (aware), as what, and by which
    second step the signer showed again who they are."""

    meaning: str
    by: str
    name: str
    category: str | None
    at: datetime
    version: int
    step: SecondStep | None = None


@dataclass(frozen=True)
class Review:
    """The wait for a co-signature: state open, co-signed, returned or recalled."""

    state: str
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    comment: str | None


@dataclass(frozen=True)
class Shown:
    """A version as a signer is shown it: `text` and the SHA-256 of its UTF-8 bytes; for a signed version
    the frozen ones, with what the rules said then in `decided`. `left` are the keys of the advice on wording
    that the author left as it is in this version."""

    contact: Contact
    state: str
    word: str
    text: str
    digest: str
    judgement: Judgement
    signatures: tuple[SignatureView, ...]
    review: Review | None
    decided: tuple[Reason, ...]
    mine: bool
    versions: tuple[int, ...]
    left: tuple[str, ...] = ()

    @property
    def listed(self) -> tuple[Finding, ...]:
        """What the rules say now that a reader is shown, without advice that the author left as it is."""
        return without_left(self.judgement.shown, self.left)

    @property
    def left_words(self) -> int:
        """How many places in the text the author leaves as they are."""
        return len(left_hits(self.judgement.shown, self.left))


def shown(
    session: Session,
    actor: Actor,
    contact_id: str,
    library: Library,
    now: datetime,
    version: int | None = None,
) -> Shown:
    """The current version (or an earlier signed one) exactly as it is signed. Raises NotAllowed, and NotFound
    for another person's record or a draft of somebody else."""
    row, current = charting.visible(session, actor, contact_id)
    wanted = (
        current if version in (None, current.version) else charting.version_of(session, row, version or 0)
    )
    if wanted is not current and wanted.frozen_at is None:
        raise not_here("version")
    record = charting.as_it_stands(session, row, wanted)
    around = judging.around(session, row.issuer, row.patient, record)
    judgement = around.judged(record, library, now)
    text = wanted.text if wanted.text is not None else text_of(record, judgement, around, library)
    review = reviews.of_version(session, row.issuer, row.id, wanted.version)
    return Shown(
        contact=record,
        state=wanted.state,
        word=CONTACT_WORDS[wanted.state],
        text=text,
        digest=text_digest(text),
        judgement=judgement,
        signatures=_views(session, row.issuer, row.id, wanted.version),
        review=None if review is None else _review(review),
        decided=read_kept(wanted.findings),
        mine=row.author == actor.staff_id,
        versions=_signed_versions(session, row),
        left=left_wording(wanted),
    )


def text_of(record: Contact, judgement: Judgement, around: Around, library: Library) -> str:
    """The text that is signed."""
    return note_text(record, judgement, around.surroundings(), library)


def _signed_versions(session: Session, row: ContactRow) -> tuple[int, ...]:
    return tuple(
        session.scalars(
            select(VersionRow.version)
            .where(
                VersionRow.issuer == row.issuer,
                VersionRow.contact == row.id,
                VersionRow.frozen_at.is_not(None),
            )
            .order_by(VersionRow.version)
        )
    )


def _views(session: Session, issuer: str, contact: str, version: int) -> tuple[SignatureView, ...]:
    rows = session.scalars(
        select(SignatureRow)
        .where(
            SignatureRow.issuer == issuer,
            SignatureRow.kind == CONTACT,
            SignatureRow.subject == contact,
            SignatureRow.version == version,
        )
        .order_by(SignatureRow.id)
    )
    return tuple(
        SignatureView(r.meaning, r.by, r.name, r.category, r.at, r.version, second_step.of_signature(r))
        for r in rows
    )


def _review(row: ReviewRow) -> Review:
    return Review(row.state, row.opened_at, row.closed_at, row.closed_by, row.comment)
