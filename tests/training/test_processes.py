"""A single process; tests/scripts/test_train.py starts several."""

import pytest
import torch

from slr_hf.training.processes import is_main_process, main_process_first, uses_cpu


def test_a_process_alone_is_the_main_one_and_waits_for_nobody() -> None:
    with main_process_first("cpu"):
        assert is_main_process()


def test_an_error_in_the_block_is_raised() -> None:
    with pytest.raises(ValueError, match="no such clip"), main_process_first("cpu"):
        raise ValueError("no such clip")


def test_an_accelerator_is_used_where_there_is_one_and_the_cpu_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ACCELERATE_USE_CPU", raising=False)
    assert uses_cpu("auto") != torch.accelerator.is_available()
    assert uses_cpu("cpu")
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")  # as `accelerate launch --cpu` does
    assert uses_cpu("auto")
