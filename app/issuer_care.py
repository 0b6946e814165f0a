"""The care of a registration: who may change what, is it right, change it, write down what changed.

From inside, an administrator changes only what cannot send a token, a code or a chart to another address, let
another page frame Peerchart, or change which rules count: an open launch is vouched for by that very EHR, and
whoever gets hold of one must not be able to turn the installation's keys and charts elsewhere. All the rest
needs the machine's own command line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app import audit, registry
from app.actor import ADMINISTRATOR, ENGINEER, Actor, require
from app.ehr_uses import unneeded
from app.keyring import Keyring
from app.problems import MendInput, NotFound, Stale
from app.tables import IssuerRow
from smart_launch.issuers import Issuer
from smart_launch.refusal import UnknownIssuer
from smart_launch.registration import WrongRegistration, read_registration

INSIDE = ("scopes", "backend_scopes")
LOOKERS = (ADMINISTRATOR, ENGINEER)
_MEND = "Mend it and save again."


def own(session: Session, keyring: Keyring, actor: Actor) -> Issuer:
    """The registration of the actor's own EHR; raises NotAllowed, NotFound."""
    require(actor, *LOOKERS, to="see how an EHR is registered")
    return known(session, keyring, actor.issuer)


def known(session: Session, keyring: Keyring, issuer_id: str) -> Issuer:
    """One registered EHR; raises NotFound."""
    try:
        return registry.registered(session, keyring).by_id(issuer_id)
    except UnknownIssuer:
        raise NotFound(f"The EHR {issuer_id} is not registered.", "See: peerchart issuers list") from None


def edit_of(session: Session, actor: Actor) -> str:
    """The edit of the registration that a page shows, to be given back with a change."""
    row = session.get(IssuerRow, actor.issuer)
    return "" if row is None else row.changed_at.isoformat()


def change(
    session: Session,
    keyring: Keyring,
    actor: Actor,
    scopes: Mapping[str, Sequence[str]],
    now: datetime,
    *,
    seen: str,
) -> tuple[str, ...]:
    """Change what may be changed from inside (`scopes`, `backend_scopes`) at the actor's own EHR and answer
    the fields that changed. Raises MendInput with a message for each field, Stale when somebody else was
    faster."""
    require(actor, ADMINISTRATOR, to="change how an EHR is registered")
    before = known(session, keyring, actor.issuer)
    if seen != edit_of(session, actor):
        raise Stale("The registration was changed meanwhile.", "Look at it as it is now and change it again.")
    after = replace(
        before,
        scopes=tuple(scopes.get("scopes", before.scopes)),
        backend_scopes=tuple(scopes.get("backend_scopes", before.backend_scopes)),
    )
    errors = _wrong(after)
    for name in INSIDE:
        useless = [one for one in unneeded(getattr(after, name)) if one not in getattr(before, name)]
        if useless:
            words = f"Peerchart has no use for {', '.join(useless)}; ask for no more than is used"
            errors.setdefault(name, words)
    if errors:
        raise MendInput("The registration was not changed.", _MEND, errors)
    return keep(session, keyring, after, actor, now)


def keep(session: Session, keyring: Keyring, issuer: Issuer, actor: Actor, now: datetime) -> tuple[str, ...]:
    """Keep a registration and answer the fields that changed, all of them for a new one; a secret is named
    in the audit and never shown. Raises MendInput where it collides with another EHR's."""
    everyone = registry.registered(session, keyring)
    errors = _collisions(issuer, [one for one in everyone.issuers if one.id != issuer.id])
    if errors:
        raise MendInput("The registration cannot be kept.", _MEND, errors)
    before = next((one for one in everyone.issuers if one.id == issuer.id), None)
    changed = differences(before, issuer)
    if before is not None and not changed:
        return ()
    registry.put(session, keyring, issuer, now)
    action = "EHR registered" if before is None else "EHR registration changed"
    audit.did(session, actor, action, now, subject=issuer.id, changed=changed)
    return tuple(changed)


def differences(before: Issuer | None, after: Issuer) -> dict[str, Any]:
    """What changed, by field: [before, after], of a secret only that it did."""
    old = {} if before is None else asdict(before)
    changed = {}
    for name, value in asdict(after).items():
        if old.get(name) != value:
            was, now = old.get(name), value
            changed[name] = "changed" if name == "client_secret" else [_plain(was), _plain(now)]
    return changed


def _wrong(issuer: Issuer) -> dict[str, str]:
    try:
        read_registration({name: value for name, value in asdict(issuer).items() if value is not None})
    except WrongRegistration as wrong:
        return wrong.errors
    return {}


def _collisions(issuer: Issuer, others: Sequence[Issuer]) -> dict[str, str]:
    """An address that two EHRs share would let one's answer pass for the other's (RFC 9700 4.4)."""
    errors = {}
    for other in others:
        if other.base == issuer.base:
            errors["iss"] = f"{other.id} is registered with this FHIR base; one EHR is registered once"
        if other.redirect_uri == issuer.redirect_uri:
            errors["redirect_uri"] = (
                f"{other.id} has this redirect address; each EHR needs one of its own, "
                f"ending in /cb/{issuer.id}"
            )
    return errors


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
