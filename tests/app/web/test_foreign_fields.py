"""Each form of the office, sent as its page gives it and once more with fields it has not: the same is kept.

Every form is sent twice as it is, so that what differs by itself (an id, a signature) is told from what a
foreign field did (mass assignment).
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.staff_csv import COLUMNS, MEMBER
from app.web.access import PUBLIC
from tests.app.web import test_forged_fields as notes
from tests.app.web import test_staff_fhir as files
from tests.app.web.matrix_office import FARRELL, MOSS, WHO, World
from tests.app.web.office import ORIGIN, Desk, Forms
from tests.app.web.sole_biller import numbers
from tests.app.web.test_forged_fields import FORGED
from tests.app.web.test_matrix import LINES
from tests.app.web.test_plan_staff_and_engagement import ENTRY
from tests.mappings.x12.replies import claim_ack

FOREIGN: dict[str, list[str]] = FORGED | {
    "about": [FARRELL],
    "active": ["no"],
    "actor": ["1900000047"],
    "amount": ["99999"],
    "assigned": ["1900000047"],
    "at": ["2020-01-01T00:00:00Z"],
    "by": ["1900000047"],
    "charge": ["99999"],
    "control_number": ["PC-forged"],
    "cosigned_by": ["1900000047"],
    "encounter": ["Encounter/forged"],
    "ended_at": ["2020-01-01T00:00:00Z"],
    "final": ["yes"],
    "glass": ["77"],
    "held_by": ["1900000047"],
    "kind": ["forged-kind"],
    "launch": ["forged-launch"],
    "launch_id": ["forged-launch"],
    "location": ["Location/forged"],
    "looked_at": ["2020-01-01T00:00:00Z"],
    "meaning": ["cosigner"],
    "member_id": ["forged-member"],
    "note.outcome": ["A forged outcome."],
    "number": ["77"],
    "organization": ["Organization/forged"],
    "patients": [FARRELL],
    "payer": ["forged-payer"],
    "practitioner": ["Practitioner/forged"],
    "program": ["1900000777"],
    "released_at": ["2020-01-01T00:00:00Z"],
    "released_by": ["1900000047"],
    "reviewer": ["1900000047"],
    "row_id": ["77"],
    "sealed": ["forged-seal"],
    "signed_at": ["2020-01-01T00:00:00Z"],
    "staff": ["1900000047"],
    "staff_id": ["1900000047"],
    "supervision.0.minutes": ["7777"],
    "supervisor.id": ["1900000047"],
    "units_left": ["7777"],
    "used": ["7777"],
}
DAY = ["2026-03-03"]
APPROVED = {"answer": ["approved"], "answered_on": DAY, "number": ["A-1"], "units": ["12"]}


@dataclass(frozen=True)
class Sent:
    """One form: who sends it and where, the page that shows it, what is typed into it, and the form that has
    to be sent before there is one; `query` stands in both addresses, `file` is chosen in its file field,
    `says` is what the page answers that leads nowhere else, and `office` names the world it is sent in."""

    role: str
    place: str | None
    page: str
    typed: dict[str, list[str]] = field(default_factory=dict)
    after: str = ""
    query: str = ""
    file: Callable[[World], bytes] | None = None
    says: str = ""
    office: str = "world"


def _answered(world: World) -> bytes:
    """What a payer says of the claims that were sent."""
    return claim_ack([(number, "A2:20:PR") for number in numbers(world.office)])


def _staff_file(_world: World) -> bytes:
    cells = {"id": "S-CSV", "fact": MEMBER, "given": "Ada", "family": "Read", "npi": "1900000153"}
    lines = COLUMNS, [cells.get(name, "") for name in COLUMNS]
    return "\r\n".join(",".join(line) for line in lines).encode()


# By the name of the page that takes it; what stands behind a blank tells two that go to the same page apart.
FORMS = {
    "charting.new": Sent("peer", MOSS, "pages.home"),
    "charting.discard": Sent("peer", MOSS, "charting.edit"),
    "charting.amend": Sent("peer", MOSS, "signing.one"),
    "signing.recall": Sent("peer", MOSS, "signing.one"),
    "planning.new": Sent("clinician", MOSS, "planning.listing"),
    "planning.save kind": Sent("lpha", MOSS, "planning.edit", {"service_type": ["adult"]}),
    "planning.save": Sent("lpha", MOSS, "planning.edit", ENTRY, after="planning.save kind"),
    "planning.sign": Sent("lpha", MOSS, "planning.sign_page", {"confirm": ["yes"]}, after="planning.save"),
    "planning.revise": Sent("clinician", MOSS, "planning.one"),
    "planning.discard": Sent("lpha", MOSS, "planning.edit"),
    "engagement.record declined": Sent("lpha", MOSS, "engagement.page", {"status": ["declined"], "on": DAY}),
    "beside.referral": Sent(
        "lpha",
        MOSS,
        "beside.page",
        {"referral-outcome": ["made"], "referral-to": ["Harbor CORE"], "referral-on": DAY},
        after="engagement.record declined",
    ),
    "signing_pins.choose": Sent("administrator", None, "signing_pins.rule", {"method": ["pin"]}),
    "signing_pins.keep": Sent(
        "peer", MOSS, "signing_pins.own", {"new": ["three quiet herons"], "again": ["three quiet herons"]}
    ),
    "staff_ledgers.change": Sent(
        "supervisor", None, "staff_ledgers.entry", {"on": DAY, "minutes": ["45"], "by": [WHO["supervisor"]]}
    ),
    "staff.import_file": Sent("supervisor", None, "staff.import_form", file=_staff_file, says="1 saved"),
    "issuers.change": Sent("administrator", None, "issuers.page", {"scopes": ["launch openid fhirUser"]}),
    "issuers.also": Sent("administrator", None, "issuers.page", {"also": ["consents"]}),
    "issuers.rotate": Sent("administrator", None, "issuers.page"),
    "billing_x12.make": Sent("biller", None, "billing_x12.listing", office="sole_world"),
    "billing_x12.take_in": Sent(
        "biller",
        None,
        "billing_x12.answers",
        after="billing_x12.make",
        file=_answered,
        says="2 new answers",
        office="sole_world",
    ),
    "signing.cosign": Sent("lpha", MOSS, "signing.review", {"confirm": ["yes"]}),
    "signing.send_back": Sent("lpha", MOSS, "signing.review", {"comment": ["Say more of the goal."]}),
    "staff.save": Sent("supervisor", None, "staff.one", {"roles": ["peer"], "contract": ["2026-01-01"]}),
    "staff_ledgers.add": Sent(
        "supervisor", None, "staff_ledgers.page", {"on": DAY, "minutes": ["45"], "by": [WHO["supervisor"]]}
    ),
    "staff_program.save": Sent("administrator", None, "staff_program.edit", {"name": ["Riverbend South"]}),
    "billing.release": Sent("biller", None, "billing.one"),
    "billing.hold": Sent("biller", None, "billing.one", {"reason": ["The coverage is asked for."]}),
    "billing.unhold": Sent("biller", None, "billing.one", after="billing.hold"),
    "billing.make_charges": Sent("biller", None, "billing.charges", after="billing.release"),
    "billing.answer": Sent(
        "biller",
        None,
        "billing.one",
        {"status": ["paid"], "payer_number": ["P-1"], "paid": ["46.20"]},
        after="billing.release",
    ),
    "billing.ask": Sent(
        "biller",
        None,
        "billing.one",
        {"how": ["void"], "change_reason": ["It was another day."]},
        after="billing.release",
    ),
    "authorizations.add": Sent("biller", MOSS, "authorizations.new", {"asked": ["8"], "note": ["Second"]}),
    "authorizations.add_for": Sent(
        "biller", None, "authorizations.begin", {"asked": ["8"], "note": ["Second"]}, query=f"?person={MOSS}"
    ),
    "authorizations.change": Sent("biller", MOSS, "authorizations.one", APPROVED),
    "authorizations.end": Sent(
        "biller", MOSS, "authorizations.one", {"ended_on": ["2026-03-20"]}, after="authorizations.change"
    ),
    "authorizations.extend": Sent("biller", MOSS, "authorizations.extension", {"asked": ["4"]}),
    "engagement.record": Sent("lpha", MOSS, "engagement.page", {"status": ["admitted"], "on": DAY}),
    "engagement.goal": Sent("lpha", MOSS, "engagement.page", {"goal": ["See what treatment would be."]}),
    "engagement.put_in": Sent(
        "lpha",
        MOSS,
        "engagement.late",
        {"status": ["admitted"], "on": ["2026-01-20"], "reason": ["It was written on paper."]},
    ),
    "engagement.withdraw": Sent("lpha", MOSS, "engagement.one", {"gone": ["It was another person."]}),
    "engagement.put_right": Sent(
        "lpha", MOSS, "engagement.one", {"to": ["2026-01-03"], "why": ["The day was misread."]}
    ),
    "meetings.note": Sent(
        "supervisor",
        MOSS,
        "meetings.listing",
        {"on": DAY, "minutes": ["30"], "team": ["Team"], "came": [WHO["peer"]], "about": [MOSS]},
    ),
    "meetings.strike": Sent("supervisor", MOSS, "meetings.listing", {"reason": ["Noted twice."]}),
    "caseload.assign": Sent(
        "administrator", None, "caseload.listing", {"staff": [WHO["clinician"]], "patient": [MOSS]}
    ),
    "caseload.end": Sent("administrator", None, "caseload.listing"),
    "caseload.seen": Sent("administrator", None, "caseload.listing"),
    "opening.person_anyway": Sent(
        "peer",
        None,
        "opening.ask_person",
        {"record_number": ["MRN-70001"], "born": ["1990-02-03"], "reason": ["It could not wait."]},
    ),
    "opening.review_anyway": Sent("lpha", None, "opening.ask_review", {"reason": ["It could not wait."]}),
    "beside.preference": Sent(
        "peer", MOSS, "beside.page", {"preference-language": ["Spanish"], "preference-on": DAY}
    ),
    "beside.rights": Sent("peer", MOSS, "beside.page", {"rights-how": ["explained"], "rights-on": DAY}),
    "consents.record": Sent(
        "peer",
        MOSS,
        "consents.page",
        {
            "scope": ["tpo"],
            "destinations": ["chart"],
            "recipient": ["My providers"],
            "from": DAY,
            "copy": ["Binder 1"],
        },
    ),
    "consents.revoke": Sent("peer", MOSS, "consents.page", {"said": ["On the phone"]}),
    "addenda.save": Sent("peer", MOSS, "addenda.write", {"said": ["Called again at night."]}),
    "addenda.sign": Sent("peer", MOSS, "addenda.page", {"confirm": ["yes"]}),
    "addenda.discard": Sent("peer", MOSS, "addenda.page"),
    "wrong_charts.withdraw": Sent(
        "peer", MOSS, "wrong_charts.ask", {"confirm": ["yes"], "reason": ["Same name."]}
    ),
    "beside.strike": Sent("peer", MOSS, "beside.page", {"strike-reason": ["Noted twice."]}),
    "planning.end": Sent("clinician", MOSS, "planning.one", {"on": ["2026-03-04"]}),
}
# The forms that keep nothing of what is typed, and those that are sent with foreign fields elsewhere.
NOTHING_KEPT = {
    "pages.sign_out": "closes the launch of its address",
    "opening.own_note": "opens a launch for the note of its address",
    "opening.review": "opens a launch for the note of its address",
    "opening.given": "opens a launch for the assignment of its address",
    "charting.findings": "judges what is typed, and keeps none of it",
    "billing.redraft": "asks the rules anew for what is kept",
    "billing.charges_again": "hands out a file that was made",
    "billing_x12.download": "hands out a file that was made",
    "staff_fhir.show": "shows what an import would change",
    "issuers.probe": "asks the EHR what it is",
    "rereading.again": "reads the chart of its launch",
    "preferences.keep": "is kept by the EHR, one checked word",
}
ELSEWHERE = {
    "charting.save": notes.test_a_note_is_the_same_whatever_else_its_form_brings,
    "charting.autosave": notes.test_a_note_is_the_same_whatever_else_its_form_brings,
    "signing.sign": notes.test_a_signature_is_that_of_the_person_at_the_screen_whatever_the_form_says,
    "staff_fhir.save": files.test_who_is_saved_is_who_stands_in_the_file_whatever_else_the_form_brings,
}
# Forms with a button and nothing to type, of which the world has none on a page: sent bare, and sent forged.
BARE = ("deliveries.retry", "duties.seen", "signing_pins.reset")
ITS_OWN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def test_every_form_of_the_application_is_sent_with_foreign_fields_or_keeps_nothing(world: World) -> None:
    rules = world.office.app.url_map.iter_rules()
    posted = {rule.endpoint for rule in rules if "POST" in (rule.methods or ())} - PUBLIC
    told = [{name.partition(" ")[0] for name in FORMS}, {*NOTHING_KEPT}, {*ELSEWHERE}, {*BARE}]
    assert posted == set().union(*told)
    assert sum(len(each) for each in told) == len(posted), "each stands in one place"


@pytest.mark.parametrize("endpoint", sorted(FORMS))
def test_a_form_keeps_the_same_whatever_foreign_fields_come_with_it(
    request: pytest.FixtureRequest, endpoint: str
) -> None:
    world: World = request.getfixturevalue(FORMS[endpoint].office)
    before = world.state()
    begun = _after(world, FORMS[endpoint].after, {}) if FORMS[endpoint].after else before
    honest, twice = (_after(world, endpoint, {}) for _ in range(2))
    assert honest != begun
    assert _alike(honest, _after(world, endpoint, FOREIGN), twice) == []
    assert world.state() == before


@pytest.mark.parametrize("endpoint", BARE)
def test_a_form_without_fields_does_the_same_whatever_comes_with_it(world: World, endpoint: str) -> None:
    line = LINES[endpoint]
    desk = world.sit("supervisor" if "supervisor" in line.who else min(line.who), None)
    target = _below(world, desk, endpoint, "POST")
    kept = []
    for foreign in ({}, {}, {name: values for name, values in FOREIGN.items() if name not in line.form}):
        with world.as_it_was():
            assert desk.post(target, {**foreign, **line.form}).status_code == 303
            kept.append(world.state())
    honest, twice, forged = kept
    assert _alike(honest, forged, twice) == []


def test_a_field_that_is_taken_from_the_form_would_be_seen(world: World) -> None:
    honest, twice = (_after(world, "caseload.assign", {}) for _ in range(2))
    other = _after(world, "caseload.assign", {}, {"patient": [FARRELL]})
    assert _alike(honest, other, twice) == ["assignments"]


def _after(
    world: World, endpoint: str, foreign: dict[str, list[str]], typed: dict[str, list[str]] | None = None
) -> dict[str, list[Any]]:
    """What is kept when the form was sent; it is undone again."""
    sent = FORMS[endpoint]
    desk = world.sit(sent.role, sent.place)
    with world.as_it_was():
        for earlier in _before(endpoint):
            _send(world, desk, earlier, {}, FORMS[earlier].typed)
        _send(world, desk, endpoint, foreign, sent.typed | (typed or {}))
        return world.state()


def _before(endpoint: str) -> list[str]:
    """The forms that have to be sent first, in their order."""
    earlier = FORMS[endpoint].after
    return [*_before(earlier), earlier] if earlier else []


def _send(
    world: World, desk: Desk, endpoint: str, foreign: dict[str, list[str]], typed: dict[str, list[str]]
) -> None:
    sent = FORMS[endpoint]
    target = _below(world, desk, endpoint, "POST") + sent.query
    page = _below(world, desk, sent.page, "GET", endpoint) + sent.query
    form = _form_of(desk.get(page).text, target)
    names = set(re.findall(r'\bname="([^"]+)"', form))
    assert set(typed) <= names
    fields = {name: values for name, values in Forms(form).fields.items() if name != "csrf"} | typed
    others = {name: values for name, values in foreign.items() if name not in names}
    chosen = {"file": (io.BytesIO(sent.file(world)), "chosen.txt")} if sent.file else {}
    answer = desk.post(target, {**others, **fields, **chosen})
    kept = answer.status_code == 303 or "Content-Disposition" in answer.headers
    kept = kept or (sent.says != "" and sent.says in answer.text)
    assert kept, re.findall(r'usa-error-message"[^>]*>([^<]*)', answer.text)


def _form_of(page: str, target: str) -> str:
    """The form of the page that is sent to that address; one without an address is sent to its own page."""
    forms: list[str] = re.findall(r"<form\b.*?</form>", page, re.DOTALL)
    there = [each for each in forms if f'{target}"' in each.partition(">")[0]]
    found = there or [each for each in forms if "action=" not in each.partition(">")[0]]
    assert found, (target, [each.partition(">")[0] for each in forms])
    assert len({re.sub(r'value="[^"]*"', "", each.partition("<button")[0]) for each in found}) == 1
    return found[0]


def _below(world: World, desk: Desk, endpoint: str, method: str, record_of: str = "") -> str:
    """The address of a page below its launch, for the record of `record_of` (its own unless said)."""
    endpoint = endpoint.partition(" ")[0]
    record = LINES[(record_of or endpoint).partition(" ")[0]].record
    values = world.own[record] if record else {}
    adapter = world.office.app.url_map.bind(ORIGIN.removeprefix("http://"))
    wanted = {**values, "launch_id": desk.launch_id}
    address = adapter.build(endpoint, wanted, method=method, append_unknown=False)
    return address.removeprefix(f"/l/{desk.launch_id}")


def _alike(
    honest: dict[str, list[Any]], forged: dict[str, list[Any]], twice: dict[str, list[Any]]
) -> list[str]:
    """The tables in which something else is kept than by the honest form, in what is not new each time."""
    return [table for table in honest if not _same(honest[table], forged[table], twice[table])]


def _same(honest: list[Any], forged: list[Any], twice: list[Any]) -> bool:
    if not len(honest) == len(forged) == len(twice):
        return False
    rows = zip(honest, forged, twice, strict=True)
    return all(_cell(*cells) for row in rows for cells in zip(*row, strict=True))


def _cell(honest: object, forged: object, twice: object) -> bool:
    ours, theirs, again = (_steady(each) for each in (honest, forged, twice))
    if ours == again:
        return ours == theirs
    told = [value for values in FOREIGN.values() for value in values if len(value) > 3]
    return not [value for value in told if value in str(theirs) and value not in str(ours)]


def _steady(cell: object) -> object:
    text = cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell
    return ITS_OWN.sub("its own", text) if isinstance(text, str) else text
