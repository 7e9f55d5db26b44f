"""Makes TensorFlow's random functions draw from a given seed while a function is traced."""

import contextlib
import threading

import tensorflow as tf

_turn = threading.RLock()


@contextlib.contextmanager
def seeded(seed):
    """Inside, `tf.random.uniform` and its kin depend only on `seed` and on how many draws came before: no state.

    KerasCV's layers draw from global and per-layer generators, whose state depends on which batches came before and, in
    a parallel `map`, on which thread was faster. Traced inside this, a layer becomes a function of its inputs and the
    seed, so that every batch of every epoch can be made again, and many at once.

    `seed` is a tensor of two integers. Only the thread that entered is affected. A loop in the traced code draws the
    same in each turn, unless `seed` differs from turn to turn.

    >>> with seeded(tf.constant([1, 2])):
    ...     first, second = tf.random.uniform([]), tf.random.uniform([])
    >>> with seeded(tf.constant([1, 2])):
    ...     again = tf.random.uniform([])
    >>> bool(first == again), bool(first == second)
    (True, False)
    """
    draws = iter(range(1 << 30))

    def fresh():
        return tf.random.experimental.stateless_fold_in(seed, next(draws))

    def uniform(shape, minval=0, maxval=None, dtype=tf.float32, seed=None, name=None):
        maxval = 1 if maxval is None else maxval
        return tf.random.stateless_uniform(shape, fresh(), minval, maxval, dtype)

    def normal(shape, mean=0.0, stddev=1.0, dtype=tf.float32, seed=None, name=None):
        return tf.random.stateless_normal(shape, fresh(), mean, stddev, dtype)

    def gamma(shape, alpha, beta=None, dtype=tf.float32, seed=None, name=None):
        return tf.random.stateless_gamma(shape, fresh(), alpha, beta, dtype)

    def shuffle(value, seed=None, name=None):
        return tf.random.experimental.stateless_shuffle(value, fresh())

    stateless = {"uniform": uniform, "normal": normal, "gamma": gamma, "shuffle": shuffle}
    generator = {key: _without_self(stateless[key]) for key in ("uniform", "normal")}
    with _turn, _replaced(tf.random, stateless), _replaced(tf.random.Generator, generator):
        yield


@contextlib.contextmanager
def generator_of_its_own():
    """Inside, a layer that asks for TensorFlow's global generator gets one of its own, which `seeded` leaves unused: with
    deterministic ops the global one is refused unless the program has set it."""
    with _turn, _replaced(tf.random, {"get_global_generator": lambda: tf.random.Generator.from_seed(0)}):
        yield


def _without_self(function):
    return lambda self, *args, **kwargs: function(*args, **kwargs)


@contextlib.contextmanager
def _replaced(owner, functions):
    """Puts `functions` in the place of the attributes of `owner`, for this thread."""
    thread = threading.get_ident()
    originals = {name: getattr(owner, name) for name in functions}

    def choice(name):
        def chosen(*args, **kwargs):
            mine = threading.get_ident() == thread
            return (functions if mine else originals)[name](*args, **kwargs)

        return chosen

    try:
        for name in functions:
            setattr(owner, name, choice(name))
        yield
    finally:
        for name, original in originals.items():
            setattr(owner, name, original)
