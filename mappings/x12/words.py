"""What the codes of acknowledgements and remittances mean, in short words of our own."""

from __future__ import annotations

from types import MappingProxyType

# 277CA, claim status category: the word, and whether the claim was taken.
CATEGORIES = MappingProxyType(
    {
        "A0": ("forwarded to another party", True),
        "A1": ("received", True),
        "A2": ("taken in for adjudication", True),
        "A3": ("returned as unprocessable", False),
        "A4": ("not found", False),
        "A5": ("split into several claims", True),
        "A6": ("rejected, information is missing", False),
        "A7": ("rejected, information is invalid", False),
        "A8": ("rejected, data do not fit together", False),
    }
)
# Claim status codes that peer support's claims meet most; the others are told by their number.
STATUS = MappingProxyType(
    {
        "0": "cannot give more detail",
        "16": "forwarded to the payer",
        "19": "entity acknowledges receipt",
        "20": "accepted for processing",
        "21": "missing or invalid information",
        "24": "provider not approved as a submitter",
        "26": "entity not found",
        "33": "subscriber and subscriber id not found",
        "35": "claim not found",
        "54": "duplicate of a claim already received",
        "88": "individual not eligible on the day",
        "97": "individual not known to the payer",
        "109": "entity not eligible",
        "116": "sent to the wrong payer",
        "128": "tax id",
        "145": "taxonomy code",
        "153": "id number",
        "158": "birth date",
        "164": "member id",
        "178": "submitted charges",
        "187": "dates of service",
        "218": "NDC number",
        "228": "type of bill",
        "249": "place of service",
        "254": "principal diagnosis",
        "255": "diagnosis code",
        "454": "procedure code",
        "455": "revenue code",
        "464": "payer's claim number",
        "473": "modifier",
        "476": "units of service",
        "500": "address",
        "507": "HCPCS",
        "535": "frequency of the claim",
        "562": "NPI",
        "732": "value code",
        "746": "duplicate submission",
    }
)
# 835, CLP02.
CLAIM_STATUS = MappingProxyType(
    {
        "1": "processed as primary",
        "2": "processed as secondary",
        "3": "processed as tertiary",
        "4": "denied",
        "19": "processed as primary, forwarded",
        "20": "processed as secondary, forwarded",
        "21": "processed as tertiary, forwarded",
        "22": "an earlier payment is taken back",
        "23": "not this payer's claim, forwarded",
    }
)
GROUPS = MappingProxyType(
    {
        "CO": "contract",
        "CR": "correction",
        "OA": "other",
        "PI": "payer's decision",
        "PR": "the individual's share",
    }
)
ADJUSTMENTS = MappingProxyType(
    {
        "1": "deductible",
        "2": "coinsurance",
        "3": "copayment",
        "4": "procedure and modifier do not fit",
        "5": "procedure and place do not fit",
        "8": "procedure and provider's taxonomy do not fit",
        "11": "diagnosis and procedure do not fit",
        "15": "authorization number is missing or wrong",
        "16": "information is missing or wrong",
        "18": "exact duplicate",
        "22": "another payer may cover it",
        "23": "another payer's decision",
        "24": "covered by a managed care plan",
        "26": "before the coverage began",
        "27": "after the coverage ended",
        "29": "filed too late",
        "31": "individual not known as insured",
        "45": "above the fee schedule",
        "50": "not deemed necessary",
        "96": "not covered",
        "97": "paid within another service",
        "109": "another payer's claim",
        "119": "the benefit's maximum is reached",
        "129": "earlier processing information is wrong",
        "151": "so many services are not supported",
        "170": "not payable for this provider",
        "183": "provider may not refer",
        "185": "rendering provider may not bill the service",
        "197": "no authorization",
        "198": "authorization exceeded",
        "204": "not in the benefit plan",
        "222": "above the contracted units",
        "252": "an attachment is needed",
        "253": "sequestration",
    }
)
# 999: IK5 and AK9.
ACKNOWLEDGED = MappingProxyType(
    {
        "A": ("accepted", True),
        "E": ("accepted with errors", True),
        "P": ("accepted in part", True),
        "M": ("rejected, authentication failed", False),
        "R": ("rejected", False),
        "W": ("rejected, assurance failed", False),
        "X": ("rejected, decryption failed", False),
    }
)
SEGMENT_ERRORS = MappingProxyType(
    {
        "1": "unknown segment",
        "2": "unexpected segment",
        "3": "a segment is missing",
        "4": "loop occurs too often",
        "5": "segment occurs too often",
        "6": "segment is not in the set",
        "7": "segment out of sequence",
        "8": "segment has element errors",
        "I4": "segment is not used here",
        "I6": "a segment that depends on others is missing",
        "I7": "loop occurs too seldom",
        "I8": "segment is below its least use",
        "I9": "a segment that depends on others is not used",
    }
)
ELEMENT_ERRORS = MappingProxyType(
    {
        "1": "element is missing",
        "2": "element that depends on others is missing",
        "3": "too many elements",
        "4": "element too short",
        "5": "element too long",
        "6": "invalid sign",
        "7": "invalid code",
        "8": "invalid date",
        "9": "invalid time",
        "10": "elements exclude each other",
        "12": "too many repetitions",
        "13": "too many components",
        "I6": "code value not used here",
        "I9": "element that depends on others is missing",
        "I10": "element is not used here",
        "I11": "too few repetitions",
        "I12": "code is not of this list",
        "I13": "value is not allowed here",
    }
)
