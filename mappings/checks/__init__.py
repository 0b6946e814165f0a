"""The vocabulary of checks: importing this package registers every one of them."""

from mappings.checks import (
    authorization,
    codes,
    conditions,
    integrity,
    limits,
    modality,
    note,
    payer,
    plan,
    plan_entry,
    preadmission,
    rendering,
    scope,
    signatures,
    time,
    training,
)
from mappings.checks.registry import CHECKS, CONDITIONS, PARAMETERS_OF, Outcome

__all__ = [
    "CHECKS",
    "CONDITIONS",
    "PARAMETERS_OF",
    "Outcome",
    "authorization",
    "codes",
    "conditions",
    "integrity",
    "limits",
    "modality",
    "note",
    "payer",
    "plan",
    "plan_entry",
    "preadmission",
    "rendering",
    "scope",
    "signatures",
    "time",
    "training",
]
