"""The HTML fragment of an evaluation in a notebook.

The rule of this module: that of ``convlens.notebook.fragments``.
"""

from __future__ import annotations

from convlens.evaluation import Evaluation
from convlens.notebook.fragments import fragment, model_line
from convlens.render.evaluations.html import table
from convlens.render.evaluations.wording import facts, key
from convlens.render.html_text import escape

STYLE = """<style>
.convlens .measured thead b{display:block;font-weight:600}
.convlens .measured tbody b{font-weight:400}
.convlens .measured .lead b{font-weight:700}
.convlens .measured small{display:block;opacity:.75}
.convlens .measured .rival{opacity:.75}
.convlens .measured .first>*{border-top:1px solid}
.convlens .measured i{display:inline-block;width:2.6em;height:.45em;background:#8884}
.convlens .measured i span{display:block;height:100%;background:#0b6a73}
.convlens .measured tr>:nth-child(2){text-align:right}
</style>"""


def evaluation(result: Evaluation) -> str:
    """The table of methods and metrics."""
    parts = [STYLE, model_line(result.model), f"<p>{escape(facts(result))}</p>"]
    parts.append(f'<div class="wide">{table(result)}</div>')
    parts += [f"<p>{escape(note)}</p>" for note in result.notes]
    parts.append(f'<p class="quiet">{escape(key(result))}</p>')
    return fragment("".join(parts))
