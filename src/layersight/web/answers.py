"""The answer to each request of a page.

The rule of this module: an answer is what a verb found, in the words of its kind of result; nothing
is worked out here but where things lie in what is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from layersight.data.model import LayerInfo
from layersight.data.prediction import TOP, kinds_of, predict
from layersight.data.stack import contact_sheet
from layersight.document.noun import noun_of
from layersight.errors import CapabilityError, ModelInputError, SelectionError, UsageError
from layersight.model import HasKernels
from layersight.nouns.activations.result import LayerActivation
from layersight.nouns.heatmaps.metrics.metric import metrics
from layersight.nouns.kernels.compute import kernels
from layersight.nouns.kernels.result import laid_out
from layersight.nouns.survey.noun import channel_numbers
from layersight.web import photos
from layersight.web.described import model_of
from layersight.web.explorer import Answer, Explorer
from layersight.web.frames import Json
from layersight.web.jobs import LARGEST_PATTERN, download, run_heatmap, run_patterns
from layersight.web.maps import COLUMNS, Packed, flat_maps, kind_of, pack
from layersight.web.photos import MissingError, Photo
from layersight.web.requests import (
    Channel,
    Download,
    Exact,
    Heatmap,
    Layer,
    Nothing,
    OfImage,
    OfModel,
    Pattern,
    Photograph,
    Position,
    Predictions,
    Request,
    Upload,
)
from layersight.web.work import Report

MOST_WHOLE = 16 << 20
"""Bytes of all slices of a channel that are sent together."""
STRONGEST = 3
"""Channels that are named of each layer at a position."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of request.

    Attributes:
        request: What it says.
        make: Makes the answer, from the explorer, the request, and what else it takes.
        lane: Which thread of the explorer does it; ``None`` where that takes no time.
        body: Whether bytes come with it.
        sends: Whether it leaves an image with the explorer.
        tells: Whether it reports progress.
        kept: Whether its answer is kept.
    """

    request: type[Request]
    make: Callable[..., Answer]
    lane: str | None = "passes"
    body: bool = False
    sends: bool = False
    tells: bool = False
    kept: bool = False


def images_of(explorer: Explorer, request: Nothing) -> Answer:
    return Answer(
        {"images": [{"id": photo.id, "name": photo.name} for photo in explorer.photos.given]}
    )


def image_of(explorer: Explorer, request: OfImage) -> Answer:
    return _describe(explorer, explorer.photos.find(request.image))


def _describe(explorer: Explorer, photo: Photo) -> Answer:
    image, whole = explorer.loaded(photo)
    scale = image.preprocessing
    height, width = whole.pixels.shape[:2]
    frames = image.frames
    return Answer(
        {
            **image.to_json(),
            "id": photo.id,
            "name": photo.name,
            "path": None,
            "path_name": str(photo.source) if photo.is_file else photo.name,
            "width": width,
            "height": height,
            "input": list(image.values.shape)[-3 if frames is not None else 0 :],
            "frames": None if frames is None else len(frames),
            "region": list(whole.region),
            "scale": f"{scale.describe()} ({scale.reason})",
            "edited_from": photo.edited_from,
        }
    )


def upload_of(explorer: Explorer, request: Upload, body: bytes) -> Answer:
    return _describe(explorer, explorer.photos.upload(request.name, body))


def edit_of(explorer: Explorer, request: OfImage, body: bytes) -> Answer:
    return _describe(explorer, explorer.photos.edit(explorer.photos.find(request.image), body))


def sample_of(explorer: Explorer, request: Nothing) -> Answer:
    return _describe(explorer, explorer.photos.add(photos.sample()))


def photograph_of(explorer: Explorer, request: Photograph) -> Answer:
    photo = explorer.photos.find(request.image)
    image, whole = explorer.loaded(photo)
    pixels = image.pixels if request.seen else whole.pixels
    if request.frame is not None:
        if image.frames is None or request.frame >= len(image.frames):
            raise MissingError(f"{photo.name!r} has no frame {request.frame}")
        pixels = image.frames[request.frame]
    content, mime, (width, height) = photos.as_file(pixels, request.longest, exact=request.seen)
    return Answer({"mime": mime, "width": width, "height": height}, (content,))


def predictions_of(explorer: Explorer, request: Predictions) -> Answer:
    photo = explorer.photos.find(request.image)
    seen = explorer.seen(photo)
    if request.top != TOP:
        named = {entry.name for entry in seen.info.layers} & set(seen.info.outputs)
        outputs = {
            name: explorer.values(photo, name).values for name in seen.info.outputs if name in named
        }
        made = predict(outputs, seen.info.labels, kinds_of(seen.info), request.top)[0]
        return Answer({"predictions": [{**one.to_json(), "words": one.describe()} for one in made]})
    return Answer(
        {
            "predictions": [
                {**one, "words": words}
                for one, words in zip(seen.numbers["predictions"], seen.words, strict=True)
            ],
            "notes": list(seen.notes),
        }
    )


def statistics_of(explorer: Explorer, request: OfImage) -> Answer:
    seen = explorer.seen(explorer.photos.find(request.image))
    return Answer({"layers": {entry["name"]: entry for entry in seen.numbers["layers"]}})


def layer_of(explorer: Explorer, request: Layer) -> Answer:
    entry = explorer.values(explorer.photos.find(request.image), request.layer)
    packed = pack(entry, request.slice)
    return layer_answer(entry, packed)


def exact_of(explorer: Explorer, request: Exact) -> Answer:
    entry = explorer.values(explorer.photos.find(request.image), request.layer)
    values, number = entry.values[0], request.channel
    if request.whole:
        if number is None or values.ndim != 4 or number >= values.shape[-1]:
            raise UsageError(f"expected a channel of a volume: layer '{entry.name}'")
        if values[..., number].nbytes > MOST_WHOLE:
            raise ModelInputError(f"layer '{entry.name}' has more slices than are sent at once")
        return Answer({"shape": list(values.shape[:3])}, (values[..., number],))
    if number is not None:
        if number >= values.shape[-1]:
            raise SelectionError(
                f"layer '{entry.name}' has {values.shape[-1]} channels: there is no {number}"
            )
        values = values[..., number : number + 1]
    elif values.ndim > 1:
        raise UsageError(f"expected channel: layer '{entry.name}' has maps")
    maps, chosen = flat_maps(values, request.slice, entry.name)
    made = maps[0] if number is not None else maps[:, 0, 0]
    return Answer({"shape": list(made.shape), "slice": chosen and chosen[0]}, (made,))


def position_of(explorer: Explorer, request: Position) -> Answer:
    photo = explorer.photos.find(request.image)
    seen = explorer.seen(photo)
    found, missing = [], []
    for layer in seen.info.layers:
        place = _position_of(layer, (request.y, request.x))
        if place is None:
            continue
        entry = explorer.kept.get((photo.id, layer.name))
        if entry is None:
            missing.append(layer.name)
        else:
            found.append(_at(entry, place))
    return Answer({"layers": found, "missing": missing})


def kernel_of(explorer: Explorer, request: Channel) -> Answer:
    if not isinstance(explorer.model, HasKernels):
        raise CapabilityError("the framework of this network does not show kernels")
    explorer.check_layer(request.layer)
    entry = kernels(explorer.model, [request.layer], str(request.channel)).layers[0]
    whole = kernels(explorer.model, [request.layer]).layers[0]
    axes = len(entry.positions)
    values = np.ascontiguousarray(laid_out(np.moveaxis(entry.values[..., 0], -1, 0), axes))
    return Answer(
        {
            "shape": list(values.shape),
            "limit": whole.limit,
            "zero": bool(entry.zero[0]),
            "norm": entry.norms[:, 0].tolist(),
            "factors": int(entry.factors.shape[1]),
            "shares": [float(share) for share in entry.shares[0]],
        },
        (values, laid_out(entry.factors[0], axes)),
    )


def strongest_of(explorer: Explorer, request: Channel) -> Answer:
    survey = explorer.settings.survey
    if survey is None:
        raise UsageError("expected a survey: layersight explore MODEL --survey DIR")
    explorer.check_layer(request.layer)
    entry, number = survey.standing_for(request.layer) or survey[request.layer], request.channel
    if number >= entry.channels:
        raise SelectionError(
            f"layer '{entry.name}' has {entry.channels} channels in the survey: "
            f"there is no {number}"
        )
    statistics = channel_numbers(entry, number)
    found = entry.strongest
    images: list[Json] = []
    buffers: list[bytes] = []
    for rank in np.flatnonzero(found.crops[number] >= 0):
        name = survey.names[found.images[number, rank]]
        folder = name.partition("/")[0]
        images.append(
            {
                "name": name,
                "activation": float(found.activations[number, rank]),
                "box": [int(edge) for edge in found.boxes[number, rank]],
                "class": folder if folder in survey.classes else None,
                "mime": "image/jpeg",
            }
        )
        buffers.append(bytes(survey.crops[found.crops[number, rank]]))
    told = {"statistics": statistics, "images": images, "count": survey.images}
    return Answer(told, tuple(buffers))


def pattern_of(explorer: Explorer, request: Pattern, tell: Report) -> Answer:
    result = run_patterns(explorer, request, tell)
    noun = noun_of(result)
    content, mime, (width, height) = photos.as_file(result.images[0], LARGEST_PATTERN, exact=True)
    return Answer(
        {
            **noun.numbers(result, noun.options())["patterns"][0],
            "method": request.method,
            "mime": mime,
            "width": width,
            "height": height,
            "notes": list(result.notes),
        },
        (content,),
    )


def heatmap_of(explorer: Explorer, request: Heatmap, tell: Report) -> Answer:
    result = run_heatmap(explorer, request, tell, request.scores)
    noun = noun_of(result)
    entry = result.maps[0]
    values = np.asarray(entry.values, np.float32)
    if values.ndim == 3:  # frames and slices lie as those of the photograph
        values = contact_sheet(values, values.min() if entry.ground is None else entry.ground)
    elif values.ndim < 2:
        values = values.reshape(1, -1)
    own = noun.numbers(result, noun.options())["heatmaps"][0]
    titles = {name: metric.title for name, metric in metrics().items()}
    return Answer(
        {
            **own,
            "shape": list(values.shape),
            "ground": entry.ground,
            "warning": result.warnings.get(entry.method),
            "notes": [*entry.notes, *result.notes],
            "measures": [
                {**measure, "title": titles[measure["metric"]]} for measure in own["measures"]
            ],
        },
        (values,),
    )


def layer_answer(entry: LayerActivation, packed: Packed) -> Answer:
    """The maps of a layer as they are sent."""
    axes = entry.layer.axes
    return Answer(
        {
            "layer": entry.name,
            "kind": kind_of(entry.layer),
            "shape": list(packed.shape),
            "channels": len(packed.maps),
            "dtype": packed.dtype,
            "slice": packed.slice and packed.slice[0],
            "slices": packed.slice and packed.slice[1],
            "columns": list(COLUMNS),
            "axes": None if axes is None else list(axes),
        },
        (packed.maps, packed.table),
    )


def _position_of(layer: LayerInfo, point: Sequence[float]) -> tuple[int, int] | None:
    """The position of a layer whose receptive field lies about a point of the input."""
    place, field, shape = layer.placement, layer.receptive_field, layer.example_shape
    if place is None or field is None or shape is None or len(shape) != 3 or len(place.start) != 2:
        return None
    found = []
    for at, start, step, size, side in zip(
        point, place.start, place.step, field, shape[:2], strict=True
    ):
        nearest = round((at - start - size / 2) / step)
        found.append(max(0, nearest if side is None else min(nearest, side - 1)))
    return found[0], found[1]


def _at(entry: LayerActivation, place: tuple[int, int]) -> Json:
    """What a layer gives at a position."""
    maps = entry.values[0]
    y, x = (min(at, side - 1) for at, side in zip(place, maps.shape[:2], strict=True))
    values = np.nan_to_num(maps[y, x].astype(np.float64), posinf=0, neginf=0)
    order = np.argsort(-values, kind="stable")[:STRONGEST]
    return {
        "layer": entry.name,
        "y": y,
        "x": x,
        "mean": float(values.mean()),
        "strongest": [[int(number), float(values[number])] for number in order],
    }


KINDS: dict[str, Kind] = {
    "model": Kind(OfModel, model_of),
    "images": Kind(Nothing, images_of, None),
    "image": Kind(OfImage, image_of, "pictures"),
    "upload": Kind(Upload, upload_of, "pictures", body=True, sends=True),
    "edit": Kind(OfImage, edit_of, "pictures", body=True, sends=True),
    "sample": Kind(Nothing, sample_of, "pictures", sends=True),
    "photograph": Kind(Photograph, photograph_of, "pictures", kept=True),
    "predictions": Kind(Predictions, predictions_of),
    "statistics": Kind(OfImage, statistics_of),
    "layer": Kind(Layer, layer_of, kept=True),
    "exact": Kind(Exact, exact_of),
    "position": Kind(Position, position_of),
    "kernel": Kind(Channel, kernel_of, "pictures", kept=True),
    "strongest": Kind(Channel, strongest_of, "pictures"),
    "pattern": Kind(Pattern, pattern_of, "jobs", tells=True, kept=True),
    "heatmap": Kind(Heatmap, heatmap_of, "jobs", tells=True, kept=True),
    "download": Kind(Download, download, "jobs", tells=True),
}
"""Every kind of request by its name."""
