"""The HTML fragment of an evaluation in a notebook.

The rule of this module: that of ``layersight.notebook.fragments``.
"""

from __future__ import annotations

from layersight.notebook.fragments import fragment, model_line
from layersight.nouns.evaluation.result import Evaluation
from layersight.nouns.evaluation.wording import facts, key
from layersight.render.evaluations.html import table
from layersight.render.html_text import escape

STYLE = """<style>
.layersight .measured thead b{display:block;font-weight:600}
.layersight .measured tbody b{font-weight:400}
.layersight .measured .lead b{font-weight:700}
.layersight .measured small{display:block;opacity:.75}
.layersight .measured .rival{opacity:.75}
.layersight .measured .first>*{border-top:1px solid}
.layersight .measured i{display:inline-block;width:2.6em;height:.45em;background:#8884}
.layersight .measured i span{display:block;height:100%;background:#0b6a73}
.layersight .measured tr>:nth-child(2){text-align:right}
</style>"""


def evaluation(result: Evaluation) -> str:
    """The table of methods and metrics."""
    parts = [STYLE, model_line(result.model), f"<p>{escape(facts(result))}</p>"]
    parts.append(f'<div class="wide">{table(result)}</div>')
    parts += [f"<p>{escape(note)}</p>" for note in result.notes]
    parts.append(f'<p class="quiet">{escape(key(result))}</p>')
    return fragment("".join(parts))
