"""Whose requests are answered.

The rule of this module: a page of another site, or a name that was made to point here, gets
nothing; who does not know the token, which stands in the address, gets nothing either.
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
"""Of every answer: nothing is loaded from elsewhere, and no other page shows or reads this one."""


def new_token() -> str:
    """A word that cannot be guessed."""
    return secrets.token_urlsafe(24)


class Guard:
    """Says whose requests are answered.

    Args:
        token: What the address begins with.
        host: Where the server listens.
        names: Further names under which it may be asked, as by a proxy.

    Example:
        >>> guard = Guard("secret", "127.0.0.1")
        >>> guard.refusal("secret", {"host": "localhost:8000"})
        >>> guard.refusal("secret", {"host": "evil.example"})
        "this address is not known here: expected localhost, found 'evil.example'"
        >>> guard.refusal("secret", {"host": "localhost", "origin": "https://evil.example"})
        'a page of another site asked for that'
        >>> guard.refusal("guess", {"host": "localhost:8000"})
        'the address is not whole: open the one that layersight explore printed'
    """

    def __init__(self, token: str, host: str, names: Iterable[str] = ()) -> None:
        self.token = token
        self.is_local = is_loopback(host)
        own = () if self.is_local else (host, socket.gethostname())
        self.proxied = {name.lower() for name in names}
        self.names = {name.lower() for name in (*LOOPBACK, *own)} | self.proxied

    def refusal(self, token: str, headers: Mapping[str, str]) -> str | None:
        """Why a request is not answered, ``None`` if it is.

        Args:
            token: What its path begins with.
            headers: Its own, names in small letters.
        """
        host = headers.get("host", "")
        if not self._knows(host):
            return f"this address is not known here: expected localhost, found {host[:80]!r}"
        origin = headers.get("origin")
        from_here = origin is None or urlsplit_host(origin) == host.lower()
        # A proxy may ask by its own name for a page that its user knows by another.
        if not from_here and name_of(urlsplit_host(origin or "") or "") not in self.proxied:
            return "a page of another site asked for that"
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            # Whoever follows a link, in a chat for one, may come; nothing else from there.
            how = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
            if how != ("navigate", "document"):
                return "a page of another site asked for that"
        if not secrets.compare_digest(token.encode(), self.token.encode()):
            return "the address is not whole: open the one that layersight explore printed"
        return None

    def _knows(self, host: str) -> bool:
        """Whether a name is this machine's: a number cannot be made to point elsewhere."""
        name = name_of(host)
        if name in self.names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self.is_local


def is_loopback(host: str) -> bool:
    """Whether who listens there hears this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def name_of(host: str) -> str:
    """The name in a ``Host`` header, without the port; empty if it is none.

    >>> name_of("LocalHost:80"), name_of("[::1]:80"), name_of("a@b:80"), name_of("")
    ('localhost', '::1', '', '')
    """
    try:
        parts = urlsplit(f"//{host}")
        plain = not (parts.path or parts.query or parts.fragment or "@" in host)
        _ = parts.port  # which refuses what is no number
        return (parts.hostname or "") if plain else ""
    except ValueError:
        return ""


def urlsplit_host(origin: str) -> str | None:
    """The host and port of an origin, ``None`` if it is none.

    >>> urlsplit_host("http://127.0.0.1:80"), urlsplit_host("null")
    ('127.0.0.1:80', None)
    """
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() if parts.scheme in ("http", "https") and parts.netloc else None
