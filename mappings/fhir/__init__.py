"""Records as FHIR R4: resources, transaction Bundles, the last check before anything leaves, and XML."""
