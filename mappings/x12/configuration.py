"""What a site says of itself and its payers in `claim.x12` of its overlay; what is missing is named."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from mappings.library import Library
from mappings.x12.wording import Doubt, Unfit

NAME, CHARGES = "claim.x12", "claim.charges"

Qualifier = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2}$")]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9 ._-]{1,14}$")]
Text60 = Annotated[str, StringConstraints(min_length=1, max_length=60)]


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Address(_Told):
    """A street address in the United States; `zip` has nine digits, as X12 asks of a billing provider."""

    line: Annotated[str, StringConstraints(min_length=1, max_length=55)]
    line2: Annotated[str, StringConstraints(min_length=1, max_length=55)] | None = None
    city: Annotated[str, StringConstraints(min_length=2, max_length=30)]
    state: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    zip: Annotated[str, StringConstraints(pattern=r"^\d{9}$")]


class Partner(_Told):
    """One end of the interchange: ISA qualifier and id, `application` the code in GS where it is another,
    `code` the id in NM1, where it is another."""

    qualifier: Qualifier
    id: Id
    name: Text60
    application: Id | None = None
    code: Annotated[str, StringConstraints(min_length=2, max_length=80)] | None = None


class Submitter(Partner):
    """Who sends: with a person to ask, by telephone (digits) or e-mail."""

    contact: Text60
    telephone: Annotated[str, StringConstraints(pattern=r"^\d{10}$")] | None = None
    email: Annotated[str, StringConstraints(pattern=r"^[^\s@]+@[^\s@]+$", max_length=80)] | None = None


class BillingProvider(_Told):
    """Who is paid; `name` and `npi` where they are not the programme's."""

    taxonomy: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{9}X$")]
    tax_id: Annotated[str, StringConstraints(pattern=r"^\d{9}$")]
    address: Address
    name: Text60 | None = None
    npi: Annotated[str, StringConstraints(pattern=r"^\d{10}$")] | None = None


class Payer(_Told):
    """A payer under the name by which charts call it: the id it goes by, and the claim filing indicator
    (MC Medicaid, HM managed care and so on). Each member has to be the subscriber."""

    name: Text60
    id: Annotated[str, StringConstraints(min_length=2, max_length=80)]
    filing: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2}$")]
    members_are_subscribers: bool


class Institutional(_Told):
    """What an 837I says of the stay: admission type, patient status, and where it came from if asked."""

    admission_type: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]$")]
    patient_status: Annotated[str, StringConstraints(pattern=r"^\d{2}$")]
    point_of_origin: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]$")] | None = None


class Statements(_Told):
    """What the provider states with each claim (CLM06 to CLM09)."""

    signature_on_file: Literal["Y", "N"]
    assignment: Literal["A", "B", "C"]
    benefits_assigned: Literal["Y", "N", "W"]
    release_of_information: Literal["Y", "I"]


Named = Literal["required", "with-npi", "none"]


class Trading(_Told):
    """All of `claim.x12`. `rendering` and `supervising` say whether these people are named: always, where
    they have an NPI, or never; `subscriber_address` whether a claim needs it."""

    usage: Literal["production", "test"]
    submitter: Submitter
    receiver: Partner
    billing_provider: BillingProvider
    payers: Annotated[dict[str, Payer], Field(min_length=1)]
    statements: Statements
    institutional: Institutional | None = None
    rendering: Named = "required"
    supervising: Named = "required"
    subscriber_address: Literal["required", "when-known"] = "required"


def trading(library: Library, jurisdiction: str, day: date) -> Trading:
    """The site's configuration as of the day. Raises Unfit, which names all that is missing or wrong."""
    found = library.parameter(NAME, day, jurisdiction)
    if found is None or not isinstance(found.value, dict):
        raise Unfit([(NAME, "is missing: the site's overlay says who sends to whom")])
    try:
        told = Trading.model_validate(found.value)
    except ValidationError as error:
        raise Unfit([_doubt(one) for one in error.errors()]) from None
    if told.submitter.telephone is None and told.submitter.email is None:
        raise Unfit([(f"{NAME}.submitter", "needs a telephone or an email")])
    return told


def charges(library: Library, jurisdiction: str, day: date) -> dict[str, Decimal]:
    """What the site charges for a unit in US dollars, by procedure and modifiers ("H0038:HQ"), on the day of
    service. Raises Unfit for what is no amount."""
    found = library.parameter(CHARGES, day, jurisdiction)
    known = found.value if found is not None and isinstance(found.value, dict) else {}
    doubts: list[Doubt] = []
    priced = {name: _price(name, value, doubts) for name, value in known.items()}
    if doubts:
        raise Unfit(doubts)
    return priced


def _price(name: str, value: object, doubts: list[Doubt]) -> Decimal:
    try:
        price = Decimal(value) if isinstance(value, str) else Decimal("NaN")
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite() or price <= 0 or price != price.quantize(Decimal("0.01")) or price >= 10**6:
        doubts.append(
            (f"{CHARGES}.{name}", f'is {value!r}, and dollars and cents such as "26.40" are expected')
        )
    return price


def _doubt(error: Mapping[str, Any]) -> Doubt:
    datum = ".".join([NAME, *map(str, error["loc"])])
    if error["type"] == "missing":
        return datum, "is missing"
    return datum, f"is {error['input']!r}: {error['msg'].lower()}"
