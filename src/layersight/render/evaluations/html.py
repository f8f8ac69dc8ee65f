"""An evaluation as one HTML page: the table as a table, the dots as a vector picture.

The rule of this module: that of ``layersight.render.html_page``.
"""

from __future__ import annotations

import re

from layersight.document.words import percent
from layersight.nouns.evaluation.result import Evaluation
from layersight.nouns.evaluation.wording import facts, key, way
from layersight.render import html_page
from layersight.render.evaluations.dots import draw_dots, draw_key, range_words, tall
from layersight.render.evaluations.information import information
from layersight.render.evaluations.table import Cell, Line, lines_of
from layersight.render.evaluations.views import metric_words
from layersight.render.html_text import escape
from layersight.writers.page import Page
from layersight.writers.sketch import MEDIA, Sketch
from layersight.writers.svg import write_svg as to_svg

STYLE = """
.measured{width:auto;min-width:min(100%,46rem);line-height:1.35;white-space:nowrap}
.measured th,.measured td{padding:.35rem .45rem;text-align:right;font-weight:400;\
border-bottom:1px solid var(--rule);vertical-align:top}
.measured tr>:first-child{text-align:left;padding-left:0}
.measured thead th{color:var(--quiet);font-size:.8125rem;border-bottom-color:var(--quiet)}
.measured thead b{color:var(--ink);font-weight:650;display:block}
.measured small{display:block;color:var(--quiet)}
.measured .lead{background:color-mix(in srgb,var(--accent) 13%,transparent)}
.measured .lead b{font-weight:700}
.measured b{font-weight:400}
.measured .rival td,.measured .rival th{color:var(--quiet)}
.measured .first th,.measured .first td{border-top:1px solid var(--quiet)}
.measured i{display:inline-block;width:2.6rem;height:.45rem;background:var(--rule)}
.measured i span{display:block;height:100%;background:var(--accent)}
.measured td .quiet{font-size:.75rem}
.dots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,24rem),1fr));gap:1rem}
.dots svg{display:block;width:100%;height:auto;background:#fff}
.said{display:grid;grid-template-columns:minmax(7rem,auto) 1fr;gap:.3rem 1.2rem;max-width:60rem;\
font-size:.875rem}
.said dd{color:var(--quiet)}
"""
WIDE = 300.0
CONTENTS = (
    '<nav class="contents" aria-label="Contents"><ul><li><a href="#methods">Methods</a></li>'
    '<li><a href="#dots">Method by method</a></li>'
    '<li><a href="#words">What the numbers are</a></li>'
    '<li><a href="#made">How this was made</a></li></ul></nav>'
)


def document(result: Evaluation, manifest: str) -> str:
    """The whole page.

    Args:
        result: What to show.
        manifest: How the page came to be, as JSON.

    Returns:
        HTML, to be written as UTF-8. The same arguments give the same text.
    """
    scale = result.preprocessing
    known = [
        ("measured", escape(facts(result))),
        ("pixels", escape(f"{scale.describe()} ({scale.reason})")),
    ]
    name = f"{result.model.name} - heatmaps measured"
    pieces = [
        html_page.head(name, "", html_page.asset("page.css") + STYLE),
        html_page.header(result.model, "heatmaps measured", known),
        CONTENTS,
        "<main>",
        html_page.listed("Changes made to open the model", result.model.rewrites),
        html_page.listed("Notes", result.notes),
        f'<section id="methods"><h2>Methods</h2><div class="wide">{table(result)}</div>'
        f'<p class="note">{escape(key(result))}</p></section>',
        _dots(result),
        _words(result),
        html_page.made(manifest),
        "</main>\n</body>\n</html>\n",
    ]
    return "\n".join(pieces)


def table(result: Evaluation) -> str:
    """The table of methods and metrics."""
    heads = "".join(
        f'<th scope="col" title="{escape(column.says)}"><b>{escape(column.title)}</b>'
        f"{way(column)}</th>"
        for column in result.columns
    )
    lines = lines_of(result)
    first = next((place for place, line in enumerate(lines) if not line.known), -1)
    rows = "".join(_row(line, first=place == first) for place, line in enumerate(lines))
    return (
        f'<table class="measured"><thead><tr><th scope="col">Method</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _row(line: Line, *, first: bool) -> str:
    kind = " ".join(word for word, so in (("rival", not line.known), ("first", first)) if so)
    named = f' class="{kind}"' if kind else ""
    below = f"<small>{escape(line.below)}</small>" if line.below else ""
    cells = "".join(map(_cell, line.cells))
    return f'<tr{named}><th scope="row">{escape(line.name)}{below}</th>{cells}</tr>'


def _cell(cell: Cell) -> str:
    told = f"<b>{escape(cell.value)}</b>"
    if cell.error:
        told += f' <span class="quiet">{escape(cell.error)}</span>'
    if cell.share is not None and cell.share == cell.share:
        told += (
            f'<small><i><span style="width:{100 * cell.share:.3g}%"></span></i> '
            f"{escape(percent(cell.share))}</small>"
        )
    lead = ' class="lead"' if cell.leading else ""
    return f"<td{lead}>{told}</td>"


def _dots(result: Evaluation) -> str:
    pictures = "".join(_picture(result, metric) for metric in range(len(result.columns)))
    return (
        f'<section id="dots"><h2>Method by method</h2>{_key_picture(result)}'
        f'<div class="dots">{pictures}</div></section>'
    )


def _picture(result: Evaluation, metric: int) -> str:
    sketch = Sketch(MEDIA["paper"], WIDE)
    draw_dots(sketch, 8, 6, WIDE - 16, result, metric)
    words = f"{result.columns[metric].title}: means from {range_words(result, metric)}"
    return _inlined(result, WIDE, tall(result) + 10, sketch, words)


def _key_picture(result: Evaluation) -> str:
    sketch = Sketch(MEDIA["paper"], 380)
    draw_key(sketch, 10)
    made = _inlined(result, 380, 16, sketch, "What the marks are")
    return f'<div class="dots" style="max-width:34rem">{made}</div>'


def _inlined(result: Evaluation, width: float, height: float, sketch: Sketch, words: str) -> str:
    """What was drawn, as part of an HTML page."""
    page = Page(width, height, tuple(sketch.items), words)
    made = to_svg(page, information(result))
    made = made[made.index("<svg") :]
    made = re.sub(r"<(title|desc|metadata) id=.*?</\1>\n", "", made, flags=re.DOTALL)
    return made.replace(
        'aria-labelledby="title" aria-describedby="desc"', f'aria-label="{escape(words)}"', 1
    )


def _words(result: Evaluation) -> str:
    told = [(column.title, metric_words(column)) for column in result.columns]
    told += [(row.title, row.warning) for row in result.rows if row.warning]
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(words)}</dd>" for name, words in told)
    return (
        f'<section id="words"><h2>What the numbers are</h2><dl class="said">{listed}</dl></section>'
    )
