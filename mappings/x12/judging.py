"""What pyx12 finds in a file: the validator of others, asked before anything leaves."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

from pyx12.errors import EngineError, X12Error
from pyx12.params import ParamsBase
from pyx12.x12n_document import x12n_document


def faults(text: str) -> list[str]:
    """What is wrong with this file by the implementation guide that its GS names; empty where nothing is."""
    found = io.StringIO()
    # It logs what it also answers, and an individual's data have no place in a log.
    logging.getLogger("pyx12").setLevel(logging.CRITICAL)
    try:
        well = x12n_document(ParamsBase(), io.StringIO(text), None, None, fd_json=found)
    except (EngineError, X12Error) as error:
        return [str(error)]
    said = list(dict.fromkeys(_said(json.loads(found.getvalue() or "{}"), ())))
    return said if well or said else ["the validator refuses the file and says no more"]


def _said(node: Any, where: tuple[str, ...]) -> Iterator[str]:
    """Every error in the report, with the segment and element that it stands at; data are left out."""
    if isinstance(node, list):
        for each in node:
            yield from _said(each, where)
    elif isinstance(node, dict):
        here = node.get("seg_id") or node.get("ele_ref_num") or ""
        line = f"line {node['cur_line']}" if node.get("seg_id") and node.get("cur_line") else ""
        inside = (*where, *(str(each) for each in (line, here) if each))
        if "err_cde" in node:
            yield " ".join([*where, f"error {node['err_cde']}: {_without_data(str(node['err_str']))}"])
        for each in node.values():
            if isinstance(each, dict | list):
                yield from _said(each, inside)


def _without_data(words: str) -> str:
    return words.split("(", maxsplit=1)[0].strip() if "(" in words else words
