"""The tables. Every row carries its issuer; a row that was signed, sent or audited is frozen by triggers
(see the migrations), not by good will."""

from __future__ import annotations

from app.tables.addenda import AddendumRow
from app.tables.assignments import AssignmentRow, BrokenGlassRow
from app.tables.audit import AuditRow
from app.tables.authorizations import AuthorizationRow
from app.tables.base import Table
from app.tables.beside import BesideRow, MeetingRow, StruckRow
from app.tables.claims import ChargeExportRow, ClaimAnswerRow, ClaimHoldRow, ClaimRow, ClaimUnitRow
from app.tables.contacts import ContactRow, DutyRow, ReviewRow, SignatureRow, VersionRow
from app.tables.decisions import DecisionRow, LibraryRow
from app.tables.deliveries import OutboxRow, OutboxStepRow
from app.tables.disclosures import ConsentEndRow, ConsentRow, DisclosureRow, WrongChartRow
from app.tables.engagement import EngagementGoalRow, EngagementRow
from app.tables.issuers import AlsoSentRow, EndingToken, IssuerRow, KeyRow, Launch, PendingLaunch
from app.tables.office import IndividualRow, ProgramRow, StaffRow
from app.tables.plans import PlanEntryRow
from app.tables.second_step import SecondStepRow, SecondStepRuleRow, SigningPinRow
from app.tables.x12 import X12BatchRow, X12ExportRow, X12NumberRow

__all__ = [
    "AddendumRow",
    "AlsoSentRow",
    "AssignmentRow",
    "AuditRow",
    "AuthorizationRow",
    "BesideRow",
    "BrokenGlassRow",
    "ChargeExportRow",
    "ClaimAnswerRow",
    "ClaimHoldRow",
    "ClaimRow",
    "ClaimUnitRow",
    "ConsentEndRow",
    "ConsentRow",
    "ContactRow",
    "DecisionRow",
    "DisclosureRow",
    "DutyRow",
    "EndingToken",
    "EngagementGoalRow",
    "EngagementRow",
    "IndividualRow",
    "IssuerRow",
    "KeyRow",
    "Launch",
    "LibraryRow",
    "MeetingRow",
    "OutboxRow",
    "OutboxStepRow",
    "PendingLaunch",
    "PlanEntryRow",
    "ProgramRow",
    "ReviewRow",
    "SecondStepRow",
    "SecondStepRuleRow",
    "SignatureRow",
    "SigningPinRow",
    "StaffRow",
    "StruckRow",
    "Table",
    "VersionRow",
    "WrongChartRow",
    "X12BatchRow",
    "X12ExportRow",
    "X12NumberRow",
]
