"""The content of a claim as it is kept: what people compare in a draft, and the whole once released."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import TypeAdapter

from mappings.claims import ClaimDraft
from mappings.records import AuthorizationFields, Individual, ProgramFields

_WHOLE: TypeAdapter[ClaimDraft] = TypeAdapter(ClaimDraft)


def write(claim: ClaimDraft) -> dict[str, Any]:
    """What a draft would bill, as JSON data; its changes are what a biller has to see."""
    return {
        "lines": [
            {
                "code": line.code,
                "modifiers": list(line.modifiers),
                "units": line.units,
                "contacts": [list(part) for part in line.contacts],
                "rendering": list(line.rendering),
                "diagnoses": list(line.diagnoses),
                **({"place_of_service": line.place_of_service} if line.place_of_service else {}),
                **({"revenue_code": line.revenue_code} if line.revenue_code else {}),
            }
            for line in claim.lines
        ],
        "diagnoses": list(claim.diagnoses),
        "coverage": None if claim.coverage is None else claim.coverage.model_dump(mode="json", by_alias=True),
        "attending": claim.attending,
        **({"authorization": _named(claim.authorization)} if claim.authorization else {}),
        "form": claim.form,
        **({"type_of_bill": claim.type_of_bill} if claim.type_of_bill else {}),
        **({"payer_number": claim.payer_number} if claim.payer_number else {}),
    }


def whole(claim: ClaimDraft) -> dict[str, Any]:
    """The same with all else that the claim says, frozen when it is released."""
    data = _WHOLE.dump_python(claim, mode="json", by_alias=True)
    return {**write(claim), "whole": data}


def read(content: Mapping[str, Any]) -> ClaimDraft | None:
    """The claim as it was released, None for one of an older program that kept less."""
    return _WHOLE.validate_python(content["whole"]) if "whole" in content else None


def read_old(
    content: Mapping[str, Any],
    control_number: str,
    individual: Individual,
    program: ProgramFields,
    day: date,
    rate_code: str,
) -> ClaimDraft:
    """The claim by what people compared, with the person and the programme given."""
    said = {name: content.get(name) for name in ("lines", "diagnoses", "coverage", "attending")}
    authorization = content.get("authorization")
    known = {"control_number": control_number, "individual": individual, "program": program, "day": day}
    return _WHOLE.validate_python({**said, **known, "rate_code": rate_code, "authorization": authorization})


def _named(authorization: AuthorizationFields) -> dict[str, str | None]:
    return {"id": authorization.id, "number": authorization.number}
