"""The page of a standalone launch: who signs in, and for which patient and visit."""

from typing import Any

from flask import render_template, request

from .grants import SignedIn
from .launches import known_login, known_patient, style, users
from .sandbox import Ehr
from .store import Stored, Window

_ANSWERS = ("user", "patient", "encounter", "decision")


def signed_in_by(ehr: Ehr, grant: Any, launched: SignedIn | None = None) -> SignedIn | None:
    """Return who signed in by the form of the page, in the context of the launch or the one that was chosen;
    None otherwise. In a launch nobody but its own user signs in."""
    if request.form.get("decision") != "sign-in":
        return None
    user = known_login(ehr, request.form.get("user"))
    if launched is not None:
        return launched if user == launched.user else None
    context = _chosen(ehr, grant)
    return None if user is None or context is None else SignedIn(user, style(ehr) | context)


def sign_in_page(ehr: Ehr, grant: Any) -> str:
    """Return the page; what the app asked for travels in its form."""
    hidden = [(key, value) for key, value in request.values.items(multi=True) if key not in _ANSWERS]
    patients = ehr.store.find("Patient", (), Window()) if _wants(grant, "patient") else []
    visits = ehr.store.find("Encounter", (), Window()) if _wants(grant, "encounter") else []
    return render_template(
        "sandbox/sign_in.html",
        client=grant.request.client,
        scopes=grant.request.scope.split(),
        users=users(ehr),
        patients=[one.resource for one in patients],
        visits=[(one.resource, _whose(ehr, one)) for one in visits],
        hidden=hidden,
        again=request.form.get("decision") == "sign-in",
    )


def _chosen(ehr: Ehr, grant: Any) -> dict[str, Any] | None:
    """Return the chosen context; None when something that the scopes ask for was not rightly chosen."""
    patient, visit = known_patient(ehr, request.form.get("patient")), None
    if _wants(grant, "encounter"):
        visit = ehr.store.read("Encounter", request.form.get("encounter", ""))
        if visit is None or visit.deleted:
            return None
        of_visit = ehr.store.patients_of(visit.resource)
        if _wants(grant, "patient") and of_visit != {patient}:
            return None
        patient = next(iter(of_visit), None)
    elif not _wants(grant, "patient"):
        return {}
    if patient is None:
        return None
    context = {"patient": patient, "need_patient_banner": True}
    return context | ({"encounter": visit.id} if visit else {})


def _whose(ehr: Ehr, visit: Stored) -> str:
    patient = next(iter(ehr.store.patients_of(visit.resource)), "")
    stored = ehr.store.read("Patient", patient)
    return str(stored.resource["name"][0]["text"]) if stored else patient


def _wants(grant: Any, what: str) -> bool:
    if request.values.get("launch"):
        return False
    return f"launch/{what}" in grant.request.scope.split()
