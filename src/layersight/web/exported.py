"""The page as one file that needs no server.

The rule of this module: the file holds the page's own modules and the answers that the page needs,
and refers to nothing outside of itself.
"""

from __future__ import annotations

import base64
import html
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from layersight.atomic import write_bytes
from layersight.errors import LayersightError, UsageError
from layersight.select import LayerSpec, select_able
from layersight.web.answers import maps_answer
from layersight.web.explorer import Answer, Explorer
from layersight.web.frames import Buffer, Json, as_bytes
from layersight.web.host import answer
from layersight.web.maps import pack
from layersight.web.photos import Photo
from layersight.web.snippets import Origin, snippets
from layersight.web.static_files import joined, text_of

Layers = LayerSpec | Sequence[LayerSpec] | None
"""Layers whose maps are kept; ``None`` for all."""

HEATMAP = "grad-cam"
"""The method whose heatmap of the strongest class is kept."""
STRONGEST = 4
"""Images of a survey that are kept for each channel."""
MAX_WEIGHTS = 100_000
"""Weights of all kernels that are kept; layers beyond that are left out."""

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src blob: data:; connect-src 'none'; base-uri 'none'; form-action 'none'"
)


def check_path(path: str) -> Path:
    """The path of a page.

    Raises:
        UsageError: The name does not end in ``.html``.
    """
    if Path(path).suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--export writes one page: expected a name ending in .html, found {path}")
    return Path(path)


def write_page(explorer: Explorer, path: Path, layers: Layers = None) -> int:
    """Writes the page with all that it keeps.

    Args:
        explorer: A model and its images.
        path: The file.
        layers: Layers whose maps are kept; ``None`` for all.

    Returns:
        The bytes of the file.

    Raises:
        SelectionError: There is no such layer.
        OutputError: It cannot be written there.
    """
    content = page(explorer, layers).encode()
    write_bytes(path, content)
    return len(content)


def page(explorer: Explorer, layers: Layers = None) -> str:
    """The page as HTML."""
    data = {"answers": Archive(explorer, layers).answers}
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # Nothing in it may end the element that it stands in.
    text = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    title = html.escape(f"{explorer.model.info.name}, layersight")
    code = joined("hosts/file.js")
    styles = text_of("page.css") + text_of("explorer.css")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
{re.sub("</(?=style)", "<" + chr(92) + "/", styles)}</style>
</head>
<body>
<div id="explorer"></div>
<noscript>The explorer is drawn by scripts, which are switched off here.</noscript>
<script type="application/json" id="layersight-data">{text}</script>
<script type="module">
{code}</script>
</body>
</html>
"""


def key_of(kind: str, params: Mapping[str, Any]) -> str:
    """The name of an answer; see ``hosts/exported.js``.

    >>> key_of("layer", {"layer": "conv", "image": "1f", "slice": None})
    'layer {"image":"1f","layer":"conv"}'
    """
    named = {
        name: value
        for name, value in params.items()
        if value not in (None, False, "", (), [], {}) and (kind, name) != ("photograph", "longest")
    }
    text = json.dumps(named, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return f"{kind} {text}"


class Archive:
    """The answers that a page keeps.

    Attributes:
        answers: Each by its name, with its buffers as text.
    """

    def __init__(self, explorer: Explorer, layers: Layers) -> None:
        self.explorer, self.layers = explorer, layers
        self.answers: dict[str, Json] = {}
        photos = explorer.photos.opened
        heatmaps = [self._keep_image(photo) for photo in photos]
        params = {"image": photos[0].id} if photos else {}
        model = answer(explorer, "model", params).json
        kernels = self._keep_kernels(model["layers"])
        for entry in model["layers"]:
            entry["kernels"] = entry["name"] in kernels
        model["features"] = dict.fromkeys(model["features"], False) | {
            "heatmap": any(heatmaps),
            "kernel": bool(kernels),
            "survey": self._keep_survey(),
        }
        model["methods"] = [
            entry | {"options": []}
            for entry in model["methods"]
            if any(heatmaps) and entry["name"] == HEATMAP
        ]
        model |= {"metrics": [], "patterns": {"methods": []}}
        model["words"] = snippets(_without_folders(explorer.settings.origin))
        self._keep("model", {}, Answer(model))
        self._keep("images", {})

    def _keep(self, kind: str, params: Json, reply: Answer | None = None) -> None:
        reply = reply or answer(self.explorer, kind, params)
        buffers = [_to_text(buffer) for buffer in reply.buffers]
        self.answers[key_of(kind, params)] = {"json": reply.json, "buffers": buffers}

    def _keep_image(self, photo: Photo) -> bool:
        """Keeps the answers about an image; whether there is a heatmap among them."""
        params = {"image": photo.id}
        for kind in ("photograph", "predictions", "statistics"):
            self._keep(kind, params)
        image = answer(self.explorer, "image", params).json
        self._keep("image", params, Answer({**image, "path_name": image["name"]}))
        self._keep("photograph", {**params, "seen": True})
        layers, _ = select_able(self.explorer.result(photo).info, self.layers)
        for layer in layers:
            entry = self.explorer.layer(photo, layer.name)
            try:
                packed = pack(entry, small=True)
            except LayersightError:
                continue  # its output has too many axes to be shown anywhere
            self._keep("layer", {**params, "layer": layer.name}, maps_answer(entry, packed))
        try:
            self._keep("heatmap", {**params, "method": HEATMAP})
        except LayersightError:
            return False  # it cannot be made for every network
        return True

    def _keep_kernels(self, layers: Sequence[Json]) -> set[str]:
        """Keeps the kernels of the first layers, and names those."""
        names: set[str] = set()
        left = MAX_WEIGHTS
        for layer in layers:
            if not layer["kernels"]:
                continue
            left -= layer["parameters"]
            if left < 0:
                break
            for channel in range(layer["channels"] or 0):
                self._keep("kernel", {"layer": layer["name"], "channel": channel})
            names.add(layer["name"])
        return names

    def _keep_survey(self) -> bool:
        """Keeps the strongest images of each channel; whether there is a survey."""
        survey = self.explorer.settings.survey
        if survey is None:
            return False
        layers, _ = select_able(self.explorer.model.info, self.layers)
        for name in dict.fromkeys(layer.name for layer in layers):
            entry = survey.standing_for(name)
            for channel in range(0 if entry is None else entry.channels):
                params = {"layer": name, "channel": channel}
                reply = answer(self.explorer, "strongest", params)
                short = {**reply.json, "images": reply.json["images"][:STRONGEST]}
                self._keep("strongest", params, Answer(short, reply.buffers[:STRONGEST]))
        return True


def _without_folders(origin: Origin) -> Origin:
    """What an explorer was opened with, without the folders where the files lie."""

    def name(value: Any) -> Any:
        return Path(value).name if isinstance(value, str) and Path(value).exists() else value

    opening = {key: name(value) for key, value in origin.opening.items()}
    return Origin(name(origin.model), opening, origin.image)


def _to_text(buffer: Buffer) -> str:
    """A buffer as text: its first letter says whether it is deflated."""
    content = as_bytes(buffer)
    deflated = zlib.compress(content, 9)
    smaller = len(deflated) < 0.95 * len(content)
    return ("d" if smaller else "r") + base64.b64encode(deflated if smaller else content).decode()
