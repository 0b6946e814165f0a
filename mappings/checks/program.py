"""What a programme has in place before and while it offers peer support."""

from __future__ import annotations

from datetime import timedelta

from mappings.checks.registry import NOT_APPLICABLE, PASS, Outcome, advises, check, fails, passes
from mappings.checks.texts import listed
from mappings.days import covers, plus_months
from mappings.in_force import Bound
from mappings.office_subjects import ProgramSubject


@check("document-on-file", "program.review_months")
def document_on_file(s: ProgramSubject, b: Bound) -> Outcome:
    """A dated document or attestation of a kind stands on file, and is not older than the review period."""
    kind, what = b.settings.get("kind"), b.settings.get("what", b.rule.title)
    days = [p.on for p in s.record.policies if p.kind == kind and p.on is not None and p.on <= s.day]
    if not days:
        undated = any(p.kind == kind for p in s.record.policies)
        words = (
            f"{what} {'has no day that has come' if undated else 'is not on file'} (policies, kind {kind})."
        )
        return (fails if b.severity == "warn" else advises)(words, "policies")
    last = max(days)
    if plus_months(last, b["program.review_months"]) < s.day:
        return advises(
            f"{what} is of {last}, more than {b['program.review_months']} months old"
            f"{b.standing('program.review_months')}.",
            "policies",
            severity="info",
        )
    return passes(f"{what} is of {last}.")


@check("peer-run", "org.board_members", "org.board_peers", "org.peer_run_percent")
def peer_run(s: ProgramSubject, b: Bound) -> Outcome:
    """Whether an organisation may be called peer-run, by its board; off until a site gives numbers (R126)."""
    members, peers, percent = b["org.board_members"], b["org.board_peers"], b["org.peer_run_percent"]
    if not members or peers is None:
        return NOT_APPLICABLE
    words = f"{peers} of {members} members of the board are peers, {peers * 100 // members} %"
    if peers * 100 >= members * percent:
        return passes(f"{words}: peer-run.")
    return advises(f"{words}: not peer-run, which asks for {percent} %.")


@check("ready-to-contract", "mco.documents", "mco.warn_days")
def ready_to_contract(s: ProgramSubject, b: Bound) -> Outcome:
    """What a managed care payer asks for before it contracts, with what is missing (R127)."""
    if not (s.record.medicaid_id or "").strip():
        return advises(
            "The Medicaid number is missing: no payer contracts without it.", "medicaid_id", severity="warn"
        )
    have = {p.kind for p in s.record.policies if p.on is not None}
    gaps = [what for kind, what in b["mco.documents"].items() if kind not in have]
    gaps += [what for what, value in (("the NPI", s.record.npi), ("the name", s.record.name)) if not value]
    in_force = [each for each in s.record.licences if covers(each.from_, each.to, s.day)]
    gaps += [] if in_force else ["a licence in force"]
    gaps += (
        [] if any(covers(e.from_, e.to, s.day) for e in s.record.enrolments) else ["an enrolment in force"]
    )
    if gaps:
        return advises(f"Missing for a contract: {listed(gaps)}.", "policies", "licences", "enrolments")
    soon = s.day + timedelta(days=b["mco.warn_days"])
    ending = [f"{each.code} on {each.to}" for each in in_force if each.to is not None and each.to <= soon]
    return advises(f"Ends soon: {listed(ending)}.", "licences") if ending else PASS
