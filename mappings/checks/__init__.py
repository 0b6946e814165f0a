"""The vocabulary of checks: importing this package registers every one of them."""

from mappings.checks import (
    codes,
    conditions,
    integrity,
    modality,
    note,
    plan,
    plan_entry,
    preadmission,
    rendering,
    scope,
    signatures,
    time,
)
from mappings.checks.registry import CHECKS, CONDITIONS, PARAMETERS_OF, Outcome

__all__ = [
    "CHECKS",
    "CONDITIONS",
    "PARAMETERS_OF",
    "Outcome",
    "codes",
    "conditions",
    "integrity",
    "modality",
    "note",
    "plan",
    "plan_entry",
    "preadmission",
    "rendering",
    "scope",
    "signatures",
    "time",
]
