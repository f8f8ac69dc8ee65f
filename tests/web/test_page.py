"""The page of the explorer in Chromium: walking through a network, its maps and images."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from explorers import picture
from fake_network import Fake
from layersight.data.model import InputInfo
from layersight.document.colour import diverging, palette
from walking import ASSETS, DRAWN, Walker, inside


def click_map(walker: Walker, across: float, down: float) -> None:
    walker.settle()
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
    walker.wait(750)
    page.get_by_role("treeitem", name="conv2d_3").click()
    walker.until_layer("conv2d_3")
    walker.wait(750)
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
    walker.settle()
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


def test_hints_are_shown_once(browser: Browser, address: str) -> None:
    walker = Walker(browser, address, hints=True)
    page = walker.open()
    hints = page.get_by_role("complementary", name="Hints")
    expect(hints.get_by_role("listitem")).to_have_count(3)
    hints.get_by_role("button", name="Got it").click()
    expect(hints).to_have_count(0)
    page.reload()
    walker.settle()
    expect(hints).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_have_count(0)
    walker.close()


def test_hints_are_left_out_where_nothing_is_kept(browser: Browser, address: str) -> None:
    walker = Walker(browser, address, hints=True)
    walker.context.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('none'); } })"
    )
    page = walker.open()
    expect(page.get_by_role("complementary", name="Hints")).to_have_count(0)
    walker.close()


def test_light_and_dark(browser: Browser, address: str, numbers: Any) -> None:
    walker = Walker(browser, address, scheme="dark")
    dead = int(numbers.layer("conv2d_1").statistics.dead[0].argmax())
    page = walker.open(f"layer=conv2d_1&channel={dead}")
    body = page.locator(".layersight-explorer")

    def colours() -> list[list[int]]:
        """Of the page, of the mosaic behind the maps, and of the map of a dead channel."""
        walker.settle()
        text = body.evaluate("e => getComputedStyle(e).backgroundColor")
        background = [int(each) for each in re.findall(r"\d+", text)]
        assert walker.canvas()[0, 0, :3].tolist() == background
        return [background, walker.canvas(".side .map canvas")[0, 0, :3].tolist()]

    assert colours() == [[0x12, 0x14, 0x16], [0x30, 0x33, 0x38]]
    light = [[0xFA, 0xFA, 0xF8], [0xDD, 0xDE, 0xDA]]
    page.get_by_role("button", name="Light or dark").click()
    assert colours() == light
    page.reload()
    page.wait_for_selector(DRAWN)
    assert colours() == light
    walker.close()


@pytest.mark.parametrize(
    ("activation", "value", "words"),
    [
        ("sigmoid", 0.7, "probability 0.67"),
        ("linear", -3, "value \u22123"),
        ("linear", None, "value \u2013"),
    ],
)
def test_one_number_is_not_called_a_class(
    browser: Browser, activation: str, value: float | None, words: str
) -> None:
    number = np.nan if value is None else value

    def compute(picture: Any) -> Any:
        return np.full((len(picture), 1), number, np.float32)

    with inside([picture()], Fake({"top": ("Dense", compute, activation)})) as address:
        walker = Walker(browser, address)
        page = walker.open()
        assert " ".join(page.locator(".says").inner_text().split()) == words
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


def test_the_cache_drops_the_oldest_answers_and_what_is_not_wanted(walker: Walker) -> None:
    page = walker.open()
    result = page.evaluate(
        """async () => {
            const { createCache } = await import("./cache.js");
            const [released, stopped] = [[], []];
            const cache = createCache(2, () => 1, (value) => released.push(value));
            const wait = () => new Promise((done) => setTimeout(done));
            for (const key of ["a", "b", "a", "c"]) {
                cache.get(key, async () => key.toUpperCase());
                await wait();
            }
            const kept = ["a", "b", "c"].filter(cache.has);
            let loads = 0;
            const fail = async () => { loads += 1; throw new Error("no"); };
            cache.get("bad", fail);
            await wait();
            const error = cache.get("bad", fail).peek().error.message;
            for (const key of ["left", "wanted"]) cache.get(key, ({ signal }) => new Promise(() => {
                signal.addEventListener("abort", () => stopped.push(key));
            }));
            cache.stopLoading(new Set(["wanted"]));
            const given = [...released];
            cache.clear();
            return { kept, given, loads, error, stopped, released };
        }"""
    )
    assert result == {
        "kept": ["a", "c"],
        "given": ["B"],
        "loads": 1,
        "error": "no",
        "stopped": ["left", "wanted"],
        "released": ["B", "A", "C"],
    }


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
