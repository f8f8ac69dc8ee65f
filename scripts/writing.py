"""What the scripts that write documents and their pictures share."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image

import layersight

DOCS = Path(__file__).resolve().parents[1] / "docs"


def write_or_check(name: str, text: str) -> None:
    """Writes a page of the documents; with ``--check`` only compares it."""
    target = DOCS / name
    if "--check" not in sys.argv:
        target.write_text(text, encoding="utf-8")
    elif not target.exists() or target.read_text(encoding="utf-8") != text:
        sys.exit(f"docs/{name} is out of date: run python scripts/{Path(sys.argv[0]).name}")


def write_between(name: str, parts: dict[str, str]) -> None:
    """Writes or compares the parts of a page that stand between comments with their names."""
    page = (DOCS / name).read_text(encoding="utf-8")
    for part, text in parts.items():
        start, end = f"<!-- {part} -->\n", f"<!-- end of {part} -->"
        head, _, rest = page.partition(start)
        page = f"{head}{start}\n{text}\n{end}{rest.partition(end)[2]}"
    write_or_check(name, page)


def save_picture(result: object, name: str, **options: object) -> None:
    """Saves a result, or a picture that is there, as a WebP of the documents."""
    target = DOCS / "images" / f"{name}.webp"
    with tempfile.TemporaryDirectory() as folder:
        path = result if isinstance(result, Path) else Path(folder, "picture.png")
        if path is not result:
            layersight.save(result, path, **options)
        with Image.open(path) as picture:
            picture.convert("RGB").save(target, quality=88, method=6)
    print(target)
