"""What tests of several kinds of FHIR watch."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mappings.fhir import forms


@pytest.fixture
def forms_used(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the contacts, or the numbers of the claims, that were written into a form."""
    used, fill = list[str](), forms.Form.filled

    def filled(form: forms.Form, gaps: Sequence[bytes]) -> bytes:
        used.append(gaps[0].decode())
        return fill(form, gaps)

    monkeypatch.setattr(forms.Form, "filled", filled)
    return used
