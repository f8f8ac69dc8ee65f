"""Random damage to an HDF5 file: it opens or is refused in one line, in time.

In a long run one file in a thousand makes HDF5 crash, and one makes it loop for ever; some of
them are listed here.
"""

from __future__ import annotations

import base64
import io
import json
import random
import time
import zipfile
import zlib

import h5py
import numpy as np
import pytest

from layersight.errors import LayersightError, ModelFileError
from layersight.loading import load_model, read_network
from layersight.loading.reader import Reader
from legacy import entry, layer, sequential

PATIENCE = 4.0

SMALL = (
    "c-rk*Pj3=I6rbINWJ72}Qv!%uH){_bNZm9&5H4y2#iX&udLU^GZed$CZWru=Vj5zPc=O0d=+UDe!J|h%Mvva=&d$uT"
    "GcAA8Cf20ymypN2dGltO_vSb3o3GXKvxP)HfiP4R#ZU@GaYiv(<=d?P9hDN5Ln=>XrjG}GIjT=l|C&PDEvkR>x>CW`"
    "X9Czf-!nw22yhcotvq>!WsSC3KK+z=yMuPqa_XNfd%xB7B6<1vlJl~B9WL|vnnYEa-wP=1XC;}p(RTOjeXPGFNx{fe"
    "_zWtyPkv#a%6RWQf4a3PAv!>?!#L6#j_G-I*F3QFlBRE4A9|MCwM|DaXgZnK*B|N3z{7gS{A?Y1esf10|HAF`x|_Ir"
    "!gw3&cg=32RrgwE2kUm+p5qj>jkkkAK@%O8E!VRq_-bN(&$YYwQPu|o-vJ9-oXYjJjWxrUiohpLDr1P>|ILTHw&|4&"
    "Ha-#R-&=>S<&+FQjwg$-hX4Qo0000000000aQ#?fbq4mnDvNc7#h}jMzulT%{iFX@Z@1k!>J0Hnok0%t%7yi~KUvc5"
    "Q~j)ZoN=3f9|znli1j#DHLhiNJ66A8`B=T;yxT9g%98Jm<=yEr??0C&vY3Gw&BHh1dL?N@CI4I6XNjPK7!>)uKtGXh"
    "B#DbdR5JcirtnYy4&wN47XO@Tz(2r0=lSP%{@?OXC&&9A(e{r##AqJ=5!Wk8Z&=8^N)C~moG}5-;vaUez+@uAKXGc!"
    "+A%b~pJV})&;uf6DYS|D6WfaajM#EXyGQ#plvPpoOZfjw4f<u7I8-U~DN<?$QF|W!YmUtEqiG+U`%(U8ajel_)7R$X"
    "@1hR;4g5XkZ?+3Y!gdgE^T@5=m~V?$<Zokz=Wj8O0n^q|4te1C{&f3rpWlVGi{kwGlbd>;UH-iJwt6w+4*#<iA?M6r"
    "qvQDo"
)
"""An HDF5 file with a network of one layer, as HDF5 1.14 wrote it."""

CONFIG = sequential(entry(4), layer("Dense", "d", units=2), name="s")


@pytest.fixture(scope="module", autouse=True)
def reader():
    """The shared process, with less patience."""
    with pytest.MonkeyPatch.context() as patch:
        impatient = Reader(patience=PATIENCE)
        patch.setattr("layersight.loading.reader._reader", impatient)
        yield impatient
        impatient.stop()


def small():
    return zlib.decompress(base64.b85decode(SMALL))


def store():
    target = io.BytesIO()
    with h5py.File(target, "w") as file:
        file["layers/dense/vars/0"] = np.ones((4, 2), "float32")
        file["layers/dense/vars/1"] = np.ones(2, "float32")
    return target.getvalue()


def archive(weights):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as writer:
        writer.writestr("config.json", json.dumps(CONFIG))
        writer.writestr("metadata.json", json.dumps({"keras_version": "3.5.0"}))
        writer.writestr("model.weights.h5", weights)
    return target.getvalue()


def damaged(content, chance):
    """A copy with some bytes changed."""
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def outcome(path):
    """``None`` if a file opens, else the message."""
    start = time.monotonic()
    try:
        load_model(path)
    except LayersightError as error:
        message = str(error)
        assert "\n" not in message
        assert len(message) < 2000 + len(str(path))
        return message
    finally:
        assert time.monotonic() - start < PATIENCE + 120
    return None


def test_the_whole_files_open(tmp_path):
    for name, content in (("m.h5", small()), ("m.keras", archive(store()))):
        (tmp_path / name).write_bytes(content)
        assert read_network(tmp_path / name).size == 10
        assert outcome(tmp_path / name) is None


@pytest.mark.parametrize("kind", ["h5", "keras"])
def test_random_damage(tmp_path, kind):
    chance, messages = random.Random(f"{kind} 1"), []
    original = small() if kind == "h5" else store()
    for number in range(150):
        content = damaged(original, chance)
        path = tmp_path / f"{number}.{kind}"
        path.write_bytes(content if kind == "h5" else archive(content))
        messages.append(outcome(path))
    assert messages.count(None) > 10
    assert sum(line is not None for line in messages) > 10


@pytest.mark.parametrize(
    "changes", [{6193: 39}, {857: 25}, {5057: 245}, {1200: 187, 7814: 90}, {5091: 56}]
)
def test_damage_that_ends_hdf5_itself(tmp_path, changes):
    content = bytearray(small())
    for position, byte in changes.items():
        content[position] = byte
    (tmp_path / "m.h5").write_bytes(content)
    with pytest.raises(ModelFileError, match="download or save it again"):
        read_network(tmp_path / "m.h5")
    (tmp_path / "good.h5").write_bytes(small())
    assert read_network(tmp_path / "good.h5").size == 10
