"""A process that reads HDF5 and crashes, hangs or sends nonsense: one clear line in time."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from layersight.errors import ModelFileError, UnsafeModelError
from layersight.loading.reader import BOOTSTRAP, SLOWEST, Reader
from loading.test_reader import has_ended, posix

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


@pytest.fixture
def path(tmp_path):
    """A file for a process that does not read it."""
    file = tmp_path / "model.h5"
    file.write_bytes(bytes(6000))
    return file


@pytest.fixture
def bad(path):
    """The error for a file that a faulty process reads."""
    readers = []

    def ask(act, *, start="pass", patience=30.0, starts=30.0):
        readers.append(Reader(fake(act, start), patience=patience, start=starts))
        with pytest.raises(ModelFileError) as caught:
            readers[-1].read("model", path)
        assert readers[-1]._process is None
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)
        return str(caught.value)

    yield ask
    for each in readers:
        each.stop()


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


def test_slow_but_responsive(path):
    with path.open("ab") as file:  # as slow a disk takes 4 seconds for it
        file.write(os.urandom(4 * SLOWEST))
    act = f"for _ in range(8): say(None); time.sleep(0.25)\n    say({FORM}, {{'end': True}})"
    slow = Reader(fake(act), patience=1.5)
    assert slow.read("model", path).layers == []
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


def test_an_error_is_reported_and_shortened(path):
    act = "say({'error': 'UnsafeModelError', 'text': 'e' * 10**6})"
    failing = Reader(fake(act))
    with pytest.raises(UnsafeModelError) as caught:
        failing.read("model", path)
    assert str(caught.value) == "e" * 2000


def test_an_error_inside_an_array(path):
    act = f"say({STORE}, {ARRAY}, memoryview(b'1'), {{'error': 'ModelFileError', 'text': 'no'}})"
    failing = Reader(fake(act))
    with pytest.raises(ModelFileError, match=r"^no$"):
        failing.read("model", path)


@posix
@pytest.mark.usefixtures("keyboard")
def test_an_interruption_from_the_keyboard(path):
    hanging = Reader(fake("time.sleep(1000)"))
    hanging.start()
    process = hanging._process.id
    timer = threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        hanging.read("model", path)
    timer.join()
    assert has_ended(process)


def test_it_is_ended_while_it_reads(path):
    hanging = Reader(fake("time.sleep(1000)"))
    timer = threading.Timer(1.0, hanging.stop)
    timer.start()
    with pytest.raises(ModelFileError, match=r"model\.h5"):
        hanging.read("model", path)
    timer.join()
