"""An image that was given to a network, on a page."""

from __future__ import annotations

import math

from layersight.data.image import InputImage
from layersight.data.prediction import Prediction
from layersight.render.html_sprites import picture
from layersight.render.html_text import escape, number, size


def input_article(
    image: InputImage, place: int, predictions: tuple[Prediction, ...], *, several: bool
) -> str:
    """An image as the network saw it, how it came to be, and what the model says of it."""
    height, width = image.pixels.shape[:2]
    zoom = max(1, round(240 / max(1, width, height)))
    steps = "".join(f"<li>{escape(step)}</li>" for step in image.steps)
    scale = image.preprocessing
    head = f"{place}. " if several else ""
    return (
        f'<article class="input"><img class="pixels" src="{picture(image)}" '
        f'width="{width * zoom}" height="{height * zoom}" '
        f'alt="{escape(image.name)} as the network saw it">'
        f'<div><h3>{head}<span class="name">{escape(image.name)}</span></h3>'
        f'<p class="quiet">{size(image.original_size)} in the file, '
        f"the network saw {width} x {height}</p>"
        f'<h4>How it came to be</h4><ol class="steps">{steps}'
        f"<li><code>{escape(scale.describe())}</code> "
        f"<span>({escape(scale.name)}; {escape(scale.reason)})</span></li></ol>"
        f"{''.join(map(_prediction, predictions))}</div></article>"
    )


def _prediction(prediction: Prediction) -> str:
    scores = [top.score for top in prediction.top if math.isfinite(top.score)]
    whole = 1.0 if all(0 <= score <= 1 for score in scores) else max(map(abs, scores))
    rows = []
    for top in prediction.top:
        share = top.score / whole if math.isfinite(top.score) else 0.0
        label = prediction.name_of(top)
        rows.append(
            f'<tr><th scope="row">{escape(label)}</th><td class="score">{number(top.score)}</td>'
            f'<td class="share"><i style="width:{100 * max(0.0, share):.1f}%"></i></td></tr>'
        )
    total = prediction.size
    if not rows and prediction.describe():
        rows.append(f'<tr><th scope="row">{escape(prediction.describe())}</th></tr>')
    return (
        f"<h4>What the model says <span>output {escape(prediction.output)}, {total} "
        f"number{'' if total == 1 else 's'}</span></h4>"
        f'<table class="predictions"><tbody>{"".join(rows)}</tbody></table>'
    )
