"""The request to the EHR's sign-in page as a form, where its address would be too long for a link."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from smart_launch.profile import EhrProfile

# Proxies and older browsers are known to cut addresses at about 2,000 characters.
LONGEST_ADDRESS = 2000


@dataclass(frozen=True)
class AuthorizationForm:
    """What the browser posts to the authorization endpoint: the address, and the fields in order."""

    action: str
    fields: tuple[tuple[str, str], ...]


def as_form(profile: EhrProfile, address: str) -> AuthorizationForm | None:
    """The authorization request as a form when its `address` is longer than 2,000 characters and the EHR
    states authorize-post; else None, and the browser is sent to the address (SMART App Launch 2.2, "Obtain
    authorization code")."""
    action = profile.authorization_endpoint or ""
    if len(address) <= LONGEST_ADDRESS or not profile.states("authorize-post"):
        return None
    own = len(parse_qsl(urlsplit(action).query, keep_blank_values=True))
    return AuthorizationForm(action, tuple(parse_qsl(urlsplit(address).query, keep_blank_values=True))[own:])
