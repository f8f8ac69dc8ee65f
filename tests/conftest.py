"""What all tests share."""

import os
import random
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from fake_network import chain, fake, network

__all__ = ["chain", "fake", "network"]

# The same examples each time, in whatever time a busy machine takes for them.
settings.register_profile(
    "layersight", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("layersight")

_skipped = []

# Keras takes the seeds of first weights from here: a network is the same each time, wherever and
# after whatever other test it is made.
random.seed("collection")


def pytest_fixture_setup(fixturedef):
    random.seed(fixturedef.argname)


def pytest_runtest_call(item):
    random.seed(item.nodeid)


@pytest.fixture
def data():
    """The folder with real models and images, named by ``LAYERSIGHT_DATA``."""
    folder = os.environ.get("LAYERSIGHT_DATA")
    if not folder:
        pytest.skip("LAYERSIGHT_DATA names no folder with real models and images")
    return Path(folder)


@pytest.fixture
def keyboard():
    """Lets Ctrl-C interrupt this process and those that it starts, however it was started.

    A shell starts what it runs in the background (``scripts/test &``) with SIGINT ignored, and
    that is inherited.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def pytest_runtest_logreport(report):
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(report.nodeid)


def pytest_sessionfinish(session):
    """Where real models are given, a skipped test is a failure."""
    if _skipped and os.environ.get("LAYERSIGHT_DATA"):
        print(f"\n{len(_skipped)} tests were skipped although LAYERSIGHT_DATA is set:")
        print("\n".join(_skipped))
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
