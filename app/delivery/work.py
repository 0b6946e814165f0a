"""The worker: takes a row from the outbox, sends its steps, and writes down how it went."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar
from uuid import NAMESPACE_URL, uuid5

import structlog
from sqlalchemy.orm import Session

from app import also_sent, consents, outbox, wrong_chart
from app.delivery import steps
from app.delivery.capability import Capability
from app.delivery.decide import Decision, decide, wait_before
from app.delivery.ehr import Ehr, Ehrs
from app.delivery.forms import Json, in_forms
from app.delivery.plan import Hold, NotSent, Plan, Step, body_of, plan_delivery
from app.delivery.send import Several, Stands, look, send
from app.note_copies import copy_of
from app.outbox import Leased, LeaseLost
from app.problems import Problem
from app.store import Store
from mappings.disclosure import WrittenConsent
from mappings.fhir.part2 import accompanied
from mappings.fhir.us_core import fitted, shipped
from smart_launch.fhir_client import FhirTrouble, ForeignReference, Wait
from smart_launch.refusal import LaunchRefused

LEASE_SECONDS = 180
MAX_WORDS = 2000
FAILURES = 5
TRANSACTION = "transaction"
_UPDATES = ("upsert", "mark")
_UNAVAILABLE = 503
TROUBLE = (FhirTrouble, ForeignReference, LaunchRefused)

Answer = TypeVar("Answer")
log = structlog.get_logger("peerchart.delivery")


@dataclass(frozen=True)
class Pace:
    """How patient the worker is: `quarantine` is longer than the EHR may take to store what it answered
    nothing about, so that a search after it tells the truth."""

    quarantine: timedelta = timedelta(seconds=30)
    wait: Callable[[int, timedelta | None, Random], timedelta] = wait_before


@dataclass(frozen=True)
class Report:
    """How one row went: its number, its new state (`waiting`, `in-chart`, `refused`, `held`, or `lost` when
    another worker has it), and the reason where it did not arrive."""

    id: int
    key: str
    state: str
    reason: str = ""


class _Stop(Exception):
    """The end of this attempt, with what to do next."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.words)
        self.decision = decision


