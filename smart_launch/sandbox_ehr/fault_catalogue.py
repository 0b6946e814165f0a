"""Every fault of this EHR by name, one line each; GET /_faults shows this list.

A fault is planned for the whole EHR by POST /_faults `{"name": ..., "count": 1, <options>}`, and for one
launch by POST /launches `{"user": ..., "faults": [<name>, {"name": ..., <options>}]}`. In a launch a fault
strikes as often as it can, unless it names a count: on the code, the tokens and every later call of that
launch. The documents (configuration, metadata, keys, style) are asked without a token: there the faults of
the newest launch hold. DELETE /_faults forgets them all.
"""

from .fault_kinds import Kind, anything, at, flag, number, one_of, text, texts

_ODD_CONTEXT = [
    7,
    None,
    "Encounter/1",
    {},
    {"reference": 5},
    {"reference": "javascript:alert(1)"},
    {"reference": "https://ehr.example/fhir/Patient/another"},
    {"reference": "Task/1", "role": 7},
    {"reference": "Task/1", "role": "https://ehr.example/roles#unheard-of"},
    {"canonical": "https://ehr.example/Questionnaire/1|2", "type": "Questionnaire"},
    {"identifier": {"system": "urn:example:visit", "value": "VISIT-1"}, "type": "Encounter"},
    {"identifier": "VISIT-1"},
    {"reference": "Encounter/" + "x" * 5000},
]


def _answer(name: str, member: str, says: str, value: object, where: str = "token") -> Kind:
    options = (anything("value", value, f"what {member} is"), at(where))
    return Kind(name, "token answer", says, options, member)


def _claim(name: str, claim: str, says: str, value: object) -> Kind:
    return Kind(name, "id_token", says, (anything("value", value, f"what {claim} is"),), claim)


_TRANSPORT = (
    Kind(
        "slow",
        "transport",
        "The answer comes late.",
        (at("fhir"), number("seconds", 1.0, 0, 60)),
    ),
    Kind("down", "transport", "503 with Retry-After in place of the answer.", (at("fhir"),)),
    Kind("html", "transport", "200 and a sign-in page in place of the answer.", (at("fhir"),)),
    Kind(
        "redirect",
        "transport",
        "A redirect to another address in place of the answer.",
        (
            at("token"),
            text("to", "http://127.0.0.1:9/elsewhere", "where it leads"),
            one_of("status", 307, 302, 301, 303, 308),
        ),
    ),
    Kind("no-answer", "transport", "The work is done and the connection closes unanswered.", (at("token"),)),
    Kind("truncated-json", "transport", "The body ends in the middle of its JSON.", (at("token"),)),
    Kind(
        "duplicate-keys",
        "transport",
        "One member of the answer stands in it a second time, with another value.",
        (at("token"), text("key", None, "which member"), anything("value", "another", "its second value")),
    ),
    Kind(
        "huge-body",
        "transport",
        "The JSON carries megabytes of padding.",
        (at("token"), number("megabytes", 8, 1, 64)),
    ),
    Kind("deep-json", "transport", "The JSON is nested 5,000 levels deep.", (at("token"),)),
    Kind("list-instead-of-object", "transport", "The right JSON, inside a list.", (at("token"),)),
    Kind("wrong-content-type", "transport", "The right JSON, labelled text/html.", (at("token"),)),
)

_FHIR = (
    Kind(
        "refuse",
        "fhir",
        "422 to the next write, with a text.",
        (text("text", "This resource was refused by a planned fault.", "what the outcome says"),),
    ),
    Kind("drop-after-commit", "fhir", "A write is stored and its answer lost."),
    Kind("fail-after-commit", "fhir", "A write is stored and answered with 500."),
    Kind("token-refused", "fhir", "401 to a call, as if its right token had been revoked."),
    Kind("scope-refused", "fhir", "403 insufficient_scope to a call that the scopes do carry."),
    Kind(
        "foreign-next-link",
        "fhir",
        "The next page of a search stands on another host.",
        (text("url", "http://127.0.0.1:9/fhir/next", "the address of the page"),),
    ),
    Kind(
        "other-patient-in-search",
        "fhir",
        "A search result carries a Patient that does not match.",
        (text("patient", "pat-moss", "whose record"),),
    ),
    Kind(
        "unserved",
        "fhir",
        "Types are neither declared nor taken; with count null for as long as it is planned.",
        (texts("types", ["Consent"], "types that this EHR does not serve"),),
    ),
    Kind(
        "unsearched",
        "fhir",
        "Types are neither declared nor searched by one parameter, and no condition may use it.",
        (
            texts("types", ["Goal"], "types of which this parameter is not known"),
            text("parameter", "identifier", "the search parameter"),
        ),
    ),
)

