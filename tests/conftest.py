"""Fixtures and settings of all tests."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

# Read when the libraries are imported, so they come before everything else: no test touches the network.
os.environ.update(
    {
        # Of its own, so that no worker of pytest-xdist finds another's remote code half written, and no run what an
        # older one has left.
        "HF_HOME": tempfile.mkdtemp(prefix="slr_hf-tests-"),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "TOKENIZERS_PARALLELISM": "false",
        # Of the processes that tests start: they are not to fight for cores, and none may have threads before it is
        # confined, which numpy's import would start.
        "OMP_NUM_THREADS": "1",
    }
)

import pytest
import torch
from filelock import FileLock
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

#: The files that take a minute or more, longest first.
LONGEST = (
    "test_readme.py",
    "browser/static_page/test_static_page.py",
    "hub/test_export.py",
    "training/test_distributed.py",
    "training/test_unseen.py",
    "faults/test_kills.py",
    "data/test_extraction.py",
    "model/test_extraction_slr.py",
    "fuzz/test_mutations.py",
    "training/test_trainer.py",
)

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

pytest_plugins = [
    "fixtures_arrays",
    "fixtures_export",
    "fixtures_extraction",
    "fixtures_hub",
    "fixtures_slovo",
    "fixtures_space",
    "fixtures_training",
    "fixtures_documents",  # last, since it imports fixtures_slovo
]


def pytest_configure() -> None:
    # One thread: the same sums on every machine, and no fight for cores with MediaPipe's own threads.
    torch.set_num_threads(1)


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["HF_HOME"], ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Of files that are tested side by side, the longest go first, so that no worker is left alone with one at the end.
    places = {(ROOT / "tests" / name).resolve(strict=True): place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root folder of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def make_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Makes a folder once for all workers: the first one to ask makes it, the others wait and find it made."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own  # a worker's folder lies in that of the run

    def make_folder(name: str, make: Callable[[Path], object]) -> Path:
        folder = shared / f"once-{name}"
        with FileLock(f"{folder}.lock"):
            if not folder.exists():
                unfinished = Path(tempfile.mkdtemp(dir=own))
                make(unfinished)
                unfinished.rename(folder)
        return folder

    return make_folder


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
