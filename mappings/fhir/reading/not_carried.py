"""What of a record does not come back from its FHIR, and why: everything else does, field by field."""

from __future__ import annotations

from collections.abc import Mapping

_EMPLOYEE = "It is the employer's knowledge of an employee and goes into nobody's chart: `peerchart staff`."
_OF_A_NOTE = (
    "A note or claim names who took part and no more; `peerchart staff export-fhir` writes and reads it."
)
# By kind and field of the intake record.
NOT_CARRIED: Mapping[str, str] = {
    "contact.group.recipients": "No record names the others of a group; session and head count stay.",
    "contact.individual.identifier_system": "It comes back unless it is that of Peerchart itself.",
    "contact.peer": "A peer given whole comes back by id, beside a staff record of their own.",
    "contact.program": "A programme given whole comes back by id, beside a programme record of its own.",
    "contact.ehr.encounter": "With and without Encounter/ before it, it is the same.",
    "plan-entry.individual": "An entry that names its individual by id comes back with all that is known.",
    "plan-entry.goal": "Entries that share a goal's id share its words: those of the first.",
    "plan-entry.program": "A programme given whole comes back by id, beside a programme record of its own.",
    "staff.birth_date": _EMPLOYEE,
    "staff.hired": _EMPLOYEE,
    "staff.employment": _EMPLOYEE,
    "staff.contract": _EMPLOYEE,
    "staff.credentials": f"{_OF_A_NOTE} Those of a Practitioner of others are read.",
    "staff.attestations": f"{_EMPLOYEE} Lived experience is the peer's own to tell.",
    "staff.education": _EMPLOYEE,
    "staff.supervision": _EMPLOYEE,
    "staff.supervisor": _EMPLOYEE,
    "staff.earlier_supervisors": _EMPLOYEE,
    "staff.telecom": f"{_OF_A_NOTE} That of a Practitioner of others is read.",
    "authorization": "What a payer granted is the payer's to say; it comes back where a contact names it.",
    "*": "An empty text, list or object says as much as none; FHIR knows none, nor control characters.",
}
