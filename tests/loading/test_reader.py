"""The process that reads HDF5: what it reads, and how it starts and ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from layersight.errors import ModelFileError
from layersight.loading.contents import collect
from layersight.loading.frames import Incoming, ProtocolError, write_frame
from layersight.loading.reader import PROGRAM, Reader, command, package_folders

posix = pytest.mark.skipif(os.name != "posix", reason="needs signals of POSIX")


def write(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential"})
        group = file.create_group("model_weights")
        group.attrs["layer_names"], group.attrs["keras_version"] = ["d"], "2.1.6"
        inner = group.create_group("d")
        inner.attrs["weight_names"] = ["kernel:0", "bias:0"]
        inner["kernel:0"] = np.arange(6, dtype="float32").reshape(3, 2)
        inner["bias:0"] = np.zeros(2, "float64")
    return path


@pytest.fixture
def good(tmp_path):
    return write(tmp_path / "good.h5")


@pytest.fixture
def reader():
    started = Reader()
    yield started
    started.stop()


def number(reader):
    return reader._process.id


def has_ended(process):
    """Whether a process ends within ten seconds."""
    for _ in range(500):
        state = Path(f"/proc/{process}/stat")
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


def run(code, folder, *arguments):
    """Runs Python in a separate process with warnings as errors."""
    given = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *map(str, arguments)]
    process = subprocess.run(given, capture_output=True, text=True, cwd=folder, timeout=300)
    assert (process.returncode, process.stderr) == (0, "")
    return process.stdout


# What it reads


def test_a_file_is_read(reader, good):
    contents = reader.read("model", good)
    assert json.loads(contents.texts["config"]) == {"class_name": "Sequential"}
    assert (contents.version, contents.backend) == ("2.1.6", None)
    assert (contents.size, contents.store) == (8, None)
    (layer,) = contents.layers
    assert (layer.layer, layer.names) == ("d", ("kernel:0", "bias:0"))
    assert [array.dtype.name for array in layer.arrays] == ["float32", "float64"]
    np.testing.assert_array_equal(layer.arrays[0], [[0, 1], [2, 3], [4, 5]])
    assert all(array.flags.writeable and array.flags.owndata for array in layer.arrays)


def test_an_array_inside_too_many_groups(reader, tmp_path):
    path = tmp_path / "deep.weights.h5"
    for parts, fits in ((90, True), (3_000, False)):
        with h5py.File(path, "w") as file:
            file["layers\\a\\vars/0"] = [1.0]
            file["layers" + "\\a" * parts + "/0"] = [1.0]
        if fits:
            assert len(reader.read("weights", path).store) == 2
        else:
            with pytest.raises(ModelFileError, match="a path of more than 100 parts"):
                reader.read("weights", path)


def test_the_groups_of_an_array_take_memory(tmp_path):
    kind = {"shape": [0], "dtype": "float32"}
    with (tmp_path / "frames").open("w+b") as file:
        write_frame(file.fileno(), {"form": "store"})
        for number in range(20):
            write_frame(file.fileno(), {"array": f"{'x' * 99}/" * 90 + str(number), **kind})
        write_frame(file.fileno(), {"end": True})
        for allowance, fits in ((20 << 20, True), (1 << 20, False)):
            file.seek(0)
            with contextlib.nullcontext() if fits else pytest.raises(ProtocolError, match="more"):
                assert len(collect(Incoming(file.readinto), allowance).store) == 20


def test_one_process_reads_many_files(reader, good):
    reader.start()
    first = number(reader)
    for _ in range(3):
        reader.read("model", good)
    assert number(reader) == first


def test_a_path_from_another_folder(reader, good, monkeypatch):
    for folder, name in ((good.parent, "good.h5"), (good.parent.parent, f"{good.parent.name}/x")):
        monkeypatch.chdir(folder)
        if name.endswith("x"):
            with pytest.raises(ModelFileError, match=f"^cannot read {name}: No such file"):
                reader.read("model", Path(name))
        else:
            assert reader.read("model", Path(name)).size == 8


def test_a_name_of_any_bytes(reader, tmp_path):
    path = tmp_path / "m\udcff \n\u202e.h5"
    write(tmp_path / "plain.h5").rename(path)
    assert reader.read("model", path).size == 8


def test_many_threads_read_at_once(reader, good):
    with ThreadPoolExecutor(4) as pool:
        sizes = list(pool.map(lambda _: reader.read("model", good).size, range(12)))
    assert sizes == [8] * 12


def test_large_arrays_and_all_types_of_numbers(reader, tmp_path):
    path = write(tmp_path / "large.h5")
    values = np.random.default_rng(0).integers(0, 255, (1, 7, 300, 5000)).astype("uint8")
    with h5py.File(path, "r+") as file:
        inner = file["model_weights/d"]
        inner.attrs["weight_names"] = ["plain", "packed", "backwards", "truth", "one", "none"]
        inner["plain"] = values
        inner.create_dataset("packed", data=values, chunks=(1, 3, 128, 700), compression="gzip")
        inner["backwards"] = values[0, 0].astype(">i4")
        inner["truth"] = values[0, 0] > 100
        inner["one"] = np.float16(3)
        inner["none"] = np.zeros((0, 4), "int64")
    arrays = reader.read("model", path).layers[0].arrays
    for array, expected in zip(arrays[:2], (values, values), strict=True):
        np.testing.assert_array_equal(array, expected)
    assert [array.dtype.name for array in arrays[2:]] == ["int32", "bool", "float16", "int64"]
    np.testing.assert_array_equal(arrays[2], values[0, 0])
    np.testing.assert_array_equal(arrays[3], values[0, 0] > 100)
    assert arrays[4] == 3
    assert arrays[5].shape == (0, 4)


def test_a_refused_file_is_followed_by_another_process(reader, good, tmp_path):
    first = write(tmp_path / "cut.h5")
    first.write_bytes(first.read_bytes()[:2000])
    reader.start()
    before = number(reader)
    with pytest.raises(ModelFileError, match=r"cut\.h5 is a damaged or truncated HDF5 file"):
        reader.read("model", first)
    assert has_ended(before)
    assert reader.read("model", good).size == 8


def test_a_process_that_ended_is_replaced(reader, good):
    reader.read("model", good)
    os.kill(number(reader), signal.SIGTERM)
    assert has_ended(number(reader))
    assert reader.read("model", good).size == 8


def test_a_folder_is_not_sent_to_the_process(reader, tmp_path):
    with pytest.raises(ModelFileError, match="a folder"):
        reader.read("model", tmp_path)
    assert reader._process is None


def test_no_python(good, reader, monkeypatch):
    monkeypatch.setattr(sys, "executable", "")
    reader.start()
    with pytest.raises(ModelFileError, match=r"does not start .sys\.executable names no Python"):
        reader.read("model", good)
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(ModelFileError, match="does not start"):
        reader.read("model", good)


# Interruptions, other processes, the end


@posix
def test_the_process_ignores_interruptions(reader, good):
    reader.read("model", good)
    process = number(reader)
    os.kill(process, signal.SIGINT)
    reader.read("model", good)
    assert number(reader) == process


@posix
def test_a_fork_starts_a_separate_process(good):
    code = """
    import os, sys
    from pathlib import Path
    from layersight.loading import reader
    path = Path(sys.argv[1])
    reader.read_contents("model", path)
    fork = os.fork()
    reader.read_contents("model", path)
    print(reader._reader._process.id, flush=True)
    if fork:
        assert os.waitpid(fork, 0)[1] == 0
        reader.read_contents("model", path)
    else:
        reader._reader.stop()
        os._exit(0)
    """
    numbers = run(code, good.parent, good).split()
    assert len(set(numbers)) == 2
    assert all(has_ended(int(process)) for process in numbers)


def test_it_ends_with_its_parent(good):
    code = """
    import sys
    from pathlib import Path
    from layersight.loading import reader
    reader.read_contents("model", Path(sys.argv[1]))
    print(reader._reader._process.id)
    """
    assert has_ended(int(run(code, good.parent, good)))
    killed = "import os, sys\nsys.stdout.flush()\nos.kill(os.getpid(), 9)"
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code) + killed, str(good)], capture_output=True
    )
    assert has_ended(int(process.stdout))


SHADOWING = ("select", "json", "signal", "numpy", "h5py", "importlib", "layersight", "resource")


@pytest.mark.parametrize("where", ["script", "working folder", "named"])
def test_nothing_of_the_users_folders_is_imported(good, tmp_path, where):
    user_folder, other = tmp_path / "user_folder", tmp_path / "other"
    for folder in (user_folder, other):
        folder.mkdir()
    for name in SHADOWING:
        (user_folder / f"{name}.py").write_text(f"open({str(user_folder / 'imported')!r}, 'w')")
    code = """
    import sys
    own = sys.argv[2]
    sys.path[:] = [entry for entry in sys.path if entry not in ("", own)]
    import numpy, layersight
    from pathlib import Path
    from layersight.loading import reader
    sys.path.insert(0, own)
    print(reader.read_contents("model", Path(sys.argv[1])).size)
    """
    script = (user_folder if where == "script" else other) / "script.py"
    script.write_text(textwrap.dedent(code))
    process = subprocess.run(
        [sys.executable, "-W", "error", str(script), str(good), str(user_folder)],
        capture_output=True,
        text=True,
        cwd=user_folder if where == "working folder" else other,
        env={**os.environ, **({"PYTHONPATH": str(user_folder)} if where == "named" else {})},
        timeout=300,
    )
    assert (process.stdout, process.stderr) == ("8\n", "")
    assert not (user_folder / "imported").exists()


def test_where_it_looks_for_modules(tmp_path, monkeypatch):
    home = "/where/layersight/lies"
    monkeypatch.setattr("site.getsitepackages", lambda: [str(tmp_path)])
    (tmp_path / "numpy").mkdir()
    folders = [tmp_path / name for name in ("working", "script", "empty", "target", "more")]
    for folder in folders:
        (folder / "h5py").mkdir(parents=True)
        if folder.name != "empty":
            (folder / "h5py" / "__init__.py").touch()
    monkeypatch.setattr(sys.modules["__main__"], "__file__", f"{folders[1]}/x.py", raising=False)
    monkeypatch.setattr(sys, "path", ["", *map(str, folders), Path("/c")])
    monkeypatch.chdir(folders[0])
    assert package_folders(home) == [str(folders[3])]
    assert package_folders(str(folders[1])) == [str(folders[1])]
    (tmp_path / "h5py").mkdir()
    assert package_folders(home) == []


def test_it_is_isolated_from_the_settings_of_the_user(monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    given = command()
    assert given[:3] == [sys.executable, "-I", "-B"]
    assert given[given.index("-c") + 1] == PROGRAM


def test_reading_imports_no_h5py_here(good):
    code = """
    import sys
    from pathlib import Path
    from layersight.loading import read_network
    read_network(Path(sys.argv[1]))
    print([name for name in ("h5py", "keras") if name in sys.modules])
    """
    assert run(code, good.parent, good) == "[]\n"