_AUTHORIZE = (
    Kind(
        "error-redirect",
        "authorize",
        "The browser comes back with an error, or with an error and a code.",
        (
            text("error", "access_denied", "the error code"),
            text("description", "A planned fault.", "error_description"),
            text("uri", None, "error_uri"),
            flag("with_code", False, "the code comes too"),
        ),
    ),
    Kind(
        "mixed-up-issuer",
        "authorize",
        "iss of the authorization response is another server's (RFC 9207).",
        (text("value", "http://localhost:1/another-ehr", "the other issuer"),),
    ),
    Kind("no-issuer-parameter", "authorize", "iss is missing in the authorization response."),
    Kind(
        "wrong-state",
        "authorize",
        "state comes back changed.",
        (anything("value", "another-state", "what state is"),),
    ),
    Kind("missing-code", "authorize", "The browser comes back with neither code nor error."),
    Kind("code-twice", "authorize", "The browser comes back with two different codes."),
)

_TOKEN = (
    Kind(
        "token-error",
        "token",
        "An OAuth error in place of the answer; nothing is used up.",
        (
            at("token"),
            text("error", "invalid_client", "the error code"),
            text("description", "A planned fault.", "error_description"),
            one_of("status", 400, 401, 403, 429, 500),
        ),
    ),
    Kind("code-replay", "token", "The code counts as used before: invalid_grant, and its tokens end."),
    Kind("refresh-reuse", "token", "The refresh token counts as used before: the whole family ends."),
    Kind("no-refresh-rotation", "token", "A refresh answers without a new one; the old one stays good."),
    Kind(
        "narrowed-scopes",
        "token",
        "Less is granted than was asked; without options every resource scope is cut down to reading.",
        (
            text("scope", None, "the most that is granted, as a scope text"),
            texts("without", [], "scopes that are taken away"),
        ),
    ),
    Kind("expired-token", "token", "Access token and id_token of the answer are already over."),
    Kind("revoked-token", "token", "The access token of the answer is already revoked."),
)

_ANSWERS = (
    _answer("no-scope-in-answer", "scope", "scope is missing.", None),
    _answer("no-access-token", "access_token", "access_token is missing.", None),
    _answer("no-id-token", "id_token", "id_token is missing.", None),
    _answer("no-refresh-token", "refresh_token", "refresh_token is missing.", None),
    _answer("token-type", "token_type", "token_type is not Bearer.", "mac"),
    _answer("no-token-type", "token_type", "token_type is missing.", None),
    _answer("expires-in-missing", "expires_in", "expires_in is missing.", None),
    _answer("expires-in-string", "expires_in", "expires_in is text.", "3600"),
    _answer("expires-in-negative", "expires_in", "expires_in is below zero.", -60),
    _answer("missing-patient", "patient", "patient is missing, though the launch had one.", None),
    _answer("patient-as-number", "patient", "patient is a number.", 70002),
    _answer("patient-as-object", "patient", "patient is an object.", {"reference": "Patient/pat-moss"}),
    _answer(
        "patient-changed",
        "patient",
        "A later answer (refresh, introspection) names another patient.",
        "pat-moss",
        "later",
    ),
    _answer("missing-encounter", "encounter", "encounter is missing, though the launch had one.", None),
    _answer("need-patient-banner", "need_patient_banner", "need_patient_banner is odd.", "no"),
    _answer("tenant", "tenant", "A tenant is named.", "tenant-north"),
    _answer("intent", "intent", "An intent is named; unless given, one that nobody knows.", "unheard-of"),
    _answer("app-context", "appContext", "appContext is hostile text.", "</script><script>alert(1)</script>"),
    _answer("fhir-context", "fhirContext", "fhirContext has odd forms.", _ODD_CONTEXT),
    _answer("style-url", "smart_style_url", "smart_style_url is hostile.", "javascript:alert(1)"),
)

