"""FHIR of any make read back into the records of the office."""
