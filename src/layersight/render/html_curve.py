"""The share of zeros over depth as an inline SVG."""

from __future__ import annotations

from collections.abc import Sequence

from layersight.render.html_text import escape, percent

_WIDTH, _HEIGHT = 720, 300
_LEFT, _RIGHT, _TOP, _PLAIN_BOTTOM, _NAMED_BOTTOM = 58, 30, 14, 52, 104
_NAMES = 14
"""So many layers have their names below the axis; of more, the numbers."""


def sparsity_curve(names: Sequence[str], images: Sequence[Sequence[float]]) -> str:
    """Draws one line for each image.

    Args:
        names: The layers' names in order of depth.
        images: For each image the share of zeros of each layer, 0..1.
    """
    named = len(names) <= _NAMES
    bottom = _HEIGHT - (_NAMED_BOTTOM if named else _PLAIN_BOTTOM)
    step = (_WIDTH - _LEFT - _RIGHT) / max(1, len(names) - 1)
    places = [_LEFT + place * step for place in range(len(names))]
    if len(names) == 1:
        places = [(_LEFT + _WIDTH - _RIGHT) / 2]
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        'aria-labelledby="curve-title curve-text">'
        '<title id="curve-title">Sparsity over depth</title>'
        f'<desc id="curve-text">{_told(names, images)}</desc>',
        *_axes(names, places, bottom, named),
    ]
    for number, shares in enumerate(images, 1):
        parts += _line(names, places, shares, bottom, number, several=len(images) > 1)
    return "".join([*parts, "</svg>"])


def _told(names: Sequence[str], images: Sequence[Sequence[float]]) -> str:
    """The curve in words, the first image's."""
    pairs = zip(names, images[0], strict=True)
    told = "Share of exact zeros in the output of each layer, in order of depth: "
    return escape(told + ", ".join(f"{name} {percent(share)}" for name, share in pairs))


def _height(share: float, bottom: float) -> float:
    return bottom - share * (bottom - _TOP)


def _axes(names: Sequence[str], places: Sequence[float], bottom: float, named: bool) -> list[str]:
    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = _height(share, bottom)
        parts.append(
            f'<path class="rule" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>'
            f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
            f"{share:.0%}</text>"
        )
    every = max(1, -(-len(names) // 24))
    for number, (name, x) in enumerate(zip(names, places, strict=True), 1):
        if named:
            short = name if len(name) <= 18 else "…" + name[-17:]
            parts.append(
                f'<text class="tick" transform="translate({x + 4:.1f} {bottom + 16:.1f}) '
                f'rotate(-32)" text-anchor="end">{escape(short)}</text>'
            )
        elif (number - 1) % every == 0:
            parts.append(
                f'<text class="tick" x="{x:.1f}" y="{bottom + 18:.1f}" text-anchor="middle">'
                f"{number}</text>"
            )
    middle = (_TOP + bottom) / 2
    parts.append(
        f'<text class="axis" x="{(_LEFT + _WIDTH - _RIGHT) / 2:.1f}" y="{_HEIGHT - 8}" '
        f'text-anchor="middle">layer, in order of depth{"" if named else " (number in the table)"}'
        "</text>"
        f'<text class="axis" transform="translate(14 {middle:.1f}) rotate(-90)" '
        'text-anchor="middle">exact zeros</text>'
    )
    return parts


def _line(
    names: Sequence[str],
    places: Sequence[float],
    shares: Sequence[float],
    bottom: float,
    number: int,
    *,
    several: bool,
) -> list[str]:
    points = [
        (x, _height(min(1.0, max(0.0, share)), bottom))
        for x, share in zip(places, shares, strict=True)
    ]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    dash = f' stroke-dasharray="{3 * number} 3"' if number > 1 else ""
    parts = [f'<path class="line" d="M{path}"{dash}/>']
    for (x, y), name, share in zip(points, names, shares, strict=True):
        told = f"{name}: {percent(share)}" + (f" (image {number})" if several else "")
        parts.append(
            f'<circle class="point" cx="{x:.1f}" cy="{y:.1f}" r="3.5">'
            f"<title>{escape(told)}</title></circle>"
        )
    if several:
        x, y = points[-1]
        parts.append(f'<text class="tick" x="{x + 8:.1f}" y="{y + 4:.1f}">{number}</text>')
    return parts
