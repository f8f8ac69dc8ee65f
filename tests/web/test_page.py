"""The page of the explorer in Chromium: each thing that a person can do, and how it looks."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

import layersight
from browser import chromium
from explorers import picture
from fake_network import Fake
from layersight.data.model import InputInfo
from layersight.document.colour import diverging, palette
from layersight.web.static_files import served
from walking import ASSETS, VIEWS, Walker, chromium_browser, demo, export, inside, paint

pytestmark = pytest.mark.xdist_group("explorer")
ROOT = Path(__file__).parents[2]
STATIC = ROOT / "src/layersight/web/static"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium_browser(chromium()) as found:
        yield found


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with demo(tmp_path_factory.mktemp("demo")) as found:
        yield found


@pytest.fixture
def walker(browser: Browser, address: str) -> Iterator[Walker]:
    walker = Walker(browser, address)
    yield walker
    walker.close()


@pytest.fixture(scope="module")
def numbers() -> Any:
    model = layersight.load_model(ASSETS / "cats_dogs.keras", labels=("cat", "dog"))
    cat = ASSETS / "chelsea.png"
    return layersight.activations(model, cat, fit="crop", scale="0..1", predictions=True)


def click_map(walker: Walker, across: float, down: float) -> None:
    box = walker.page.locator(".board canvas").bounding_box()
    assert box is not None
    walker.page.mouse.click(box["x"] + across, box["y"] + down)


def test_opens_with_maps_a_channel_and_what_the_network_says(walker: Walker) -> None:
    page = walker.open()
    expect(page.locator("h1")).to_contain_text("conv2d")
    expect(page.locator(".says > :first-child")).to_contain_text("cat")
    expect(page.get_by_role("treeitem")).to_have_count(11)
    assert page.title().startswith("conv2d : ")


def test_every_layer_is_reached_by_keys_and_has_the_numbers_of_the_command_line(
    walker: Walker, numbers: Any
) -> None:
    page = walker.open()
    names = [layer.name for layer in numbers.layers]
    page.get_by_role("tree").focus()
    page.keyboard.press("Home")
    for name in names:
        walker.until_layer(name)
        channel = int(walker.view.get("channel", "-1"))
        values = numbers.layer(name).values[0]
        if values.ndim == 3 and channel < 0:
            said = page.locator(".side h2").first.inner_text()
            channel = int(said.split(":")[1].split()[0])
            most = values[..., channel].max()
            expect(page.locator(".side .title p")).to_contain_text(f"max {most:.3g}")
        page.keyboard.press("ArrowDown")


def test_a_tile_has_the_colours_of_its_values(walker: Walker, numbers: Any) -> None:
    page = walker.open("layer=conv2d_1&channel=40&colormap=grey")
    shown = walker.canvas(".side .map canvas")[..., 0].astype(float)
    values = numbers["conv2d_1"][0, :, :, 40]
    wanted = 255 * (values - values.min()) / (values.max() - values.min())
    assert np.abs(shown - wanted).max() <= 1
    page.get_by_label("Colours").select_option("viridis")
    shown = walker.canvas(".side .map canvas")[..., :3]
    table = palette("viridis").astype(int)
    assert np.abs(shown - table[np.rint(wanted).astype(int)]).max() <= 6


def test_a_pixel_of_the_mosaic_is_one_of_the_screen(walker: Walker, numbers: Any) -> None:
    page = walker.open("layer=conv2d_1&channel=0&colormap=grey")
    sizes = page.evaluate(
        """() => { const c = document.querySelector(".board canvas");
            const box = c.getBoundingClientRect();
            return [c.width, c.height, box.width, box.height]; }"""
    )
    assert sizes[:2] == pytest.approx(sizes[2:], abs=0.51)
    # The first map stands in the pixels as it is.
    shown = walker.canvas()[4 : 4 + 72, 3 : 3 + 72, 0].astype(float)
    values = numbers["conv2d_1"][0, :, :, 0]
    wanted = 255 * (values - values.min()) / (values.max() - values.min())
    assert np.abs(shown - wanted).max() <= 1


def test_choosing_maps_by_pointer_and_by_keys(walker: Walker) -> None:
    page = walker.open("layer=conv2d_1")
    click_map(walker, 40, 40)
    assert walker.view["channel"] == "0"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert walker.view["channel"] == "2"
    page.keyboard.press("ArrowDown")
    columns = int(walker.view["channel"]) - 2
    assert columns > 4
    page.keyboard.press("End")
    assert walker.view["channel"] == "63"
    page.keyboard.press("ArrowRight")
    assert walker.view["channel"] == "63"
    page.get_by_role("button", name="Previous channel").click()
    assert walker.view["channel"] == "62"
    page.keyboard.press("PageDown")
    walker.until_layer("max_pooling2d_1")
    page.keyboard.press("PageUp")
    page.keyboard.press("PageUp")
    walker.until_layer("max_pooling2d")
    # A pooling layer after the first convolution has 32 channels.
    expect(page.locator(".side h2")).to_contain_text("max_pooling2d")


def test_back_and_forward_and_addresses_of_views(walker: Walker, address: str) -> None:
    page = walker.open("layer=conv2d_2&channel=7&colormap=magma&sort=strength")
    expect(page.locator(".side h2")).to_contain_text("conv2d_2 : 7")
    page.wait_for_timeout(750)
    page.get_by_role("treeitem", name="conv2d_3").click()
    walker.until_layer("conv2d_3")
    page.wait_for_timeout(750)
    page.get_by_role("tab", name="Decision").click()
    page.go_back()
    expect(page.get_by_role("tab", name="Channel")).to_have_attribute("aria-selected", "true")
    page.go_back()
    walker.until_layer("conv2d_2")
    page.go_forward()
    walker.until_layer("conv2d_3")
    page.goto(f"{address}#layer=nothing")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("There is no layer “nothing”")


def test_contrast_scale_colours_order_and_dead_ones_at_once(walker: Walker, numbers: Any) -> None:
    page = walker.open("layer=conv2d_1")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    before = walker.canvas()
    page.get_by_role("slider", name="Contrast").fill("80")
    walker.settle()
    assert walker.view["normalise"] == "standardise"
    after = walker.canvas()
    assert (before != after).any()
    page.get_by_role("radio", name="layer", exact=True).click()
    assert walker.view["normalise"] == "layer"
    page.get_by_role("radio", name="layer", exact=True).press("ArrowLeft")
    assert "normalise" not in walker.view
    page.get_by_label("Colours").select_option("magma")
    page.get_by_label("Sort").select_option("strength")
    strongest = int(numbers.layer("conv2d_1").statistics.max[0].argmax())
    click_map(walker, 40, 40)
    assert int(walker.view["channel"]) == strongest
    page.get_by_label("Sort").select_option("sparsity")
    fewest = int(numbers.layer("conv2d_1").statistics.sparsity[0].argmin())
    click_map(walker, 40, 40)
    assert int(walker.view["channel"]) == fewest
    listed = page.locator("#channel")
    dead = int(numbers.layer("conv2d_1").statistics.dead.sum())
    assert dead > 0
    expect(listed).to_have_attribute("aria-setsize", "64")
    page.get_by_label("show dead").uncheck()
    expect(listed).to_have_attribute("aria-setsize", str(64 - dead))
    page.get_by_role("button", name="Larger tiles").click()
    assert int(walker.view["size"]) > 92
    assert not [url for url in asked if url.endswith("api/layer")]


def test_the_pointer_on_a_map_shows_the_value_and_what_it_sees(
    walker: Walker, numbers: Any
) -> None:
    page = walker.open("layer=conv2d_1&channel=40")
    box = page.locator(".side .map .picture").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 30.5 / 72, box["y"] + box["height"] * 20.5 / 72)
    value = numbers["conv2d_1"][0, 20, 30, 40]
    told = page.locator(".side .pair .note").first
    expect(told).to_contain_text("row 20, column 30")
    said = told.inner_text().split("·")[1].strip().replace("\u2212", "-")
    assert float(said) == pytest.approx(float(value), abs=0.002)
    style = page.locator(".side .box").evaluate("e => [e.style.top, e.style.left, e.style.width]")
    found = [float(each.rstrip("%")) for each in style]
    assert found == pytest.approx([100 * 40 / 150, 100 * 60 / 150, 100 * 8 / 150], abs=0.01)
    # And the other way round: the photograph tells what each layer sees there.
    photo = page.locator(".side .photograph").bounding_box()
    assert photo is not None
    page.mouse.move(photo["x"] + photo["width"] * 64 / 150, photo["y"] + photo["height"] * 44 / 150)
    expect(told).to_contain_text("row 20, column 30")
    seen = page.get_by_role("treeitem", name="conv2d_1").first.locator(".seen")
    best = int(numbers["conv2d_1"][0, 20, 30].argmax())
    expect(seen.locator("b").first).to_have_text(str(best))
    page.mouse.move(5, 5)
    expect(page.locator(".seen")).to_have_count(0)


def test_a_position_is_walked_by_keys(walker: Walker) -> None:
    page = walker.open("layer=conv2d_2&channel=3")
    page.get_by_role("application", name=re.compile("^Map")).focus()
    for _ in range(40):
        page.keyboard.press("ArrowUp")
    for _ in range(40):
        page.keyboard.press("Shift+ArrowLeft")
    expect(page.locator(".side .pair .note").first).to_contain_text("row 0, column 0")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".side .pair .note").first).to_contain_text("row 0, column 1")


def test_two_images_beside_each_other_and_their_difference(walker: Walker, numbers: Any) -> None:
    page = walker.open("layer=conv2d_1&channel=40")
    page.get_by_role("button", name="Compare with mirrored.png").click()
    walker.settle()
    assert walker.view["second"]
    expect(page.locator(".side .map")).to_have_count(2)
    # Both lie on one scale.
    scales = page.locator(".side .scale")
    assert scales.nth(0).inner_text() == scales.nth(1).inner_text()
    page.keyboard.press("d")
    walker.settle()
    assert walker.view["mode"] == "difference"
    expect(page.locator(".side .map")).to_have_count(3)
    shown = walker.canvas(".side .pair > div:nth-child(5) canvas")[..., :3].astype(int)
    # Where both are alike it is the pale grey of zero; both directions have their colour.
    values = numbers["conv2d_1"][0, :, :, 40]
    table = diverging().astype(int)
    found = np.abs(shown[:, :, None] - table[None, None]).sum(-1).argmin(-1)
    assert found.min() < 128 < found.max()
    assert found.shape == values.shape
    page.get_by_role("button", name="swap").click()
    expect(page.get_by_role("button", name="Show mirrored.png")).to_have_attribute(
        "aria-pressed", "true"
    )
    page.get_by_role("button", name="Stop comparing with chelsea.png").click()
    assert "second" not in walker.view


def test_a_pattern_is_drawn_on_demand_and_can_be_cancelled(walker: Walker) -> None:
    page = walker.open("layer=conv2d&channel=2")
    page.get_by_role("button", name="Draw the pattern").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Draw the pattern")).to_be_visible()
    page.get_by_role("button", name="Draw the pattern").click()
    expect(page.locator(".pattern img")).to_be_visible(timeout=120_000)
    page.keyboard.press("ArrowRight")
    expect(page.locator(".pattern img")).to_have_count(0)
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".pattern img")).to_be_visible()


def test_heatmaps_of_any_class_and_method_and_how_far_to_believe_them(walker: Walker) -> None:
    page = walker.open("layer=conv2d_1&tab=class")
    expect(page.locator(".over")).to_be_visible(timeout=120_000)
    expect(page.locator(".side h2")).to_have_text("What decided for cat")
    page.locator(".side .scores").get_by_role("button", name="dog").click()
    expect(page.locator(".side h2")).to_have_text("What decided for dog")
    assert walker.view["target"] == "dog"
    page.get_by_label("Method").select_option("activation")
    expect(page.locator(".says").last).to_be_visible()
    assert walker.view["method"] == "activation"
    expect(page.locator(".over")).to_be_visible(timeout=120_000)
    expect(page.locator(".side h2")).to_contain_text("conv2d_1")
    page.get_by_role("slider", name="Heatmap over photograph").fill("0")
    assert walker.canvas(".over")[..., 3].max() == 0
    page.get_by_label("Method").select_option("rise")
    expect(page.get_by_role("button", name="Make the heatmap")).to_be_visible()
    page.get_by_label("Method").select_option("activation")
    page.get_by_role("button", name="Measure it").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Measure it")).to_be_visible()


def test_options_of_methods_are_in_the_address_and_in_the_command(walker: Walker) -> None:
    walker.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = walker.open("layer=conv2d_1&channel=2&tab=class&method=occlusion&method.stride=40")
    page.get_by_text("Options").click()
    stride, window = (page.get_by_role("spinbutton", name=name) for name in ("stride", "window"))
    expect(stride).to_have_value("40")
    expect(window).to_have_accessible_description("the side of the patch.")
    window.fill("5000")
    window.press("Enter")
    assert "method.window" not in walker.view
    window.fill("50")
    window.press("Enter")
    assert walker.view["method.window"] == "50"
    page.get_by_role("combobox", name="baseline").select_option("grey")
    page.get_by_role("button", name="Make the heatmap").click()
    expect(page.locator(".over")).to_be_visible(timeout=120_000)
    command = page.locator("footer code").inner_text()
    assert "--method occlusion --baseline grey --window 50 --stride 40 --output" in command
    page.get_by_role("button", name="as usual").click()
    assert not [name for name in walker.view if name.startswith("method.")]
    page.get_by_role("tab", name="Channel").click()
    page.get_by_text("Options").click()
    page.get_by_role("spinbutton", name="steps").fill("3")
    page.get_by_role("textbox", name="size, px").fill("40x48")
    page.get_by_role("button", name="Draw the pattern").click()
    picture = page.locator(".pattern img")
    expect(picture).to_be_visible(timeout=120_000)
    assert picture.evaluate("e => [e.naturalWidth, e.naturalHeight]") == [48, 40]
    page.locator(".panel").get_by_role("button", name="copy Python").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert 'method="robust", steps=3, size=(40, 48))' in copied
    # Another method has its own options.
    page.get_by_label("Method of the pattern").select_option("classic")
    expect(page.get_by_role("spinbutton", name="steps")).to_have_value("40")
    expect(picture).to_have_count(0)


def test_painting_on_the_photograph_changes_everything(walker: Walker) -> None:
    page = walker.open("layer=conv2d_1&channel=40&tab=change")
    before = walker.canvas()
    base = walker.view["image"]
    said = page.locator(".side .scores .score").first.inner_text()
    paint(walker)
    expect(page.locator(".network .alive u").first).to_be_attached()
    assert (walker.canvas() != before).any()
    assert walker.view["image"] != base
    page.get_by_role("button", name="Show what changed in the maps").click()
    walker.settle()
    assert walker.view["mode"] == "difference"
    page.get_by_role("button", name="Start over").click()
    walker.settle()
    assert walker.view["image"] == base
    expect(page.locator(".side .scores .score").first).to_have_text(said)
    # By keys alone, and brought back by the same way.
    page.get_by_role("application", name=re.compile("^Photograph to paint")).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.wait_for_function("was => !location.hash.includes(was)", arg=base)
    walker.until_image()


def test_an_image_is_added_by_file_by_drop_and_by_paste(walker: Walker, tmp_path: Path) -> None:
    page = walker.open()
    Image.new("RGB", (40, 30), "red").save(tmp_path / "red.png")
    page.locator("input[type=file]").set_input_files(tmp_path / "red.png")
    expect(page.get_by_role("button", name="Show red.png")).to_have_attribute(
        "aria-pressed", "true"
    )
    for how, name in (("drop", "dropped.png"), ("paste", "pasted.png")):
        page.evaluate(
            """([how, name]) => new Promise((done) => {
                const canvas = document.createElement("canvas");
                canvas.getContext("2d").fillRect(0, 0, 20, 20);
                canvas.toBlob((blob) => {
                    const data = new DataTransfer();
                    data.items.add(new File([blob], name, { type: "image/png" }));
                    const all = { bubbles: true, cancelable: true };
                    const event = how === "drop"
                        ? new DragEvent("drop", { dataTransfer: data, ...all })
                        : new ClipboardEvent("paste", { clipboardData: data, ...all });
                    document.querySelector(".layersight-explorer").dispatchEvent(event);
                    done();
                });
            })""",
            [how, name],
        )
        expect(page.get_by_role("button", name=f"Show {name}")).to_be_visible()
    walker.settle()
    # What is no image has its one line, in the page.
    (tmp_path / "broken.png").write_bytes(b"no picture")
    page.locator("input[type=file]").set_input_files(tmp_path / "broken.png")
    expect(page.get_by_role("alert")).to_be_visible()
    walker.faults = [fault for fault in walker.faults if "422" not in fault]


def test_the_camera(walker: Walker) -> None:
    page = walker.open()
    page.get_by_role("button", name="Use the camera").click()
    dialog = page.get_by_role("dialog", name="Camera")
    page.wait_for_function("() => document.querySelector('video')?.videoWidth")
    dialog.get_by_role("button", name="Take the picture").click()
    expect(page.get_by_role("button", name="Show camera.png")).to_be_visible()
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Use the camera").click()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)


@pytest.mark.parametrize("width", [360, 1080, 3840])
def test_nothing_is_wider_than_the_window(walker: Walker, width: int) -> None:
    walker.page.set_viewport_size({"width": width, "height": 800})
    page = walker.open("layer=conv2d_2")
    wide = page.evaluate(
        """() => [...document.querySelectorAll(".layersight-explorer *")].filter((each) => {
            const box = each.getBoundingClientRect();
            const rolls = each.closest(".cells, .thumbs, .rows, .unseen, .picture > *");
            return box.width > 1 && box.right > innerWidth + 1 && !rolls;
        }).map((each) => each.outerHTML.slice(0, 80))"""
    )
    assert wide == []


def test_copying_and_saving(walker: Walker, tmp_path: Path, address: str) -> None:
    walker.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = walker.open("layer=conv2d_1&channel=40&colormap=magma")
    read = "navigator.clipboard.readText()"
    page.get_by_role("button", name="copy command").click()
    command = page.evaluate(read)
    assert command.startswith("layersight activations cats_dogs.keras ")
    assert "--layers conv2d_1 --channels 40 --view channel --normalise minmax" in command
    assert "--colormap magma" in command
    expect(page.locator(".said")).to_have_text("Command copied")
    expect(page.get_by_role("button", name="copy Python")).to_be_visible()
    page.get_by_role("button", name="copy Python").click()
    python = page.evaluate(read)
    assert 'layersight.load_model("cats_dogs.keras"' in python
    compile(python, "copied", "exec")
    expect(page.get_by_role("button", name="copy link")).to_be_visible()
    page.get_by_role("button", name="copy link").click()
    assert page.evaluate(read) == page.url
    for words, suffix, start in (
        ("Picture, PNG", ".png", b"\x89PNG"),
        ("Picture, SVG", ".svg", b"<"),
        ("Numbers of the layer, npz", ".npz", b"PK"),
    ):
        page.get_by_title("Save").click()
        with page.expect_download() as waiting:
            page.get_by_role("button", name=words).click()
        target = tmp_path / f"saved{suffix}"
        waiting.value.save_as(target)
        assert waiting.value.suggested_filename.endswith(suffix)
        assert target.read_bytes().startswith(start)


def test_hints_are_shown_once(browser: Browser, address: str) -> None:
    walker = Walker(browser, address, hints=True)
    page = walker.open()
    hints = page.get_by_role("complementary", name="Hints")
    expect(hints.get_by_role("listitem")).to_have_count(3)
    hints.get_by_role("button", name="Got it").click()
    expect(hints).to_have_count(0)
    page.reload()
    page.wait_for_selector(".board canvas[data-drawn]")
    expect(hints).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_have_count(0)
    walker.close()


def test_light_and_dark(browser: Browser, address: str) -> None:
    walker = Walker(browser, address, scheme="dark")
    page = walker.open()
    body = page.locator(".layersight-explorer")
    dark = body.evaluate("e => getComputedStyle(e).backgroundColor")
    page.get_by_role("button", name="Light or dark").click()
    light = body.evaluate("e => getComputedStyle(e).backgroundColor")
    assert dark != light
    page.reload()
    page.wait_for_selector(".board canvas[data-drawn]")
    assert body.evaluate("e => getComputedStyle(e).backgroundColor") == light
    walker.close()


def test_without_an_image_the_sample_is_offered(browser: Browser) -> None:
    with inside([]) as address:
        walker = Walker(browser, address)
        walker.page.goto(address)
        expect(walker.page.get_by_role("heading", name="Show it an image")).to_be_visible()
        walker.page.get_by_role("button", name="Use the sample photograph").click()
        walker.page.wait_for_selector(".board canvas[data-drawn]")
        expect(walker.page.locator(".says")).to_contain_text("cat")
        walker.close()


def test_read_only_takes_nothing(browser: Browser) -> None:
    with inside([ASSETS / "chelsea.png"], read_only=True) as address:
        walker = Walker(browser, address)
        page = walker.open()
        expect(page.get_by_role("button", name="Add an image")).to_have_count(0)
        expect(page.get_by_role("tab", name="Change")).to_have_count(0)
        walker.close()


def test_a_server_that_ends_is_told_of(walker: Walker) -> None:
    page = walker.open("layer=conv2d_1")
    page.route("**/api/layer", lambda route: route.abort())
    page.get_by_role("treeitem", name="dropout").click()
    expect(page.locator(".notice")).to_contain_text("does not answer")
    page.unroute("**/api/layer")
    page.get_by_role("treeitem", name="conv2d_3").first.click()
    walker.until_layer("conv2d_3")
    expect(page.locator(".notice")).to_have_count(0)
    walker.faults = [fault for fault in walker.faults if "ERR_FAILED" not in fault]


class Blocks(Fake):
    """Layers that all give the picture, so that no chain of them has to be run."""

    def run(self, given: Any, layer: str) -> np.ndarray:
        return np.asarray(given["picture"])


def blocks(count: int) -> Fake:
    """A chain of blocks of three layers and the sum with what came before."""
    layers: dict[str, tuple[Any, ...]] = {}
    before = "picture"
    for number in range(count):
        name = f"block{number + 1}_{{}}".format
        for part, takes in (("conv", [before]), ("relu", [name("conv")])):
            layers[name(part)] = ("Conv2D" if part == "conv" else "ReLU", named(takes))
        layers[name("add")] = ("Add", named([name("relu"), before]))
        before = name("add")
    return Blocks(layers, inputs=(InputInfo("picture", (None, 8, 8, 3)),))


def named(takes: list[str]) -> Any:
    """A function whose arguments are called as is said."""

    def compute() -> None:
        raise AssertionError

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    own = inspect.Signature([inspect.Parameter(name, kind) for name in takes])
    compute.__signature__ = own  # type: ignore[attr-defined]
    return compute


def test_a_large_network_folds_is_searched_and_walked(browser: Browser) -> None:
    with inside([picture()], blocks(40)) as address:
        walker = Walker(browser, address)
        page = walker.open()
        tree = page.get_by_role("tree")
        # Only what can be seen is there, and what was chosen is open.
        assert page.get_by_role("treeitem").count() < 60
        first = page.get_by_role("treeitem", name="block1 3 layers")
        expect(first).to_have_attribute("aria-expanded", "true")
        expect(page.get_by_role("treeitem", name="block2 3 layers")).to_have_attribute(
            "aria-expanded", "false"
        )
        first.click()
        expect(first).to_have_attribute("aria-expanded", "false")
        tree.focus()
        page.keyboard.press("End")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        walker.until_layer("block40_conv")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        last = page.get_by_role("treeitem", name="block40 3 layers")
        expect(last).to_have_attribute("aria-expanded", "false")
        page.keyboard.press("/")
        page.keyboard.type("block33 add")
        expect(page.get_by_role("treeitem")).to_have_count(2)
        page.get_by_role("treeitem", name="Add").click()
        walker.until_layer("block33_add")
        page.keyboard.press("PageDown")
        walker.until_layer("block34_conv")
        # The sum has two lanes coming in, the skipped one straight.
        page.get_by_role("searchbox").fill("")
        paths = page.get_by_role("treeitem", name="add 8").locator(".rails path").first
        assert "C" in (paths.get_attribute("d") or "")
        walker.close()


def test_rows_and_lanes_of_thousands_of_layers(walker: Walker) -> None:
    page = walker.open()
    found = page.evaluate(
        """async () => {
            const { nest, rowsOf, lanesOf, foldedAtFirst } = await import("./graph.js");
            const layers = [];
            for (let at = 0; at < 3000; at += 1) {
                const before = layers[at - 1]?.name;
                const part = `part${Math.floor(at / 10)}/layer${at}`;
                layers.push({ name: part, inputs: before ? [before] : [] });
                if (at % 10 === 9) layers[at].inputs.push(layers[at - 5].name);
            }
            const start = performance.now();
            const tree = nest(layers);
            const folded = rowsOf(tree, foldedAtFirst(tree, layers.length));
            const open = rowsOf(tree, new Set());
            const { lanes, width } = lanesOf(open, layers);
            const time = performance.now() - start;
            const sum = lanes[open.findIndex((row) => row.id === layers[9].name)];
            return { folded: folded.length, open: open.length, width, time, sum };
        }"""
    )
    assert found["folded"] == 300
    assert found["open"] == 3300
    assert found["width"] == 2
    assert found["sum"] == {"lane": 0, "through": [], "from": [0, 1], "on": True}
    assert found["time"] < 500


def test_the_exported_page_needs_neither_server_nor_network(
    browser: Browser, tmp_path: Path
) -> None:
    export(tmp_path / "page.html")
    walker = Walker(browser, (tmp_path / "page.html").as_uri(), offline=True)
    asked: list[str] = []
    walker.page.on("request", lambda request: asked.append(request.url))
    page = walker.open("layer=conv2d_1")
    page.get_by_role("treeitem", name="conv2d").first.click()
    walker.until_layer("conv2d")
    page.get_by_role("button", name="Next channel").click()
    expect(page.locator(".kernel canvas")).to_be_visible()
    page.get_by_role("tab", name="Decision").click()
    expect(page.locator(".over")).to_be_visible()
    expect(page.get_by_role("tab", name="Change")).to_have_count(0)
    expect(page.get_by_role("button", name="Add an image")).to_have_count(0)
    page.get_by_role("treeitem", name="max_pooling2d", exact=False).first.click()
    expect(page.locator(".notice")).to_contain_text("not kept in this page")
    assert {url.split(":")[0] for url in asked} <= {"file", "blob", "data"}
    walker.close()


@pytest.mark.parametrize(
    ("size", "scheme", "tabs"),
    [
        ("desktop", "light", ("channel", "class", "change")),
        ("desktop", "dark", ("channel", "class", "change")),
        ("tablet", "light", ("channel",)),
        ("phone", "light", ("channel",)),
    ],
)
def test_axe_finds_no_violation(
    browser: Browser, address: str, size: str, scheme: str, tabs: tuple[str, ...]
) -> None:
    axe = (Path(__file__).parent / "vendor/axe.min.js").read_text("utf-8")
    walker = Walker(browser, address, size=size, scheme=scheme, hints=True, bypass_csp=True)
    page = walker.open("layer=conv2d_1&channel=40")
    page.evaluate(axe)
    for tab in tabs:
        page.keyboard.press(str(1 + ("channel", "class", "change").index(tab)))
        walker.settle()
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = page.evaluate("tags => axe.run(document, { runOnly: tags })", tags)
        faults = [(each["id"], each["nodes"][0]["html"][:200]) for each in found["violations"]]
        assert not faults, (size, scheme, tab)
    walker.close()


def test_nothing_moves_once_it_is_there(browser: Browser, address: str) -> None:
    walker = Walker(browser, address)
    walker.context.add_init_script(
        """window.moved = [];
        new PerformanceObserver((list) => {
            for (const entry of list.getEntries())
                window.moved.push([entry.value, String(entry.sources?.[0]?.node?.className)]);
        }).observe({ type: "layout-shift", buffered: true });"""
    )
    page = walker.open("layer=conv2d_1")
    page.wait_for_timeout(300)
    moved = page.evaluate("window.moved")
    assert sum(value for value, _ in moved) < 0.02, moved
    walker.close()


def looks_like(found: Image.Image, wanted: Image.Image) -> tuple[float, float]:
    """The mean difference in steps of 0..255, and the share of small squares that differ much."""
    assert found.size == wanted.size
    small = (found.width // 6, found.height // 6)
    pair = [
        np.asarray(image.convert("RGB").resize(small, Image.Resampling.BOX), np.float64)
        for image in (found, wanted)
    ]
    apart = np.abs(pair[0] - pair[1]).max(-1)
    return float(apart.mean()), float((apart > 40).mean())


@pytest.mark.parametrize("name", list(VIEWS))
def test_looks_as_in_the_documents(browser: Browser, address: str, name: str) -> None:
    size, scheme, state, act = VIEWS[name]
    walker = Walker(browser, address, size=size, scheme=scheme)
    walker.open(state)
    if act is not None:
        act(walker)
    found = walker.shot()
    walker.close()
    wanted = Image.open(ROOT / f"docs/images/{name}.webp")
    mean, much = looks_like(found, wanted)
    assert mean < 3, f"{name} looks different: make_explorer_pictures.py draws it anew"
    assert much < 0.01, f"{name} looks different: make_explorer_pictures.py draws it anew"


def test_all_of_it_is_small() -> None:
    import gzip

    page = ("index.html", "page.css", "explorer.css", "main.js")
    assert sum(len(gzip.compress(served()[name], 9)) for name in page) < 60_000


def test_what_is_vendored_is_what_was_fetched() -> None:
    import hashlib

    record = json.loads((STATIC / "vendor/vendored.json").read_text("utf-8"))
    for package, entry in record.items():
        folder = (
            Path(__file__).parent / "vendor" if package.startswith("axe") else STATIC / "vendor"
        )
        for name, digest in entry["files"].items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name


def test_the_page_has_the_colours_of_the_pictures() -> None:
    text = (STATIC / "palettes.js").read_text("utf-8")
    found = {}
    for name, first, steps in re.findall(r'(\w+): \[(\[[^]]*\]), "([^"]+)"\]', text):
        added = np.array([ord(step) - 65 for step in steps]).reshape(3, 255).T
        found[name] = np.cumsum([json.loads(first), *added], axis=0)
    for name in ("viridis", "cividis", "magma", "inferno", "plasma"):
        assert (found[name] == palette(name)).all()
    assert (found["diverging"] == diverging()).all()
