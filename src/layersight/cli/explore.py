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
from layersight.data.command import Command, Debug, Given, Labelled
from layersight.data.fields import Options, option, options_of
from layersight.errors import UsageError

if TYPE_CHECKING:
    from layersight.web.explorer import Explorer

SHORTEST_TOKEN = 16
PATIENCE = 2.0  # seconds in which what is computed comes to its end
GRACE = 0.5  # seconds in which a page is told why a model could not be opened


@dataclass(frozen=True, slots=True)
class Shown(Options):
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
class Where(Options):
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


def run(given: Given) -> None:
    """Opens the page, or writes it as a file."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"layersight explore needs {error.name}: pip install 'layersight[web]'"
        ) from error
    where = {name: given.pop(name) for name in Where.__dataclass_fields__ if name in given}
    for name, declared in options_of(Where).items():
        if name in where:
            where[name] = declared.check(where[name])
    if "layers" in where and not where.get("export"):
        raise UsageError("--layers goes with --export: in the page every layer can be chosen")
    if where.get("export"):
        _export(given, where)
    else:
        _serve(given, where)


def _serve(given: Given, where: Given) -> None:
    """Serves the page until Ctrl-C.

    The page is there before the model is: a browser takes its time to start as well.
    """
    from layersight.cli.output import say
    from layersight.web.guard import Guard, is_loopback, new_token
    from layersight.web.server import Server, listening

    token = where.get("token") or new_token()
    if len(token) < SHORTEST_TOKEN or not token.replace("-", "").replace("_", "").isalnum():
        raise UsageError(
            f"expected --token as at least {SHORTEST_TOKEN} letters and digits, found "
            f"{len(token)} characters"
        )
    names = where.get("allow_host", ())
    for name in names:
        if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", name.lower()):
            raise UsageError(
                f"expected --allow-host as one name without a port, such as hub.example.org, "
                f"found {name!r}"
            )
    host, quiet = where.get("host", "127.0.0.1"), where.get("quiet", False)
    opening = _prepare(given, read_only=where.get("read_only", False))
    server = Server(Guard(token, host, names))
    with listening(server, host, where.get("port")) as heard:
        say(heard.address)
        what = "look at the model and the images" + (
            "" if where.get("read_only") else ", and send images"
        )
        if not is_loopback(host):
            _tell(
                f"--host {host} lets everyone who reaches this machine and knows the address "
                f"{what}; nothing is encrypted"
            )
        if names:
            _tell(
                f"--allow-host lets everyone whom the proxy of {', '.join(names)} lets pass and "
                f"who knows the word of the address, {token}, {what}"
            )
        if not where.get("no_browser"):
            _browse(heard.address)
        try:
            explorer = opening()
        except Exception as error:
            server.explorer.set_exception(error)
            time.sleep(GRACE)
            raise
        explorer.begin()
        server.explorer.set_result(explorer)
        if not quiet:
            _tell(f"{explorer.model.info.name} is open; Ctrl-C ends")
        try:
            heard.ended.wait()
        except KeyboardInterrupt:
            if not quiet:
                _tell("ended")
        finally:
            ended = explorer.close(PATIENCE)
    if not ended:
        # A thread in compiled code, such as a compiler's, would break the end of the interpreter.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _export(given: Given, where: Given) -> None:
    from layersight.cli.output import say
    from layersight.web.exported import check_path, write_page

    path = check_path(where["export"])
    explorer = _prepare(given, read_only=True)()
    try:
        size = write_page(explorer, path, list(where["layers"]) if "layers" in where else None)
    finally:
        explorer.close()
    if not where.get("quiet"):
        say(f"wrote {path} ({size / 1e6:.2f} MB)")


def _prepare(given: Given, *, read_only: bool) -> Callable[[], Explorer]:
    """What opens the model, after all that can be said before that.

    Raises:
        LayersightError: There is no such image, or an option is wrong.
    """
    from layersight.batch.gather import make_options
    from layersight.data.preprocessing import find_scale
    from layersight.demo import LABELS
    from layersight.images import find_images
    from layersight.web.wording import Origin

    given.pop("debug", None)
    source, images = given.pop("model", None), given.pop("image", ())
    folder = given.pop("survey", None)
    survey = None
    if folder is not None:
        from layersight.nouns.survey.reading import read_survey

        survey = read_survey(folder)
    looks = {name: given.pop(name) for name in ImageOptions.__dataclass_fields__ if name in given}
    make_options(**looks)
    if looks.get("scale"):
        find_scale(looks["scale"])
    demo = source is None
    if demo:
        if given.get("labels") or given.get("weights") or given.get("architecture"):
            raise UsageError("give a model too: layersight explore MODEL IMAGE")
        assets = Path(str(resources.files("layersight.assets.demo")))
        source, images = str(assets / "cats_dogs.keras"), (str(assets / "chelsea.png"),)
        looks = {"fit": "crop", "scale": "0..1", **looks}
    found = find_images(list(images)) if images else []

    def opening() -> Explorer:
        from layersight.cli.opening import open_model
        from layersight.web.explorer import Explorer, Settings

        model = open_model(source, **({**given, "labels": LABELS} if demo else given))
        opened = {name: value for name, value in given.items() if name != "backend"}
        settings = Settings(read_only, survey, Origin(source, opened, looks))
        explorer = Explorer(model, found, settings)
        if found:  # what is wrong with it, or with an option, is better told here than in the page
            explorer.loaded(explorer.photos.given[0])
        return explorer

    return opening


def _browse(address: str) -> None:
    """Opens the browser, which may take its time or not be there."""
    import threading
    import webbrowser

    def begin() -> None:
        with contextlib.suppress(Exception):
            webbrowser.open(address)

    threading.Thread(target=begin, daemon=True).start()


def _tell(line: str) -> None:
    print(f"layersight: {line}", file=sys.stderr)


COMMAND = Command(
    example="layersight explore model.h5 photos/",
    options=(Shown, Where, ImageOptions, Labelled, Debug),
    run="layersight.cli.explore:run",
)
