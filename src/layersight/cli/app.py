"""The commands, made of what their records declare.

The rule of this module: it knows the names of commands and how an option becomes one of Typer's,
and no command. Only the command that is called is imported.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from layersight.data.command import Backend, Command, Debug, Given, Output, Resume
from layersight.data.fields import Option, options_of

COMMANDS = {
    "summary": (
        "layersight.nouns.summary.command",
        "Shows the layers of a model: shapes, parameters, kernels, receptive fields.",
    ),
    "convert": (
        "layersight.cli.convert",
        "Saves an old model so that plain Keras 3 opens it and computes the same.",
    ),
    "activations": (
        "layersight.nouns.activations.command",
        "Shows what every layer makes of an image.",
    ),
    "patterns": (
        "layersight.nouns.patterns.command",
        "Shows what channels look for: the images that they respond to most.",
    ),
    "heatmap": (
        "layersight.nouns.heatmaps.command",
        "Shows which pixels decided for a class, and how far to believe it.",
    ),
    "evaluate": (
        "layersight.nouns.evaluation.command",
        "Measures over many images how far the heatmaps of each method can be believed.",
    ),
    "kernels": (
        "layersight.nouns.kernels.command",
        "Shows the learned weights of filters, and the spatial patterns in them.",
    ),
    "demo": (
        "layersight.cli.demo",
        "Shows what a small network sees in a cat; needs no file of yours.",
    ),
}
"""The module of each command, which ends with its record ``COMMAND``, and what it does."""


def make_app(given: Sequence[str] = (), *, every: bool = False) -> typer.Typer:
    """The application, with the options of the command that is given, or of every one."""
    app = typer.Typer(
        name="layersight",
        help="Shows what a vision network sees.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_start)
    called = next((word for word in given if word in COMMANDS), None)
    for name, (module, sentence) in COMMANDS.items():
        run, epilog = _nothing, ""
        if name == called or every:
            command: Command = importlib.import_module(module).COMMAND
            run, epilog = _function(name, command), f"Example: {command.example}"
        app.command(name, help=sentence, epilog=epilog)(run)
    return app


LAST = (Backend, Debug, Output, Resume)
"""Options that come last in a list."""


def _nothing() -> None:
    """Stands for a command that is not called."""


def _version(asked: bool) -> None:
    if asked:
        from layersight.version import __version__

        print(f"layersight {__version__}")
        raise typer.Exit


def _start(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Shows what a vision network sees."""


def options_of_command(command: Command) -> dict[str, Option]:
    """All options of a command by the name of the field, arguments first."""
    found: dict[str, Option] = {}
    last = [one for one in command.options if issubclass(one, LAST)]
    first = [one for one in command.options if one not in last]
    pictures = [] if command.pictures is None else [command.pictures]
    if command.outputs:
        found["output"] = Option(
            "output", None, command.outputs, kind=str, metavar="PATH", flag="--output -o"
        )
    for one in (*first, *pictures, *last):
        for name, declared in options_of(one).items():
            found.setdefault(name, declared)

    def order(entry: tuple[str, Option]) -> int:
        if not entry[1].flag.isupper():
            return 4
        return 1 if entry[0] == "model" else 2 + entry[1].several

    return dict(sorted(found.items(), key=order))


def _function(name: str, command: Command) -> Callable[..., None]:
    """What Typer calls: a function with a parameter for each option."""
    options = options_of_command(command)

    def run(**values: Any) -> None:
        given: Given = {
            key: _parsed(options[key], value)
            for key, value in values.items()
            if value not in (None, [], ()) and not (value is False and _is_switch(options[key]))
        }
        from layersight.cli.run import run_command

        run_command(name, command, given)

    parameters = [_parameter(option, command.noun) for option in options.values()]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _is_switch(option: Option) -> bool:
    return option.kind is bool and "/" not in option.flag


def _is_size(option: Option) -> bool:
    return "HxW" in option.metavar


def _many_numbers(option: Option) -> bool:
    return option.several and option.kind in (int, float)


def _parameter(option: Option, noun: str) -> inspect.Parameter:
    """An option as a parameter of a function that Typer reads."""
    kind: Any = str if _is_size(option) or _many_numbers(option) else option.kind
    default: Any = None
    if (option.several and kind is not str) or (option.several and option.kind is str):
        kind = list[kind]
    if option.flag.isupper():
        argument = typer.Argument(metavar=option.flag, help=option.help)
        if not option.several:
            default = inspect.Parameter.empty
        annotation: Any = Annotated[kind, argument]
        if default is None:
            annotation = Annotated[kind | None, argument]
        return inspect.Parameter(
            option.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
        )
    flags = option.flag.split() or [f"--{option.name.replace('_', '-')}"]
    if kind is bool and _is_switch(option):
        lists = _lists(noun) if option.name == "list_methods" else None
        declared = typer.Option(
            *flags, help=option.help, callback=lists, is_eager=lists is not None
        )
        default, whole = False, bool
    else:
        shown = None if kind is bool else _metavar(option)
        declared = typer.Option(*flags, metavar=shown, help=_help(option))
        whole = kind | None
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[whole, declared],
    )


def _lists(noun: str) -> Callable[[bool], None]:
    """What lists the methods in place of the command, which then needs no model."""

    def show(asked: bool) -> None:
        if asked:
            from layersight.cli.output import say

            say(importlib.import_module(f"layersight.nouns.{noun}.command").list_methods())
            raise typer.Exit

    return show


def _metavar(option: Option) -> str:
    """What stands for the value of an option."""
    if option.metavar:
        return option.metavar
    if option.unit:
        return option.unit.upper()
    if option.choices:
        return "NAME"
    short = {int: "N", float: "X"}.get(option.kind or str, "TEXT")
    return f"{short},..." if option.several else short


def _help(option: Option) -> str:
    """What an option does, with the words that it can be."""
    words = [choice for choice in option.choices if choice not in option.help]
    if not words:
        return option.help
    listed = ", ".join(option.choices[:-1]) + f" or {option.choices[-1]}"
    return f"{option.help.rstrip('.')}: {listed}."


def _parsed(option: Option, value: Any) -> Any:
    """A value as the verb takes it."""
    from layersight.cli.values import parse_numbers, parse_size

    if _is_size(option):
        return parse_size(value)
    if _many_numbers(option):
        return parse_numbers(value, f"--{option.name}")
    return tuple(value) if option.several else value
