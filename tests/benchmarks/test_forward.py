from collections.abc import Iterator

import numpy as np
import pytest
import torch

from slr_hf.benchmarks.forward import (
    batches_of_like_length,
    benchmark_batches,
    benchmark_forward,
    count_flops,
    make_model,
    real_lengths,
)

#: Times over plain matrix products of as many operations, one thread. Measured 1.5 to 2.1 for base and 2.6 to 3.6 for
#: tiny, whose operations are small; the rest is room for a busy machine.
MOST = {"tiny": 6.0, "base": 3.0}


@pytest.fixture
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.alone
@pytest.mark.parametrize("size", MOST)
def test_a_clip_takes_little_more_than_its_matrix_products(size: str, one_thread: None) -> None:
    """The guard against a slower model: no seconds, but a ratio within one run."""
    result = benchmark_forward(size, frames=50, batch_size=1, num_labels=1001, runs=9)
    assert result["ratio_to_matrix_products"] < MOST[size], result


def test_the_operations_of_the_blocks_make_up_the_whole() -> None:
    model = make_model("tiny", num_labels=13)
    flops = count_flops(model, torch.zeros(2, 10, model.config.num_points, model.config.num_channels))
    total = flops.pop("total")
    assert all(flops.values())
    assert sum(flops.values()) == pytest.approx(total, rel=0.01)
    # Twice the clips are twice the operations.
    one = count_flops(model, torch.zeros(1, 10, model.config.num_points, model.config.num_channels))
    assert 2 * one["total"] == total


def test_real_lengths_are_those_of_slovo() -> None:
    lengths = real_lengths(20_000)
    assert lengths.mean() == pytest.approx(50.3, abs=1)
    assert np.median(lengths) == pytest.approx(47, abs=1.5)
    assert lengths.min() >= 17
    assert lengths.max() <= 270
    np.testing.assert_array_equal(lengths, real_lengths(20_000))


def test_batches_hold_every_clip_once_and_little_padding() -> None:
    lengths = real_lengths(1000)
    batches = batches_of_like_length(lengths, 32)
    assert sorted(np.concatenate(batches).tolist()) == list(range(1000))
    padded = sum(len(batch) * lengths[batch].max() for batch in batches)
    assert padded < 1.1 * lengths.sum()
    assert sum(32 * lengths[start : start + 32].max() for start in range(0, 1000, 32)) > 1.5 * lengths.sum()


def test_batches_of_real_lengths_are_timed() -> None:
    result = benchmark_batches("tiny", clips=8, batch_size=4, num_labels=13, runs=1)
    assert result["clips_per_second"] > 0
    assert result["clips"] == 8
