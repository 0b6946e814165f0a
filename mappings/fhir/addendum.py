"""An addendum to a final note: a DocumentReference of its own that appends, with its author's signature.

The note that it is added to stays as it is, and so does its Encounter; nothing of an addendum is billed.
"""

from __future__ import annotations

from dataclasses import dataclass

from mappings.fhir.bundle import checked, labelled, with_people
from mappings.fhir.elements import (
    Json,
    entry,
    full_url,
    identifier,
    logical,
    master_identifier,
    narrative,
    period,
    present,
    reference,
    stamp,
)
from mappings.fhir.note import CATEGORY, RESTRICTED, TYPE, attachment
from mappings.fhir.people import ChartLinks, People
from mappings.fhir.scene import visit_link
from mappings.fhir.signature import addendum_signature_entry
from mappings.office import Surroundings
from mappings.records import Contact
from mappings.seal import Seal


@dataclass(frozen=True)
class Addendum:
    """An addendum as it was signed: its id, the contact's version that it is added to, its text, seal."""

    id: str
    contact: Contact
    text: str
    seal: Seal

    @property
    def key(self) -> str:
        """The business id of its one version."""
        return f"{self.id}/note/1"


def addendum_bundle(added: Addendum, surroundings: Surroundings, links: ChartLinks) -> Json:
    """The transaction Bundle of a signed addendum, checked. Raises NotFit."""
    contact = added.contact
    people = People(contact.individual, surroundings.program_of(contact.program), surroundings, links)
    who = identifier("note", added.key)
    note = reference(full_url("note", added.key), to="DocumentReference")
    entries = [
        entry(full_url("note", added.key), _document(added, people, links, who), who),
        addendum_signature_entry(note, added.key, added.seal, people),
    ]
    return checked(labelled(with_people(entries, people), people))


def _document(added: Addendum, people: People, links: ChartLinks, who: Json) -> Json:
    contact, seal = added.contact, added.seal
    # The other note's versions share the identifier of their series; one that replaces it is appended to too.
    appended = logical("DocumentReference", identifier("note-series", contact.id))
    visit = visit_link(contact, links)
    own = logical("Encounter", identifier("encounter", contact.id))
    return present(
        resourceType="DocumentReference",
        text=narrative("Addendum to a peer support note", [("Date", stamp(seal.at))]),
        masterIdentifier=master_identifier(added.key),
        identifier=[who, identifier("note-series", added.id)],
        status="current",
        docStatus="final",
        type=TYPE,
        category=[CATEGORY],
        subject=people.patient(),
        date=stamp(seal.at),
        author=[people.practitioner(seal.by)],
        custodian=people.organization(),
        relatesTo=[{"code": "appends", "target": appended}],
        description="Addendum to a peer support note",
        securityLabel=[RESTRICTED],
        content=[
            {"attachment": attachment(added.text, "Addendum to a peer support note", str(stamp(seal.at)))}
        ],
        context=present(
            encounter=[reference(visit, to="Encounter") if visit else own],
            period=period(contact.start, contact.end),
        ),
    )
