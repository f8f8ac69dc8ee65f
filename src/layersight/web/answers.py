"""The answer to each request of a page.

The rule of this module: an answer is the result of a verb, in the words of its kind of result; only
the layout of what is sent is computed here.
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
from layersight.web.explorer import Answer, Explorer
from layersight.web.frames import Json
from layersight.web.jobs import MAX_PATTERN, download, run_heatmap, run_patterns
from layersight.web.maps import COLUMNS, PackedMaps, channel_maps, kind_of, pack
from layersight.web.network import answer_model
from layersight.web.photos import MissingError, Photo
from layersight.web.requests import (
    Channel,
    Download,
    EmptyRequest,
    Exact,
    Heatmap,
    ImageRequest,
    Layer,
    ModelRequest,
    Pattern,
    Photograph,
    Position,
    Predictions,
    Request,
    Upload,
)
from layersight.web.work import Report

MAX_VOLUME_BYTES = 16 << 20
"""Bytes of all slices of a channel in one answer."""
STRONGEST = 3
"""Channels that are named of each layer at a position."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of request.

    Attributes:
        request: Its parameters.
        answer: Makes the answer, from the explorer, the request, and what the kind takes besides.
        lane: Which thread of the explorer runs it; ``None`` where it takes no time.
        body: Whether bytes come with it.
        adds_image: Whether it leaves an image with the explorer.
        progress: Whether it reports progress.
        cached: Whether its answer is kept.
    """

    request: type[Request]
    answer: Callable[..., Answer]
    lane: str | None = "passes"
    body: bool = False
    adds_image: bool = False
    progress: bool = False
    cached: bool = False


def answer_images(explorer: Explorer, request: EmptyRequest) -> Answer:
    entries = [{"id": photo.id, "name": photo.name} for photo in explorer.photos.opened]
    return Answer({"images": entries})


def answer_image(explorer: Explorer, request: ImageRequest) -> Answer:
    return _describe(explorer, explorer.photos.find(request.image))


def _describe(explorer: Explorer, photo: Photo) -> Answer:
    image, photograph = explorer.load(photo)
    scale = image.preprocessing
    height, width = photograph.pixels.shape[:2]
    frames = image.frames
    return Answer(
        {
            **image.to_json(),
            "id": photo.id,
            "name": photo.name,
            "path": None,
            "path_name": photo.path_name,
            "width": width,
            "height": height,
            "input": list(image.values.shape)[-3 if frames is not None else 0 :],
            "frames": None if frames is None else len(frames),
            "region": list(photograph.region),
            "scale": f"{scale.describe()} ({scale.reason})",
            "edited_from": photo.edited_from,
        }
    )


def upload(explorer: Explorer, request: Upload, body: bytes) -> Answer:
    return _describe(explorer, explorer.photos.upload(request.name, body))


def edit(explorer: Explorer, request: ImageRequest, body: bytes) -> Answer:
    return _describe(explorer, explorer.photos.edit(explorer.photos.find(request.image), body))


def add_sample(explorer: Explorer, request: EmptyRequest) -> Answer:
    return _describe(explorer, explorer.photos.add(photos.sample()))


def answer_photograph(explorer: Explorer, request: Photograph) -> Answer:
    photo = explorer.photos.find(request.image)
    image, photograph = explorer.load(photo)
    pixels = image.pixels if request.seen else photograph.pixels
    if request.frame is not None:
        if image.frames is None or request.frame >= len(image.frames):
            raise MissingError(f"{photo.name!r} has no frame {request.frame}")
        pixels = image.frames[request.frame]
    content, mime, (width, height) = photos.to_file(pixels, request.longest, lossless=request.seen)
    return Answer({"mime": mime, "width": width, "height": height}, (content,))


def answer_predictions(explorer: Explorer, request: Predictions) -> Answer:
    photo = explorer.photos.find(request.image)
    result = explorer.result(photo)
    if request.top == TOP:
        predictions = [
            {**prediction, "words": words}
            for prediction, words in zip(result.numbers["predictions"], result.words, strict=True)
        ]
        return Answer({"predictions": predictions, "notes": list(result.notes)})
    info = result.info
    layers = {entry.name for entry in info.layers}
    outputs = {name: explorer.layer(photo, name).values for name in info.outputs if name in layers}
    longer = predict(outputs, info.labels, kinds_of(info), request.top)[0]
    return Answer({"predictions": [{**one.to_json(), "words": one.describe()} for one in longer]})


def answer_statistics(explorer: Explorer, request: ImageRequest) -> Answer:
    result = explorer.result(explorer.photos.find(request.image))
    return Answer({"layers": {entry["name"]: entry for entry in result.numbers["layers"]}})


def answer_layer(explorer: Explorer, request: Layer) -> Answer:
    entry = explorer.layer(explorer.photos.find(request.image), request.layer)
    return maps_answer(entry, pack(entry, request.slice))


def maps_answer(entry: LayerActivation, packed: PackedMaps) -> Answer:
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


def answer_exact(explorer: Explorer, request: Exact) -> Answer:
    entry = explorer.layer(explorer.photos.find(request.image), request.layer)
    values, channel = entry.values[0], request.channel
    if request.whole:
        if channel is None or values.ndim != 4 or channel >= values.shape[-1]:
            raise UsageError(f"expected a channel of a volume: layer '{entry.name}'")
        if values[..., channel].nbytes > MAX_VOLUME_BYTES:
            raise ModelInputError(f"layer '{entry.name}' has more slices than are sent at once")
        return Answer({"shape": list(values.shape[:3])}, (values[..., channel],))
    if channel is not None:
        if channel >= values.shape[-1]:
            raise SelectionError(
                f"layer '{entry.name}' has {values.shape[-1]} channels: there is no {channel}"
            )
        values = values[..., channel : channel + 1]
    elif values.ndim > 1:
        raise UsageError(f"expected channel: layer '{entry.name}' has maps")
    maps, chosen = channel_maps(values, request.slice, entry.name)
    exact = maps[0] if channel is not None else maps[:, 0, 0]
    return Answer({"shape": list(exact.shape), "slice": chosen and chosen[0]}, (exact,))


def answer_position(explorer: Explorer, request: Position) -> Answer:
    photo = explorer.photos.find(request.image)
    layers, missing = [], []
    for layer in explorer.result(photo).info.layers:
        position = _position_in(layer, (request.y, request.x))
        if position is None:
            continue
        entry = explorer.layers.get((photo.id, layer.name))
        if entry is None:
            missing.append(layer.name)
        else:
            layers.append(_values_at(entry, position))
    return Answer({"layers": layers, "missing": missing})


def _position_in(layer: LayerInfo, point: Sequence[float]) -> tuple[int, int] | None:
    """The position of a layer whose receptive field is centred nearest to a point of the input."""
    placement, field, shape = layer.placement, layer.receptive_field, layer.example_shape
    if placement is None or field is None or shape is None:
        return None
    if len(shape) != 3 or len(placement.start) != 2:
        return None
    position = []
    for value, start, step, size, side in zip(
        point, placement.start, placement.step, field, shape[:2], strict=True
    ):
        nearest = round((value - start - size / 2) / step)
        position.append(max(0, nearest if side is None else min(nearest, side - 1)))
    return position[0], position[1]


def _values_at(entry: LayerActivation, position: tuple[int, int]) -> Json:
    maps = entry.values[0]
    y, x = (min(index, side - 1) for index, side in zip(position, maps.shape[:2], strict=True))
    values = np.nan_to_num(maps[y, x].astype(np.float64), posinf=0, neginf=0)
    order = np.argsort(-values, kind="stable")[:STRONGEST]
    return {
        "layer": entry.name,
        "y": y,
        "x": x,
        "mean": float(values.mean()),
        "strongest": [[int(channel), float(values[channel])] for channel in order],
    }


def answer_kernel(explorer: Explorer, request: Channel) -> Answer:
    if not isinstance(explorer.model, HasKernels):
        raise CapabilityError("the framework of this network does not show kernels")
    explorer.check_layer(request.layer)
    entry = kernels(explorer.model, [request.layer], str(request.channel)).layers[0]
    all_kernels = kernels(explorer.model, [request.layer]).layers[0]
    axes = len(entry.positions)
    values = np.ascontiguousarray(laid_out(np.moveaxis(entry.values[..., 0], -1, 0), axes))
    return Answer(
        {
            "shape": list(values.shape),
            "limit": all_kernels.limit,
            "zero": bool(entry.zero[0]),
            "norm": entry.norms[:, 0].tolist(),
            "factors": int(entry.factors.shape[1]),
            "shares": [float(share) for share in entry.shares[0]],
        },
        (values, laid_out(entry.factors[0], axes)),
    )


def answer_strongest(explorer: Explorer, request: Channel) -> Answer:
    survey = explorer.settings.survey
    if survey is None:
        raise UsageError("expected a survey: layersight explore MODEL --survey DIR")
    explorer.check_layer(request.layer)
    entry, channel = survey.standing_for(request.layer) or survey[request.layer], request.channel
    if channel >= entry.channels:
        raise SelectionError(
            f"layer '{entry.name}' has {entry.channels} channels in the survey: "
            f"there is no {channel}"
        )
    strongest = entry.strongest
    images: list[Json] = []
    crops: list[bytes] = []
    for rank in np.flatnonzero(strongest.crops[channel] >= 0):
        name = survey.names[strongest.images[channel, rank]]
        folder = name.partition("/")[0]
        images.append(
            {
                "name": name,
                "activation": float(strongest.activations[channel, rank]),
                "box": [int(edge) for edge in strongest.boxes[channel, rank]],
                "class": folder if folder in survey.classes else None,
                "mime": "image/jpeg",
            }
        )
        crops.append(bytes(survey.crops[strongest.crops[channel, rank]]))
    statistics = channel_numbers(entry, channel)
    return Answer(
        {"statistics": statistics, "images": images, "count": survey.images}, tuple(crops)
    )


def answer_pattern(explorer: Explorer, request: Pattern, report: Report) -> Answer:
    result = run_patterns(explorer, request, report)
    noun = noun_of(result)
    content, mime, (width, height) = photos.to_file(result.images[0], MAX_PATTERN, lossless=True)
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


def answer_heatmap(explorer: Explorer, request: Heatmap, report: Report) -> Answer:
    result = run_heatmap(explorer, request, report, request.scores)
    noun = noun_of(result)
    entry = result.maps[0]
    values = np.asarray(entry.values, np.float32)
    if values.ndim == 3:  # frames and slices are laid out as those of the photograph
        values = contact_sheet(values, entry.neutral)
    elif values.ndim < 2:
        values = values.reshape(1, -1)
    numbers = noun.numbers(result, noun.options())["heatmaps"][0]
    titles = {name: metric.title for name, metric in metrics().items()}
    return Answer(
        {
            **numbers,
            "shape": list(values.shape),
            "ground": entry.neutral,
            "warning": result.warnings.get(entry.method),
            "notes": [*entry.notes, *result.notes],
            "measures": [
                {**measure, "title": titles[measure["metric"]]} for measure in numbers["measures"]
            ],
        },
        (values,),
    )


KINDS: dict[str, Kind] = {
    "model": Kind(ModelRequest, answer_model),
    "images": Kind(EmptyRequest, answer_images, None),
    "image": Kind(ImageRequest, answer_image, "pictures"),
    "upload": Kind(Upload, upload, "pictures", body=True, adds_image=True),
    "edit": Kind(ImageRequest, edit, "pictures", body=True, adds_image=True),
    "sample": Kind(EmptyRequest, add_sample, "pictures", adds_image=True),
    "photograph": Kind(Photograph, answer_photograph, "pictures", cached=True),
    "predictions": Kind(Predictions, answer_predictions),
    "statistics": Kind(ImageRequest, answer_statistics),
    "layer": Kind(Layer, answer_layer, cached=True),
    "exact": Kind(Exact, answer_exact),
    "position": Kind(Position, answer_position),
    "kernel": Kind(Channel, answer_kernel, "pictures", cached=True),
    "strongest": Kind(Channel, answer_strongest, "pictures"),
    "pattern": Kind(Pattern, answer_pattern, "jobs", progress=True, cached=True),
    "heatmap": Kind(Heatmap, answer_heatmap, "jobs", progress=True, cached=True),
    "download": Kind(Download, download, "jobs", progress=True),
}
"""Every kind of request by its name."""
