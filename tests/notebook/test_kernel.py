"""A notebook in a real Jupyter kernel: what every cell shows, and the notebook printed as a PDF."""

import base64
import io
import re
import subprocess
from pathlib import Path

import nbconvert
import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from PIL import Image
from pypdf import PdfReader

from browser import chromium
from layersight.data import display

DEMO = Path(display.__file__).parents[1] / "assets" / "demo"

CELLS = {
    "plot": 'maps = layersight.activations(model, photo)\nmaps.plot(layer="conv2d")',
    "activations": "maps",
    "model": "model",
    "image": "layersight.load_image(photo, model)",
    "kernels": 'layersight.kernels(model, "conv2d")',
    "patterns": 'layersight.patterns(model, "conv2d", "0,1", steps=2, size=32)',
    "heatmap": 'heat = layersight.heatmap(model, photo, target="cat")\nheat',
    "evaluation": 'layersight.evaluate(model, [photo], methods="gradient", metrics="increase")',
    "show": 'figure = heat.plot()\nfigure.show()\nprint("shown")',
    "axes": "import matplotlib.pyplot as plt\n"
    "drawn, (left, right) = plt.subplots(1, 2)\n"
    'heat.plot(ax=left)\nmaps.plot(ax=right, layer="conv2d", channel=0);',
    "inline": '%matplotlib inline\nmaps.plot(layer="conv2d_1")',
    "table": "maps.to_dataframe().head()",
    "completion": "from IPython.core.completer import provisionalcompleter\n"
    "with provisionalcompleter():\n"
    "    found = [one.text for one in get_ipython().Completer.completions('maps.plot(col', 13)]\n"
    "found",
    "text": "print(repr(maps), repr(model), sep='\\n')",
}
FIRST = f"""import os
os.environ["KERAS_BACKEND"] = "jax"
import layersight
photo = {str(DEMO / "chelsea.png")!r}
model = layersight.load_model({str(DEMO / "cats_dogs.keras")!r}, labels=["cat", "dog"])"""


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    sources = [FIRST, *CELLS.values()]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    made = nbformat.v4.new_notebook(cells=cells)
    folder = tmp_path_factory.mktemp("notebook")
    settings = {"metadata": {"path": str(folder)}}
    NotebookClient(made, timeout=600, kernel_name="python3", resources=settings).execute()
    return made


def outputs(notebook, name):
    """What a cell gave, by kinds of content."""
    cell = notebook.cells[1 + list(CELLS).index(name)]
    return [dict(output.get("data", {"stream": output.get("text", "")})) for output in cell.outputs]


def pixels(data):
    return Image.open(io.BytesIO(base64.b64decode(data["image/png"])))


def test_the_first_plot_is_a_picture(notebook):
    (output,) = notebook.cells[1].outputs
    assert output.output_type == "execute_result"
    shown = output.metadata["image/png"]
    assert pixels(output.data).size == (
        pytest.approx(2 * shown["width"], abs=1),
        pytest.approx(2 * shown["height"], abs=1),
    )
    assert len(pixels(output.data).convert("RGB").resize((200, 100)).getcolors(20_000)) > 500


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("activations", "conv2d"),
        ("model", "conv2d_1"),
        ("image", "chelsea.png"),
        ("kernels", "filters"),
        ("patterns", "Under each pattern"),
        ("heatmap", "Grad-CAM"),
        ("evaluation", "Gradient"),
    ],
)
def test_every_result_shows_itself(notebook, name, words):
    (data,) = outputs(notebook, name)
    assert words in data["text/html"]
    assert "<script" not in data["text/html"]
    assert data["text/plain"].startswith("<")
    assert len(data["text/plain"]) < 200


def test_show_is_in_the_cell(notebook):
    figure, said = outputs(notebook, "show")
    assert pixels(figure).width > 1000
    assert said == {"stream": "shown\n"}


def test_axes_of_pyplot_and_its_own_figures(notebook):
    (data,) = outputs(notebook, "axes")
    assert len(pixels(data).convert("RGB").getcolors(100_000)) > 500
    (inline,) = outputs(notebook, "inline")
    assert pixels(inline).width > 500


def test_tables_completion_and_text(notebook):
    assert "sparsity" in outputs(notebook, "table")[0]["text/html"]
    assert "'columns='" in outputs(notebook, "completion")[0]["text/plain"]
    (lines,) = outputs(notebook, "text")
    assert [line[:6] for line in lines["stream"].splitlines()] == ["<Activ", "<Model"]


def test_it_prints_whole(notebook, tmp_path, monkeypatch):
    """Every layer, and the numbers of the last channels."""
    share = Path(nbconvert.__file__).parents[4] / "share" / "jupyter"  # where its templates are
    monkeypatch.setenv("JUPYTER_PATH", str(share))
    page, _ = HTMLExporter(embed_images=True).from_notebook_node(notebook)
    page = re.sub(r'<script src="[^"]*"></script>', "", page)  # there is no network
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    printed = tmp_path / "page.pdf"
    subprocess.run(
        [
            *(chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--no-pdf-header-footer"),
            *("--virtual-time-budget=8000", f"--print-to-pdf={printed}"),
            (tmp_path / "page.html").as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=600,
    )
    text = " ".join(" ".join(page.extract_text() for page in PdfReader(printed).pages).split())
    for name in ("conv2d", "conv2d_1", "max_pooling2d_3", "dense"):
        assert name in text
    assert "Grad-CAM" in text
    assert "127" in text, "the last channel of the last layer"
