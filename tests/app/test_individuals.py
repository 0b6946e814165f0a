"""What the chart said of a person is kept per EHR, and gives the references for the Bundles."""

import pytest

from app import individuals
from app.problems import NotFound
from mappings.records import Diagnosis
from tests.app.office import CHEN, ELSEWHERE, ISSUER, LINDQVIST, MORENO, MOSS, NOW, RIVERA, individual


def test_what_the_chart_said_last_is_what_counts(office):
    links = individuals.PersonLinks(
        {"NYMEDICAID": "Coverage/2"}, {"NYMEDICAID": "Organization/p"}, {"F20.9": "Condition/9"}
    )
    record = individual(70002).model_copy(update={"gender": "female"})
    with office.store.write() as session:
        individuals.remember(session, ISSUER, MOSS, record, (Diagnosis(code="F20.9"),), links, NOW)
        found = individuals.find(session, ISSUER, MOSS)
    assert (found.record, found.links, found.seen_at) == (record, links, NOW)
    assert [each.code for each in found.diagnoses] == ["F20.9"]


def test_a_person_of_one_ehr_is_not_known_in_another(office):
    with office.store.write() as session:
        person = individuals.find(session, ISSUER, MOSS)
        individuals.remember(session, ELSEWHERE, "pat-new", person.record, (), person.links, NOW)
        with pytest.raises(NotFound):
            individuals.find(session, ISSUER, "pat-new")
        assert "pat-new" not in individuals.names(session, ISSUER)


def test_the_references_of_a_bundle_are_those_of_this_ehr(office):
    with office.store.read() as session:
        links = individuals.chart_links(session, ISSUER, LINDQVIST, "enc-1")
        elsewhere = individuals.chart_links(session, ELSEWHERE, LINDQVIST, None)
    assert (links.patient, links.encounter) == (f"Patient/{LINDQVIST}", "Encounter/enc-1")
    assert links.organization == "Organization/org-riverbend"
    assert links.practitioners[RIVERA] == f"Practitioner/{ISSUER}-{RIVERA}"
    assert links.coverages == {"NYMEDICAID": f"Coverage/cov-{LINDQVIST}"}
    assert set(links.practitioners) >= {RIVERA, CHEN, MORENO}
    assert elsewhere.practitioners[RIVERA] == f"Practitioner/{ELSEWHERE}-{RIVERA}"
    assert elsewhere.encounter is None


def test_a_person_without_a_name_is_called_by_the_record_number():
    assert individuals.name_of(individual(70001)) == "Alex Moss"
    assert individuals.name_of(individual(70001).model_copy(update={"name": None})) == "MRN-70001"
