"""Good records of other places, as changes to the good record of New York."""

from __future__ import annotations

from typing import Any

PEER = "1900000021"


def _signed(day: str, offset: str) -> dict[str, Any]:
    author = {"meaning": "author", "by": PEER, "at": f"{day}T11:05:00{offset}", "version": 1}
    return {
        "start": f"{day}T10:00:00{offset}",
        "end": f"{day}T10:30:00{offset}",
        "note.edited_at": f"{day}T10:58:00{offset}",
        "signatures": [author],
    }


def _admitted(day: str) -> list[dict[str, str]]:
    return [{"status": "undecided", "at": "2024-01-02"}, {"status": "admitted", "at": day}]


AUTHORIZATION = {
    "id": "AUTH-1",
    "service": "H0038",
    "member": "MRN-70001",
    "number": "A123",
    "units": 16,
    "used": 0,
    "from": "2024-03-01",
    "to": "2024-03-30",
    "requested_by": "1900000013",
    "requester_role": "provider",
    "member_approved": True,
}
US_ID: dict[str, Any] = {
    **_signed("2024-03-04", "-07:00"),
    "jurisdiction": "us-id",
    "program.program_kind": "peer-agency",
    "program.time_zone": "America/Boise",
    "program.enrolments": [{"payer": "OPTUMIDAHO", "service": "peer-support", "from": "2014-02-01"}],
    "individual.coverages[0].payer": "OPTUMIDAHO",
    "individual.coverages[0].from": "2024-01-01",
    "individual.coverages[0].checked_on": "2024-03-01",
    "engagement.history": _admitted("2024-01-05"),
    "peer.hired": "2022-02-01",
    "peer.credentials": [
        {
            "code": "id-cpss",
            "issuer": "mountain-states",
            "number": "ID-7",
            "from": "2022-02-01",
            "to": "2025-01-31",
            "hours": 40,
            "test_passed": "2022-01-20",
        }
    ],
    "peer.education": [
        {"on": "2022-10-01", "hours": 12, "topic": "peer-support"},
        {"on": "2023-10-01", "hours": 12, "topic": "peer-support"},
    ],
    "peer.supervisor.from": "2022-02-01",
    "authorization": AUTHORIZATION,
}
US_ID_TRANSITION: dict[str, Any] = {
    **US_ID,
    "service.code": "H2015",
    "staff": [{"id": "1900000039", "category": "lcsw", "role": "clinician"}],
    "authorization": {
        **AUTHORIZATION,
        "service": "H2015",
        "units": 32,
        "to": "2024-05-31",
        "requester_role": "discharge-coordinator",
    },
}
US_WA: dict[str, Any] = {
    **_signed("2026-03-04", "-08:00"),
    "jurisdiction": "us-wa",
    "program.program_kind": "behavioral-health-agency",
    "program.time_zone": "America/Los_Angeles",
    "program.licences": [{"code": "wa-bha", "number": "BHA-1", "from": "2024-01-01", "to": "2027-12-31"}],
    "engagement.history": _admitted("2026-01-05"),
    "peer.credentials": [{"code": "wa-cpc", "issuer": "wa-hca", "number": "W-1", "from": "2024-02-01"}],
    "peer.supervisor.ops": "2025-06-03",
}
# The first contact of the year in which the certified peer specialists take over.
US_WA_2027: dict[str, Any] = {
    **US_WA,
    **_signed("2027-01-01", "-08:00"),
    "individual.coverages[0].checked_on": "2026-12-30",
    "peer.credentials": [{"code": "wa-cps", "issuer": "wa-doh", "number": "W-2", "from": "2026-02-01"}],
}
US_PA: dict[str, Any] = {
    **_signed("2026-03-04", "-05:00"),
    "jurisdiction": "us-pa",
    "program.program_kind": "hospital",
    "engagement.history": _admitted("2026-01-05"),
    "peer.credentials": [{"code": "pa-cps", "issuer": "pa", "number": "P-1", "from": "2021-02-01"}],
    "peer.education": [
        {"on": "2025-06-01", "hours": 12, "topic": "peer-support"},
        {"on": "2025-07-01", "hours": 6, "topic": "recovery-wellness"},
    ],
}
# Held everywhere while no table of service encounters is loaded.
HELD_WITHOUT_A_TABLE = ("us-wa", "us-wa-2027")
PLACES: dict[str, dict[str, Any]] = {
    "us-id": US_ID,
    "us-id-transition": US_ID_TRANSITION,
    "us-wa": US_WA,
    "us-wa-2027": US_WA_2027,
    "us-pa": US_PA,
}
