"""Text inside the XMP of an image file (ISO 16684-1), in a property of our own.

The rule of this module: what is read is looked for and never parsed, as it may come from
anywhere.
"""

from __future__ import annotations

import html
import re

TAG = "layersight:manifest"


def packet(text: str) -> bytes:
    """An XMP packet that holds a text.

    >>> found_in(packet('{"<": "&"}'))
    '{"<": "&"}'
    """
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:layersight="urn:layersight:xmp">'
        f"<{TAG}>{html.escape(text, quote=False)}</{TAG}>"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def found_in(packet: bytes) -> str:
    """The text that a packet holds.

    Raises:
        ValueError: There is none.
    """
    found = re.search(
        r"<((?:layersight|convlens):manifest)>(.*?)</\1>",
        packet.decode("utf-8", "replace"),
        re.DOTALL,
    )
    if found is None:
        raise ValueError("no such property in its XMP")
    return html.unescape(found[2])
