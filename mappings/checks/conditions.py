"""Conditions that a rule's `when` may name; all of them must hold, else the rule does not apply."""

from __future__ import annotations

from mappings.checks.registry import condition
from mappings.coding import Kind


@condition("pre-admission")
def pre_admission(kind: Kind) -> bool:
    """No admission is in force at the start."""
    return not kind.enrolled


@condition("enrolled")
def enrolled(kind: Kind) -> bool:
    """An admission is in force at the start."""
    return kind.enrolled


@condition("adult")
def adult(kind: Kind) -> bool:
    """Adult peer support."""
    return kind.type == "adult"


@condition("family")
def family(kind: Kind) -> bool:
    """Family peer support."""
    return kind.type == "family"


@condition("youth")
def youth(kind: Kind) -> bool:
    """Youth peer support."""
    return kind.type == "youth"


@condition("planned")
def planned(kind: Kind) -> bool:
    """A service that the plan lists."""
    return kind.basis == "planned"


@condition("targeted")
def targeted(kind: Kind) -> bool:
    """Targeted short-term use after an event."""
    return kind.basis == "targeted"


@condition("ad-hoc")
def ad_hoc(kind: Kind) -> bool:
    """A single contact outside the plan."""
    return kind.basis == "ad-hoc"


@condition("group")
def group(kind: Kind) -> bool:
    """A group service."""
    return kind.format == "group"


@condition("onsite")
def onsite(kind: Kind) -> bool:
    """At the programme's site."""
    return kind.place == "onsite"


@condition("offsite")
def offsite(kind: Kind) -> bool:
    """Away from the programme's site."""
    return kind.place == "offsite"


@condition("telehealth")
def telehealth(kind: Kind) -> bool:
    """By telehealth."""
    return kind.place == "telehealth"


@condition("accompanied")
def accompanied(kind: Kind) -> bool:
    """The peer went along with the individual."""
    return kind.accompanied
