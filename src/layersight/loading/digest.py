"""The digest of files."""

from __future__ import annotations

import hashlib
from pathlib import Path


def file_digest(*paths: Path) -> str:
    """``sha256:`` and the digest of the bytes of a file, or of several one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)
    return f"sha256:{digest.hexdigest()}"
