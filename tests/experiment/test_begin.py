"""What `train` refuses before it works."""

import dataclasses

import pytest
import tf_keras as keras

from tfsparse import train

SETTERS = {
    "LearningRateScheduler": lambda: keras.callbacks.LearningRateScheduler(lambda epoch: 0.5**epoch),
    "ReduceLROnPlateau": lambda: keras.callbacks.ReduceLROnPlateau("loss", patience=0, min_delta=1e9, cooldown=9),
}


@pytest.mark.parametrize("schedule", ["constant", "step"])
@pytest.mark.parametrize("name", SETTERS)
def test_callbacks_that_would_set_the_rates_of_a_schedule_are_refused(name, schedule, model, mask, task):
    """Keras sets a number that nobody reads: no word was said, and the history had learning rates that never were."""
    scheduled = dataclasses.replace(task, schedule=schedule)
    with pytest.raises(ValueError, match=rf"\A{name} would change nothing[^\n]*SGD\(0.1\)\.\Z"):
        train(model, scheduled, mask, "none", callbacks=[SETTERS[name]()], verbose=0)


def test_what_begins_anew_when_a_training_is_resumed_is_named(model, mask, task, tmp_path, caplog):
    stop = keras.callbacks.EarlyStopping("loss", patience=5)
    options = {"folder": tmp_path, "callbacks": [stop], "verbose": 0}
    train(model, dataclasses.replace(task, epochs=1), mask, "none", **options)
    assert "begins anew" not in caplog.text
    train(model, dataclasses.replace(task, epochs=1), mask, "none", **options)
    assert "EarlyStopping begins anew now that the training is resumed" in caplog.text
    train(model, dataclasses.replace(task, epochs=1), mask, "none", callbacks=[stop], compact=True, verbose=0)
    assert "EarlyStopping begins anew when channels are taken out" in caplog.text


@pytest.mark.parametrize("name", SETTERS)
def test_they_set_a_rate_that_is_a_number(name, model, mask, task):
    plain = dataclasses.replace(task, optimizer=lambda task: keras.optimizers.SGD(1.0), epochs=3)
    rates = train(model, plain, mask, "none", callbacks=[SETTERS[name]()], verbose=0).history["learning_rate"]
    assert len(set(rates)) > 1, rates
