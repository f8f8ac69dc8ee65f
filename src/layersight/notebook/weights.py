"""The HTML fragment of kernels in a notebook.

The rule of this module: that of ``layersight.notebook.fragments``.
"""

from __future__ import annotations

from layersight.document.words import number, plural
from layersight.notebook.fragments import fragment, model_line, table
from layersight.nouns.kernels.options import KernelOptions
from layersight.nouns.kernels.parts import broken, limit, only_filters, only_layers
from layersight.nouns.kernels.result import Kernels, LayerKernels
from layersight.render.html_text import escape
from layersight.render.kernels.views import pages, without_foot
from layersight.render.kernels.wording import captions, information, kernel_size
from layersight.writers.pixels import data_uri
from layersight.writers.png import stacked_png as to_png

LAYERS_SHOWN = 6
"""So many layers have their kernels in a fragment."""
TILES_SHOWN = 64
"""So many filters of each layer that shows them as tiles."""
ROWS_SHOWN = 16
"""So many of each layer that shows them as rows."""


def kernels(result: Kernels) -> str:
    """The layers with their counts, and the first kernels of the first layers."""
    heads = ("layer", "type", "kernel", "filters", "largest |weight|", "zero", "not numbers")
    parts = [model_line(result.model), table(heads, "".join(map(_row, result.layers)))]
    parts += [f"<p>{escape(note)}</p>" for note in result.notes]
    parts += [
        _layer(result, entry, opened=place == 0)
        for place, entry in enumerate(result.layers[:LAYERS_SHOWN])
    ]
    parts += [f'<p class="quiet">{escape(line)}</p>' for line in captions(result)[:-1]]
    return fragment("".join(parts) + _left_out(result))


def _row(entry: LayerKernels) -> str:
    cells = (
        escape(entry.layer.type),
        kernel_size(entry),
        str(len(entry.filters)),
        number(limit(entry)),
        str(int(entry.zero.sum())),
        str(int(broken(entry).sum())),
    )
    told = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr><th scope="row">{escape(entry.name)}</th>{told}</tr>'


def _most(entry: LayerKernels) -> int:
    return TILES_SHOWN if entry.inputs in (1, 3) else ROWS_SHOWN


def _layer(result: Kernels, entry: LayerKernels, *, opened: bool) -> str:
    """The picture of a layer, as it stands in a PNG, without the caption at its foot."""
    shown = only_filters(entry, range(len(entry.filters))[: _most(entry)])
    part = only_layers(result, [shown])
    (page,) = pages(part, KernelOptions(), "screen")
    page = without_foot(page)
    uri = data_uri(to_png([page], information(part)))
    words = f"{plural(len(shown.filters), 'kernel')} of {escape(entry.name)}"
    # The picture is finer than it is shown, and holds words: it may be smoothed.
    size = f'width="{page.width * 4 / 3:.0f}" style="image-rendering:auto"'
    picture = f'<img src="{uri}" {size} alt="{words}">'
    return (
        f"<details{' open' if opened else ''}><summary><b>{escape(entry.name)}</b></summary>"
        f'<div class="wide">{picture}</div></details>'
    )


def _left_out(result: Kernels) -> str:
    told = []
    if len(result.layers) > LAYERS_SHOWN:
        told.append(f"kernels of the first {LAYERS_SHOWN} of {len(result.layers)} layers")
    if any(len(entry.filters) > _most(entry) for entry in result.layers[:LAYERS_SHOWN]):
        told.append("the first filters of each layer")
    if not told:
        return ""
    return (
        f"<p>Shown: {', '.join(told)}; "
        "<code>layersight.save(kernels, &quot;kernels.html&quot;)</code> writes all.</p>"
    )
