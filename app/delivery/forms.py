"""The note of a delivery in the forms that its EHR takes.

The frozen record stays as it is: a form is made from it when it is sent, the same bytes each time.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from mappings.note_copy import NoteCopy
from mappings.note_forms import FORMS, TEXT

Json = dict[str, Any]
Attachment = Mapping[str, Any]


class AnotherText(ValueError):
    """The copy is not one of the text that the record carries."""


def in_forms(payload: Mapping[str, Any], forms: Sequence[str], copy: NoteCopy) -> Json:
    """The Bundle with its note in these forms (`text`, `xhtml`, `pdf`) and in their order; the text is always
    the very bytes that were signed. Raises AnotherText, and ValueError where a form cannot be made."""
    return {**payload, "entry": [_entry(each, forms, copy) for each in payload.get("entry", ())]}


def _entry(entry: Mapping[str, Any], forms: Sequence[str], copy: NoteCopy) -> Json:
    resource = entry["resource"]
    if resource["resourceType"] != "DocumentReference":
        return dict(entry)
    signed = resource["content"][0]["attachment"]
    if base64.b64decode(signed["data"]) != copy.text.encode("utf-8"):
        raise AnotherText("The text in the record is not the text that was signed.")
    content = [{"attachment": signed if form == TEXT else _made(form, signed, copy)} for form in forms]
    return {**entry, "resource": {**resource, "content": content}}


def _made(form: str, signed: Attachment, copy: NoteCopy) -> Json:
    data = FORMS[form].make(copy)
    # R4 says SHA-1 for Attachment.hash.
    digest = hashlib.sha1(data, usedforsecurity=False).digest()
    return {
        **signed,
        "contentType": FORMS[form].media_type,
        "data": base64.b64encode(data).decode("ascii"),
        "size": len(data),
        "hash": base64.b64encode(digest).decode("ascii"),
        "title": f"{signed['title']} (copy for reading)",
    }
