"""What faulty documents of discovery look like: configuration, metadata, keys, style."""

from typing import Any
from urllib.parse import urljoin

import pytest

from tests.smart_launch.sandbox_ehr.office import Office, shows

SMART = "/fhir/.well-known/smart-configuration"
OPENID = "/.well-known/openid-configuration"


def document(office: Office, *faults: Any, path: str = SMART) -> Any:
    office.launched_with(*faults)
    return office.get(path).json()


@shows("no-jwks-uri", "no-jwks-uri-anywhere")
def test_the_address_of_the_keys_may_be_missing_in_one_or_both(office: Office) -> None:
    assert "jwks_uri" not in document(office, "no-jwks-uri")
    assert "jwks_uri" in document(office, "no-jwks-uri", path=OPENID)
    assert "jwks_uri" not in document(office, "no-jwks-uri-anywhere")
    assert "jwks_uri" not in document(office, "no-jwks-uri-anywhere", path=OPENID)


@shows("missing-endpoint", "foreign-endpoints", "http-endpoints", "relative-endpoints")
def test_endpoints_may_be_missing_elsewhere_or_relative(office: Office) -> None:
    assert "token_endpoint" not in document(office, "missing-endpoint")
    foreign = document(office, "foreign-endpoints")
    assert foreign["token_endpoint"] == "https://elsewhere.example/auth/token"
    assert foreign["jwks_uri"] == f"{office.base}/auth/jwks"
    plain = document(office, "http-endpoints")
    assert plain["authorization_endpoint"] == "http://ehr.example/auth/authorize"
    assert document(office, "relative-endpoints")["token_endpoint"] == "/auth/token"
    dotted = document(office, {"name": "relative-endpoints", "form": "dotted"})
    assert dotted["token_endpoint"] == "../../auth/token"
    assert urljoin(f"{office.base}{SMART}", dotted["token_endpoint"]) == office.token_url


@shows("lying-capabilities", "odd-configuration")
def test_capabilities_may_lie(office: Office) -> None:
    lying = document(office, {"name": "lying-capabilities", "hides": ["launch-ehr"]})
    assert "smart-app-state" in lying["capabilities"]
    assert "launch-ehr" not in lying["capabilities"]
    assert document(office, "odd-configuration")["capabilities"] == "launch-ehr"
    odd = {"name": "odd-configuration", "member": "issuer", "value": {"a": 1}}
    assert document(office, odd)["issuer"] == {"a": 1}


@shows("lying-metadata")
def test_metadata_may_lie(office: Office) -> None:
    rest = document(office, "lying-metadata", path="/fhir/metadata")["rest"][0]
    patient = next(one for one in rest["resource"] if one["type"] == "Patient")
    assert {"code": "create"} in patient["interaction"]
    assert office.call("POST", "/Patient", json={"resourceType": "Patient"}).status_code == 405
    assert rest["interaction"] == [{"code": "batch"}]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": []}
    assert office.call("POST", "", json=bundle).status_code == 200


@shows("key-set-flood", "empty-key-set")
def test_the_key_set_may_be_a_flood_or_empty(office: Office) -> None:
    right = office.get("/auth/jwks").json()["keys"]
    office.launched_with({"name": "key-set-flood", "keys": 500})
    floods = [office.get("/auth/jwks").json()["keys"] for _ in range(2)]
    kids = [{key["kid"] for key in flood} for flood in floods]
    assert [len(one) for one in kids] == [500 + len(right)] * 2
    assert kids[0] & kids[1] == {key["kid"] for key in right}
    assert floods[0][-len(right) :] == right
    assert document(office, "empty-key-set", path="/auth/jwks") == {"keys": []}


@shows("style-document")
@pytest.mark.parametrize("value", [None, [], "red", {"color_text": "url(javascript:alert(1))"}])
def test_the_style_may_be_hostile(office: Office, value: Any) -> None:
    right = document(office, path="/style.json")
    assert right["color_background"].startswith("#")
    assert "url(" in document(office, "style-document", path="/style.json")["color_background"]
    assert document(office, {"name": "style-document", "value": value}, path="/style.json") == value
