"""``layersight convert``, ``--architecture`` and ``--trust``."""

import zipfile
from pathlib import Path

import keras


def test_convert_writes_and_says_what_it_took(run, ok, models, here):
    out = ok("convert", models / "small.h5", "new.keras").out
    assert out.splitlines()[-1] == "wrote new.keras"
    assert out.startswith("from     ")
    assert [path.name for path in here.rglob("*")] == ["new.keras"]
    run("summary", "new.keras")
    assert run("convert", models / "small.h5", "new.keras", "--quiet").out == ""
    document = run("convert", models / "small.h5", "new.keras", "--json").json
    assert document["file"] == "new.keras"
    assert document["source"] == str(models / "small.h5")
    assert document["replaced"] == []


def test_convert_refuses(refused, models, small):
    line = refused(2, "convert", small, "new.h5")
    assert line == "expected a file to write that ends in .keras, found 'new.h5'"
    assert "is the file that is converted" in refused(2, "convert", small, small)
    refused(1, "convert", models / "text.h5", "new.keras")


def test_weights_with_their_architecture(run, ok, models, here):
    with zipfile.ZipFile(models / "small.keras") as archive:
        Path("small.json").write_bytes(archive.read("config.json"))
    weights = models / "only.weights.h5"
    assert "--architecture" in run("summary", weights, status=1).line
    assert "conv_1" in ok("summary", weights, "--architecture", "small.json").out
    run("convert", weights, "new.keras", "--architecture", "small.json")
    wrong = run("summary", weights, "--architecture", "VGG61", status=1)
    assert "JSON file" in wrong.line


def test_trust_warns_before_code_runs(run, ok, here):
    inputs = keras.Input((8, 8, 3))
    hidden = keras.layers.Conv2D(2, 3, name="conv")(inputs)
    own = keras.layers.Lambda(lambda x: sorted([x])[0], output_shape=(6, 6, 2), name="own")(hidden)
    keras.Model(inputs, own).save("own.keras")
    ok("summary", "own.keras")
    trusted = run("summary", "own.keras", "--trust")
    assert trusted.err == "layersight: running code from own.keras because of --trust\n"
    assert "trust: the code of the Lambda layer 'own' was run" in trusted.out
