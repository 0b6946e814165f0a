"""Our artefacts as a FHIR package: what we write is defined from the very tables it is written from."""

from __future__ import annotations

from mappings.fhir.package.archive import artefacts, package_bytes

__all__ = ["artefacts", "package_bytes"]
