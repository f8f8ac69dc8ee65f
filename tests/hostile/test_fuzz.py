"""A fixed sample of the mutated files of ``scripts/fuzz.py``; the long run is that command."""

from __future__ import annotations

import importlib.util
import json
import random
import sys
from pathlib import Path

import pytest

from hostile.sample import MUTATED, NUMBERS

SCRIPT = Path(__file__).parents[2] / "scripts" / "fuzz.py"


@pytest.fixture(scope="module")
def fuzz():
    spec = importlib.util.spec_from_file_location("layersight_fuzz", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["layersight_fuzz"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["layersight_fuzz"]


@pytest.fixture(scope="module")
def cases(fuzz):
    return fuzz.Cases(seed=7)


def test_a_case_is_the_same_each_time(cases):
    first = [cases.case(number) for number in range(40)]
    assert [cases.case(number) for number in range(40)] == first
    assert len({repr((case.name, case.content, case.parts)) for case in first}) > 35


def test_every_kind_of_case_comes(cases):
    kinds = {cases.case(number).kind for number in range(100)}
    assert kinds == {"image", "configuration", "member", "bytes"}


def test_a_mutated_configuration_is_json_and_another(fuzz, cases):
    chance, config = random.Random(0), cases.models[0].config
    before = json.dumps(config)
    mutants = [json.dumps(fuzz.mutate_config(config, config, chance)) for _ in range(50)]
    assert json.dumps(config) == before
    assert sum(mutant != before for mutant in mutants) > 40


def test_no_mutated_file_gets_through(fuzz, cases, capsys):
    bad = fuzz.run_all(cases, range(MUTATED), jobs=2)
    assert bad == 0, capsys.readouterr().out


def test_one_number_is_changed_and_nothing_else(fuzz):
    cases, kinds = fuzz.Cases(seed=7, numbers=True), set()
    for number in range(60):
        case = cases.case(number)
        assert case.kind == "number"
        kinds.add(case.name)
    assert len(kinds) > 4


def test_no_changed_number_gets_through(fuzz, capsys):
    bad = fuzz.run_all(fuzz.Cases(seed=7, numbers=True), range(NUMBERS), jobs=2)
    assert bad == 0, capsys.readouterr().out
