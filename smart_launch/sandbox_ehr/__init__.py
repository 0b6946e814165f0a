"""A small strict EHR for the demo and the tests.

It is a stranger on purpose: it imports nothing of the app, so that only the specifications join the two.

Launches: POST /launches with user, and optionally patient, encounter, client_id, fhirContext, intent, tenant,
appContext, smart_style_url, need_patient_banner, task (the id of a Task that asks for a launch), faults; or
with client_id, `"standalone": true` and faults, which then hold for the launches of that client that bring no
launch token, until the next such call.

Faults (only where it was started with them): GET /_faults lists every one with a line about it and its
options. Each is planned

- for one launch, by POST /launches `{"user": "rivera", "faults": ["alg-none", {"name": "slow", "at": "token",
  "seconds": 2}]}`: it strikes as often as it can, unless it names a count, at the code, the tokens and every
  later call of that launch; in the documents (configuration, metadata, keys, style), which nobody asks for
  with a token, the faults of the newest launch hold;
- for the whole EHR, by POST /_faults `{"name": "tenant", "count": 2, "value": "north"}`: once, unless it
  names a count; null is as often as it can, 0 takes it away. Backend services meet these alone.

DELETE /_faults forgets them all. Faults of transport take a place as `at`; those of the token answer and of a
claim take any JSON as `value`, and null takes the member away.
"""
