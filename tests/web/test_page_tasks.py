"""The page of the explorer in Chromium: what it makes, takes and saves."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, expect

from fake_network import Fake
from layersight.data.model import InputInfo
from layersight.web.explorer import Explorer
from layersight.web.exported import write_page
from walking import Walker, export, inside, paint


def test_a_pattern_is_drawn_on_demand_and_can_be_cancelled(walker: Walker) -> None:
    page = walker.open("layer=conv2d&channel=2")
    page.get_by_role("button", name="Draw the pattern").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Draw the pattern")).to_be_visible()
    page.get_by_role("button", name="Draw the pattern").click()
    expect(page.locator(".pattern img")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".pattern img")).to_have_count(0)
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".pattern img")).to_be_visible()


def test_heatmaps_of_any_class_and_method_and_how_far_to_believe_them(walker: Walker) -> None:
    page = walker.open("layer=conv2d_1&tab=class")
    expect(page.locator(".over")).to_be_visible()
    expect(page.locator(".side h2")).to_have_text("What decided for cat")
    page.locator(".side .scores").get_by_role("button", name="dog").click()
    expect(page.locator(".side h2")).to_have_text("What decided for dog")
    assert walker.view["target"] == "dog"
    page.get_by_label("Method").select_option("activation")
    expect(page.locator(".says").last).to_be_visible()
    assert walker.view["method"] == "activation"
    expect(page.locator(".over")).to_be_visible()
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
    expect(page.locator(".over")).to_be_visible()
    command = page.locator("footer code").inner_text()
    assert "--method occlusion --baseline grey --window 50 --stride 40 --output" in command
    page.get_by_role("combobox", name="explain").select_option("output")
    assert walker.view["method.score"] == "output"
    command = page.locator("footer code").inner_text()
    assert "--method occlusion --explain output --baseline grey" in command
    copied = walker.copied(page.get_by_role("button", name="copy Python"))
    assert 'method="occlusion", score="output"' in copied
    page.get_by_role("button", name="as usual").click()
    assert not [name for name in walker.view if name.startswith("method.")]
    page.get_by_role("tab", name="Channel").click()
    page.get_by_text("Options").click()
    page.get_by_role("spinbutton", name="steps").fill("3")
    page.get_by_role("textbox", name="size, px").fill("40x48")
    page.get_by_role("button", name="Draw the pattern").click()
    picture = page.locator(".pattern img")
    expect(picture).to_be_visible()
    assert picture.evaluate("e => [e.naturalWidth, e.naturalHeight]") == [48, 40]
    copied = walker.copied(page.locator(".panel").get_by_role("button", name="copy Python"))
    assert 'method="robust", steps=3, size=(40, 48))' in copied
    # Another method has its own options.
    page.get_by_label("Method of the pattern").select_option("classic")
    expect(page.get_by_role("spinbutton", name="steps")).to_have_value("40")
    expect(picture).to_have_count(0)


def test_a_film_shows_its_frames_and_all_slices_of_a_channel(
    browser: Browser, tmp_path: Path
) -> None:
    film = np.zeros((4, 6, 6, 3), np.uint8)
    film[np.arange(4), np.arange(4), 2] = 255
    layers = {
        "conv": ("Conv3D", lambda film: film),
        "top": ("Dense", lambda conv: conv.mean((1, 2, 3))),
    }
    network = Fake(layers, inputs=(InputInfo("film", (None, 4, 6, 6, 3)),))
    with inside([film], network) as address:
        walker = Walker(browser, address)
        page = walker.open("layer=conv&channel=1")
        expect(page.locator(".side .pair")).to_contain_text("frame 3 of 4")
        page.get_by_role("button", name="Slice 1").click()
        expect(page.locator(".side .pair")).to_contain_text("frame 1 of 4")
        assert walker.view["slice"] == "0"
        walker.settle()
        for at in range(4):
            shown = walker.canvas(f".slices button:nth-child({at + 1}) canvas")
            assert np.unravel_index(shown[..., 1].argmax(), (6, 6)) == (at, 2)
        picture = page.locator(".side .photograph img")
        assert picture.evaluate("e => [e.naturalWidth, e.naturalHeight]") == [6, 6]
        walker.close()
    # One file keeps one slice, and says so.
    write_page(Explorer(network, [film]), tmp_path / "page.html")
    walker = Walker(browser, (tmp_path / "page.html").as_uri(), offline=True)
    page = walker.open("layer=conv&channel=1")
    expect(page.locator(".tools")).to_contain_text("slice 3 of 4; the others are not kept")
    expect(page.get_by_role("slider", name="Slice")).to_have_count(0)
    expect(page.locator(".slices")).to_have_count(0)
    walker.close()


def test_the_pointer_on_a_signal_and_on_its_picture(browser: Browser) -> None:
    wave = np.sin(np.arange(40, dtype=np.float32) / 3)[:, np.newaxis].repeat(2, 1)
    layers = {
        "conv": ("Conv1D", lambda wave: wave[:, ::2] * 2),
        "top": ("Dense", lambda conv: conv[:, 0]),
    }
    network = Fake(layers, inputs=(InputInfo("wave", (None, 40, 2)),))
    with inside([wave], network) as address:
        walker = Walker(browser, address)
        page = walker.open("layer=conv&channel=1")
        words = page.locator(".side .pair .note").first
        mark = page.locator(".side .box")
        for picture in (".side .map .picture", ".side .photograph"):
            box = page.locator(picture).bounding_box()
            assert box is not None
            page.mouse.move(box["x"] + box["width"] * 7.5 / 20, box["y"] + box["height"] / 2)
            walker.settle()
            expect(words).to_contain_text("row 0, column 7")
            value = float(words.inner_text().split("·")[1].replace("\u2212", "-"))
            assert abs(value - 2 * wave[14, 1]) < 0.01
            assert mark.evaluate("e => [e.style.left, e.style.width]") == ["35%", "5%"]
        assert "sees" not in page.locator(".side").inner_text()
        walker.close()


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
    for colour in ("red", "blue"):
        Image.new("RGB", (40, 30), colour).save(tmp_path / f"{colour}.png")
    files = [tmp_path / "blue.png", tmp_path / "red.png"]
    page.locator("input[type=file]").set_input_files(files)
    expect(page.get_by_role("button", name="Show blue.png")).to_be_visible()
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


def test_copying_and_saving(walker: Walker, tmp_path: Path, address: str) -> None:
    walker.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = walker.open("layer=conv2d_1&channel=40&colormap=magma")
    # The line stands for a moment only.
    page.evaluate(
        """() => { window.said = new Promise((done) => new MutationObserver(() => {
            const line = document.querySelector(".said");
            if (line) done(line.textContent);
        }).observe(document.body, { childList: true, subtree: true })); }"""
    )
    command = walker.copied(page.get_by_role("button", name="copy command"))
    assert page.evaluate("window.said") == "Command copied"
    assert command.startswith("layersight activations cats_dogs.keras ")
    assert "--layers conv2d_1 --channels 40 --view channel --normalise minmax" in command
    assert "--colormap magma" in command
    python = walker.copied(page.get_by_role("button", name="copy Python"))
    assert 'layersight.load_model("cats_dogs.keras"' in python
    compile(python, "copied", "exec")
    assert walker.copied(page.get_by_role("button", name="copy link")) == page.url
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
    for missing in ("Options", "Measure it"):
        expect(page.get_by_text(missing)).to_have_count(0)
    expect(page.get_by_role("tab", name="Change")).to_have_count(0)
    expect(page.get_by_role("button", name="Add an image")).to_have_count(0)
    page.get_by_role("treeitem", name="max_pooling2d", exact=False).first.click()
    expect(page.locator(".notice")).to_contain_text("not kept in this page")
    assert {url.split(":")[0] for url in asked} <= {"file", "blob", "data"}
    walker.close()
