import pytest

from slr_hf.benchmarks.training import benchmark_training, made_up_clips
from slr_hf.data import KeypointCollator
from slr_hf.model.processing_slr import KeypointProcessor


def test_the_whole_loop_is_timed_and_the_data_path_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    result = benchmark_training("tiny", batch_size=2, steps=2, num_labels=13, device="cpu")
    assert result["clips_per_second"] > 0
    # Loading alone cannot take longer than loading, augmenting and training.
    assert 0 < result["data_path_ms"] < result["step_ms"]
    assert result["busy"] > 0
    assert result["processes"] == 1
    assert not capsys.readouterr().out, "standard output is for the figures"


def test_made_up_clips_go_the_way_of_real_ones() -> None:
    processor = KeypointProcessor()
    clips = made_up_clips(processor, clips=3, num_labels=13)
    batch = processor.finish(KeypointCollator(processor)(list(clips)))
    assert batch["keypoints"].shape[::2] == (3, processor.num_points)
    assert batch["keypoints"].isfinite().all()


def test_a_compiled_model_is_trained_too() -> None:
    # Without generated code, which would need a compiler and minutes.
    result = benchmark_training("tiny", batch_size=2, steps=2, num_labels=13, device="cpu", compiler="eager")
    assert result["compiler"] == "eager"
    assert result["clips_per_second"] > 0
