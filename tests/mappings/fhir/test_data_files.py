"""What ships of the models beside them is what they say, and what they have passed."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from mappings.fhir import from_models, gate, model
from mappings.fhir.compiled import Met
from mappings.fhir.elements import NotFit
from tests import fhir_data

AGAIN = "make fhir-data writes the data files anew"
# What a model asks of an object after its elements: which of its own are there.
OWN_ELEMENTS = {"reject_null_complex_elements", "validate_after_model_construction"}


def test_the_elements_that_ship_are_those_of_the_models() -> None:
    assert model.ELEMENTS.read_bytes() == fhir_data.element_file(), AGAIN
    for kind, known in from_models.tables(model.RESOURCES).items():
        assert list(model.elements(kind).items()) == list(known.items())


def test_the_shapes_that_ship_are_those_of_the_examples_and_the_models_pass_each() -> None:
    assert model.SHAPES.read_bytes() == fhir_data.shape_file(), AGAIN


def test_a_model_asks_of_an_object_nothing_about_the_objects_inside_it() -> None:
    for kind in from_models.tables(model.RESOURCES):
        asks = from_models.model_class(kind).__pydantic_decorators__
        assert set(asks.model_validators) <= OWN_ELEMENTS
        assert not asks.field_validators
        assert not asks.root_validators
        assert not asks.validators


def test_types_that_are_not_among_those_that_ship_are_asked_of_the_models() -> None:
    assert "observation" not in model.ELEMENTS.read_text().lower().split('"types"')[0]
    assert model.elements("Observation")["code"].required
    with pytest.raises((ValueError, KeyError)):
        model.elements("NoSuchType")


def test_what_ships_counts_for_the_version_of_the_models_that_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert model.models_version() == version("fhir.resources")
    model._kept.cache_clear()
    monkeypatch.setattr(model, "models_version", lambda: "0")
    try:
        assert model._kept(model.SHAPES) == {}
        assert model._kept(model.ELEMENTS) == {}
    finally:
        model._kept.cache_clear()


def test_a_shape_that_does_not_ship_goes_through_the_models() -> None:
    task = {"resourceType": "Task", "status": "draft", "intent": "order", "priority": "stat"}
    met = Met()
    assert gate.known_good(task, met)
    assert met.fresh == [model.shape("Task", task)]
    gate.check(task)
    again = Met()
    assert gate.known_good(task, again)
    assert again.fresh == []
    with pytest.raises(NotFit):
        gate.check({**task, "priority": "soon"})
