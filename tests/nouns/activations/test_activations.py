"""The verb over a model of plain NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from layersight.data.image import InputImage
from layersight.data.model import InputInfo
from layersight.data.preprocessing import SCALES
from layersight.errors import ImageError, ModelInputError, SelectionError, UsageError
from layersight.nouns.activations.compute import activations, choose_preprocessing, load_image
from layersight.nouns.activations.noun import NOUN
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.tiles import make_tiles

Make = Callable[..., Any]


def picture(seed=0, *, count=None):
    shape = (6, 5, 3) if count is None else (count, 6, 5, 3)
    return np.random.default_rng(seed).random(shape, np.float32)


def test_all_layers_of_one_image_in_one_pass(fake):
    model = fake()
    found = activations(model, picture())
    assert list(found) == ["conv", "pool", "flat", "top"]
    assert model.passes == [(1, ("conv", "pool", "flat", "top"), False)]
    assert found.map_count == 10
    for name, array in found.items():
        np.testing.assert_array_equal(array, model.run({"picture": picture()[None]}, name))
    assert found.predictions == ()
    assert found.notes == ()
    assert found.layer("pool").channels == (0, 1, 2, 3, 4, 5)
    assert found.layer("conv").maps().shape == (4, 6, 5)
    assert "1 image, 4 layers, 10 maps" in repr(found)


def test_a_result_is_a_mapping_that_is_only_itself(fake):
    first, second = (activations(fake(), picture()) for _ in range(2))
    assert first == first
    assert first != second
    assert len({first, second}) == 2
    assert "conv" in first
    assert "nothing" not in first
    with pytest.raises(SelectionError, match=r"no activations of a layer 'cnv' here\. Did you mea"):
        first["cnv"]


def test_only_the_chosen_layers_are_computed(fake):
    model = fake()
    found = activations(model, picture(), layers=["Dense", ":1"])
    assert list(found) == ["conv", "top"]
    assert model.passes == [(1, ("conv", "top"), False)]
    with pytest.raises(SelectionError, match="no layer 'cnv'"):
        activations(model, picture(), layers="cnv")


def test_channels_are_chosen_of_layers_with_maps_alone(fake):
    complete = activations(fake(), picture())
    found = activations(fake(), picture(), channels="1,3")
    for name in ("conv", "pool"):
        np.testing.assert_array_equal(found[name], complete[name][..., [1, 3]])
        assert found.layer(name).channels == (1, 3)
        np.testing.assert_array_equal(
            found.layer(name).statistics.mean, complete.layer(name).statistics.mean[:, [1, 3]]
        )
    assert found["flat"].shape == complete["flat"].shape
    assert found["top"].shape == (1, 3)


def test_channels_are_units_where_only_dense_layers_are_chosen(fake):
    found = activations(fake(), picture(), layers="top", channels=[2])
    assert found["top"].shape == (1, 1)
    assert found.layer("top").channels == (2,)


def test_a_layer_without_the_chosen_channels_is_left_out_and_named(fake):
    found = activations(fake(), picture(), channels="4-5")
    assert list(found) == ["pool", "flat", "top"]
    assert found.notes == ("without the channels asked for, so not shown: conv",)
    part = activations(fake(), picture(), channels="2-4")
    assert part.layer("conv").channels == (2, 3)
    assert part.layer("pool").channels == (2, 3, 4)


def test_a_channel_that_no_layer_has(fake):
    words = r"^layer 'pool': no channel 6: expected 0 to 5, the layer has 6$"
    with pytest.raises(SelectionError, match=words):
        activations(fake(), picture(), channels="0,6")


@pytest.mark.parametrize("batch_size", [1, 2, 3, 5, 99])
def test_batches_are_joined_in_order(fake, batch_size):
    reports = []
    model, batch = fake(), picture(count=5)
    found = activations(
        model, batch, batch_size=batch_size, predictions=True,
        progress=lambda *each: reports.append(each),
    )  # fmt: skip
    for number in range(5):
        alone = activations(fake(), batch[number])
        for name in found:
            np.testing.assert_array_equal(found[name][number], alone[name][0])
    assert [size for size, _, _ in model.passes] == [
        min(batch_size, 5 - start) for start in range(0, 5, batch_size)
    ]
    assert reports[-1] == (5, 5)
    assert len(found.predictions) == 5


def test_predictions_with_names(fake):
    model = fake(labels=("low", "middle", "high"))
    found = activations(model, picture(), layers="conv", predictions=True)
    assert model.passes == [(1, ("conv",), True)]
    assert [entry.output for entry in found.predictions[0]] == ["top"]
    assert [top.label for top in found.predictions[0][0].top] == ["high", "middle", "low"]
    assert found.notes == ()


@pytest.mark.parametrize(
    ("known", "note"),
    [
        ({"labels": ("a", "b")}, "2 class names do not fit the model's outputs"),
        ({"missing": "it has no output"}, "it has no output"),
    ],
)
def test_a_note_says_why_predictions_have_no_names_or_are_missing(fake, known, note):
    found = activations(fake(**known), picture(), predictions=True)
    assert found.notes == (note,)
    assert all(top.label is None for one in found.predictions[0] for top in one.top)


def two_inputs(network):
    inputs = (InputInfo("left", (None, 6, 5, 3)), InputInfo("right", (None, 4, 4, 1)))
    return network(
        {
            "a": ("Conv2D", lambda left, right: left * 2),
            "b": ("Conv2D", lambda left, right: right + 1),
        },
        inputs=inputs,
    )


def test_several_inputs_by_name(network):
    model = two_inputs(network)
    left, right = picture(), np.ones((4, 4, 1), np.float32)
    for given in ({"right": right, "left": left}, [left, right], (left[None], right[None])):
        found = activations(model, given)
        np.testing.assert_array_equal(found["a"][0], left * 2)
        np.testing.assert_array_equal(found["b"][0], right + 1)
        taken = "a float array, taken as it is; values as they are (a float array is taken as it"
        assert [note.partition(" is)")[0] for note in found.notes] == [
            f"input 'left': array; {taken}",
            f"input 'right': array; {taken}",
        ]


def test_batches_in_the_order_of_the_inputs(network):
    left, right = np.stack([picture()] * 3), np.ones((3, 4, 4, 1), np.float32)
    found = activations(two_inputs(network), (left, right))
    assert found["a"].shape == (3, 6, 5, 3)
    assert found["b"].shape == (3, 4, 4, 1)
    with pytest.raises(
        ModelInputError,
        match=r"an array for each of the 2 inputs, in this order: 'left' \(None, 6, 5, 3\), "
        r"'right' \(None, 4, 4, 1\); found 3",
    ):
        activations(two_inputs(network), [left, right, right])


def test_an_input_by_the_key_of_the_model(network):
    inputs = (
        InputInfo("input_1", (None, 6, 5, 3), key="picture"),
        InputInfo("input_2", (None, 4), key="meta"),
    )
    model = network({"a": ("Conv2D", lambda input_1, input_2: input_1 * 2)}, inputs=inputs)
    meta = np.ones(4, np.float32)
    for given in ({"picture": picture(), "meta": meta}, {"input_1": picture(), "meta": meta}):
        found = activations(model, given)
        np.testing.assert_array_equal(found["a"][0], picture() * 2)
        assert found.notes[0].startswith("input 'input_1' (picture): array;")
    with pytest.raises(ModelInputError, match="input 'input_1' was given twice, also as 'picture'"):
        activations(model, {"input_1": picture(), "picture": picture(), "meta": meta})
    with pytest.raises(ModelInputError, match=r"no input 'pictur': .* Did you mean picture\?"):
        activations(model, {"pictur": picture(), "meta": meta})


def test_notes_name_the_file_of_each_input(network, tmp_path):
    for name in ("a.png", "b.png"):
        Image.new("RGB", (9, 9), "red").save(tmp_path / name)
    found = activations(
        two_inputs(network), {"left": tmp_path / "a.png", "right": tmp_path / "b.png"}
    )
    assert [note.partition(";")[0] for note in found.notes] == [
        "input 'left': a.png",
        "input 'right': b.png",
    ]
    same = activations(two_inputs(network), tmp_path / "a.png")
    assert same["b"].shape == (1, 4, 4, 1)
    assert [note.partition(";")[0] for note in same.notes] == [
        "input 'left': a.png",
        "input 'right': a.png",
    ]
    assert all("pixels / 255" in note for note in same.notes)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"left": picture()}, "input 'right' of shape .* was given nothing: name an image for ea"),
        ({"lef": picture()}, r"no input 'lef': the model has left, right\. Did you mean left\?"),
        (
            {"left": [picture(), picture()], "right": np.ones((4, 4, 1), np.float32)},
            "expected as many images for one input as for the other, found 2 for 'left', 1 for 'r",
        ),
    ],
)
def test_inputs_that_do_not_fit_together(network, given, words):
    with pytest.raises(ModelInputError, match=words):
        activations(two_inputs(network), given)


@pytest.mark.parametrize("given", [[], (), 5, object(), np.zeros((0, 6, 5, 3), np.float32)])
def test_sources_that_are_no_images_are_refused(fake, given):
    words = "expected an image: a file, a folder|expected at least one image, found none"
    with pytest.raises(ImageError, match=words):
        activations(fake(), given)


def test_files_folders_globs_and_loaded_images(fake, tmp_path):
    for number in (10, 9, 1):
        Image.new("RGB", (7, 8), (number, 0, 0)).save(tmp_path / f"p{number}.png")
    (tmp_path / "notes.txt").write_text("no image")
    wanted = ["p1.png", "p9.png", "p10.png"]
    for source in (
        tmp_path,
        str(tmp_path),
        tmp_path / "*.png",
        [tmp_path / name for name in wanted],
    ):
        found = activations(fake(), source)
        assert [image.name for image in found.images] == wanted
    with Image.open(tmp_path / "p1.png") as opened:
        opened.load()
        pillow = activations(fake(), [opened, np.asarray(opened)])
    np.testing.assert_array_equal(pillow["conv"][0], pillow["conv"][1])
    loaded = load_image(tmp_path / "p1.png", fake())
    assert isinstance(loaded, InputImage)
    again = activations(fake(), [loaded, tmp_path / "p9.png"])
    assert again.images[0] is loaded
    assert again["conv"].shape[0] == 2


def test_arrays_of_other_libraries(fake):
    class Tensor:
        """As the tensors of the frameworks let NumPy take them."""

        def __array__(self, dtype=None, copy=None):
            return picture(count=2)

    np.testing.assert_array_equal(
        activations(fake(), Tensor())["conv"], activations(fake(), picture(count=2))["conv"]
    )


def test_a_model_of_any_size_takes_one_size_for_all(network, tmp_path):
    inputs = (InputInfo("picture", (None, None, None, 3)),)
    model = network({"same": ("Conv2D", lambda picture: picture)}, inputs=inputs)
    Image.new("RGB", (9, 7)).save(tmp_path / "a.png")
    Image.new("RGB", (20, 30)).save(tmp_path / "b.png")
    assert activations(model, tmp_path)["same"].shape == (2, 7, 9, 3)
    assert activations(model, tmp_path, size=(4, 5))["same"].shape == (2, 4, 5, 3)
    with pytest.raises(ModelInputError, match=r"different shapes .*: give one size with size="):
        activations(model, [picture(), picture()[:4]])


def test_an_image_that_pooling_uses_up(network):
    model = network({"pool": ("MaxPooling2D", lambda picture: picture[:, :0, :0])})
    words = r"layer 'pool' has nothing to show: .* \(6, 5, 3\) .* \(0, 0, 3\)\. Give a larger image"
    with pytest.raises(ModelInputError, match=words):
        activations(model, picture())


def test_a_note_names_layers_with_values_that_are_not_finite(network):
    def broken(picture):
        maps = np.array(picture)
        maps[:, 0, 0, 1] = np.nan
        maps[:, ..., 2] = np.inf
        return maps

    model = network({"bad": ("Conv2D", broken), "good": ("Conv2D", lambda picture: picture)})
    found = activations(model, picture(), predictions=True)
    assert found.notes == ("values that are not finite numbers in bad (2 of 3 channels)",)
    assert found.layer("bad").statistics.finite.tolist() == [[True, False, False]]
    assert found.layer("bad").dead() == 0


def test_preprocessing_by_the_user_by_the_model_or_by_default(fake):
    (entry,) = fake().info.inputs
    assert choose_preprocessing(entry).describe() == "pixels / 255"
    reason = "not known: nothing in the model tells; name the right one with --scale"
    assert choose_preprocessing(entry).reason == reason
    trained = replace(entry, preprocessing=SCALES["caffe"].because("as VGG was trained"))
    assert choose_preprocessing(trained).reason == "as VGG was trained"
    assert choose_preprocessing(trained, "none").reason == "given by the user"
    with pytest.raises(UsageError, match=r"unknown scale '0-1': expected one of .* Did you mean"):
        choose_preprocessing(entry, "0-1")


def test_what_the_network_sees_is_what_the_scale_says(fake):
    pixels = np.full((6, 5, 3), 51, np.uint8)
    assert activations(fake(), pixels)["conv"][0, 0, 0, 0] == np.float32(0.2) * 3
    assert activations(fake(), pixels, scale="none")["conv"][0, 0, 0, 0] == 153


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"scal": "none"},
            "unknown option 'scal': expected one of fit, .* Did you mean scale",
        ),
        ({"fit": "strech"}, r"unknown fit 'strech': .* Did you mean stretch\?"),
        ({"batch_size": 0}, "expected at least 1 image in a batch, found batch_size=0"),
    ],
)
def test_unknown_options_are_refused(fake, options, words):
    pixels = np.zeros((9, 9, 3), np.uint8)
    with pytest.raises(UsageError, match=words):
        activations(fake(), pixels, **options)


def test_an_input_is_found_by_name(network):
    model = two_inputs(network)
    pixels = np.zeros((9, 9, 3), np.uint8)
    assert load_image(pixels, model).values.shape == (6, 5, 3)
    assert load_image(pixels, model, input_name="right").values.shape == (4, 4, 1)
    with pytest.raises(ModelInputError, match="no input 'middle'"):
        load_image(pixels, model, input_name="middle")
    with pytest.raises(UsageError, match="unknown option 'colour'"):
        load_image(pixels, model, colour=True)


def test_layers_of_every_rank(network):
    model = network(
        {
            "line": ("Conv1D", lambda picture: picture[:, :, 0]),
            "volume": ("Conv3D", lambda picture: np.stack([picture] * 2, axis=1)),
            "number": ("Lambda", lambda picture: picture.mean(axis=(1, 2, 3))),
        }
    )
    found = activations(model, picture(), predictions=True)
    assert found["line"].shape == (1, 6, 3)
    assert found["volume"].shape == (1, 2, 6, 5, 3)
    assert found["number"].shape == (1, 1)
    assert [entry.has_maps for entry in found.layers] == [True, True, False]


@pytest.mark.parametrize("name", ["conv", "top"])
def test_the_scale_of_a_layer_is_that_of_all_its_channels(fake, name):
    options = PictureOptions(normalise="layer")
    complete = activations(fake(), picture()).layer(name)
    one = activations(fake(), picture(), layers=name, channels="1").layer(name)
    tiles = make_tiles(one, 0, options)
    assert (tiles.low, tiles.high) == (float(complete.values.min()), float(complete.values.max()))
    step = (float(one.values.max()) - tiles.low) / (tiles.high - tiles.low) * 256
    assert int(tiles.pixels.max()) == int(step)


def test_the_pictures_of_a_folder_share_the_scale_of_their_layers(fake):
    complete = activations(fake(), picture(count=2), layers="conv")
    options = PictureOptions(normalise="layer")
    entries = [entry for entry in NOUN.folder(complete, options) if "across" in entry.name]
    assert len(entries) == 2
    for image, entry in enumerate(entries):
        values = complete["conv"][image]
        tiles = make_tiles(entry.result.layer("conv"), 0, options)
        assert (tiles.low, tiles.high) == (float(values.min()), float(values.max()))
