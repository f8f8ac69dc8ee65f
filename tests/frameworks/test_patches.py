"""Patches are for one thread, are shared until the last user is done, and are undone."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from layersight.frameworks.graph.cache import Cache
from layersight.frameworks.graph.patches import locked, patched, unpatched


class Layer:
    def call(self, x):
        return [x]


def adding(mark):
    return lambda function: lambda x: [*function(x), mark]


def test_a_patch_is_seen_by_its_own_thread_alone():
    layer = Layer()
    with ThreadPoolExecutor(1) as pool, patched([(layer, "call", adding("here"))]):
        assert layer.call(1) == [1, "here"]
        assert pool.submit(layer.call, 2).result() == [2]
        assert unpatched(layer, "call")(3) == [3]
    assert layer.call(1) == [1]
    assert vars(layer) == {}


def test_patches_of_one_attribute_stack():
    layer = Layer()
    layer.call = original = lambda x: ["own", x]
    with patched([(layer, "call", adding("a")), (layer, "call", adding("b"))]):
        with patched([(layer, "call", adding("c"))]):
            assert layer.call(1) == ["own", 1, "a", "b", "c"]
        assert layer.call(1) == ["own", 1, "a", "b"]
    assert layer.call is original


def test_attributes_of_a_class_are_patched_and_restored():
    class Child(Layer):
        pass

    original = Layer.__dict__["call"]
    with patched([(Layer, "call", lambda call: lambda self, x: [*call(self, x), "class"])]):
        with patched([(Child, "call", lambda call: lambda self, x: [*call(self, x), "child"])]):
            assert Child().call(1) == [1, "class", "child"]
        assert Child().call(1) == [1, "class"]
    assert Layer.__dict__["call"] is original
    assert "call" not in vars(Child)


def test_the_last_of_several_threads_restores():
    layer, entered, leave = Layer(), threading.Barrier(2), threading.Event()

    def other():
        with patched([(layer, "call", adding("there"))]):
            entered.wait()
            leave.wait()
            return layer.call(2)

    with ThreadPoolExecutor(1) as pool:
        with patched([(layer, "call", adding("here"))]):
            waiting = pool.submit(other)
            entered.wait()
            assert layer.call(1) == [1, "here"]
        assert "call" in vars(layer)
        assert layer.call(1) == [1]
        leave.set()
        assert waiting.result() == [2, "there"]
    assert vars(layer) == {}


def test_everything_is_restored_after_an_exception_at_the_start_or_inside():
    layer, other = Layer(), Layer()

    def wrong(function):
        raise RuntimeError("no such change")

    with pytest.raises(RuntimeError, match="no such change"):
        patched([(layer, "call", adding("a")), (other, "call", wrong)]).__enter__()
    with pytest.raises(ValueError, match="inside"), patched([(layer, "call", adding("a"))]):
        raise ValueError("inside")
    assert vars(layer) == vars(other) == {}
    assert layer.call(1) == [1]


def test_an_interruption_at_any_point_leaves_nothing_patched():
    code = """
        import signal, time
        from layersight.frameworks.graph.patches import _of_thread, _slots, patched

        signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))

        class Layer:
            def call(self, x):
                return x

        layers = [Layer() for _ in range(8)]
        patches = [(layer, "call", lambda function: lambda x: x + 1) for layer in layers]
        start = time.perf_counter()
        for _ in range(100):
            with patched(patches):
                pass
        usual = (time.perf_counter() - start) / 100
        interrupted = 0
        for turn in range(500):
            end = time.perf_counter() + 1
            try:
                signal.setitimer(signal.ITIMER_REAL, usual * (1 + turn % 97) / 97)
                while time.perf_counter() < end:
                    with patched(patches):
                        pass
            except KeyboardInterrupt:
                interrupted += 1
            assert not _slots and not _of_thread(), turn
            assert all(not vars(layer) for layer in layers), turn
        # A few arrive where they are swallowed, such as in a callback of the garbage collector.
        assert interrupted > 450, interrupted
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_networks_that_share_a_layer_wait_for_each_other_and_others_do_not():
    first, shared, second, apart = Layer(), Layer(), Layer(), Layer()
    with locked([first]), locked([second]):
        pass  # each network had its own layers at first
    inside = threading.Event()

    def run(layers):
        with locked(layers):
            inside.set()

    with ThreadPoolExecutor(2) as pool:
        with locked([first, shared]), locked([shared]):
            pool.submit(run, [apart]).result(120)
            inside.clear()
            waiting = pool.submit(run, [second, shared])
            assert not inside.wait(0.1)
        waiting.result(120)
    assert inside.is_set()


def test_a_cache_keeps_what_was_used_last():
    cache = Cache(2)
    made = []

    def get(key):
        return cache.get(key, lambda: made.append(key) or key)

    assert [get(key) for key in (1, 2, 1, 3, 1, 2)] == [1, 2, 1, 3, 1, 2]
    assert made == [1, 2, 3, 2]
    assert (cache.latest(), list(cache)) == (2, [1, 2])
