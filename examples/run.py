"""Runs the examples: each script becomes a notebook with its pictures, a web page and a PDF.

Usage::

    python examples/run.py [NAME ...] [--output examples-out]

Without names, all five run: ``lesson``, ``chapter``, ``lab``, ``lecture``, ``essay``. They need no
network and no file from elsewhere. ``LAYERSIGHT_MODEL=my.h5 LAYERSIGHT_IMAGE=my.jpg`` runs the same
cells on files of your own. The PDF is printed by Chromium, where it is installed.

A script is a notebook in the percent format, which editors open as one too: ``# %%`` begins a cell
of code, ``# %% [markdown]`` one of text.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter

HERE = Path(__file__).resolve().parent
EXAMPLES = ("lesson", "chapter", "lab", "lecture", "essay")
PRINT = """<style>@media print {
  .jp-InputArea pre, .jp-OutputArea pre { white-space: pre-wrap !important; }
  .jp-RenderedImage img { max-height: 23cm; width: auto; }
}</style>"""
"""What nbconvert leaves to be said for paper: lines are broken, and no picture is cut in two."""
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def to_notebook(script: str) -> nbformat.NotebookNode:
    """The notebook that a script in the percent format is."""
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL})
    for number, part in enumerate(re.split(r"^# %%", script, flags=re.MULTILINE)[1:]):
        kind, _, body = part.partition("\n")
        if kind.strip() == "[markdown]":
            lines = [line.removeprefix("#").removeprefix(" ") for line in body.strip().splitlines()]
            cell = nbformat.v4.new_markdown_cell("\n".join(lines))
        else:
            cell = nbformat.v4.new_code_cell(body.strip())
        cell.id = f"cell-{number}"
        notebook.cells.append(cell)
    return notebook


def run(name: str, output: Path) -> Path:
    """Runs one example and writes it as a notebook and a page.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell failed.
    """
    notebook = to_notebook((HERE / f"{name}.py").read_text("utf-8"))
    environment = {**os.environ, "LAYERSIGHT_OUT": str(output / name), "PYTHONHASHSEED": "0"}
    client = NotebookClient(
        notebook,
        timeout=600,
        record_timing=False,
        coalesce_streams=True,  # else what is printed is cut wherever it was sent
        resources={"metadata": {"path": str(HERE)}},
        extra_arguments=["--log-level=ERROR"],
    )
    client.execute(env=environment)
    output.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, output / f"{name}.ipynb")
    logging.getLogger("traitlets").setLevel(logging.ERROR)  # not each picture's missing words
    page = HTMLExporter(template_name="lab").from_notebook_node(notebook)[0]
    page = page.replace("</head>", f"{PRINT}</head>", 1)
    (output / f"{name}.html").write_text(page, "utf-8")
    return output / f"{name}.html"


def print_pdf(page: Path) -> Path | None:
    """Prints a page to a PDF beside it; ``None`` without Chromium."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        return None
    target = page.with_suffix(".pdf")
    how = ("--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer")
    subprocess.run(
        [browser, *how, f"--print-to-pdf={target}", page.as_uri()],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return target


def main() -> None:
    """Runs the examples that are named, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", nargs="*", help=f"{', '.join(EXAMPLES)}.")
    parser.add_argument("--output", type=Path, default=Path("examples-out"))
    options = parser.parse_args()
    if unknown := set(options.name) - set(EXAMPLES):
        parser.error(f"no example {', '.join(sorted(unknown))}: expected {', '.join(EXAMPLES)}")
    for name in options.name or EXAMPLES:
        start = time.perf_counter()
        page = run(name, options.output.resolve())
        pdf = print_pdf(page)
        written = ".ipynb .html" if pdf is None else ".ipynb .html .pdf"
        print(f"{name}: {time.perf_counter() - start:.0f} s, {page.with_suffix('')}{{{written}}}")


if __name__ == "__main__":
    main()
