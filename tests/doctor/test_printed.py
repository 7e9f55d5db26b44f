"""What the doctor prints where nobody watches: into a file or a pipe."""

import re

from tests.processes import run_script


def test_rows_are_whole_in_a_pipe_and_sizes_say_what_they_leave_out():
    flags = ["--data=digits", "--model=resnet8(width=0.25)", "--mask=erk", "--sparsity=0.9"]
    ended = run_script("export.py", "--doctor", *flags)
    assert ended.returncode == 0, ended.stderr
    for path in ("stage2/block0/shortcut/conv/kernel", "stage3/block0/shortcut/conv/kernel"):
        assert re.search(f"{path} .*dense .*dense .*dense ", ended.stdout), ended.stdout
    assert re.search(r"^tflite: about [\d,]+ bytes dense, [\d,]+ sparse, weights alone$", ended.stdout, re.MULTILINE)
