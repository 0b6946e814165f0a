"""Conditions that a rule's `when` may name; all of them must hold, else the rule does not apply."""

from __future__ import annotations

from mappings.checks.registry import condition
from mappings.situation import Situation


@condition("pre-admission")
def pre_admission(s: Situation) -> bool:
    """No admission is in force at the start."""
    return not s.state.enrolled


@condition("enrolled")
def enrolled(s: Situation) -> bool:
    """An admission is in force at the start."""
    return s.state.enrolled


@condition("adult")
def adult(s: Situation) -> bool:
    """Adult peer support."""
    return s.service.type == "adult"


@condition("family")
def family(s: Situation) -> bool:
    """Family peer support."""
    return s.service.type == "family"


@condition("youth")
def youth(s: Situation) -> bool:
    """Youth peer support."""
    return s.service.type == "youth"


@condition("planned")
def planned(s: Situation) -> bool:
    """A service that the plan lists."""
    return s.service.basis == "planned"


@condition("targeted")
def targeted(s: Situation) -> bool:
    """Targeted short-term use after an event."""
    return s.service.basis == "targeted"


@condition("ad-hoc")
def ad_hoc(s: Situation) -> bool:
    """A single contact outside the plan."""
    return s.service.basis == "ad-hoc"


@condition("group")
def group(s: Situation) -> bool:
    """A group service."""
    return s.service.format == "group"


@condition("onsite")
def onsite(s: Situation) -> bool:
    """At the programme's site."""
    return s.service.place == "onsite"


@condition("offsite")
def offsite(s: Situation) -> bool:
    """Away from the programme's site."""
    return s.service.place == "offsite"


@condition("telehealth")
def telehealth(s: Situation) -> bool:
    """By telehealth."""
    return s.service.place == "telehealth"


@condition("accompanied")
def accompanied(s: Situation) -> bool:
    """The peer went along with the individual."""
    return s.service.accompaniment is not None
