"""Files of a payer as they come: a 999, 277CA and 835 put together from their segments."""

from __future__ import annotations

from collections.abc import Sequence

ISA = "ISA*00*          *00*          *ZZ*STATEPAYER     *ZZ*RIVERBEND      *260311*0801*^*00501*{0}*0*T*:"
VERSIONS = {"999": "005010X231A1", "277": "005010X214", "835": "005010X221A1"}
GROUPS = {"999": "FA", "277": "HN", "835": "HP"}


def reply(kind: str, body: Sequence[str], number: str = "000000777", version: str | None = None) -> bytes:
    """The body in its envelopes."""
    guide = version or VERSIONS[kind]
    parts = [
        ISA.format(number),
        f"GS*{GROUPS[kind]}*STATEPAYER*RIVERBEND*20260311*0801*777*X*{guide}",
        f"ST*{kind}*0001" + ("" if kind == "835" else f"*{guide}"),
        *body,
        f"SE*{len(body) + 2}*0001",
        "GE*1*777",
        f"IEA*1*{number}",
    ]
    return ("~\n".join(parts) + "~\n").encode()


def ack(code: str = "A", group: str = "1", sets: Sequence[tuple[str, str, Sequence[str]]] = ()) -> bytes:
    """A 999: the sets with their codes and what stands between."""
    body = [f"AK1*HC*{group}*005010X223A2"]
    for number, answer, errors in sets:
        body += [f"AK2*837*{number}*005010X223A2", *errors, f"IK5*{answer}"]
    return reply("999", [*body, f"AK9*{code}*1*1*1"])


def claim_ack(
    claims: Sequence[tuple[str, str]], number: str = "000000778", above: str = "A1:19:PR", ours: str = "0002"
) -> bytes:
    """A 277CA: (control number, STC01) of each claim; `above` is the status of everything sent."""
    body = [
        "BHT*0085*08*277X2140001*20260311*0801*TH",
        *("HL*1**20*1", "NM1*PR*2*STATE MEDICAID*****PI*MEDICAID", "TRN*1*200102051635S00001ABCDEF"),
        *("DTP*050*D8*20260311", "DTP*009*D8*20260311", "HL*2*1*21*1"),
        *("NM1*41*2*RIVERBEND MHOTRS*****46*RIVERBEND", f"TRN*2*{ours}", f"STC*{above}*20260311*WQ*52.8"),
        *("QTY*90*1", "AMT*YU*52.8", "HL*3*2*19*1", "NM1*85*2*RIVERBEND MHOTRS*****XX*1900000013", "TRN*1*0"),
        *("STC*A1:19:PR**WQ*52.8", "QTY*QA*1", "AMT*YU*52.8"),
    ]
    for place, (claim, status) in enumerate(claims, start=4):
        body += [
            f"HL*{place}*3*PT",
            "NM1*QC*1*MOSS*ALEX****MI*AA00001A",
            f"TRN*2*{claim}",
            f"STC*{status}*20260311*{'WQ' if status < 'A3' else 'U'}*52.8",
            f"REF*1K*PAYER{place}",
            "DTP*472*D8*20260304",
        ]
    return reply("277", body, number)


def remittance(claims: Sequence[str], number: str = "000000779", trace: str = "EFT1") -> bytes:
    """An 835 with the given segments of its claims."""
    body = [
        "BPR*I*46.2*C*ACH*CCP*01*999999992*DA*123456*1512345678**01*999988880*DA*98765*20260316",
        *(f"TRN*1*{trace}*1512345678", "DTM*405*20260314", "N1*PR*STATE MEDICAID", "N3*1 CAPITOL"),
        "N4*ALBANY*NY*12210",
        *("PER*BL*HELP*TE*8005550100", "N1*PE*RIVERBEND MHOTRS*XX*1900000013", "LX*1"),
        *claims,
    ]  # fmt: skip
    return reply("835", body, number)
