"""Nothing in a hostile file runs, reads another file, takes too much or speaks for itself.

The files of the sample (all with ``LAYERSIGHT_ALL_HOSTILE=1``) are opened in one process that is
watched and killed when it takes too much; some, once more, in their own processes. First
come the controls: the traps and the watcher work.
"""

import json
import marshal
import pickle
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import h5py
import pytest

from hostile.guard import Alarm, Outcome, Testbed, Worker, environment, run_alone
from hostile.number_attacks import all_kinds, attacks_on
from hostile.problems import problems
from hostile.registry import ATTACKS, MARKER, payload, pickled, set_traps
from hostile.sample import CHOSEN, CHOSEN_NUMBERS, MODULES, SAMPLE
from layersight.errors import ModelFileError
from layersight.loading.reader import Reader

ALONE = ("lambda_byte_code_h5", "external_link_keras", "png_huge")
"""Attacks that are tried in a process of their own, too."""


@pytest.fixture(scope="module")
def testbed(tmp_path_factory):
    made = Testbed(tmp_path_factory.mktemp("hostile"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def worker():
    with Worker() as started:
        yield started


@pytest.fixture
def traps(tmp_path):
    return set_traps(tmp_path / "traps")


def all_problems(testbed, name, worker):
    entry, found = ATTACKS[name], []
    for verb, outcome in testbed.run(entry, worker):
        wrong = problems(entry, outcome, testbed.folder / "out")
        found += [f"{verb}: {line}" for line in wrong]
    return found


# The traps and the watcher work


def test_there_are_enough_attacks_and_each_says_what_it_attacks():
    assert len(ATTACKS) >= 50
    assert all(len(entry.says) > 10 for entry in ATTACKS.values())


@pytest.mark.parametrize(
    "advisory",
    [
        *("CVE-2024-3660", "CVE-2025-1550", "CVE-2025-8747", "CVE-2025-9905", "CVE-2025-9906"),
        *("CVE-2025-12058", "CVE-2025-12060"),
    ],
)
def test_every_advisory_has_its_attacks(advisory):
    assert any(advisory in ATTACKS[name].says for name in SAMPLE)


def test_every_module_of_attacks_is_in_the_sample():
    modules = {module.__name__ for module in MODULES}
    assert {ATTACKS[name].write.__module__ for name in SAMPLE} == modules
    assert len(set(SAMPLE)) == len(SAMPLE)


def test_a_pickle_that_is_loaded_touches_the_canary(traps):
    pickle.loads(pickled(traps))
    assert traps.canary.exists()


def test_byte_code_that_is_run_touches_the_canary(traps):
    code = marshal.loads(payload(traps))
    assert code.co_filename == MARKER
    assert types.FunctionType(code, globals())(3) == 3
    assert traps.canary.exists()


def test_a_model_that_plain_keras_trusts_touches_the_canary(tmp_path, traps):
    path = ATTACKS["lambda_byte_code_h5"].make(tmp_path, traps)
    program = (
        f"import keras; keras.models.load_model({str(path)!r}, safe_mode=False, compile=False)"
    )
    run = subprocess.run([sys.executable, "-c", program], env=environment(), capture_output=True)
    assert traps.canary.exists(), run.stderr.decode()[-500:]


@pytest.mark.skipif(sys.platform != "linux", reason="needs inotify")
def test_a_link_that_is_followed_sets_off_the_alarm(tmp_path, traps):
    path = ATTACKS["external_link_h5"].make(tmp_path, traps)
    alarm = Alarm(traps.folder)
    with h5py.File(path) as file:
        assert alarm.names() == ()
        assert file["model_weights/conv/kernel:0"][0, 0, 0, 0] == 4711
    assert alarm.names() == ("secret.h5",)
    alarm.close()


WATCHED = """
import sys, os
sys.path.insert(0, {folder!r})
from hostile.watch import READER, install
watcher = install()
watcher.watch({{"forbidden": [{traps!r}], "canary": {canary!r}}})
try:
    {statement}
except (OSError, ImportError):
    pass
print(watcher.rest())
"""


@pytest.mark.parametrize(
    ("statement", "seen"),
    [
        ("open({secret!r}).read()", "secret.txt"),
        ("open({canary!r}, 'w')", "to write"),
        ("os.system('true')", "os.system"),
        ("import subprocess; subprocess.run(['true'])", "subprocess.Popen"),
        ("import subprocess; subprocess.run([sys.executable, '-I', '-c', ''])", "subprocess.Popen"),
        ("import subprocess; subprocess.run([sys.executable, '-I', '-c', READER, '/none'])", "[]"),
        ("import subprocess; subprocess.run([sys.executable, '-c', READER])", "subprocess.Popen"),
        (
            "import subprocess; subprocess.run([sys.executable, '-I', '-c', READER + ' '])",
            "subprocess.Popen",
        ),
        (
            "import subprocess; subprocess.run([sys.executable, '-I', '-c', READER, {traps!r}])",
            "subprocess.Popen",
        ),
        ("import socket; socket.create_connection(('127.0.0.1', 9))", "socket."),
        ("import marshal; marshal.loads(marshal.dumps(1))", "marshal.loads"),
        ("import pickle; pickle.loads(b'cos\\nsystem\\n.')", "pickle.find_class"),
        ("sys.path.append({traps!r}); import hostile_canary_module", "hostile_canary_module"),
        ("import this", "import this"),
        ("exec('x = ' + repr({canary!r}))", "of the payload"),
        ("os.rename({secret!r}, {secret!r} + '2')", "os.rename"),
        ("os.mkdir({traps!r} + '/new')", "os.mkdir"),
        ("1 + 1", "[]"),
    ],
)
def test_the_watcher_sees(traps, statement, seen):
    names = {"secret": str(traps.secret), "canary": str(traps.canary), "traps": str(traps.folder)}
    program = WATCHED.format(
        folder=str(Path(__file__).parents[1]), statement=statement.format(**names), **names
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert seen in run.stdout, run.stderr


def test_what_is_wrong_with_an_outcome_is_said(tmp_path):
    entry = ATTACKS["lambda_first_h5"]
    bad = Outcome(
        3,
        "\x1b[31m\nlayersight: evil",
        "Traceback\nunexpected error",
        ("open",),
        peak=3 << 30,
        touched=("x",),
        left=("maps",),
    )
    words = " ".join(problems(entry, bad, tmp_path))
    for word in ("status 3", "event", "trap", "3072 MiB", "x1b", "traceback", "unexpected", "left"):
        assert word in words
    assert problems(entry, Outcome(1, "", "layersight: no.\n"), tmp_path) == []


# The hostile files


def test_every_layer_and_operation_of_keras_has_its_numbers():
    kinds = all_kinds()
    assert len(kinds) > 400
    for kind in ("Dense", "MultiHeadAttention", "GaussianNoise", "op_Tile", "op_Unstack"):
        assert kind in kinds
        assert f"{kind}_plain" in attacks_on(kind)
        assert len(attacks_on(kind)) > 4


@pytest.mark.parametrize(("kind", "number", "verb"), CHOSEN_NUMBERS)
def test_a_huge_number_costs_little(testbed, worker, tmp_path, kind, number, verb):
    entry = attacks_on(kind)[f"{kind}_{number}"]
    path = entry.make(testbed.folder / "files", testbed.traps)
    image, target = testbed.good / "good.png", tmp_path / "maps.npz"
    arguments = {
        "summary": ["summary", str(path)],
        "convert": ["convert", str(path), str(tmp_path / "new.keras")],
        "patterns": ["patterns", str(path), "--steps", "2", "-o", str(target)],
    }.get(verb, [verb, str(path), str(image), "-o", str(target)])
    rules = testbed.rules(path) | {"writable": [str(tmp_path), tempfile.gettempdir()]}
    outcome = worker.run(arguments, rules, seconds=20)
    assert problems(entry, outcome, testbed.folder / "out") == []


@pytest.mark.parametrize("name", CHOSEN)
def test_a_hostile_file_does_nothing(testbed, worker, name):
    assert all_problems(testbed, name, worker) == []


@pytest.mark.parametrize("name", ALONE)
def test_a_hostile_file_does_nothing_in_a_process_of_its_own(testbed, name):
    assert all_problems(testbed, name, None) == []


READ_WATCHED = """
import json, sys
sys.path.insert(0, {folder!r})
from hostile.watch import install
watcher = install()
from layersight.hdf5.serving import JOBS, answer
for path, name, rules in json.load(sys.stdin):
    for job in JOBS:
        frames = []
        watcher.watch(rules)
        answer({{"job": job, "path": path, "folder": None}}, frames.append)
        events = list(watcher.rest())
        if events or not isinstance(frames[-1], dict):
            print(name, job, events, frames[-1])
print("done")
"""


def test_the_process_that_reads_hdf5_does_nothing_but_read(testbed):
    files = []
    for name, entry in ATTACKS.items():
        if entry.kind == "model" and not entry.heavy:
            path = entry.make(testbed.folder / "read", testbed.traps)
            if path.is_file():
                files.append((str(path), name, testbed.rules(path) | {"writable": []}))
    alarm = Alarm(testbed.traps.folder, testbed.traps.secret_folder)
    run = subprocess.run(
        [sys.executable, "-c", READ_WATCHED.format(folder=str(Path(__file__).parents[1]))],
        input=json.dumps(files),
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert len(files) > 100
    assert (run.stdout, run.stderr) == ("done\n", "")
    assert alarm.names() == ()
    alarm.close()


def test_hdf5_that_does_not_come_back_is_left(tmp_path, traps):
    """With less patience than usual; with all of it, the file is one of the hostile ones."""
    path = ATTACKS["heap_without_end"].make(tmp_path, traps)
    reader = Reader(patience=2.0)
    with pytest.raises(ModelFileError, match="reading it does not end"):
        reader.read("model", path)
    assert reader._process is None


def test_a_good_file_opens(testbed, worker, tmp_path):
    good, image = testbed.good / "good.keras", testbed.good / "good.png"
    target = tmp_path / "maps.npz"
    rules = testbed.rules(good) | {"writable": [str(tmp_path), tempfile.gettempdir()]}
    arguments = ["activations", str(good), str(image), "-o", str(target)]
    for run in (worker.run, run_alone):
        outcome = run(arguments, rules)
        assert (outcome.status, outcome.killed, outcome.events) == (0, "", ()), outcome
        assert target.exists()
        target.unlink()
