"""Which requests are answered.

The rule of this module: a page of another site, or a host name that was made to point here, gets
nothing; neither does a request without the token, which is part of the address.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "::1")

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""Headers of every answer: nothing is loaded from elsewhere, no other page shows or reads this."""


def new_token() -> str:
    """A word that cannot be guessed."""
    return secrets.token_urlsafe(24)


class Guard:
    """Decides which requests are answered.

    Args:
        token: The first part of the path of each address.
        host: Where the server listens.
        names: Further host names, such as that of a proxy.

    Example:
        >>> guard = Guard("secret", "127.0.0.1")
        >>> guard.refusal("secret", {"host": "localhost:8000"})
        >>> guard.refusal("secret", {"host": "evil.example"})
        "this address is not known here: expected localhost, found 'evil.example'"
        >>> guard.refusal("secret", {"host": "localhost", "origin": "https://evil.example"})
        'a page of another site asked for that'
        >>> guard.refusal("guess", {"host": "localhost:8000"})
        'the address is not complete: open the one that layersight explore printed'
    """

    def __init__(self, token: str, host: str, names: Iterable[str] = ()) -> None:
        self.token = token
        self.is_local = is_loopback(host)
        public = () if self.is_local else (host, socket.gethostname())
        self.proxies = {name.lower() for name in names}
        self.names = {name.lower() for name in (*LOOPBACK, *public)} | self.proxies

    def refusal(self, token: str, headers: Mapping[str, str]) -> str | None:
        """Why a request is not answered, ``None`` if it is.

        Args:
            token: The first part of its path.
            headers: Its headers, names in lower case.
        """
        host = headers.get("host", "")
        if not self._is_own_name(host):
            return f"this address is not known here: expected localhost, found {host[:80]!r}"
        origin = headers.get("origin")
        from_here = origin is None or host_of(origin) == host.lower()
        # A proxy may ask by its own name for a page that its user knows by another.
        if not from_here and name_of(host_of(origin or "") or "") not in self.proxies:
            return "a page of another site asked for that"
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            # A link from elsewhere, such as one in a chat, may be followed; nothing else.
            purpose = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
            if purpose != ("navigate", "document"):
                return "a page of another site asked for that"
        if not secrets.compare_digest(token.encode(), self.token.encode()):
            return "the address is not complete: open the one that layersight explore printed"
        return None

    def _is_own_name(self, host: str) -> bool:
        """Whether a host is this machine: an IP address cannot be made to point elsewhere."""
        name = name_of(host)
        if name in self.names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self.is_local


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def name_of(host: str) -> str:
    """The name in a ``Host`` header, without the port; empty if it is malformed.

    >>> name_of("LocalHost:80"), name_of("[::1]:80"), name_of("a@b:80"), name_of("")
    ('localhost', '::1', '', '')
    """
    try:
        parts = urlsplit(f"//{host}")
        plain = not (parts.path or parts.query or parts.fragment or "@" in host)
        _ = parts.port  # raises unless it is a number
        return (parts.hostname or "") if plain else ""
    except ValueError:
        return ""


def host_of(origin: str) -> str | None:
    """The host and port of an origin, ``None`` if it has none.

    >>> host_of("http://127.0.0.1:80"), host_of("null")
    ('127.0.0.1:80', None)
    """
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() if parts.scheme in ("http", "https") and parts.netloc else None
