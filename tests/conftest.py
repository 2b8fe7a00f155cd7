"""Fixtures and settings of all tests."""

import os
from pathlib import Path

# Read when the libraries are imported, so they come before everything else: no test touches the network.
os.environ.update(
    {
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "TOKENIZERS_PARALLELISM": "false",
    }
)

import pytest
import torch
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

pytest_plugins = ["fixtures_export", "fixtures_extraction", "fixtures_hub", "fixtures_slovo"]


def pytest_configure() -> None:
    # One thread: the same sums on every machine, and no fight for cores with MediaPipe's own threads.
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root folder of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real clips and landmark arrays: the environment variable SLR_DATA, else ../shared/data."""
    folder = Path(os.environ.get("SLR_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs the real data, but there is no folder {folder} (set SLR_DATA)")
    return folder


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model with random weights, saved as for the Hub, code included."""
    from slr_hf.model.configuration_slr import SLRConfig
    from slr_hf.model.modeling_slr import SLRForSignClassification
    from slr_hf.model.pipeline_slr import SignRecognitionPipeline
    from slr_hf.model.processing_slr import KeypointProcessor

    torch.manual_seed(0)
    glosses = ("no_event", "Привет", "hello", "thank you", "doctor", "today", "I")
    model = SLRForSignClassification(SLRConfig.from_size("tiny", id2label=dict(enumerate(glosses))))
    folder = tmp_path_factory.mktemp("hub") / "model"
    SignRecognitionPipeline(model, KeypointProcessor()).save_pretrained(folder)
    return folder
