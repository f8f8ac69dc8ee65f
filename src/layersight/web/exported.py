"""The page as one file that needs no server.

The rule of this module: the file holds the page's own modules and the answers to what the page may
ask, and refers to nothing outside of itself.
"""

from __future__ import annotations

import base64
import html
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from layersight.atomic import write_bytes
from layersight.errors import LayersightError, UsageError
from layersight.select import LayerSpec, select_able
from layersight.web.answers import layer_answer
from layersight.web.explorer import Answer, Explorer
from layersight.web.frames import Json, as_bytes
from layersight.web.host import answer
from layersight.web.maps import pack
from layersight.web.photos import Photo
from layersight.web.static_files import joined, text_of
from layersight.web.wording import Origin, words_of

METHODS = ("grad-cam",)
"""Of heatmaps, each of the strongest class, that a page keeps."""
STRONGEST = 4
"""Images of each channel, of a survey, that a page keeps."""
MOST_WEIGHTS = 100_000
"""Of all kernels that a page keeps; layers beyond that are left out."""

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src blob: data:; connect-src 'none'; base-uri 'none'; form-action 'none'"
)


def check_path(path: str) -> Path:
    """Where a page can be written.

    Raises:
        UsageError: The name does not end in ``.html``.
    """
    if Path(path).suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--export writes one page: expected a name ending in .html, found {path}")
    return Path(path)


def write_page(
    explorer: Explorer,
    path: Path,
    layers: LayerSpec | Sequence[LayerSpec] | None = None,
) -> int:
    """Writes the page with all that it keeps.

    Args:
        explorer: A model and its images.
        path: The file.
        layers: Whose maps are kept; ``None`` is all.

    Returns:
        The bytes of the file.

    Raises:
        SelectionError: There is no such layer.
        OutputError: It cannot be written there.
    """
    content = page(explorer, layers).encode()
    write_bytes(path, content)
    return len(content)


def page(
    explorer: Explorer,
    layers: LayerSpec | Sequence[LayerSpec] | None = None,
) -> str:
    """The page as HTML."""
    data = {"answers": kept(explorer, layers)}
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
    given = {
        name: value
        for name, value in params.items()
        if value not in (None, False, "", (), [], {}) and (kind, name) != ("photograph", "longest")
    }
    text = json.dumps(given, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return f"{kind} {text}"


def kept(
    explorer: Explorer,
    layers: LayerSpec | Sequence[LayerSpec] | None = None,
) -> dict[str, Json]:
    """The answers that a page keeps, by their names."""
    found: dict[str, Json] = {}
    photos = explorer.photos.given

    def keep(kind: str, params: Json, made: Answer | None = None) -> Answer:
        made = made or answer(explorer, kind, params)
        found[key_of(kind, params)] = {
            "json": made.json,
            "buffers": [_packed(b) for b in made.buffers],
        }
        return made

    model = answer(explorer, "model", {}).json
    methods: set[str] = set()
    for photo in photos:
        methods |= set(_keep_image(explorer, photo, layers, keep))
    own = {"image": photos[0].id} if photos else {}
    if photos:
        model = answer(explorer, "model", own).json
    shown = set(_keep_kernels(model["layers"], keep))
    for entry in model["layers"]:
        entry["kernels"] = entry["name"] in shown
    surveyed = _keep_survey(explorer, layers, keep)
    model["features"] = dict.fromkeys(model["features"], False) | {
        "heatmap": bool(methods),
        "kernel": bool(shown),
        "survey": surveyed,
    }
    model["methods"] = [each for each in model["methods"] if each["name"] in methods]
    model["patterns"] = {"methods": []}
    model["words"] = words_of(_without_folders(explorer.settings.origin))
    keep("model", {}, Answer(model))
    keep("images", {})
    return found


def _keep_image(
    explorer: Explorer, photo: Photo, layers: LayerSpec | Sequence[LayerSpec] | None, keep: Any
) -> Iterator[str]:
    """Keeps what can be asked of an image, and names the methods of heatmaps that worked."""
    own = {"image": photo.id}
    for kind in ("photograph", "predictions", "statistics"):
        keep(kind, own)
    told = answer(explorer, "image", own).json
    keep("image", own, Answer({**told, "path_name": told["name"]}))
    keep("photograph", {**own, "seen": True})
    chosen, _ = select_able(explorer.seen(photo).info, layers)
    for layer in chosen:
        entry = explorer.values(photo, layer.name)
        try:
            packed = pack(entry, small=True)
        except LayersightError:
            continue  # of so many axes that it is not shown anywhere
        keep("layer", {**own, "layer": layer.name}, layer_answer(entry, packed))
    for method in METHODS:
        try:
            keep("heatmap", {**own, "method": method})
        except LayersightError:
            continue  # it cannot be had for every network
        yield method


def _without_folders(origin: Origin) -> Origin:
    """What an explorer was opened with, without telling where it lies on somebody's machine."""

    def name(value: Any) -> Any:
        return Path(value).name if isinstance(value, str) and Path(value).exists() else value

    opening = {key: name(value) for key, value in origin.opening.items()}
    return Origin(name(origin.model), opening, origin.image)


def _keep_kernels(layers: Sequence[Json], keep: Any) -> Iterator[str]:
    """Keeps the kernels of the first layers, and names those."""
    left = MOST_WEIGHTS
    for layer in layers:
        if not layer["kernels"]:
            continue
        left -= layer["parameters"]
        if left < 0:
            return
        for channel in range(layer["channels"] or 0):
            keep("kernel", {"layer": layer["name"], "channel": channel})
        yield layer["name"]


def _keep_survey(
    explorer: Explorer, layers: LayerSpec | Sequence[LayerSpec] | None, keep: Any
) -> bool:
    """Keeps the strongest images of each channel; whether there are any."""
    survey = explorer.settings.survey
    if survey is None:
        return False
    chosen, _ = select_able(explorer.model.info, layers)
    for name in {layer.name for layer in chosen}:
        entry = survey.standing_for(name)
        for channel in range(0 if entry is None else entry.channels):
            params = {"layer": name, "channel": channel}
            made = answer(explorer, "strongest", params)
            told = {**made.json, "images": made.json["images"][:STRONGEST]}
            keep("strongest", params, Answer(told, made.buffers[:STRONGEST]))
    return True


def _packed(buffer: Any) -> str:
    """A buffer as text: its first letter says whether it is deflated."""
    content = as_bytes(buffer)
    deflated = zlib.compress(content, 9)
    smaller = len(deflated) < 0.95 * len(content)
    return ("d" if smaller else "r") + base64.b64encode(deflated if smaller else content).decode()
