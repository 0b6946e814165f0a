"""Bringing frozen records into an EHR: the only part of the product that writes there.

A row of the outbox is leased, its requests are planned from what the EHR takes, each is frozen before its
first attempt, and what may have arrived is looked for before it is ever sent again.
"""

from __future__ import annotations

from app.delivery.capability import PRESETS, Capability, Override
from app.delivery.decide import Decision, decide, wait_before
from app.delivery.ehr import BackendEhrs, Ehr, Ehrs
from app.delivery.plan import Hold, NotSent, Plan, Step, plan_delivery
from app.delivery.work import Pace, Report, Worker

__all__ = [
    "PRESETS",
    "BackendEhrs",
    "Capability",
    "Decision",
    "Ehr",
    "Ehrs",
    "Hold",
    "NotSent",
    "Override",
    "Pace",
    "Plan",
    "Report",
    "Step",
    "Worker",
    "decide",
    "plan_delivery",
    "wait_before",
]
