"""Lottery tickets: rounds, rewinding, resuming, refusals."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
import tf_keras as keras

from tests.conftest import Stops, make_data, make_mask, make_model, same_weights, slow, started
from tfsparse import find_mask, paths, train
from tfsparse.experiment import search
from tfsparse.mask import Mask
from tfsparse.masks import find_mask as without_training
from tfsparse.masks.imp import RETRAIN
from tfsparse.task import Task
from tfsparse.task.schedules import cosine, schedule_of
from tfsparse.task.sgd import SGD
from tfsparse.training import read_history

SPARSITY = 1 - 0.8**3


def values(model):
    return {path: variable.numpy() for path, variable in paths.weights(model).items()}


@pytest.fixture
def calls(monkeypatch):
    """What every training of a round was given: (live, steps, stem's weights, learning rate), and what came out of it."""
    rows = []
    train = search.train

    def watched(model, task, mask, recipe, **settings):
        before = values(model)
        optimizer, schedule = schedule_of(task.make_optimizer())
        rate = float(schedule(0) if schedule else optimizer.learning_rate)
        train(model, task, mask, recipe, **settings)
        rows.append(
            {"live": mask.live, "steps": settings["steps"], "before": before, "after": values(model), "rate": rate}
        )

    monkeypatch.setattr(search, "train", watched)
    return rows


def test_the_original_ticket(task, calls, tmp_path):
    model = make_model()
    start = values(model)
    mask = find_mask(model, "imp(rounds=3)", sparsity=SPARSITY, task=task, folder=tmp_path)
    assert [call["live"] for call in calls] == [452, 362, 290] and mask.live == round(0.8**3 * 452)
    assert mask.weights is None and mask.is_ticket, "its start is the model's own"
    masks = [Mask.load(tmp_path / f"round{number}.safetensors") for number in (1, 2, 3)]
    assert masks[2] == mask
    for outer, inner in itertools.pairwise(masks):
        assert all((outer[path] >= inner[path]).all() for path in mask), "rounds are nested"
    for call, masked in zip(calls, [None, *masks], strict=False):
        assert call["steps"] == (0, task.steps)
        for path, value in start.items():
            np.testing.assert_array_equal(call["before"][path], value)
        if masked:
            assert all((call["after"][path][~masked[path]] == 0).all() for path in mask)
    trained, first = calls[0]["after"], masks[0]
    living = np.concatenate([np.abs(trained[path][first[path]]) for path in first])
    dead = np.concatenate([np.abs(trained[path][~first[path]]) for path in first])
    assert living.min() >= dead.max(), "not the largest trained weights"
    rows = json.loads(mask.metadata["rounds"])
    assert rows == json.loads((tmp_path / "rounds.json").read_text())
    assert [row["round"] for row in rows] == [1, 2, 3] and all(0 <= row["test_accuracy"] <= 1 for row in rows)


# Within an epoch of four steps, at its end, in the second.
@pytest.mark.parametrize("step", [3, *(slow(step) for step in (4, 6))])
def test_late_rewinding(task, calls, step):
    model = make_model()
    mask = find_mask(model, f"imp(rounds=2, rewind_steps={step})", sparsity=0.5, task=task)
    assert [call["steps"] for call in calls] == [(0, step), (step, 8), (step, 8)]
    early = calls[0]["after"]
    for call in calls[1:]:
        for path, value in early.items():
            np.testing.assert_array_equal(call["before"][path], value)
    for path, value in early.items():
        np.testing.assert_array_equal(mask.weights[path], value)


def test_learning_rate_rewinding_and_fine_tuning(task, calls):
    for retrain in RETRAIN[1:]:
        calls.clear()
        mask = find_mask(make_model(), "imp", rounds=2, rewind_steps=2, retrain=retrain, sparsity=0.5, task=task)
        assert [call["steps"] for call in calls] == [(0, 8), (2, 8)]
        for path, value in calls[0]["after"].items():
            np.testing.assert_array_equal(calls[1]["before"][path], value)
        for path, value in calls[1]["after"].items():
            np.testing.assert_array_equal(mask.weights[path], value)
        assert calls[1]["rate"] == pytest.approx(0.05 if retrain == "learning_rate_rewinding" else 0.0005)


def test_a_part_of_the_steps_is_that_part_of_an_unbroken_training(data, tmp_path):
    """Without momentum, two halves are the whole."""
    task = Task(data, epochs=3, learning_rate=0.05, momentum=0.0)
    whole, halves = make_model(), make_model()
    halves.set_weights(whole.get_weights())
    train(whole, task, None, "none", verbose=0)
    for steps in ((0, 7), (7, 12)):
        train(halves, task, None, "none", steps=steps, verbose=0)
    for ours, theirs in zip(halves.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("compact", [False, True])
def test_a_late_start_of_adam_takes_no_larger_steps(tmp_path, compact):
    """Its first step is the rate of that step of the training: with averages of 0 the sign of the gradient counts alone."""
    task = Task(make_data(), epochs=8, optimizer=lambda task: keras.optimizers.Adam(cosine(0.01, task.steps)))
    rates = [float(cosine(0.01, task.steps)(step)) for step in range(task.steps)]
    for steps in ((16, 17), (18, 32)):
        model, folder = make_model(), tmp_path / str(steps[0])
        before = values(model)
        train(model, task, make_mask(model), "none", steps=steps, folder=folder, compact=compact, verbose=0)
        if steps[1] == 17:
            moved = max(np.abs(after - before[path]).max() for path, after in values(model).items() if "bias" in path)
            assert moved == pytest.approx(rates[16], rel=1e-3)
    logged = [row["learning_rate"] for row in read_history(folder / "history.csv")]
    assert logged == pytest.approx([rates[19], rates[23], rates[27], rates[31]])


@pytest.mark.slow
def test_a_late_start_goes_on_where_it_was_stopped(tmp_path):
    task = Task(make_data(), epochs=4, optimizer=lambda task: keras.optimizers.Adam(cosine(0.01, task.steps)))
    whole, stopped = started(), started()
    train(whole, task, None, "none", steps=(6, 16), verbose=0)
    with pytest.raises(KeyboardInterrupt):
        train(stopped, task, None, "none", steps=(6, 16), folder=tmp_path, callbacks=[Stops(7)], verbose=0)
    stopped = started()
    history = train(stopped, task, None, "none", steps=(6, 16), folder=tmp_path, verbose=0)
    assert same_weights(stopped, whole) and history.epoch == [1, 2, 3]


class Killed(BaseException):
    pass


def test_stopped_anywhere_it_goes_on(task, monkeypatch, tmp_path):
    """A kill while a round trains, between training and its file, and between two rounds."""
    model, method = make_model(), "imp(rounds=3, rewind_steps=3)"
    whole = find_mask(model, method, sparsity=SPARSITY, task=task, folder=tmp_path / "whole")
    train, trainings = search.train, []

    def dying(*args, **settings):
        trainings.append(settings["steps"])
        if len(trainings) in (2, 4):
            raise Killed
        train(*args, **settings)
        if len(trainings) == 6:
            raise Killed

    monkeypatch.setattr(search, "train", dying)
    for _ in range(3):
        with pytest.raises(Killed):
            find_mask(model, method, sparsity=SPARSITY, task=task, folder=tmp_path / "killed")
    mask = find_mask(model, method, sparsity=SPARSITY, task=task, folder=tmp_path / "killed")
    assert mask == whole and mask.metadata == whole.metadata
    assert trainings == [(0, 3), (3, 8), (3, 8), (3, 8), (3, 8), (3, 8), (3, 8)], (
        "finished rounds are not trained again"
    )
    again = find_mask(model, method, sparsity=SPARSITY, task=task, folder=tmp_path / "killed")
    assert again == whole and again.metadata == whole.metadata and len(trainings) == 7


def test_rounds_of_another_search_are_refused(task, tmp_path):
    model = make_model()
    find_mask(model, "imp(rounds=1)", sparsity=0.5, task=task, folder=tmp_path)
    with pytest.raises(ValueError, match="holds the rounds of another search: sparsity differ"):
        find_mask(model, "imp(rounds=1)", sparsity=0.6, task=task, folder=tmp_path)
    with pytest.raises(ValueError, match="masked differ"):
        find_mask(model, "imp(rounds=1)", sparsity=0.5, task=task, folder=tmp_path, exclude="stem")
    others = {
        "optimizer": dataclasses.replace(task, optimizer=lambda task: keras.optimizers.Adam()),
        "loss": dataclasses.replace(task, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=False)),
        "data's seed": dataclasses.replace(task, data=make_data(seed=1)),
    }
    for name, other in others.items():
        with pytest.raises(ValueError, match=f"another search: {name} differ"):
            find_mask(model, "imp(rounds=1)", sparsity=0.5, task=other, folder=tmp_path)
    model.layers[1].kernel.assign_add(model.layers[1].kernel)
    with pytest.raises(ValueError, match="weights differs. Delete the folder to begin anew"):
        find_mask(model, "imp(rounds=1)", sparsity=0.5, task=task, folder=tmp_path)


def test_an_allocation_that_does_not_fit_is_refused_before_training(model, task, monkeypatch):
    monkeypatch.setattr(search, "train", None)
    other = find_mask(model, "random", sparsity=0.5, exclude="head")
    with pytest.raises(ValueError, match="says nothing of 'head/kernel'"):
        find_mask(model, "imp(rounds=2)", sparsity=0.5, task=task, allocation=other)
    with pytest.raises(ValueError, match=r"in \(0, 1\], a share; received 2"):
        find_mask(model, "imp(rounds=2, allocation='smart_ratio(classifier=2)')", sparsity=0.5, task=task)


def test_rounds_of_another_allocation_are_refused(model, task, tmp_path):
    """Another mask as the allocation, also if it has as many live weights or lies in the same file."""
    path, method = tmp_path / "allocation.safetensors", "imp(rounds=1)"
    first, other = (find_mask(model, "random", sparsity=0.5, allocation=name) for name in ("uniform", "balanced"))
    first.save(path)
    mask = find_mask(model, method, task=task, folder=tmp_path / "rounds", allocation=path)
    assert first.digest in mask.metadata["options"]
    assert find_mask(model, method, task=task, folder=tmp_path / "rounds", allocation=first) == mask
    with pytest.raises(ValueError, match="another search: options differ"):
        find_mask(model, method, task=task, folder=tmp_path / "rounds", allocation=other)
    other.save(path)
    with pytest.raises(ValueError, match="another search: options differ"):
        find_mask(model, method, task=task, folder=tmp_path / "rounds", allocation=path)


@pytest.mark.slow
def test_averaged_weights(model, task, calls):
    """Whole trainings may average; what is a part of one is refused before any."""
    averaging = dataclasses.replace(task, optimizer=lambda task: SGD(task.learning_rate, use_ema=True))
    assert find_mask(model, "imp(rounds=2)", sparsity=0.5, task=averaging).live == 226
    calls.clear()
    for retrain in RETRAIN:
        with pytest.raises(ValueError, match="rewind_steps=3 and the optimizer's use_ema=True do not go together"):
            find_mask(model, "imp", rewind_steps=3, retrain=retrain, sparsity=0.5, task=averaging)
    assert not calls


def test_fine_tuning_at_a_rate_of_nothing_is_refused(model, task, calls):
    falling = dataclasses.replace(task, schedule="cosine", epochs=100)
    with pytest.raises(ValueError, match=r"last learning rate, which is 7\.7e-07 here, after 0\.05 at most: .*'step'"):
        find_mask(model, "imp(retrain='fine_tuning')", sparsity=0.5, task=falling)
    constant = dataclasses.replace(task, schedule="constant")
    find_mask(model, "imp(rounds=2, retrain='fine_tuning')", sparsity=0.5, task=constant)
    assert [call["rate"] for call in calls] == pytest.approx([0.05, 0.05])


def test_refusals(model, task):
    with pytest.raises(ValueError, match="'imp' trains: use tfsparse.find_mask"):
        without_training(model, "imp", sparsity=0.5, task=task)
    with pytest.raises(ValueError, match="'imp' looks at training data: pass task"):
        find_mask(model, "imp", sparsity=0.5)
    with pytest.raises(ValueError, match="rewind_steps=8 must come before the end of training, at 8 steps"):
        find_mask(model, "imp(rewind_steps=8)", sparsity=0.5, task=task)
    with pytest.raises(ValueError, match="retrain must be one of 'weight_rewinding', "):
        find_mask(model, "imp(retrain='never')", sparsity=0.5, task=task)


def test_a_ticket_learns():
    """On data whose classes differ in brightness, the ticket's training reaches what the dense one does."""
    model, task = make_model(), Task(make_data(48), epochs=6, learning_rate=0.02)
    mask = find_mask(model, "imp(rounds=2)", sparsity=0.6, task=task)
    accuracies = [row["test_accuracy"] for row in json.loads(mask.metadata["rounds"])]
    assert max(accuracies) > 0.5


def test_a_rate_that_warms_up_and_falls_to_nothing_is_seen(model, task, calls):
    """At step 0 it is as small as at the end."""
    falls = keras.optimizers.schedules.CosineDecay(0.0, task.steps, warmup_target=0.1, warmup_steps=2)
    warming = dataclasses.replace(task, optimizer=lambda task: keras.optimizers.Adam(falls))
    with pytest.raises(ValueError, match=r"last learning rate, which is .* after 0\.\d+ at most"):
        find_mask(model, "imp(retrain='fine_tuning')", sparsity=0.5, task=dataclasses.replace(warming, epochs=100))
    assert not calls
