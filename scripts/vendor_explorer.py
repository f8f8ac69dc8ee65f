"""Fetches what the page of the explorer is made with: four small libraries.

The packages are pinned by version and by the digest that npm publishes. From each only what the
page loads is kept, with its licence. What names a package in an ``import`` names the file beside it
afterwards, so that a browser needs no build step and no import map. Needs ``npm``.

Run: python scripts/vendor_explorer.py
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path

TARGET = Path(__file__).parent.parent / "src/layersight/web/static/vendor"
TESTS = Path(__file__).parent.parent / "tests/web/vendor"

PACKAGES = {
    "preact@11.2.0": {"dist/preact.mjs": "preact.js", "hooks/dist/hooks.mjs": "hooks.js"},
    "@preact/signals-core@1.14.5": {"dist/signals-core.mjs": "signals-core.js"},
    "@preact/signals@2.11.4": {"dist/signals.mjs": "signals.js"},
    "htm@3.1.1": {"dist/htm.mjs": "htm.js"},
    "axe-core@4.14.1": {"axe.min.js": "axe.min.js"},
}
"""What of each package is kept, under which name."""

SPECIFIERS = {
    "preact/hooks": "./hooks.js",
    "preact": "./preact.js",
    "@preact/signals-core": "./signals-core.js",
}


def fetch(package: str, folder: Path) -> tuple[tarfile.TarFile, str]:
    """The archive of a package, and its digest as npm writes it."""
    output = subprocess.run(
        ["npm", "pack", "--json", "--silent", package],
        cwd=folder,
        capture_output=True,
        check=True,
        text=True,
    )
    described = json.loads(output.stdout)
    entry = described[0] if isinstance(described, list) else next(iter(described.values()))
    content = (folder / entry["filename"]).read_bytes()
    digest = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
    return tarfile.open(fileobj=BytesIO(content)), digest


def as_module(text: str) -> str:
    """A module whose imports are files beside it, without a source map."""
    text = re.sub(r"//# sourceMappingURL=\S+", "", text).strip()
    for name, path in SPECIFIERS.items():
        text = text.replace(f'from"{name}"', f'from"{path}"')
    return text.replace("export default function(", "export function htm(") + "\n"


def main() -> None:
    """Writes everything and the record of where it came from."""
    written = TARGET / "vendored.json"
    known = json.loads(written.read_text()) if written.exists() else {}
    record = {}
    with tempfile.TemporaryDirectory() as scratch:
        for package, files in PACKAGES.items():
            archive, digest = fetch(package, Path(scratch))
            if digest != known.get(package, {}).get("archive", digest):
                raise SystemExit(f"{package} has changed: {digest}")
            target = TESTS if package.startswith("axe") else TARGET
            target.mkdir(parents=True, exist_ok=True)
            digests = {}
            wanted = {**files, "LICENSE": f"LICENSE-{next(iter(files.values())).split('.')[0]}.txt"}
            for path, name in wanted.items():
                member = archive.extractfile(f"package/{path}")
                assert member is not None
                content = member.read()
                if path.endswith(".mjs"):
                    content = as_module(content.decode()).encode()
                (target / name).write_bytes(content)
                digests[name] = hashlib.sha256(content).hexdigest()
            record[package] = {"archive": digest, "files": digests}
    written.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
