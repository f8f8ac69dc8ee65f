"""The backend that was requested is used or is an error, never replaced."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from layersight.errors import BackendError, UsageError
from layersight.loading import backend
from layersight.loading.backend import BACKENDS, choose_backend, installed_backends, quieten


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """A new process without any settings, with all three backends installed."""
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", "")
    install(monkeypatch, *BACKENDS)


def install(monkeypatch, *names):
    def find_spec(name):
        return object() if name in names else None

    monkeypatch.setattr(backend.importlib.util, "find_spec", find_spec)


def configure(tmp_path, text):
    (tmp_path / "keras.json").write_text(text)


def run_on(monkeypatch, name):
    """As if Keras had been imported."""
    keras = SimpleNamespace(config=SimpleNamespace(backend=lambda: name))
    monkeypatch.setitem(sys.modules, "keras", keras)


def test_the_order_of_precedence(monkeypatch, tmp_path):
    assert choose_backend() == "jax"
    monkeypatch.setenv("KERAS_BACKEND", "")
    configure(tmp_path, json.dumps({"backend": "torch"}))
    assert choose_backend() == "torch"
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert choose_backend() == "tensorflow"
    assert choose_backend("jax") == "jax"
    assert os.environ["KERAS_BACKEND"] == "jax"


@pytest.mark.parametrize("installed", [("tensorflow", "torch"), ("torch",)])
def test_the_first_that_is_installed(monkeypatch, installed):
    install(monkeypatch, *installed)
    assert installed_backends() == installed
    assert choose_backend() == installed[0]


@pytest.mark.parametrize(
    "text", ["", "[1]", "{}", '{"backend": 5}', '{"backend": "theano"}', "nul"]
)
def test_useless_configurations(tmp_path, text):
    configure(tmp_path, text)
    assert choose_backend() == "jax"


def test_what_keras_writes_at_its_first_run_is_ignored(tmp_path):
    code = (
        "from layersight.loading.backend import choose_backend\nprint(choose_backend())\n"
        "import keras.src.backend.config"
    )
    environment = {**os.environ, "KERAS_HOME": str(tmp_path / "new"), "KERAS_BACKEND": ""}
    outputs = []
    for _ in range(2):
        process = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        outputs.append(process.stdout)
    written = json.loads((tmp_path / "new" / "keras.json").read_text())
    assert written["backend"] == "tensorflow"
    assert outputs == ["jax\n", "jax\n"]


@pytest.mark.parametrize("changed", [{"backend": "torch"}, {"epsilon": 1e-5}])
def test_a_configuration_that_the_user_changed(tmp_path, changed):
    configure(tmp_path, json.dumps(backend.WRITTEN_BY_KERAS | changed))
    assert choose_backend() == changed.get("backend", "tensorflow")


def test_a_configuration_for_a_missing_backend(monkeypatch, tmp_path):
    configure(tmp_path, json.dumps({"backend": "tensorflow"}))
    install(monkeypatch, "torch")
    assert choose_backend() == "torch"


def test_none_installed(monkeypatch):
    install(monkeypatch)
    with pytest.raises(BackendError, match=r"^no backend for Keras is installed: expected one of"):
        choose_backend()
    with pytest.raises(BackendError, match=r"Install one, .*: pip install 'layersight\[jax\]'$"):
        choose_backend()


@pytest.mark.parametrize("origin", ["--backend", "KERAS_BACKEND"])
def test_a_missing_backend_is_not_replaced(monkeypatch, origin):
    install(monkeypatch, "torch")
    requested = "jax" if origin == "--backend" else None
    monkeypatch.setenv("KERAS_BACKEND", "" if requested else "jax")
    words = rf"^backend 'jax' was requested \({origin}\) but is not installed: pip install 'layer"
    with pytest.raises(BackendError, match=words) as caught:
        choose_backend(requested)
    assert str(caught.value).endswith("or use --backend torch")


def test_unknown_names(monkeypatch):
    with pytest.raises(UsageError, match=r"^unknown backend 'pytorch': .* Did you mean torch\?$"):
        choose_backend("pytorch")
    monkeypatch.setenv("KERAS_BACKEND", "tensorflo")
    with pytest.raises(BackendError, match=r"^KERAS_BACKEND is 'tensorflo': .* tensorflow\?$"):
        choose_backend()


def test_keras_is_already_imported(monkeypatch):
    run_on(monkeypatch, "torch")
    assert choose_backend() == "torch"
    assert choose_backend("torch") == "torch"
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert choose_backend() == "torch"
    words = r"^backend 'jax' was requested, but Keras already runs on 'torch' .* KERAS_BACKEND=jax"
    with pytest.raises(BackendError, match=words):
        choose_backend("jax")


def test_the_user_can_enable_notes(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    monkeypatch.delenv("ABSL_MIN_LOG_LEVEL", raising=False)
    quieten()
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"
    assert os.environ["ABSL_MIN_LOG_LEVEL"] == "3"


def test_choosing_imports_nothing():
    code = (
        "import sys\nfrom layersight.loading.backend import choose_backend\nchoose_backend()\n"
        "print(*[n for n in ('keras', 'jax', 'tensorflow', 'torch') if n in sys.modules])"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == ""