_ID_TOKEN = (
    _claim("wrong-audience", "aud", "aud is another client.", "another-client"),
    Kind("extra-audience", "id_token", "aud names another client too, and azp is missing."),
    _claim("wrong-authorized-party", "azp", "azp is another client.", "another-client"),
    _claim("wrong-nonce", "nonce", "nonce is another one.", "another-nonce"),
    _claim("no-nonce", "nonce", "nonce is missing.", None),
    _claim("wrong-issuer", "iss", "iss is another server.", "http://localhost:1/another-ehr"),
    _claim("no-subject", "sub", "sub is missing.", None),
    Kind("expired-id-token", "id_token", "exp is an hour ago."),
    Kind("future-id-token", "id_token", "iat and nbf lie an hour ahead."),
    Kind(
        "stale-sign-in",
        "id_token",
        "auth_time is long ago, whatever max_age asked for.",
        (number("hours", 24, 0, 10_000),),
    ),
    Kind(
        "fhir-user",
        "id_token",
        "fhirUser in another form than the absolute address of a Practitioner.",
        (
            one_of(
                "form",
                "relative",
                "absolute",
                "missing",
                "related-person",
                "patient",
                "practitioner-role",
                "other-host",
                "nonsense",
            ),
        ),
    ),
    Kind("alg-none", "id_token", "The header says none and the signature is empty."),
    Kind(
        "hs256-with-public-key",
        "id_token",
        "Signed with HS256, the published key as its secret (algorithm confusion).",
        (one_of("form", "pem", "jwk"),),
    ),
    Kind("bad-signature", "id_token", "The signature is another key's, the kid the right one."),
    Kind("embedded-key", "id_token", "Signed by a key that only the header carries (jwk, jku)."),
    Kind("unknown-kid", "id_token", "kid is in no key set, and another one in every token."),
    Kind("no-kid", "id_token", "The header names no kid."),
    Kind(
        "rotated-keys",
        "id_token",
        "The signing key changes right before the token is signed.",
        (flag("overlap", True, "the old key stays published"),),
    ),
)

_DOCUMENTS = (
    Kind(
        "key-set-flood",
        "keys",
        "The key set has thousands of keys, with other kids in every answer; the right one stands last.",
        (number("keys", 2000, 1, 50_000),),
    ),
    Kind("empty-key-set", "keys", "The key set is empty."),
    Kind("no-jwks-uri", "configuration", "smart-configuration has no jwks_uri; openid-configuration has."),
    Kind("no-jwks-uri-anywhere", "configuration", "Neither configuration has a jwks_uri."),
    Kind(
        "missing-endpoint",
        "configuration",
        "An endpoint is missing.",
        (text("endpoint", "token_endpoint", "which member"),),
    ),
    Kind(
        "foreign-endpoints",
        "configuration",
        "Endpoints stand on another host.",
        (
            text("base", "https://elsewhere.example", "the other host"),
            texts("endpoints", ["token_endpoint"], "which members"),
        ),
    ),
    Kind(
        "http-endpoints",
        "configuration",
        "Every endpoint is plain http on a host that is not loopback.",
        (text("base", "http://ehr.example", "the address before /auth"),),
    ),
    Kind(
        "relative-endpoints",
        "configuration",
        "Endpoints are relative to the document.",
        (one_of("form", "path", "dotted"),),
    ),
    Kind(
        "lying-capabilities",
        "configuration",
        "capabilities says what is not true.",
        (
            texts("adds", ["smart-app-state", "smart-imaging-access"], "claimed and not there"),
            texts("hides", [], "there and not claimed"),
        ),
    ),
    Kind(
        "odd-configuration",
        "configuration",
        "Any member of smart-configuration is anything.",
        (text("member", "capabilities", "which member"), anything("value", "launch-ehr", "what it is")),
    ),
    Kind(
        "lying-metadata",
        "metadata",
        "The CapabilityStatement claims writes that are refused and hides interactions that work.",
        (
            texts("claims", ["Patient"], "types said to be writable"),
            texts("hides", ["transaction"], "interactions of the server left out"),
        ),
    ),
    Kind(
        "style-document",
        "style",
        "The style is not what SMART describes.",
        (
            anything(
                "value",
                {
                    "color_background": "red;} body{background:url(https://elsewhere.example/)",
                    "color_text": "#fff",
                    "color_highlight": 7,
                    "dim_font_size": "9000000px",
                    "dim_border_radius": "expression(alert(1))",
                    "font_family_body": "x</style><script>alert(1)</script>",
                },
                "the whole document",
            ),
        ),
    ),
)

_ALL = (*_TRANSPORT, *_FHIR, *_AUTHORIZE, *_TOKEN, *_ANSWERS, *_ID_TOKEN, *_DOCUMENTS)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
