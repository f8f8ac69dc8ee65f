"""Pages of HTML, taken apart."""

from __future__ import annotations

import base64
import io
from html.parser import HTMLParser

from PIL import Image

VOID = frozenset({"meta", "img", "input", "br", "link", "hr"})


class Page(HTMLParser):
    """Collects elements as (tag, attributes, text inside); checks that they nest and run nothing.

    Attributes:
        elements: Every element in order.
        words: All text that is read.
    """

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements = []
        self.words = ""
        self._open = []
        self.feed(text)
        self.close()
        assert not self._open, "elements are closed"

    def handle_starttag(self, tag, attrs):
        assert len(attrs) == len(dict(attrs)), f"attribute twice in {tag}"
        assert not [name for name, _ in attrs if name.startswith("on")], tag
        entry: tuple[str, dict[str, str], list[str]]
        entry = (tag, {name: value or "" for name, value in attrs}, [])
        self.elements.append(entry)
        if tag not in VOID:
            self._open.append(entry)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag

    def handle_data(self, data):
        for entry in self._open:
            entry[2].append(data)
        if not {"style", "script"} & {entry[0] for entry in self._open}:
            self.words += data

    def all(self, tag, kind="", **wanted):
        """The attributes and the text of the elements of a tag, of a class, with attributes."""
        return [
            (attributes, "".join(text))
            for name, attributes, text in self.elements
            if name == tag
            and (not kind or kind in attributes.get("class", "").split())
            and all(attributes.get(key) == value for key, value in wanted.items())
        ]


def decoded(address):
    """The picture in a data address."""
    head, _, body = address.partition(",")
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(body, validate=True)))
