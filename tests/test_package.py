"""What the package says of itself, and what it costs to import."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import layersight
from layersight import errors

HEAVY = (
    *("keras", "jax", "tensorflow", "torch", "matplotlib", "PIL", "h5py", "reportlab", "zarr"),
    *("pandas", "xarray", "scipy", "numpy"),
)
FRAMEWORKS = ("keras", "jax", "tensorflow", "torch", "matplotlib", "reportlab", "zarr", "h5py")


def loaded_by(code, names):
    """Which of some modules a fresh interpreter has after running some code."""
    script = (
        f"{code}\nimport sys\nprint(*[n for n in {names} if n in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    return done.stdout, done.stderr.strip()


def test_importing_layersight_imports_no_framework_and_no_plotting_library():
    assert loaded_by("import layersight; dir(layersight); layersight.__version__", HEAVY)[1] == ""


def test_help_imports_no_framework():
    code = (
        "from layersight.cli import main\n"
        "try:\n    main(['activations', '--help'])\n"
        "except SystemExit as end:\n    assert end.code == 0"
    )
    output, found = loaded_by(code, HEAVY)
    assert found == ""
    assert "--layers" in output
    assert "Example: layersight activations" in output


def test_verbs_export_and_loading_import_no_framework():
    code = "import layersight\nfor name in layersight.__all__: getattr(layersight, name)"
    found = loaded_by(code, ("keras", "jax", "tensorflow", "torch", "matplotlib", "zarr"))[1]
    assert found == ""


def test_all_is_sorted_complete_and_there():
    assert layersight.__all__ == sorted(layersight.__all__)
    assert dir(layersight) == layersight.__all__
    for name in layersight.__all__:
        assert getattr(layersight, name) is not None
    assert set(layersight.__all__) == {*layersight._PLACES, "__version__"}
    tree = ast.parse(Path(layersight.__file__).read_text("utf-8"))
    typed = [
        alias.name
        for node in tree.body
        if isinstance(node, ast.If)
        for part in node.body
        if isinstance(part, ast.ImportFrom)
        for alias in part.names
    ]
    assert sorted(typed) == sorted(layersight._PLACES)


def test_every_public_function_has_a_docstring_and_keywords_after_its_subject():
    for name in layersight.__all__:
        value = getattr(layersight, name)
        if inspect.isfunction(value):
            assert value.__doc__
            assert "Args:" in value.__doc__
            plain = [
                parameter
                for parameter in inspect.signature(value).parameters.values()
                if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
            ]
            several = ("cascade", "kernels", "measure", "patterns", "save")
            assert len(plain) <= (3 if name in several else 2), name


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="module 'layersight' has no attribute 'nothing'"):
        _ = layersight.nothing


def drawn_tree():
    """The tree in the docstring: for each class its parent and what is said of it."""
    found = {}
    above = []
    for line in (errors.__doc__ or "").splitlines():
        bare = line.lstrip(" │├└─")
        name, _, says = bare.partition(" ")
        if name.endswith("Error") and says.startswith(" "):
            depth = (len(line) - len(bare) - 4) // 4
            above[depth:] = [name]
            found[name] = (above[depth - 1] if depth else "Exception", says.strip())
    return found


def test_the_tree_of_errors_is_the_one_in_the_docstring():
    drawn = drawn_tree()
    real = {
        name: value
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, Exception)
    }
    assert set(drawn) == set(real)
    for name, (parent, says) in drawn.items():
        assert real[name].__bases__[0].__name__ == parent
        assert real[name].__doc__
        if "exit status" in says:
            assert str(real[name].exit_status) in says
    assert {value.exit_status for value in real.values()} == {1, 2}


def test_near_names_are_offered_in_words():
    assert errors.near("conv", ["conv1", "conv2", "conv3", "conv4"]).count(" or ") == 1
    assert errors.near("conv", []) == ""
