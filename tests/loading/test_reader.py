"""The process that reads HDF5: whatever it does, there is an answer or one clear line in time."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from layersight.errors import ModelFileError, UnsafeModelError
from layersight.loading.contents import collect
from layersight.loading.frames import Incoming, ProtocolError, write_frame
from layersight.loading.reader import BOOTSTRAP, PROGRAM, SLOWEST, Reader, command, package_folders

_FAKE = """
{begin}
import os, time
from layersight.loading.frames import text_frames, write_frame
def say(*frames):
    for frame in frames:
        write_frame(1, frame)
{start}
say({{"ready": 1}})
for line in sys.stdin:
    say(None)
    {act}
"""


def fake(act, start="pass"):
    """The program of a process that does something else."""
    return _FAKE.format(begin=BOOTSTRAP, start=start, act=act)


FORM = {"form": "layers", "version": "2.1.6", "backend": "jax"}

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
    readers = Reader()
    yield readers
    readers.stop()


@pytest.fixture
def bad(good):
    """The error for a file that a faulty process reads."""
    readers = []

    def ask(act, *, start="pass", patience=30.0, starts=30.0):
        readers.append(Reader(fake(start=start, act=act), patience=patience, start=starts))
        with pytest.raises(ModelFileError) as caught:
            readers[-1].read("model", good)
        assert readers[-1]._process is None
        assert "\n" not in str(caught.value)
        assert str(good) in str(caught.value)
        return str(caught.value)

    yield ask
    for each in readers:
        each.stop()


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
    assert (contents.version, contents.backend, contents.size, contents.store) == (
        "2.1.6",
        None,
        8,
        None,
    )
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
        contents = list(pool.map(lambda _: reader.read("model", good).size, range(12)))
    assert contents == [8] * 12


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


# What may become of it


def test_a_crash(bad):
    assert "damaged HDF5 file (HDF5 crashed on it): download" in bad("os.abort()")
    assert "HDF5 crashed on it" in bad(f"say({FORM}); os._exit(0)")


@posix
def test_a_kill(bad):
    assert "for lack of memory" in bad("os.kill(os.getpid(), signal.SIGKILL)")


def test_no_end(bad):
    start = time.monotonic()
    assert "reading it does not end" in bad("time.sleep(1000)", patience=0.5)
    assert "reading it does not end" in bad(f"say({FORM}); time.sleep(1000)", patience=0.5)
    assert time.monotonic() - start < 120


def test_its_standard_error_is_reported(bad):
    start = 'sys.stderr.write("\\n" * 10**6); import no_such_module'
    assert "(it ended: ModuleNotFoundError: No module named 'no_such_module')" in bad(
        "pass", start=start
    )
    message = bad("os.write(2, b'free(): \\x1b[1mbad\\x00 size\\n\\n'); os.abort()")
    assert "damaged HDF5 file (HDF5 crashed on it: free(): [1mbad size): download" in message
    message = bad("raise ImportError('e' * 1000)")
    expected = f"the process that reads HDF5 failed (ImportError: {'e' * 187}...)"
    assert message.endswith(expected)
    assert "damaged" not in message


@posix
def test_the_limit_of_processor_time(bad):
    import resource

    assert resource.RLIMIT_CPU >= 0
    limit = "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 9))"
    assert "reading it does not end" in bad("while True: pass", start=limit)


def test_no_start(bad):
    assert "does not start" in bad("pass", start="raise SystemExit(1)")
    assert "does not start" in bad("pass", start="import no_such_module")
    assert "does not start" in bad("pass", start="time.sleep(1000)", starts=0.5)
    assert "does not start" in bad("pass", start="os.write(1, bytes(100))")


def test_no_python(good, reader, monkeypatch):
    monkeypatch.setattr(sys, "executable", "")
    reader.start()
    with pytest.raises(ModelFileError, match=r"does not start .sys\.executable names no Python"):
        reader.read("model", good)
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(ModelFileError, match="does not start"):
        reader.read("model", good)


def test_slow_but_responsive(good):
    with good.open("ab") as file:  # as slow a disk takes 4 seconds for it
        file.write(os.urandom(4 * SLOWEST))
    act = f"for _ in range(8): say(None); time.sleep(0.25)\n    say({FORM}, {{'end': True}})"
    slow = Reader(fake(start="pass", act=act), patience=1.5)
    assert slow.read("model", good).layers == []
    slow.stop()


def test_endless_heartbeats_are_ended(bad):
    start = time.monotonic()
    act = "for _ in range(600): say(None); time.sleep(0.1)"
    assert "reading it does not end" in bad(act, patience=1.0)
    assert time.monotonic() - start < 120


ARRAY = {"array": "0", "shape": [2], "dtype": "uint8"}
STORE = {"form": "store"}
NONSENSE = [
    "os.write(1, bytes(1000))",
    "os.write(1, b'm' + b'\\xff' * 200)",
    "os.write(1, b'm\\x04' + bytes(7) + b'nope')",
    "os.write(1, b'm\\x02' + bytes(7) + b'[]')",
    "os.write(1, b'm' + (400000).to_bytes(8, 'little') + b'[' * 400000)",
    "os.write(1, b'x' + bytes(8))",
    "say(memoryview(b'1'))",
    "say({'something': 1})",
    "while True: say(None)",
    "say({'end': True})",
    "say({'error': 'SystemExit', 'text': 'x'})",
    "say({'error': 'ModelFileError', 'text': ['x']})",
    "say({'text': 'other', 'bytes': 3})",
    "say({'text': 'config', 'bytes': -3})",
    "say({'text': 'config', 'bytes': 3.0})",
    "say({'text': 'config', 'bytes': True})",
    "say({'text': 'config', 'bytes': 1 << 60})",
    "say(*text_frames('config', b'1'), *text_frames('config', b'1'))",
    "say({'text': 'config', 'bytes': 3}, memoryview(b'1234'))",
    "say({'text': 'config', 'bytes': 3}, memoryview(b''))",
    "say({'text': 'config', 'bytes': 3}, {'end': True})",
    "say({'form': 'heap'})",
    f"say({FORM}, {FORM})",
    f"say({FORM}, {ARRAY})",
    f"say({ARRAY})",
    "say({'layer': 'd', 'names': []})",
    f"say({STORE}, {{'layer': 'd', 'names': []}})",
    f"say({FORM}, {{'layer': 1, 'names': []}})",
    f"say({FORM}, {{'layer': 'd', 'names': None}})",
    f"say({FORM}, {{'layer': 'd', 'names': [1]}})",
    f"say({FORM}, {{'layer': 'd', 'names': ['a']}}, {{'end': True}})",
    f"say({FORM}, {{'layer': 'd', 'names': ['1']}}, {ARRAY})",
    f"say({STORE}, {ARRAY}, memoryview(b'12'), {ARRAY})",
    f"say({STORE}, {ARRAY}, memoryview(b'12'), {ARRAY | {'array': '0/1'}}, memoryview(b'12'), "
    "{'end': True})",
    f"say({STORE}, {ARRAY | {'shape': [1 << 40]}})",
    f"say({STORE}, {ARRAY | {'shape': [0, 1 << 61, 1 << 61]}})",
    f"say({STORE}, {ARRAY | {'shape': [-1, -2]}})",
    f"say({STORE}, {ARRAY | {'shape': [1 << 80, 0]}})",
    f"say({STORE}, {ARRAY | {'shape': [1] * 33}})",
    f"say({STORE}, {ARRAY | {'shape': 2}})",
    f"say({STORE}, {ARRAY | {'shape': ['2']}})",
    f"say({STORE}, {ARRAY | {'dtype': 'object'}})",
    f"say({STORE}, {ARRAY | {'dtype': ['uint8']}})",
    f"say({STORE}, {ARRAY | {'dtype': 'U4'}})",
    f"say({STORE}, {ARRAY | {'dtype': 'bool'}}, memoryview(b'\\x02\\x01'))",
    f"say({STORE}, {ARRAY}, memoryview(b'123'))",
    f"for n in range(10**6): say({FORM} if n == 0 else {{'layer': 'd' * 10**6, 'names': []}})",
]


@pytest.mark.parametrize("act", NONSENSE)
def test_invalid_frames_are_refused(bad, act):
    message = bad(act)
    assert "damaged HDF5 file (reading it gave" in message


def test_an_error_is_reported_and_shortened(good):
    act = "say({'error': 'UnsafeModelError', 'text': 'e' * 10**6})"
    told = Reader(fake(start="pass", act=act))
    with pytest.raises(UnsafeModelError) as caught:
        told.read("model", good)
    assert str(caught.value) == "e" * 2000


def test_an_error_inside_an_array(good):
    act = f"say({STORE}, {ARRAY}, memoryview(b'1'), {{'error': 'ModelFileError', 'text': 'no'}})"
    told = Reader(fake(start="pass", act=act))
    with pytest.raises(ModelFileError, match=r"^no$"):
        told.read("model", good)


# Interruptions, other processes, the end


@posix
@pytest.mark.usefixtures("keyboard")
def test_an_interruption_from_the_keyboard(good):
    hanging = Reader(fake(start="pass", act="time.sleep(1000)"))
    hanging.start()
    process = number(hanging)
    timer = threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        hanging.read("model", good)
    timer.join()
    assert has_ended(process)


def test_it_is_ended_while_it_reads(good):
    hanging = Reader(fake(start="pass", act="time.sleep(1000)"))
    timer = threading.Timer(1.0, hanging.stop)
    timer.start()
    with pytest.raises(ModelFileError, match=r"good\.h5"):
        hanging.read("model", good)
    timer.join()


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
