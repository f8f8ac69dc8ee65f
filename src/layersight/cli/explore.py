"""``layersight explore``."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from layersight.batch.request import ImageOptions
from layersight.data.command import Arguments, Command, Debug, Labelled
from layersight.data.fields import Options, option, options_of
from layersight.errors import UsageError

if TYPE_CHECKING:
    from layersight.web.explorer import Explorer

SHORTEST_TOKEN = 16
CLOSE_SECONDS = 2.0  # in which running work comes to its end
FAILURE_SECONDS = 0.5  # in which a page receives why a model could not be opened


@dataclass(frozen=True, slots=True)
class Content(Options):
    model: str | None = option(
        None, help="As for other commands; without one, the demonstration.", flag="MODEL"
    )
    image: tuple[str, ...] = option(
        (), help="Files, folders or quoted globs; more can be added in the page.", flag="IMAGE"
    )
    survey: str | None = option(
        None,
        help="What layersight survey wrote: the strongest images of each channel.",
        metavar="DIR",
    )


@dataclass(frozen=True, slots=True)
class Serving(Options):
    port: int | None = option(
        None, help="Where to listen; else 8764 or what is free.", low=0, high=65535
    )
    host: str = option("127.0.0.1", help="Who is heard; another lets others in.", metavar="ADDRESS")
    token: str | None = option(
        None, help="The secret of the address; else a new one.", metavar="WORD"
    )
    allow_host: tuple[str, ...] = option(
        (),
        help="A name under which a proxy shows the page, exactly; may be repeated.",
        metavar="NAME",
        flag="--allow-host",
    )
    read_only: bool = option(
        False, help="Take no images from the page: for a class room.", flag="--read-only"
    )
    no_browser: bool = option(False, help="Only print the address.", flag="--no-browser")
    export: str | None = option(
        None, help="Write the page as one .html file and end.", metavar="PATH"
    )
    layers: tuple[str, ...] = option(
        (),
        help="Of --export: whose maps are kept; may be repeated. Else all.",
        metavar="SPEC",
        flag="--layers -l",
    )
    quiet: bool = option(False, help="Say nothing but the address and errors.", flag="--quiet -q")


def run(arguments: Arguments) -> None:
    """Opens the page, or writes it as a file."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"layersight explore needs {error.name}: pip install 'layersight[web]'"
        ) from error
    serving = {
        name: arguments.pop(name) for name in Serving.__dataclass_fields__ if name in arguments
    }
    for name, declared in options_of(Serving).items():
        if name in serving:
            serving[name] = declared.check(serving[name])
    if "layers" in serving and not serving.get("export"):
        raise UsageError("--layers goes with --export: in the page every layer can be chosen")
    if serving.get("export"):
        _export(arguments, serving)
    else:
        _serve(arguments, serving)


