from pathlib import Path

import numpy as np
import pytest

from slr_hf.benchmarks import live
from slr_hf.live.continuous import ContinuousSigning
from slr_hf.model.landmarks_slr import Landmarks
from slr_hf.model.pipeline_slr import SignRecognitionPipeline


def test_memory_is_told_of_every_hour(model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recognize = SignRecognitionPipeline.from_pretrained(model_dir, device="cpu")
    monkeypatch.setattr(live, "_FPS", 1.0)
    nobody = Landmarks(np.full((360, 543, 3), np.nan, np.float32), fps=1, width=640, height=480)
    resident = iter([500.0, 501.5, 501.0])
    monkeypatch.setattr(live, "resident_memory_mb", lambda: next(resident))
    found = live.measure_memory(recognize, ContinuousSigning(nobody, ()), repeats=25)
    assert found["hours"] == 2.5
    assert found["resident_mb"] == [500.0, 501.5, 501.0]
    assert found["growth_mb"] == 1.0
    assert found["told"] == 0
