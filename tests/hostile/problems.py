"""What is wrong with what a command did to a hostile file."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np

from hostile.guard import BYTES, Outcome
from hostile.registry import SECRET, Attack

TURNING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def problems(entry: Attack, outcome: Outcome, out: Path) -> list[str]:
    """What is wrong with what a command did to a hostile file, in words."""
    wrong = []
    if outcome.killed:
        wrong.append(f"killed: {outcome.killed}")
    elif outcome.status not in (0, 1, 2):
        wrong.append(f"exit status {outcome.status}")
    if entry.refused and outcome.status == 0:
        wrong.append("it opened")
    wrong += [f"event: {event}" for event in outcome.events[:4]]
    wrong += [f"trap touched: {name}" for name in outcome.touched[:4]]
    if outcome.peak > BYTES and not outcome.killed:
        wrong.append(f"held {outcome.peak >> 20} MiB")
    wrong += _problems_of_words(outcome)
    wrong += _problems_of_files(outcome, out)
    return wrong


def _problems_of_words(outcome: Outcome) -> list[str]:
    wrong = []
    for name, text in (("stdout", outcome.stdout), ("stderr", outcome.stderr)):
        unusual = sorted({character for character in text if _is_control(character)})
        if unusual:
            wrong.append(f"control characters on {name}: {''.join(unusual[:8])!a}")
        if SECRET in text:
            wrong.append(f"the secret is on {name}")
    if "Traceback" in outcome.stderr or "Warning:" in outcome.stderr:
        wrong.append("a traceback or a warning on stderr")
    if "unexpected error" in outcome.stderr or outcome.status == 99:
        last = outcome.stderr.strip()[:300]
        wrong.append(f"unexpected error: {last!a}")
    lines = outcome.stderr.splitlines()
    if outcome.status in (1, 2) and len(lines) != 1:
        wrong.append(f"{len(lines)} lines on stderr: {outcome.stderr[:200]!a}")
    if any(len(line) > 2000 for line in lines):
        wrong.append(f"a line of {max(map(len, lines))} characters on stderr")
    if any(line.startswith("layersight:") for line in outcome.stdout.splitlines()):
        wrong.append("a line of the file's own on stdout")
    return wrong


def _is_control(character: str) -> bool:
    if character == "\n":
        return False
    return character in TURNING or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def _problems_of_files(outcome: Outcome, out: Path) -> list[str]:
    if outcome.status != 0:
        return [f"left behind: {', '.join(outcome.left)}"] if outcome.left else []
    wrong = []
    for name in outcome.left:
        if name != "maps.npz":
            wrong.append(f"left behind: {name!a}")
            continue
        with np.load(out / name, allow_pickle=False) as arrays:
            members = arrays.zip.namelist()
            wrong += [
                f"a member named {ascii(m)[:80]} in the result" for m in members if _leads_out(m)
            ]
            if any(SECRET.encode() in arrays[key].tobytes() for key in arrays.files):
                wrong.append("the secret is in the result")
    return wrong


def _leads_out(member: str) -> bool:
    return member.startswith("/") or ".." in member.split("/") or "\\" in member