def _serve(arguments: Arguments, serving: Arguments) -> None:
    """Serves the page until Ctrl-C.

    The page is there before the model is open: a browser takes time to start as well.
    """
    from layersight.cli.output import say
    from layersight.web.guard import Guard, is_loopback, new_token
    from layersight.web.server import Server, listening

    token = serving.get("token") or new_token()
    if len(token) < SHORTEST_TOKEN or not token.replace("-", "").replace("_", "").isalnum():
        raise UsageError(
            f"expected --token as at least {SHORTEST_TOKEN} letters and digits, found "
            f"{len(token)} characters"
        )
    names = serving.get("allow_host", ())
    for name in names:
        if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", name.lower()):
            raise UsageError(
                f"expected --allow-host as one name without a port, such as hub.example.org, "
                f"found {name!r}"
            )
    host, quiet = serving.get("host", "127.0.0.1"), serving.get("quiet", False)
    open_explorer = _prepare(arguments, read_only=serving.get("read_only", False))
    server = Server(Guard(token, host, names))
    with listening(server, host, serving.get("port")) as listener:
        say(listener.address)
        abilities = "look at the model and the images" + (
            "" if serving.get("read_only") else ", and send images"
        )
        if not is_loopback(host):
            _note(
                f"--host {host} lets everyone who reaches this machine and knows the address "
                f"{abilities}; nothing is encrypted"
            )
        if names:
            _note(
                f"--allow-host lets everyone whom the proxy of {', '.join(names)} lets pass and "
                f"who knows the token, {token}, {abilities}"
            )
        if not serving.get("no_browser"):
            _browse(listener.address)
        try:
            explorer = open_explorer()
        except Exception as error:
            server.explorer.set_exception(error)
            time.sleep(FAILURE_SECONDS)
            raise
        explorer.begin()
        server.explorer.set_result(explorer)
        if not quiet:
            _note(f"{explorer.model.info.name} is open; Ctrl-C ends")
        try:
            listener.ended.wait()
        except KeyboardInterrupt:
            if not quiet:
                _note("ended")
        finally:
            ended = explorer.close(CLOSE_SECONDS)
    if not ended:
        # A thread in compiled code, such as a compiler's, would break the end of the interpreter.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _export(arguments: Arguments, serving: Arguments) -> None:
    from layersight.cli.output import say
    from layersight.web.exported import check_path, write_page

    path = check_path(serving["export"])
    explorer = _prepare(arguments, read_only=True)()
    try:
        size = write_page(explorer, path, list(serving["layers"]) if "layers" in serving else None)
    finally:
        explorer.close()
    if not serving.get("quiet"):
        say(f"wrote {path} ({size / 1e6:.2f} MB)")


def _prepare(arguments: Arguments, *, read_only: bool) -> Callable[[], Explorer]:
    """A function that opens the model; what can be checked without the model is checked first.

    Raises:
        LayersightError: There is no such image, or an option is wrong.
    """
    from layersight.batch.gather import make_options
    from layersight.data.preprocessing import find_scale
    from layersight.demo import LABELS
    from layersight.images import find_images
    from layersight.web.snippets import Origin

    arguments.pop("debug", None)
    source, images = arguments.pop("model", None), arguments.pop("image", ())
    folder = arguments.pop("survey", None)
    survey = None
    if folder is not None:
        from layersight.nouns.survey.reading import read_survey

        survey = read_survey(folder)
    image_options = {
        name: arguments.pop(name) for name in ImageOptions.__dataclass_fields__ if name in arguments
    }
    make_options(**image_options)
    if image_options.get("scale"):
        find_scale(image_options["scale"])
    demo = source is None
    if demo:
        if arguments.get("labels") or arguments.get("weights") or arguments.get("architecture"):
            raise UsageError("give a model too: layersight explore MODEL IMAGE")
        assets = Path(str(resources.files("layersight.assets.demo")))
        source, images = str(assets / "cats_dogs.keras"), (str(assets / "chelsea.png"),)
        image_options = {"fit": "crop", "scale": "0..1", **image_options}
    paths = find_images(list(images)) if images else []

    def open_explorer() -> Explorer:
        from layersight.cli.opening import open_model
        from layersight.web.explorer import Explorer, Settings

        model = open_model(source, **({**arguments, "labels": LABELS} if demo else arguments))
        opened = {name: value for name, value in arguments.items() if name != "backend"}
        settings = Settings(read_only, survey, Origin(source, opened, image_options))
        explorer = Explorer(model, paths, settings)
        if paths:  # a wrong image or option is better reported here than in the page
            explorer.load(explorer.photos.opened[0])
        return explorer

    return open_explorer


def _browse(address: str) -> None:
    """Opens the browser, which may take a while or be missing."""
    import threading
    import webbrowser

    def open_browser() -> None:
        with contextlib.suppress(Exception):
            webbrowser.open(address)

    threading.Thread(target=open_browser, daemon=True).start()


def _note(line: str) -> None:
    print(f"layersight: {line}", file=sys.stderr)


COMMAND = Command(
    example="layersight explore model.h5 photos/",
    options=(Content, Serving, ImageOptions, Labelled, Debug),
    run="layersight.cli.explore:run",
)
