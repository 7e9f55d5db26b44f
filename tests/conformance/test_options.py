"""Every option of every entry: a value of the wrong kind is refused in one line that names it, before any work."""

import functools
import types

import pytest

from tests.conformance import settings
from tests.conftest import make_data, make_model
from tfsparse import find_mask
from tfsparse.masks import METHODS
from tfsparse.models import MODELS, build_model
from tfsparse.recipe import INGREDIENTS, Recipe
from tfsparse.registry import options
from tfsparse.task import Task
from tfsparse.task.schedules import SCHEDULES

WRONG = ("'text'", "{}", "[1]", "None", "1e999", "-3")
# Where None means something, and the one option that takes every number.
RIGHT = {("epochs", "None"), ("penalty", "None"), ("fill", "None"), ("fill", "-3")}


@functools.cache
def model_and_task():
    """Made once: what is refused changes neither."""
    return make_model(), Task(make_data(), epochs=4)


def every_option(table):
    cases = [(name, option) for name in sorted(table) for option in options(table[name])]
    return pytest.mark.parametrize(("name", "option"), cases)


def refused(name, option, call, others=""):
    for wrong in WRONG:
        if (option, wrong) not in RIGHT:
            with pytest.raises(ValueError, match=rf"\A[^\n]*{option}[^\n]*\Z"):
                call(f"{name}({option}={wrong}{others})")


@every_option(INGREDIENTS)
def test_an_ingredient_refuses_it(name, option):
    refused(name, option, Recipe)


@every_option(METHODS)
def test_a_mask_method_refuses_it(name, option):
    model, task = model_and_task()
    usual = settings.METHODS.get(name, name).partition("(")[2].removesuffix(")").split(", ")
    others = "".join(f", {each}" for each in usual if each and not each.startswith(f"{option}="))
    refused(name, option, lambda text: find_mask(model, text, sparsity=0.5, task=task), others)


@every_option(SCHEDULES)
def test_a_schedule_refuses_it(name, option):
    refused(name, option, lambda text: Task(make_data(), schedule=text))


@every_option(MODELS)
def test_a_model_refuses_it(name, option):
    data = types.SimpleNamespace(input_shape=(32, 32, 3), num_classes=10)
    refused(name, option, lambda text: build_model(text, data))
