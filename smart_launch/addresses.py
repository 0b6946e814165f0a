"""Addresses as strings to be judged: loopback, origin, and whether one lies below another."""

import ipaddress
import re
from urllib.parse import SplitResult, unquote, urlsplit

_UNFIT = re.compile(r'[\x00-\x20\\"<>^`{}\x7f]')
DEFAULT_PORTS = {"http": 80, "https": 443}


def is_loopback(host: str | None) -> bool:
    """True for `localhost`, 127.0.0.0/8 and ::1, judged by the letters alone: no name is resolved."""
    if not host:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback and "%" not in host
    except ValueError:
        return False


def split(address: str) -> SplitResult | None:
    """The parts of a plain absolute http(s) address, or None when it has user information, a fragment,
    control characters, white space, a backslash or an unusable port. A bare `|` is let through: EHRs write
    `system|value` into the links of their pages."""
    if not address.isascii() or _UNFIT.search(address):
        return None
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    plain = parts.scheme in DEFAULT_PORTS and parts.hostname and "@" not in parts.netloc
    return parts if plain and "#" not in address and port != 0 else None


def is_secure(address: str) -> bool:
    """True for https anywhere, and for plain http on this machine alone."""
    parts = split(address)
    return parts is not None and (parts.scheme == "https" or is_loopback(parts.hostname))


def origin(address: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an absolute address (RFC 6454), or None when it is not plain."""
    parts = split(address)
    return None if parts is None else _origin(parts)


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]


def lies_below(address: str, base: str) -> bool:
    """True when the address has the origin of `base` and a path inside its path, without dot segments,
    also not percent-encoded ones."""
    found, wanted = split(address), split(base)
    if found is None or wanted is None or _origin(found) != _origin(wanted):
        return False
    path, root = found.path, wanted.path.rstrip("/")
    decoded = unquote(unquote(path))
    if any(segment in {".", ".."} for segment in decoded.replace("\\", "/").split("/")):
        return False
    return path == root or path.startswith(root + "/")