@dataclass
class Worker:
    """One worker; several may share a store. `clock` answers the time (aware), `chance` spreads waits."""

    store: Store
    ehrs: Ehrs
    name: str
    clock: Callable[[], datetime]
    chance: Random = field(default_factory=Random)
    pace: Pace = field(default_factory=Pace)

    def deliver_once(self) -> Report | None:
        """Take one due row and bring it as far as it goes now; None when no row is due."""
        with self.store.write() as session:
            leased = outbox.lease(session, self.name, self.clock(), LEASE_SECONDS)
        if leased is None:
            return None
        try:
            return self._deliver(leased)
        except LeaseLost as lost:
            return Report(leased.id, leased.key, "lost", lost.message)
        except Exception as error:  # noqa: BLE001 - one record that cannot be handled must not stop the others
            return self._failed(leased, error)

    def drain(self, most: int = 10_000) -> list[Report]:
        """Deliver until no row is due, at most `most` rows; what EHRs ask for beside the records is gathered
        first."""
        self._gather()
        reports: list[Report] = []
        while len(reports) < most and (report := self.deliver_once()) is not None:
            reports.append(report)
        return reports

    def _gather(self) -> None:
        now = self.clock()
        with self.store.read() as session:
            issuers = also_sent.waiting(session, now)
        for issuer in issuers:
            try:
                with self.store.write() as session:
                    also_sent.gather(session, issuer, now)
            except Exception as error:  # noqa: BLE001 - what goes beside the records must not stop the records
                log.error("gathering failed", issuer=issuer, error=type(error).__name__, where=_where(error))

    def _deliver(self, leased: Leased) -> Report:
        try:
            self._may_leave(leased)
            ehr = self.ehrs.open(leased.issuer, self.clock())
            plan = self._plan(leased, ehr)
            if isinstance(plan, Hold):
                return self._end(leased, Decision("hold", plan.reason))
            stands = self._steps(leased, ehr, plan)
        except _Stop as stop:
            return self._end(leased, stop.decision)
        except TROUBLE as trouble:
            return self._end(leased, decide(trouble, token_was_new=True))
        except LeaseLost:
            raise
        except Problem as problem:
            return self._end(leased, Decision("hold", f"{problem.message} {problem.what_to_do}"))
        return self._settle(leased, stands, plan.not_sent)

    def _plan(self, leased: Leased, ehr: Ehr) -> Plan | Hold:
        with self.store.read() as session:
            begun = steps.frozen_steps(session, leased.id)
        capability = ehr.capability
        if any(one.key != TRANSACTION and one.state != steps.READY for one in begun):
            # A transaction now would attest again what single writes have attested already.
            capability = capability.without_transaction()
        return plan_delivery(leased.kind, self._payload(leased, capability), capability)

    def _payload(self, leased: Leased, capability: Capability) -> Json:
        """The frozen record in the version of US Core that the operator says the EHR holds; a note in the
        forms that it takes."""
        payload: Json = json.loads(leased.payload)
        forms = capability.override.note_forms
        if leased.kind == outbox.NOTE and forms:
            _, note, number = leased.key.split("/")
            with self.store.read() as session:
                copy = copy_of(session, leased.issuer, note, int(number))
            payload = in_forms(payload, forms, copy)
        version = capability.override.us_core
        if version and leased.kind not in outbox.DISCLOSES_NOTHING:
            payload = fitted(payload, version, shipped())
        consent = self._may_leave(leased)
        return payload if consent is None else accompanied(payload, consent.words)

    def _may_leave(self, leased: Leased) -> WrittenConsent | None:
        """The consent by which the record may leave at this moment, None where it needs none. It is asked
        again before every request: whoever revokes a consent revokes it for what is not sent yet. Raises
        ConsentMissing, and Held for a note of a wrong chart."""
        with self.store.read() as session:
            return self._asked(session, leased)

    def _asked(self, session: Session, leased: Leased) -> WrittenConsent | None:
        self._refuse(session, leased)
        if leased.kind in outbox.DISCLOSES_NOTHING:
            # It tells the EHR, of what it holds already, that it does not count: nothing is disclosed by it.
            return None
        whom = outbox.audience(leased.destination)
        consent = consents.by_which(
            session, leased.issuer, leased.patient, whom, self.clock(), leased.payload
        )
        first = consent is not None and also_sent.goes_first(session, leased.issuer, consent.number)
        if first and leased.destination != outbox.CONSENTS:
            raise _Stop(Decision("retry", "It waits for the consent by which it leaves: that goes first."))
        return consent

    def _refuse(self, session: Session, leased: Leased) -> None:
        """Raises Held for what is not to leave any more, whoever consents."""
        wrong_chart.refuse(session, leased.issuer, leased.kind, leased.subject)
        also_sent.refuse(session, leased.issuer, leased.kind, leased.subject)

    def _steps(self, leased: Leased, ehr: Ehr, plan: Plan) -> list[Stands]:
        stands: list[Stands] = []
        for step in plan.steps:
            ids = {one.full_url: one.reference for one in stands}
            stands += self._step(leased, ehr, step, ids)
        return stands

    def _step(self, leased: Leased, ehr: Ehr, step: Step, ids: Mapping[str, str]) -> list[Stands]:
        with self.store.write() as session:
            frozen = steps.freeze(session, leased, step, body_of(step, ids), self.clock())
        if frozen.done:
            return [Stands(**one) for one in frozen.result["stands"]]
        request_id = _request_id(leased, frozen.key)
        found = None
        if frozen.tried:
            self._may_leave(leased)
            found = self._with_token(
                leased, ehr, step, lambda: look(ehr.client, step, frozen.body, request_id)
            )
        stands = found if found is not None else self._send(leased, ehr, step, frozen, request_id)
        result = {"stands": [one.to_json() for one in stands]}
        with self.store.write() as session:
            steps.mark_done(session, leased, frozen.position, result, self.clock(), LEASE_SECONDS)
        return stands

    def _send(
        self, leased: Leased, ehr: Ehr, step: Step, frozen: steps.FrozenStep, request_id: str
    ) -> list[Stands]:
        with self.store.write() as session:
            self._disclosed(session, leased)
            steps.mark_tried(session, leased, frozen.position, self.clock(), LEASE_SECONDS)
        try:
            return self._with_token(
                leased, ehr, step, lambda: send(ehr.client, step, frozen.body, request_id)
            )
        except _Stop as stop:
            if stop.decision.next != "look" and not _may_have_arrived(stop.__cause__):
                with self.store.write() as session:
                    steps.mark_unsent(session, leased, frozen.position, self.clock(), LEASE_SECONDS)
            raise

    def _disclosed(self, session: Session, leased: Leased) -> None:
        """Ask once more, and write down in the same transaction that it leaves. Raises as `_asked`."""
        if leased.kind in outbox.DISCLOSES_NOTHING:
            return
        self._refuse(session, leased)
        where = (session, leased.issuer, leased.patient, outbox.audience(leased.destination))
        what = (leased.kind, leased.key, leased.digest, leased.payload)
        consents.leaves(*where, *what, self.clock(), delivery=leased.id)

    def _with_token(self, leased: Leased, ehr: Ehr, step: Step, ask: Callable[[], Answer]) -> Answer:
        """Ask, and once more with a new token when the EHR no longer takes the one in use. Raises _Stop."""
        try:
            return ask()
        except Several as several:
            raise _Stop(Decision("hold", str(several))) from several
        except TROUBLE as trouble:
            decision = decide(trouble, updating=step.way in _UPDATES)
            if decision.next != "token":
                raise _Stop(decision) from trouble
        ehr.renew_token()
        self._may_leave(leased)
        try:
            return ask()
        except Several as several:
            raise _Stop(Decision("hold", str(several))) from several
        except TROUBLE as trouble:
            again = decide(trouble, token_was_new=True, updating=step.way in _UPDATES)
            raise _Stop(again) from trouble

    def _settle(self, leased: Leased, stands: Sequence[Stands], not_sent: Sequence[NotSent]) -> Report:
        result = {
            "resources": [one.to_json() for one in stands],
            "not_sent": [{"type": one.resource_type, "reason": one.reason} for one in not_sent],
        }
        with self.store.write() as session:
            outbox.settle(session, leased, result, self.clock())
        return Report(leased.id, leased.key, outbox.IN_CHART)

    def _end(self, leased: Leased, decision: Decision) -> Report:
        now, words = self.clock(), decision.words[:MAX_WORDS]
        with self.store.write() as session:
            if decision.next == "refuse":
                outbox.refuse(session, leased, words, now)
                return Report(leased.id, leased.key, outbox.REFUSED, words)
            if decision.next in {"hold", "token"}:
                outbox.hold(session, leased, words, now)
                return Report(leased.id, leased.key, outbox.HELD, words)
            outbox.wait(session, leased, now + self._wait(leased, decision), words, now)
        return Report(leased.id, leased.key, outbox.WAITING, words)

    def _failed(self, leased: Leased, error: Exception) -> Report:
        # The name of the failure only: its words may hold parts of the record.
        log.error(
            "delivery failed here",
            row=leased.id,
            error=type(error).__name__,
            where=_where(error),
        )
        words = f"Peerchart itself could not handle this delivery ({type(error).__name__}). "
        last = leased.attempts >= FAILURES
        return self._end(
            leased, Decision("hold" if last else "retry", words + "Tell your administrator; nothing is lost.")
        )

    def _wait(self, leased: Leased, decision: Decision) -> timedelta:
        pause = self.pace.wait(leased.attempts, decision.after, self.chance)
        return max(pause, self.pace.quarantine) if decision.next == "look" else pause


def _where(error: BaseException) -> str:
    return "".join(traceback.format_tb(error.__traceback__))


def _may_have_arrived(trouble: BaseException | None) -> bool:
    # Proxies answer 503 when the server behind them took the request and was too slow to say so.
    return isinstance(trouble, Wait) and trouble.status == _UNAVAILABLE


def _request_id(leased: Leased, key: str) -> str:
    # The same for every attempt of one step, so that the EHR's log and ours can be laid side by side.
    return str(uuid5(NAMESPACE_URL, f"{leased.issuer}/{leased.destination}/{leased.key}/{key}"))
