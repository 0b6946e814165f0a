"""The states of records as they are stored, and how people read them."""

from __future__ import annotations

DRAFT = "draft"
AWAITING = "awaiting-cosignature"
RETURNED = "returned"
RECALLED = "recalled"
FINAL = "final"
SUPERSEDED = "superseded"
DISCARDED = "discarded"
# Written in the chart of the wrong person: kept, and shown to nobody in that chart any more.
IN_ERROR = "entered-in-error"
SIGNED = "signed"
ENDED = "ended"

CONTACT_WORDS = {
    DRAFT: "draft",
    AWAITING: "awaiting co-signature",
    RETURNED: "returned",
    RECALLED: "recalled",
    FINAL: "signed",
    SUPERSEDED: "replaced by a later version",
    DISCARDED: "discarded",
    IN_ERROR: "entered in error",
}
PLAN_WORDS = {DRAFT: "draft", SIGNED: "active", SUPERSEDED: "revised", ENDED: "ended", DISCARDED: "discarded"}

OPEN = "open"
COSIGNED = "co-signed"

READY = "ready"
HELD = "held"
RELEASED = "released"
VOID = "void"
CORRECTED = "corrected"
VOIDED = "voided"
CLAIM_WORDS = {
    READY: "ready",
    HELD: "held",
    RELEASED: "released",
    VOID: "withdrawn",
    CORRECTED: "corrected",
    VOIDED: "voided",
}
# What a payer answers, in the order in which a claim passes through it.
ANSWERED = ("accepted", "rejected", "denied", "adjusted", "paid")

ANSWER_WORDS = {
    "pending": "not answered yet",
    "approved": "approved",
    "denied": "denied",
    "returned": "returned as incomplete",
    "withdrawn": "withdrawn by us",
}
