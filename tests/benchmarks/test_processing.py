from pathlib import Path

import pytest

from slr_hf.benchmarks.processing import benchmark_memory, benchmark_processor, benchmark_start, benchmark_video


def test_the_processor_is_timed() -> None:
    result = benchmark_processor(frames=10, batch_size=4, runs=2)
    assert result["clips_per_second"] == pytest.approx(4 / result["median_ms"] * 1e3, rel=0.02)


def test_a_fresh_process_imports_loads_and_answers(model_dir: Path) -> None:
    result = benchmark_start(model_dir, runs=1)
    steps = ("import_torch", "import_slr_hf", "import_pipeline", "load_pipeline", "first_answer")
    assert list(result) == ["what", *(f"{step}_ms" for step in steps)]
    assert result["import_slr_hf_ms"] < result["import_torch_ms"]


@pytest.mark.alone
@pytest.mark.integration
def test_a_video_is_timed_beside_bare_mediapipe(
    model_dir: Path, landmarker_path: Path, clip_paths: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLR_LANDMARKER", str(landmarker_path))
    result = benchmark_video(model_dir, clip_paths["wave"], runs=1)
    assert result["frames"] > 0
    # All of it runs the landmarker, so neither can be a small part of the other.
    assert 0.5 < result["ratio"] < 2


@pytest.mark.alone
@pytest.mark.integration
def test_memory_of_a_longer_video_grows_with_its_landmarks_at_most(
    model_dir: Path, landmarker_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLR_LANDMARKER", str(landmarker_path))
    result = benchmark_memory(model_dir, seconds=16)
    short, long = (peak["seconds"] for peak in result["peaks"].values())
    assert 0 < short < long, "every frame is looked at"
    assert result["growth_mb"] < result["growth_of_landmarks_mb"] + 50
