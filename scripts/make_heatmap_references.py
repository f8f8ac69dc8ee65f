r"""Writes ``tests/contract/references/heatmaps.npz``: heatmaps that other libraries made.

Two small networks of fixed weights stand once in Keras and once in PyTorch, and give the same
logits. The other libraries explain them; what each gave is kept with its version, its options
and what was switched off, so that the tests need none of them. They go into a folder of their
own, without what they would pull in, beside an environment with layersight and its tests'
packages::

    pip install --target peers --no-deps tf-keras-vis==0.8.7 xplique==2.0.2 grad-cam==1.5.7 \
        torchcam==0.5.0 captum==0.9.0 ttach tqdm deprecated wrapt imageio scikit-learn joblib \
        threadpoolctl scikit-image lazy-loader opencv-python-headless \
        tensorflow-probability cloudpickle decorator dm-tree einops narwhals
    KERAS_BACKEND=tensorflow PYTHONPATH=peers python scripts/make_heatmap_references.py

Everything is kept as it was before it was put between 0 and 1 or enlarged, where the library
can be asked for that or one function of it stood still meanwhile; so that sizes are compared too.
It takes some minutes, most of them for the nodes of Gauss and Legendre.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ["TQDM_DISABLE"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import numpy as np
from heatmap_peers import in_keras, in_torch
from heatmap_peers.recording import Case, Recording, make_case, make_weights

from contract.twins import FILE, NETWORKS

TOLERANCE = 1e-5
"""How far the logits of the twins may lie apart."""


def main() -> None:
    """Asks every library about every network and writes the file."""
    arrays = make_weights()
    entries = []
    for network in NETWORKS:
        case = make_case(network, arrays)
        check_twins(case)
        arrays[f"{network}/classes"] = np.array(case.classes)
        arrays[f"{network}/logits"] = case.keras_logits()
        for recording in recordings(case):
            entry = recording.describe(case)
            if entry["key"] in arrays:
                raise SystemExit(f"two recordings are called {entry['key']}")
            arrays[entry["key"]] = recording.check(case)
            entries.append(entry)
            print(f"{entry['key']:<60} {recording.values.min():+.4g} {recording.values.max():+.4g}")
    FILE.parent.mkdir(exist_ok=True)
    np.savez_compressed(
        FILE, allow_pickle=False, table=np.array(json.dumps(entries, indent=1)), **arrays
    )
    print(f"{len(entries)} recordings, {FILE.stat().st_size / 1000:.0f} kB: {FILE}")


def recordings(case: Case) -> Iterator[Recording]:
    """What all libraries say of one network."""
    for library in (*in_keras.LIBRARIES, *in_torch.LIBRARIES):
        yield from library(case)


def check_twins(case: Case) -> None:
    """Ends the script if the twins are not the same network."""
    apart = np.abs(case.keras_logits() - case.torch_logits()).max()
    if not apart < TOLERANCE:
        raise SystemExit(f"{case.network}: the logits of the twins lie {apart} apart")
    scores = np.round(case.keras_logits(), 3).tolist()
    print(f"{case.network}: logits {scores}, explained {case.classes}, twins {apart:.1e} apart")


if __name__ == "__main__":
    main()
