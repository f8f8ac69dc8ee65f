"""Writes ``docs/commands.md`` from the help of each command; ``--check`` only compares."""

from __future__ import annotations

import os
import subprocess
import sys

from writing import write_or_check

COMMANDS = (
    *("summary", "activations", "patterns", "heatmap", "evaluate", "survey", "channel"),
    *("kernels", "image", "explore", "convert", "demo"),
)

HEAD = """# Commands

This page is what `--help` prints. Results go to standard output, progress and warnings to
standard error: on a terminal one line that moves, in a log a line for every minute. Exit status
0: done; 1: the work could not be done, one line says why; 2: wrong usage.

A SPEC for `--layers` is a name (`conv2d_1`), a path in a nested model (`mobilenet/conv_pw_3`,
or `mobilenet` for all in it), a glob (`'conv2d*'`), a slice over the layers that compute
(`:8`, `8:14`, `-3:`), a number, or a type (`Conv2D`); repeat the option or separate with
commas. A layer that is called several times is `conv@0`, `conv@1`; `conv` means all calls.
A SPEC for `--channels` is numbers and ranges: `0,3,5-9` (9 included) or `0:16` (16 not).

The Tab key completes commands, options, their words and files after
`eval "$(_LAYERSIGHT_COMPLETE=bash_source layersight)"` (`zsh_source`, or
`_LAYERSIGHT_COMPLETE=fish_source layersight | source`); put the line into your shell's start file.
"""


def help_of(*arguments: str) -> str:
    """What a command prints for ``--help``, 90 columns wide."""
    code = "from layersight.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "90", "TERMINAL_WIDTH": "90"},
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def main() -> None:
    """Writes or compares the page."""
    parts = [HEAD, f"## layersight\n\n```text\n{help_of()}\n```\n"]
    parts += [f"## layersight {name}\n\n```text\n{help_of(name)}\n```\n" for name in COMMANDS]
    write_or_check("commands.md", "\n".join(parts))


if __name__ == "__main__":
    main()
