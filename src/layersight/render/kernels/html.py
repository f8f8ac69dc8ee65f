"""Kernels as one HTML page: the pages of the screen as vector pictures, one under the other.

The rule of this module: that of ``layersight.render.html_page``; what a picture says is text.
"""

from __future__ import annotations

import re

from layersight.document.words import plural
from layersight.nouns.kernels.options import KernelOptions
from layersight.nouns.kernels.result import Kernels
from layersight.render import html_page
from layersight.render.html_text import escape
from layersight.render.kernels.views import pages, without_foot
from layersight.render.kernels.wording import captions, information
from layersight.writers.page import Page
from layersight.writers.svg import write_svg as to_svg

STYLE = """
.kernels{margin:1.5em 0;overflow-x:auto}
.kernels svg{display:block;max-width:none;background:#fff}
"""


def document(result: Kernels, options: KernelOptions, manifest: str) -> str:
    """The whole page.

    Args:
        result: What to show; any number of layers.
        options: How many tiles stand in a row.
        manifest: How the page came to be, as JSON.

    Returns:
        HTML, to be written as UTF-8. The same arguments give the same text.
    """
    found = pages(result, options, "screen")
    count = sum(len(entry.filters) for entry in result.layers)
    shown = f"{plural(count, 'filter')} of {plural(len(result), 'layer')}"
    names = [page.title for page in found]
    pieces = [
        html_page.head(f"{result.model.name} - kernels", "", html_page.asset("page.css") + STYLE),
        html_page.header(result.model, "kernels", [("shown", shown)]),
        html_page.contents([], ("kernels", "Kernels", names)),
        '<main id="kernels">',
        html_page.listed("Changes made to open the model", result.model.rewrites),
        html_page.listed("Notes", result.notes),
        html_page.listed("How to read the kernels", captions(result)[:-1]),
        *(_layer(result, page, place) for place, page in enumerate(found, 1)),
        html_page.made(manifest),
        "</main>\n</body>\n</html>\n",
    ]
    return "\n".join(pieces)


def _layer(result: Kernels, page: Page, place: int) -> str:
    """A layer's picture; its parts have names of their own among those of the others."""
    made = to_svg(without_foot(page), information(result))
    made = made[made.index("<svg") :]
    made = re.sub(r"<(title|desc|metadata) id=.*?</\1>\n", "", made, flags=re.DOTALL)
    made = made.replace(
        'aria-labelledby="title" aria-describedby="desc"',
        f'aria-label="{escape(f"Kernels of {page.title}")}"',
        1,
    )
    made = re.sub(r'<g id="a\d+"/>\n', "", made)
    return f'<section class="kernels" id="layer-{place}">{made}</section>'
