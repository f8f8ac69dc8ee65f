"""A browser without a window."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def chromium() -> str:
    found = os.environ.get("CHROME") or shutil.which("chromium")
    if found is None:
        words = "no browser: install chromium or name one in CHROME"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    return found


def dump(page: Path, profile: Path, budget: int = 8000) -> str:
    quiet = "quic extensions sync background-networking component-update default-apps"
    done = subprocess.run(
        [
            chromium(),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            *(f"--disable-{what}" for what in quiet.split()),
            f"--user-data-dir={profile}",
            "--window-size=1280,900",
            f"--virtual-time-budget={budget}",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return done.stdout
