"""A small model exported once for all tests, since an export takes a while."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from slr_hf.data.landmark_arrays import FRAME_HEIGHT, FRAME_WIDTH, LandmarkArrays
from slr_hf.model.configuration_slr import SLRConfig
from slr_hf.model.landmarks_slr import Landmarks
from slr_hf.model.modeling_slr import SLRForSignClassification
from slr_hf.model.pipeline_slr import SignRecognitionPipeline
from slr_hf.model.processing_slr import KeypointProcessor

if TYPE_CHECKING:
    import onnx

GLOSSES = ("no_event", "Привет", "hello")


@pytest.fixture(scope="session")
def small_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the smallest model that has every kind of layer, with random weights."""
    torch.manual_seed(0)
    config = SLRConfig.from_size(
        "tiny",
        id2label=dict(enumerate(GLOSSES)),
        patch_width=16,
        hidden_size=32,
        intermediate_size=32,
        num_local_layers=1,
        num_global_layers=1,
        num_classifier_layers=1,
        input_size=40,
    )
    random = np.random.default_rng(0)
    processor = KeypointProcessor(input_size=40)
    shape = (processor.num_points, processor.num_channels)
    processor.mean, processor.std = random.normal(size=shape).tolist(), random.uniform(0.5, 2, shape).tolist()
    folder = tmp_path_factory.mktemp("export") / "model"
    SignRecognitionPipeline(SLRForSignClassification(config), processor).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def export_command(
    repository: Path, small_model_dir: Path, make_once: Callable[[str, Callable[[Path], object]], Path]
) -> Path:
    """A folder in which scripts/export.py, run as a command, has left the small model in `onnx` and its `report`."""
    pytest.importorskip("onnxscript")

    def export(folder: Path) -> None:
        command = [sys.executable, "scripts/export.py", "--model", small_model_dir, "--output", folder / "onnx"]
        done = subprocess.run(
            [*command, "--threads", "1"], cwd=repository, capture_output=True, text=True, timeout=800, check=False
        )
        assert done.returncode == 0, done.stderr
        (folder / "report").write_text(done.stdout, encoding="utf-8")

    return make_once("exported", export)


@pytest.fixture(scope="session")
def exported_file(export_command: Path) -> Path:
    """The small model as an exported file in fp32, alone in its folder."""
    return export_command / "onnx/model.onnx"


@pytest.fixture(scope="session")
def exported(exported_file: Path) -> "onnx.ModelProto":
    """The graph of the exported file."""
    import onnx

    return onnx.load(exported_file)


@pytest.fixture(scope="session")
def ksl13_clip(data_dir: Path) -> Callable[..., Landmarks]:
    """Gives a real clip of ksl13 by its number."""
    arrays = LandmarkArrays.read(data_dir / "ksl13.npz")

    def clip(number: int, fps: float | None = 30.0) -> Landmarks:
        frames = arrays.landmarks[arrays.offsets[number] : arrays.offsets[number + 1]].astype(np.float32)
        return Landmarks(frames, tuple(arrays.points.tolist()), fps=fps, width=FRAME_WIDTH, height=FRAME_HEIGHT)

    return clip
