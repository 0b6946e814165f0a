"""The triggers of the first schema, as SQL. They hold whatever program or hand writes to the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def never(table: str, *, change: bool = True, remove: bool = True) -> Iterator[str]:
    """Rows of `table` that are only ever added."""
    if change:
        yield _trigger(f"{table}_never_changes", table, "UPDATE", "", f"{table}: a row is never changed")
    if remove:
        yield _trigger(f"{table}_never_goes", table, "DELETE", "", f"{table}: a row is never removed")


def frozen(table: str, columns: Sequence[str], when: str, why: str) -> Iterator[str]:
    """`columns` of `table` that no longer change once `when` holds of the row."""
    of = ", ".join(f'"{column}"' for column in columns)
    yield _trigger(f"{table}_frozen", table, f"UPDATE OF {of}", when, f"{table}: {why}")


def kept(table: str, column: str, why: str) -> str:
    """A `column` that was added to `table` later and never changes once its row stands."""
    return _trigger(f"{table}_keep_{column}", table, f'UPDATE OF "{column}"', "", f"{table}: {why}")


def growing(table: str, column: str) -> Iterator[str]:
    """A `column` of `table` that only ever grows, in rows that are never removed."""
    grows = f'NEW."{column}" <= OLD."{column}"'
    yield _trigger(f"{table}_grows", table, "UPDATE", grows, f"{table}: {column} only ever grows")
    yield _trigger(f"{table}_never_goes", table, "DELETE", "", f"{table}: a row is never removed")


def _trigger(name: str, table: str, event: str, when: str, message: str) -> str:
    condition = f" WHEN {when}" if when else ""
    return (
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW{condition} "
        f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
    )


_VERSION = (
    *("issuer", "contact", "version", "edit", "record", "start", "end", "text", "digest", "units"),
    *("findings", "library", "saved_at", "frozen_at"),
)
_PLAN = ("issuer", "id", "version", "patient", "author", "edit", "record", "text", "digest", "findings")
_CLAIM = (
    *("issuer", "control_number", "patient", "individual", "program", "day", "rate_code", "units"),
    *("draft", "released_at", "released_by"),
)
_UNITS = ("id", "issuer", "control_number", "contact", "version", "patient", "program", "day", "units")
_OUTBOX = ("id", "issuer", "destination", "kind", "key", "patient", "subject", "payload", "digest", "made_at")
_STEP = ("issuer", "row", "position", "key", "method", "address", "headers", "body", "digest", "made_at")
_SIGNED = "OLD.frozen_at IS NOT NULL"
_RELEASED = (
    "EXISTS (SELECT 1 FROM claims WHERE claims.issuer = OLD.issuer "
    "AND claims.control_number = OLD.control_number AND claims.released_at IS NOT NULL)"
)
_OWN_NOTE = (
    "NEW.meaning <> 'author' AND EXISTS (SELECT 1 FROM signatures AS earlier "
    "WHERE earlier.issuer = NEW.issuer AND earlier.kind = NEW.kind AND earlier.subject = NEW.subject "
    'AND earlier.version = NEW.version AND earlier."by" = NEW."by")'
)
_OTHER_PLAN_TEXT = (
    "NEW.kind = 'plan-entry' AND NOT EXISTS (SELECT 1 FROM plan_entries AS signed "
    "WHERE signed.issuer = NEW.issuer AND signed.id = NEW.subject "
    "AND signed.version = NEW.version AND signed.digest = NEW.digest AND signed.frozen_at IS NOT NULL)"
)
_OTHER_TEXT = (
    "NEW.kind = 'contact' AND NOT EXISTS (SELECT 1 FROM contact_versions AS signed "
    "WHERE signed.issuer = NEW.issuer AND signed.contact = NEW.subject "
    "AND signed.version = NEW.version AND signed.digest = NEW.digest AND signed.frozen_at IS NOT NULL)"
)

FIRST: tuple[str, ...] = (
    *never("audit"),
    *never("signatures"),
    *never("engagement_entries"),
    *never("engagement_goals"),
    *frozen(
        "contact_versions",
        _VERSION,
        _SIGNED,
        "a signed version is frozen",
    ),
    _trigger(
        "contact_versions_stay_signed",
        "contact_versions",
        "UPDATE OF state",
        f"{_SIGNED} AND (NEW.state IN ('draft', 'discarded') OR OLD.state = 'superseded' "
        "OR (OLD.state = 'final' AND NEW.state <> 'superseded'))",
        "contact_versions: a signed version stays signed",
    ),
    *never("contact_versions", change=False),
    *frozen(
        "contacts",
        ("issuer", "id", "patient", "author", "begun_at"),
        "1",
        "a contact keeps its person and author",
    ),
    *never("contacts", change=False),
    _trigger(
        "signatures_not_own",
        "signatures",
        "INSERT",
        _OWN_NOTE,
        "signatures: nobody co-signs a note of their own",
    ),
    _trigger(
        "signatures_of_text",
        "signatures",
        "INSERT",
        _OTHER_TEXT,
        "signatures: signed is the frozen text only",
    ),
    _trigger(
        "signatures_of_plan_text",
        "signatures",
        "INSERT",
        _OTHER_PLAN_TEXT,
        "signatures: signed is the frozen text only",
    ),
    *frozen(
        "reviews",
        ("issuer", "contact", "version", "patient", "author", "opened_at"),
        "1",
        "a review keeps its note",
    ),
    _trigger(
        "reviews_end_once",
        "reviews",
        "UPDATE OF state",
        "OLD.state <> 'open'",
        "reviews: a closed review stays closed",
    ),
    *never("reviews", change=False),
    *frozen(
        "plan_entries", (*_PLAN, "library", "saved_at", "frozen_at"), _SIGNED, "a signed entry is frozen"
    ),
    _trigger(
        "plan_entries_stay_signed",
        "plan_entries",
        "UPDATE OF state",
        f"{_SIGNED} AND NEW.state IN ('draft', 'discarded')",
        "plan_entries: a signed entry stays signed",
    ),
    _trigger(
        "plan_entries_end_once",
        "plan_entries",
        "UPDATE OF ended_on",
        "OLD.ended_on IS NOT NULL",
        "plan_entries: an entry ends once",
    ),
    *never("plan_entries", change=False),
    *frozen(
        "claims",
        _CLAIM,
        "OLD.released_at IS NOT NULL",
        "a released claim is frozen",
    ),
    *never("claims", change=False),
    *frozen("claim_units", _UNITS, "1", "billed units are never changed"),
    _trigger(
        "claim_units_stay_billed",
        "claim_units",
        "UPDATE OF live",
        f"NEW.live <> OLD.live AND (OLD.live = 0 OR {_RELEASED})",
        "claim_units: units of a released claim stay billed",
    ),
    *never("claim_units", change=False),
    *frozen("outbox", _OUTBOX, "1", "a delivery is frozen"),
    _trigger(
        "outbox_settled_once",
        "outbox",
        "UPDATE OF state",
        "OLD.state = 'in-chart' AND NEW.state <> 'in-chart'",
        "outbox: what is in the chart stays settled",
    ),
    _trigger(
        "outbox_fence_grows",
        "outbox",
        "UPDATE OF fence",
        "NEW.fence < OLD.fence",
        "outbox: the fencing number never goes back",
    ),
    *never("outbox", change=False),
    *frozen("outbox_steps", _STEP, "1", "a step is frozen before its first attempt"),
    *never("outbox_steps", change=False),
)

_REPLACED = (
    "EXISTS (SELECT 1 FROM claims AS next WHERE next.issuer = OLD.issuer "
    "AND next.prior = OLD.control_number AND next.released_at IS NOT NULL)"
)
STAY_BILLED = _trigger(
    "claim_units_stay_billed",
    "claim_units",
    "UPDATE OF live",
    f"NEW.live <> OLD.live AND (OLD.live = 0 OR ({_RELEASED} AND NOT {_REPLACED}))",
    "claim_units: units of a released claim stay billed until a released claim replaces it",
)
LINEAGE: tuple[str, ...] = (
    _trigger(
        "claims_keep_lineage",
        "claims",
        "UPDATE OF stem, frequency, prior",
        "OLD.released_at IS NOT NULL",
        "claims: a released claim keeps its frequency and the claim it replaces",
    ),
    _trigger(
        "claims_stay_released",
        "claims",
        "UPDATE OF state",
        "OLD.released_at IS NOT NULL AND NEW.state <> OLD.state "
        "AND NOT (OLD.state = 'released' AND NEW.state IN ('corrected', 'voided'))",
        "claims: a released claim stays released until it is corrected or voided",
    ),
)
STAY_SIGNED = _trigger(
    "contact_versions_stay_signed",
    "contact_versions",
    "UPDATE OF state",
    f"{_SIGNED} AND (NEW.state IN ('draft', 'discarded') OR OLD.state IN ('superseded', 'entered-in-error') "
    "OR (OLD.state = 'final' AND NEW.state NOT IN ('superseded', 'entered-in-error')))",
    "contact_versions: a signed version stays signed",
)
_OTHER_ADDENDUM_TEXT = (
    "NEW.kind = 'addendum' AND NOT EXISTS (SELECT 1 FROM addenda AS signed "
    "WHERE signed.issuer = NEW.issuer AND signed.id = NEW.subject "
    "AND signed.digest = NEW.digest AND signed.state = 'signed')"
)
_ADDENDUM = ("issuer", "id", "contact", "version", "patient", "author", "said", "state", "text", "digest")
ADDENDA: tuple[str, ...] = (
    *frozen(
        "addenda",
        (*_ADDENDUM, "saved_at", "signed_at"),
        "OLD.state <> 'draft'",
        "a signed addendum is frozen",
    ),
    *never("addenda", change=False),
    _trigger(
        "signatures_of_addendum_text",
        "signatures",
        "INSERT",
        _OTHER_ADDENDUM_TEXT,
        "signatures: signed is the frozen text only",
    ),
)
# What may have reached an EHR is repeated byte for byte; of what certainly has not, nothing is known there.
STEPS: tuple[str, ...] = (
    *frozen(
        "outbox_steps", ("issuer", "row", "position", "key", "method", "made_at"), "1", "a step stays itself"
    ),
    _trigger(
        "outbox_steps_sent_bytes",
        "outbox_steps",
        'UPDATE OF "address", "headers", "body", "digest"',
        "OLD.state <> 'ready'",
        "outbox_steps: what may have been sent is frozen",
    ),
)
