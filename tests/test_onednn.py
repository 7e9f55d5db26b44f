"""oneDNN is asked for where TensorFlow would not, and nobody's own choice is overruled."""

import os
import platform

import pytest

from tfsparse._onednn import choose_onednn

NAME = "TF_ENABLE_ONEDNN_OPTS"


@pytest.mark.parametrize(
    ("machine", "given", "expected"),
    [("x86_64", None, "1"), ("AMD64", None, "1"), ("x86_64", "0", "0"), ("aarch64", None, None)],
)
def test_it_is_chosen_on_x86_alone_and_never_against_a_users_word(monkeypatch, machine, given, expected):
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.delenv(NAME, raising=False)
    if given is not None:
        monkeypatch.setenv(NAME, given)
    choose_onednn()
    assert os.environ.get(NAME) == expected
