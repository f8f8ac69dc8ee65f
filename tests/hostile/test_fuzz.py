"""A fixed sample of the mutated files of ``scripts/fuzz.py``; the long run is that command."""

import importlib.util
import json
import os
import random
import sys
from pathlib import Path

import pytest

from hostile.sample import ALL, MUTATED, NUMBERS

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


@pytest.fixture(scope="module")
def numbers(fuzz):
    return fuzz.Cases(seed=7, numbers=True)


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


def test_one_number_is_changed_and_nothing_else(numbers):
    cases = [numbers.case(number) for number in range(60)]
    assert {case.kind for case in cases} == {"number"}
    assert len({case.name for case in cases}) > 4


class Both:
    """First the mutated files, then those of which one number was changed."""

    def __init__(self, *kinds):
        self.kinds, self.seed, self.models = kinds, kinds[0].seed, kinds[0].models

    def case(self, number):
        mutated, numbers = self.kinds
        return mutated.case(number) if number < MUTATED else numbers.case(number - MUTATED)


def test_no_mutated_file_and_no_changed_number_gets_through(fuzz, cases, numbers, capsys):
    jobs = (os.cpu_count() or 1) if ALL else 1  # each starts a worker, which takes longest
    bad = fuzz.run_all(Both(cases, numbers), range(MUTATED + NUMBERS), jobs=jobs)
    assert bad == 0, capsys.readouterr().out
