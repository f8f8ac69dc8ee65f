"""What every HTML page of layersight has: its head, its title, its manifest.

The rule of this module: a page needs nothing but itself; its policy forbids the browser to
fetch anything.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

from layersight.data.model import ModelInfo
from layersight.render.html_text import digest_short, escape


@cache
def asset(name: str) -> str:
    """A text file that is inlined into the page."""
    return resources.files("layersight.assets").joinpath(name).read_text("utf-8")


def head(title: str, script: str, style: str) -> str:
    """The head of a page that runs one script and has one style."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<meta name="generator" content="layersight">\n'
        f"<title>{escape(title)} - layersight</title>\n"
        f"<style>{style}</style>\n"
        "</head>\n<body>"
    )


def header(model: ModelInfo, kind: str, facts: Sequence[tuple[str, str]]) -> str:
    """The title of a page, what is known of the model, and further facts (as HTML)."""
    known = [
        ("source", escape(model.source)),
        ("framework", escape(model.framework)),
        (
            "digest",
            f'<code title="{escape(model.digest)}">{escape(digest_short(model.digest))}</code>',
        ),
        ("parameters", f"{model.parameters:,}"),
        *facts,
    ]
    told = "".join(f"<div><dt>{label}</dt><dd>{value}</dd></div>" for label, value in known)
    return (
        f'<header class="top"><p class="brand">layersight <span>{kind}</span></p>'
        f'<h1>{escape(model.name)}</h1><dl class="about">{told}</dl></header>'
    )


def contents(
    entries: Sequence[tuple[str, str]],
    layers: tuple[str, str, Sequence[str]],
    others: Sequence[tuple[str, str]] = (),
) -> str:
    """The table of contents: anchors with words, and the layers under theirs.

    Args:
        entries: Anchor and words of the sections before the layers.
        layers: Anchor and words of the section of the layers, and their names.
        others: Anchor and words of the sections after them.
    """
    anchor, words, names = layers
    items = "".join(
        f'<li data-layer="{place}"><a href="#layer-{place}">{escape(name)}</a></li>'
        for place, name in enumerate(names, 1)
    )
    before, after = (
        "".join(f'<li><a href="#{to}">{text}</a></li>' for to, text in part)
        for part in (entries, others)
    )
    return (
        f'<nav class="contents" aria-label="Contents"><ul>{before}'
        f'<li><a href="#{anchor}">{words}</a><ol>{items}</ol></li>{after}'
        '<li><a href="#made">How this was made</a></li></ul></nav>'
    )


def sizes() -> str:
    """The choice of how large tiles are."""
    choices = "".join(
        f'<label><input type="radio" name="size" value="{value}"{checked}>'
        f'<span aria-hidden="true">{value.upper()}</span>'
        f'<span class="only-heard">{label}</span></label>'
        for value, label, checked in (
            ("s", "small", ""),
            ("m", "middle", " checked"),
            ("l", "large", ""),
        )
    )
    return f'<fieldset class="sizes"><legend>Tiles</legend>{choices}</fieldset>'


def listed(title: str, lines: Sequence[str]) -> str:
    """A section of lines; nothing if there are none."""
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<section class="lines"><h2>{title}</h2><ul>{items}</ul></section>'


def made(manifest: str) -> str:
    """The manifest, to be read and copied."""
    return (
        '<section id="made"><h2>How this was made</h2><details><summary>Manifest</summary>'
        f'<pre id="layersight-manifest" tabindex="0">{escape(manifest)}</pre></details></section>'
    )


def embedded(data: Any) -> str:
    """JSON inside an element, from where the page's script reads it."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for mark in "<>&":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return f'<script type="application/json" id="layersight-data">{text}</script>\n'
