"""All codes of a contact: what decides which rules apply to it, and what many checks look at alone."""

from __future__ import annotations

from datetime import date
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from mappings.once import by_identity
from mappings.records import ProgramFields, StaffFields

if TYPE_CHECKING:
    from mappings.library import Library
    from mappings.situation import Situation


_meaning_and_category = attrgetter("meaning", "category")


class Kind(NamedTuple):
    """What conditions of rules look at; contacts alike in it are asked the same rules."""

    enrolled: bool
    type: str | None
    basis: str | None
    format: str | None
    place: str | None
    accompanied: bool


class FiledCodes(NamedTuple):
    """The codes of a claim that was filed elsewhere."""

    code: str | None
    rate_code: str | None
    modifiers: tuple[str, ...]


class Coding(NamedTuple):
    """All codes and yes-or-noes of a contact: contacts alike in it get the same answers of the checks that
    look at nothing else. `roles` are those of the recipients, `states` those of the engagement's history."""

    enrolled: bool
    type: str | None
    basis: str | None
    format: str | None
    place: str | None
    accompanied: bool
    modality: str | None
    code: str | None
    components: tuple[str, ...]
    location: str | None
    voluntary: bool | None
    verified: bool | None
    status: str | None
    technical_failure: bool | None
    is_group: bool
    gender: str | None
    coverages: tuple[str | None, ...]
    staff: tuple[str | None, ...]
    signatures: tuple[tuple[str | None, str | None], ...]
    peer_known: bool
    credentials: tuple[str | None, ...]
    employment: str | None
    contract: bool
    relation: str | None
    roles: tuple[str | None, ...]
    states: tuple[str | None, ...]
    time_zone: str | None
    program_kind: str | None
    population: str | None
    risk_seen: bool
    timed: bool
    units_filed: bool
    filed: FiledCodes | None

    @property
    def kind(self) -> Kind:
        """What decides which rules apply."""
        return Kind(self.enrolled, self.type, self.basis, self.format, self.place, self.accompanied)

    @property
    def no_connection(self) -> bool:
        """Whether a telehealth contact could not be delivered."""
        return self.technical_failure is True and self.place == "telehealth"


class CodedContact:
    """The codes of contacts on a day between two changes of the library. It knows nothing else of any of
    them, so that what is found holds for each contact that is coded alike."""

    def __init__(self, codes: Coding, library: Library, day: date) -> None:
        self.codes, self.library, self.day = codes, library, day


def identities_of(s: Situation) -> tuple[object, ...] | None:
    """What decides all codes of a contact, by the identity of what records share where they say the same;
    None where more decides them. Contacts alike in it are coded alike as long as one of them is held."""
    told = vars(s.contact)
    # Most contacts have none of these.
    if told["staff"] or told["risk"] or told["relates_to"] or told["claim"]:
        return None
    return (
        id(s.pack),
        id(s.service),
        id(told["individual"]),
        id(s.program),
        id(s.peer),
        id(told["engagement"]),
        id(s.state),
        tuple(map(id, told["recipients"])),
        tuple(map(_meaning_and_category, s.signed)),
        told["status"],
        told["technical_failure"],
        s.is_group,
        s.gross is None,
        s.note.data_verified if s.note is not None else None,
    )


def coding_of(s: Situation) -> Coding:
    """The codes and yes-or-noes of a contact."""
    contact, service, program = vars(s.contact), vars(s.service), s.program
    location, relation, filed = service["location"], contact["relates_to"], contact["claim"]
    person, staff = contact["individual"], contact["staff"]
    engagement, risk = contact["engagement"], contact["risk"]
    found = (
        s.state.enrolled,
        service["type"],
        service["basis"],
        service["format"],
        service["place"],
        service["accompaniment"] is not None,
        service["modality"],
        service["code"],
        service["components"],
        location.kind if location is not None else None,
        service["voluntary"],
        s.note.data_verified if s.note is not None else None,
        contact["status"],
        contact["technical_failure"],
        s.is_group,
        person.gender,
        tuple([coverage.class_ for coverage in person.coverages]),
        tuple([present.category for present in staff]) if staff else (),
        tuple(map(_meaning_and_category, s.signed)),
        s.peer_known,
        *(_coded_of_peer(s.peer) if s.peer is not None else ((), None, False)),
        relation.how if relation is not None else None,
        tuple([recipient.role for recipient in contact["recipients"]]),
        tuple([entry.status for entry in engagement.history]) if engagement is not None else (),
        *(_coded_of_program(program) if program is not None else (None, None, None)),
        risk is not None and risk.seen is True,
        s.gross is not None,
        s.filed,
        FiledCodes(filed.code, filed.rate_code, filed.modifiers) if filed is not None else None,
    )
    return Coding._make(found)


@by_identity
def _coded_of_peer(peer: StaffFields) -> tuple[tuple[str | None, ...], str | None, bool]:
    codes = tuple([credential.code for credential in peer.credentials])
    return codes, peer.employment, bool((peer.contract or "").strip())


@by_identity
def _coded_of_program(program: ProgramFields) -> tuple[str | None, str | None, str | None]:
    return program.time_zone, program.program_kind, program.population
