"""Reading and writing for one grant: scopes, compartments, versions and references are asked here."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from .outcomes import FhirError, Issue
from .parameters import PARAMETERS, SHARED
from .references import Local, read_local, references
from .scopes import Grant, Reach
from .search import in_compartment, read_query
from .store import AnyOf, Clause, Store, Stored, Window
from .validation import check_resource, check_writable, refuse_change

_VERB = {"c": "create", "r": "read", "u": "update", "d": "delete", "s": "search"}


@dataclass(frozen=True)
class Written:
    """What became of a write: the version that now stands, and whether it is a new resource."""

    stored: Stored
    created: bool


@dataclass(frozen=True)
class Records:
    """The resources of one EHR as one grant may see and change them."""

    store: Store
    grant: Grant

    def read(self, resource_type: str, resource_id: str) -> Stored:
        """Return the live resource.

        Raises FhirError 404 when there is none, 410 when it was deleted, 403 beyond the grant.
        """
        self._reach(resource_type, "r")
        return self._visible(self.existing(resource_type, resource_id), "r")

    def version(self, resource_type: str, resource_id: str, version: str) -> Stored:
        """Return one version; 404, 410 and 403 as for read."""
        self._reach(resource_type, "r")
        found = self.store.version(resource_type, resource_id, version)
        if found is None:
            raise FhirError(
                404, "not-found", f"There is no version {version} of {resource_type}/{resource_id}."
            )
        if found.deleted:
            raise FhirError(
                410, "deleted", f"Version {version} of {resource_type}/{resource_id} is a deletion."
            )
        return self._visible(found, "r")

    def history(self, resource_type: str, resource_id: str) -> list[Stored]:
        """Return every version, newest first, also of a deleted resource."""
        self._reach(resource_type, "r")
        versions = self.store.history(resource_type, resource_id)
        if not versions:
            raise FhirError(404, "not-found", f"There is no {resource_type}/{resource_id}.")
        for one in versions:
            if not one.deleted:
                self._visible(one, "r")
        return versions

    def clauses(self, resource_type: str) -> tuple[AnyOf, ...]:
        """Return what a search of this type is narrowed to by the grant."""
        ways = tuple(self._clauses(resource_type, reach) for reach in self._reaches(resource_type, "s"))
        return () if () in ways else (AnyOf(ways),)

    def create(self, resource: Any, *, expected: str | None = None, condition: str | None = None) -> Written:
        """Store a new resource, unless `condition` (If-None-Exist) matches one already: then return that.

        Raises FhirError 412 when the condition matches several.
        """
        checked = check_resource(resource, expected)
        resource_type = checked["resourceType"]
        self._reach(resource_type, "c")
        with self.store.database.transaction():
            match = self.matching(resource_type, condition) if condition is not None else None
            if match:
                return Written(match, created=False)
            self.check_references(checked)
            return self.add(checked, str(uuid.uuid4()))

    def add(self, checked: dict[str, Any], resource_id: str) -> Written:
        """Store a checked resource, whose references were checked, under a new id."""
        self._may_write(checked, "c")
        return Written(self.store.write(checked, resource_id), created=True)

    def update(
        self,
        resource: Any,
        resource_type: str,
        resource_id: str,
        if_match: str | None,
        coming: Collection[tuple[str, str]] = (),
    ) -> Written:
        """Store the next version of a resource.

        Raises FhirError 428 without If-Match, 412 when it names another version, 404 or 410 when there is
        nothing to update, 400 when the body carries another id.
        """
        checked = check_resource(resource, resource_type)
        refuse_change(resource_type)
        self._reach(resource_type, "u")
        if checked.get("id") != resource_id:
            raise FhirError(
                400, "invariant", f"The address says id {resource_id}, the body {checked.get('id')}."
            )
        with self.store.database.transaction():
            before = self.existing(resource_type, resource_id)
            self._visible(before, "u")
            check_version(before, if_match)
            self._may_write(checked, "u")
            self.check_references(checked, coming)
            return Written(self.store.write(checked, resource_id), created=False)

    def delete(self, resource_type: str, resource_id: str, if_match: str | None = None) -> None:
        """Delete a resource; its versions stay readable. Deleting what is gone changes nothing."""
        check_writable(resource_type)
        refuse_change(resource_type)
        self._reach(resource_type, "d")
        with self.store.database.transaction():
            before = self.store.read(resource_type, resource_id)
            if before is None:
                raise FhirError(404, "not-found", f"There is no {resource_type}/{resource_id}.")
            if before.deleted:
                return
            self._visible(before, "d")
            if if_match is not None:
                check_version(before, if_match)
            self.store.delete(resource_type, resource_id)

    def matching(self, resource_type: str, condition: str) -> Stored | None:
        """Return the one resource that a condition such as `identifier=a|b` matches, or None.

        The condition looks at everything the server holds, so that no grant can make a second one.
        Raises FhirError 400 for an unreadable condition, 412 when several match.
        """
        pairs = parse_qsl(condition.partition("?")[2] or condition, keep_blank_values=True)
        if not pairs:
            raise FhirError(400, "value", f"The condition {condition!r} has no search parameter.")
        query = read_query(resource_type, pairs, self.store.base, self.store.zone)
        if not query.clauses:
            raise FhirError(400, "value", f"The condition {condition!r} has no criterion.")
        found = self.store.find(resource_type, query.clauses, Window(count=2))
        if len(found) > 1:
            raise FhirError(
                412, "multiple-matches", f"{resource_type}?{condition} matches several resources."
            )
        return self._visible(found[0], "c") if found else None

    def check_references(self, resource: dict[str, Any], coming: Collection[tuple[str, str]] = ()) -> None:
        """Refuse (422) references to resources that this server does not hold.

        `coming` names resources that the same transaction creates.
        """
        issues = [
            Issue("not-found", f"{text} does not exist on this server.", path)
            for path, text in references(resource, resource["resourceType"])
            if not self._resolves(text, coming)
        ]
        if issues:
            raise FhirError(422, "not-found", issues[0].diagnostics, issues=tuple(issues))

    def existing(self, resource_type: str, resource_id: str) -> Stored:
        """Return the live resource without asking the grant; 404 or 410 when there is none."""
        found = self.store.read(resource_type, resource_id)
        if found is None:
            raise FhirError(404, "not-found", f"There is no {resource_type}/{resource_id}.")
        if found.deleted:
            raise FhirError(410, "deleted", f"{resource_type}/{resource_id} was deleted.")
        return found

    def _resolves(self, text: str, coming: Collection[tuple[str, str]]) -> bool:
        local = read_local(text, self.store.base)
        if local is None:
            return text.startswith(("#", "http://", "https://")) and not text.startswith(self.store.base)
        if (local.type, local.id) in coming:
            return True
        found = self._referred(local)
        return found is not None and not found.deleted

    def _referred(self, local: Local) -> Stored | None:
        if local.version is not None:
            return self.store.version(local.type, local.id, local.version)
        return self.store.read(local.type, local.id)

    def _reach(self, resource_type: str, action: str) -> None:
        self._reaches(resource_type, action)

    def _reaches(self, resource_type: str, action: str) -> tuple[Reach, ...]:
        if resource_type not in PARAMETERS:
            raise FhirError(404, "not-supported", f"This server does not know the type {resource_type}.")
        reaches = self.grant.reaches(resource_type, action)
        if not reaches:
            raise beyond_scope(f"The token carries no scope to {_VERB[action]} {resource_type}.")
        return reaches

    def _visible(self, stored: Stored, action: str) -> Stored:
        if self._within(stored.resource, action):
            return stored
        raise beyond_scope(f"{stored.type}/{stored.id} is beyond the patient or the scopes of this token.")

    def _may_write(self, resource: dict[str, Any], action: str) -> None:
        if not self._within(resource, action):
            kind = resource["resourceType"]
            raise beyond_scope(f"This {kind} is beyond the patient or the scopes of this token.")

    def _within(self, resource: dict[str, Any], action: str) -> bool:
        resource_type = resource["resourceType"]
        return any(self._carries(resource, one) for one in self._reaches(resource_type, action))

    def _carries(self, resource: dict[str, Any], reach: Reach) -> bool:
        resource_type = resource["resourceType"]
        own = not reach.patient_only or resource_type in SHARED
        if not own and self.store.patients_of(resource) != {self.grant.patient}:
            return False
        return reach.query is None or self.store.matches(resource, self._asked(resource_type, reach.query))

    def _clauses(self, resource_type: str, reach: Reach) -> tuple[Clause, ...]:
        narrowed = reach.patient_only and resource_type not in SHARED
        own = (in_compartment(self.grant.patient or ""),) if narrowed else ()
        return own + (self._asked(resource_type, reach.query) if reach.query else ())

    def _asked(self, resource_type: str, query: str) -> tuple[Clause, ...]:
        pairs = parse_qsl(query, keep_blank_values=True)
        return read_query(resource_type, pairs, self.store.base, self.store.zone).clauses


def check_version(stored: Stored, if_match: str | None) -> None:
    """Refuse an update that does not name the version it was made from (428), or names another (412)."""
    if if_match is None:
        raise FhirError(428, "required", 'Send If-Match with the version that was changed, such as W/"1".')
    if if_match not in (f'W/"{stored.version}"', f'"{stored.version}"'):
        raise FhirError(
            412,
            "conflict",
            f"{stored.type}/{stored.id} is at version {stored.version}, not {if_match}: read it again.",
        )


def beyond_scope(sentence: str) -> FhirError:
    """Return the refusal for a call that the token's scopes do not carry (RFC 6750 section 3.1)."""
    challenge = 'Bearer realm="fhir", error="insufficient_scope"'
    return FhirError(403, "forbidden", sentence, headers={"WWW-Authenticate": challenge})
