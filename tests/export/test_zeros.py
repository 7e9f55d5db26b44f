"""`check_zeros`: recognises a kernel under another layout and scale, and sees a zero that was lost."""

import numpy as np
import pytest

from tfsparse.export.result import ExportError
from tfsparse.export.zeros import check_zeros

RANDOM = np.random.default_rng(0)


def kernel(*shape):
    return RANDOM.normal(size=shape) * (RANDOM.random(shape) < 0.4)


def test_recognises_layouts_and_scales():
    conv, dense, depthwise = kernel(3, 3, 4, 5), kernel(6, 7), kernel(3, 3, 4, 1)
    file = [
        np.moveaxis(conv * RANDOM.normal(size=5), -1, 0),
        (dense * RANDOM.normal(size=7)).T,
        (depthwise * RANDOM.normal(size=(4, 1))).reshape(1, 3, 3, 4),
    ]
    kernels = {"conv": conv, "dense": dense, "depthwise": depthwise}
    assert check_zeros(kernels, file) == sum(np.count_nonzero(k == 0) for k in kernels.values())


@pytest.mark.parametrize("value", [1e-30, 1e-3, 1.0])
def test_sees_a_lost_zero(value):
    conv, other = kernel(3, 3, 4, 5), kernel(3, 3, 4, 5)
    stored = np.moveaxis(conv, -1, 0).copy()
    stored[tuple(np.argwhere(stored == 0)[0])] = value
    with pytest.raises(ExportError, match="conv"):
        check_zeros({"conv": conv, "other": other}, [np.moveaxis(other, -1, 0), stored])


def test_attention_in_onnx_is_recognised_and_a_zero_lost_in_it_is_seen():
    # As tf2onnx writes it: axes of 1 in front, and what goes into the attention twice.
    query, output = kernel(8, 2, 4), kernel(2, 4, 8)
    inward, outward = np.moveaxis(query, 0, -1), np.moveaxis(output, -1, 0)[None, None].copy()
    kernels, file = {"query": query, "output": output}, [inward.reshape(8, 8), inward[None, None], outward]
    assert check_zeros(kernels, file) == sum(np.count_nonzero(k == 0) for k in kernels.values())
    outward[tuple(np.argwhere(outward == 0)[0])] = 1e-30
    with pytest.raises(ExportError, match="output"):
        check_zeros(kernels, file)


def test_recognises_kernels_with_axes_of_1():
    dense, conv = kernel(6, 1), kernel(3, 3, 4, 1)
    zeros = np.count_nonzero(dense == 0) + np.count_nonzero(conv == 0)
    assert check_zeros({"dense": dense, "conv": conv}, [dense.T, np.moveaxis(conv, (-1, -2), (0, 1))]) == zeros


def test_counts_what_it_cannot_recognise():
    strange = kernel(4, 6)
    merged = np.linalg.qr(RANDOM.normal(size=(6, 6)))[0] @ strange.T  # same size, dense
    with pytest.raises(ExportError, match="strange"):
        check_zeros({"strange": strange}, [merged])
    # A kernel that the converter dropped, dead in the graph, is no lost zero.
    assert check_zeros({"strange": strange}, []) == np.count_nonzero(strange == 0)


def test_a_dead_kernel_that_was_dropped_is_not_looked_for_among_small_constants():
    dead = np.zeros((1, 1, 1, 1))
    assert check_zeros({"dead": dead}, [np.ones((1, 1))]) == 1


def test_a_kernel_that_was_taken_apart_is_not_looked_for_in_another_layers_weights():
    apart, other = kernel(4, 6), RANDOM.normal(size=(3, 8))
    file = [*np.split(apart, 2, axis=1), other.T]
    assert check_zeros({"apart": apart, "other": other}, file) == np.count_nonzero(apart == 0)
    with pytest.raises(ExportError, match=r"where apart have \d+ and other kernels of that size 24"):
        check_zeros({"apart": apart, "other": other}, [np.ones((4, 6)), other.T])
