"""``layersight convert``, ``--architecture`` and ``--trust``."""

import json
from pathlib import Path


def listing(folder):
    """Everything in a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_convert_writes_and_says_what_it_took(run, models, here):
    done = run("convert", models / "small.h5", "new.keras")
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "wrote new.keras"
    assert done.out.startswith("from     ")
    assert listing(here) == ["new.keras"]
    assert run("summary", "new.keras").status == 0
    assert run("convert", models / "small.h5", "new.keras", "--quiet").out == ""


def test_convert_as_json(run, models, here):
    done = run("convert", models / "small.h5", "new.keras", "--json")
    document = json.loads(done.out)
    assert document["file"] == "new.keras"
    assert document["source"] == str(models / "small.h5")
    assert document["replaced"] == []


def test_convert_refuses(run, models, small, here):
    done = run("convert", small, "new.h5")
    assert done.status == 2
    assert done.line == "expected a file to write that ends in .keras, found 'new.h5'"
    done = run("convert", small, small)
    assert done.status == 2
    assert "is the file that is converted" in done.line
    done = run("convert", models / "text.h5", "new.keras")
    assert done.status == 1
    assert listing(here) == []


def test_weights_with_their_architecture(run, models, here):
    import zipfile

    with zipfile.ZipFile(models / "small.keras") as archive:
        Path("small.json").write_bytes(archive.read("config.json"))
    weights = models / "only.weights.h5"
    assert "--architecture" in run("summary", weights).line
    done = run("summary", weights, "--architecture", "small.json")
    assert (done.status, done.err) == (0, "")
    assert "conv_1" in done.out
    assert run("convert", weights, "new.keras", "--architecture", "small.json").status == 0
    assert "JSON file" in run("summary", weights, "--architecture", "VGG61").line


def test_trust_warns_before_code_runs(run, here):
    import keras

    inputs = keras.Input((8, 8, 3))
    hidden = keras.layers.Conv2D(2, 3, name="conv")(inputs)
    own = keras.layers.Lambda(lambda x: sorted([x])[0], output_shape=(6, 6, 2), name="own")(hidden)
    keras.Model(inputs, own).save("own.keras")
    done = run("summary", "own.keras")
    assert (done.status, done.err) == (0, "")
    done = run("summary", "own.keras", "--trust")
    assert done.status == 0
    assert done.err == "layersight: running code from own.keras because of --trust\n"
    assert "trust: the code of the Lambda layer 'own' was run" in done.out
