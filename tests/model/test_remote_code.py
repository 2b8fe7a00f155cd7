"""A saved folder is enough: it loads and recognises where slr_hf is not installed."""

import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

import numpy as np
import pytest
import torch
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from transformers import (
    AutoModel,
    AutoModelForVideoClassification,
    AutoProcessor,
    EvalPrediction,
    Trainer,
    TrainingArguments,
    pipeline,
)

from slr_hf.model.configuration_slr import SLRConfig
from slr_hf.model.landmarks_slr import NUM_LANDMARKS, Landmarks
from slr_hf.model.modeling_slr import SLRForSignClassification, SLRModel
from slr_hf.model.pipeline_slr import SignRecognitionPipeline
from slr_hf.model.processing_slr import KeypointProcessor

#: All that a stranger installs: the model alone needs the first two, videos the others.
REQUIREMENTS = ("torch", "transformers", "mediapipe", "av")

#: What runs in the stranger's environment: each door to the model, and what comes out of it.
PROGRAM = """
import importlib.util, json, sys
import numpy as np, torch
from transformers import AutoConfig, AutoFeatureExtractor, AutoModel, AutoModelForVideoClassification, AutoProcessor
from transformers import pipeline

folder, landmarks, video = sys.argv[1:]
torch.set_num_threads(1)
assert importlib.util.find_spec("slr_hf") is None, "slr_hf must not be there"
trust = {"trust_remote_code": True}
found = {"config": type(AutoConfig.from_pretrained(folder, **trust)).__name__}
clip = np.load(landmarks)
for door in (AutoProcessor, AutoFeatureExtractor):
    processor = door.from_pretrained(folder, **trust)
    found[door.__name__] = type(processor).__name__
inputs = processor(clip, return_tensors="pt")
for door in (AutoModel, AutoModelForVideoClassification):
    model = door.from_pretrained(folder, **trust).eval()
    with torch.no_grad():
        found[door.__name__] = model(**inputs).logits.tolist()
recognize = pipeline(model=folder, **trust)
found["pipeline"] = recognize(video, top_k=3) if video else None
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A small model with random weights, saved as for the Hub."""
    torch.manual_seed(0)
    config = SLRConfig.from_size("tiny", id2label={index: f"gloss {index}" for index in range(5)})
    processor = KeypointProcessor(mean=[[0.1, 0.2, 0.0, 0.0]] * 87, std=[[0.5, 0.6, 0.7, 0.7]] * 87)
    target = tmp_path_factory.mktemp("hub") / "model"
    SignRecognitionPipeline(SLRForSignClassification(config), processor).save_pretrained(target)
    return target


def installed_with(names: Iterable[str]) -> dict[str, Distribution]:
    """The distributions that pip would install for some names, with all that these require, by name."""
    found: dict[str, Distribution] = {}
    missing = list(names)
    while missing:
        name = canonicalize_name(missing.pop())
        if name in found:
            continue
        found[name] = distribution(name)
        for text in found[name].requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                missing.append(requirement.name)
    return found


@pytest.fixture(scope="module")
def strangers_python(tmp_path_factory) -> Path:
    """A fresh virtual environment without slr_hf: links to what pip has installed here of the stranger's packages."""
    root = tmp_path_factory.mktemp("environment")
    venv.create(root, with_pip=False)
    (packages,) = root.glob("lib/python*/site-packages")
    for one in installed_with(REQUIREMENTS).values():
        for name in {file.parts[0] for file in one.files or () if file.parts[0] != ".."}:
            link = packages / name
            if not link.exists():
                link.symlink_to(one.locate_file(name))
    return root / "bin" / "python"


def test_a_folder_holds_all_that_is_needed(folder):
    assert {path.name for path in folder.iterdir()} == {
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
        "configuration_slr.py",
        "drawing_slr.py",
        "extraction_slr.py",
        "fitted_slr.py",
        "landmarker_slr.py",
        "landmarks_slr.py",
        "layers_slr.py",
        "loading_slr.py",
        "modeling_slr.py",
        "pickles_slr.py",
        "pipeline_slr.py",
        "processing_slr.py",
        "streaming_slr.py",
    }
    config = json.loads((folder / "config.json").read_text())
    assert config["auto_map"] == {
        "AutoConfig": "configuration_slr.SLRConfig",
        "AutoModel": "modeling_slr.SLRForSignClassification",
        "AutoModelForVideoClassification": "modeling_slr.SLRForSignClassification",
    }
    assert list(config["custom_pipelines"]) == ["sign-language-recognition"]
    preprocessor = json.loads((folder / "preprocessor_config.json").read_text())
    assert preprocessor["auto_map"] == {"AutoFeatureExtractor": "processing_slr.KeypointProcessor"}


def test_saving_what_was_loaded_gives_the_same_folder(folder, tmp_path):
    again = tmp_path / "again"
    SignRecognitionPipeline.from_pretrained(folder).save_pretrained(again)
    differing = [path.name for path in folder.iterdir() if path.read_bytes() != (again / path.name).read_bytes()]
    assert differing == []


def save_own(folder: Path, target: Path) -> None:
    """Saves model and processor of this package, each by itself."""
    model = SLRForSignClassification(SLRConfig.from_pretrained(folder, auto_map=None, custom_pipelines=None))
    model.save_pretrained(target)
    KeypointProcessor.from_pretrained(folder).save_pretrained(target)


def save_loaded(folder: Path, target: Path) -> None:
    """Does so with a stranger's, whose code is that of the folder."""
    AutoModelForVideoClassification.from_pretrained(folder, trust_remote_code=True).save_pretrained(target)
    AutoProcessor.from_pretrained(folder, trust_remote_code=True).save_pretrained(target)


def save_from_hub(folder: Path, target: Path) -> None:
    """Does so with one of the Hub, whose configuration says from which repository the code came."""
    model = AutoModel.from_pretrained(folder, trust_remote_code=True)
    config = model.config
    config.auto_map = {door: f"user/model--{place}" for door, place in config.auto_map.items()}
    task = config.custom_pipelines["sign-language-recognition"]
    config.custom_pipelines = {"sign-language-recognition": {**task, "impl": f"user/model--{task['impl']}"}}
    model.save_pretrained(target)
    AutoProcessor.from_pretrained(folder, trust_remote_code=True).save_pretrained(target)


def save_trained(folder: Path, target: Path) -> None:
    """Saves a checkpoint of transformers' own Trainer."""
    make_trainer(folder, target.parent / "training", max_steps=1, save_steps=1).train()
    (target.parent / "training" / "checkpoint-1").rename(target)


def make_trainer(folder: Path, output: Path, **arguments: object) -> Trainer:
    """Makes transformers' own Trainer for a stranger's model and ten clips of its first gloss."""
    model = AutoModelForVideoClassification.from_pretrained(folder, trust_remote_code=True)
    processor = AutoProcessor.from_pretrained(folder, trust_remote_code=True)
    random = np.random.default_rng(0)
    clips = [random.random((frames, NUM_LANDMARKS, 3), np.float32) for frames in range(8, 18)]

    def collate(rows: list[np.ndarray]) -> dict[str, torch.Tensor]:
        return {**processor(rows), "labels": torch.zeros(len(rows), dtype=torch.long)}

    def measure(prediction: EvalPrediction) -> dict[str, float]:
        predictions, labels = prediction
        return {"accuracy": float((np.argmax(predictions, axis=1) == labels).mean())}

    settings = TrainingArguments(
        str(output),
        use_cpu=True,
        per_device_eval_batch_size=4,
        remove_unused_columns=False,
        **arguments,
    )
    return Trainer(
        model,
        settings,
        data_collator=collate,
        train_dataset=clips,
        eval_dataset=clips,
        processing_class=processor,
        compute_metrics=measure,
    )


@pytest.mark.parametrize("save", [save_own, save_loaded, save_from_hub, save_trained])
def test_what_is_saved_in_any_way_opens_as_a_pipeline(folder, tmp_path, save: Callable[[Path, Path], None]):
    origin, target = tmp_path / "origin", tmp_path / "saved"
    shutil.copytree(folder, origin)
    save(origin, target)
    shutil.rmtree(origin)  # its code is not needed any more
    assert {path.name for path in target.glob("*.py")} == {path.name for path in folder.glob("*.py")}
    config, expected = (json.loads((path / "config.json").read_text()) for path in (target, folder))
    assert config["auto_map"] == expected["auto_map"]
    assert config["custom_pipelines"] == expected["custom_pipelines"]
    recognize = pipeline(model=str(target), trust_remote_code=True, device="cpu")
    clip = recognize.landmarks_class(np.random.default_rng(0).random((20, NUM_LANDMARKS, 3), np.float32), fps=30)
    assert [len(answer["predictions"]) for answer in recognize([clip] * 3, batch_size=2)] == [5, 5, 5]


def test_a_backbone_that_is_saved_alone_opens(folder, tmp_path):
    backbone = SLRModel.from_pretrained(folder)
    backbone.save_pretrained(tmp_path)
    opened = AutoModel.from_pretrained(tmp_path, trust_remote_code=True)
    assert type(opened).__name__ == "SLRModel"
    for name, weight in backbone.state_dict().items():
        assert torch.equal(opened.get_parameter(name), weight), name


def test_the_usual_compute_metrics_gets_the_logits(folder, tmp_path):
    measured = make_trainer(folder, tmp_path).evaluate()
    assert 0 <= measured["eval_accuracy"] <= 1
    assert measured["eval_loss"] > 0


@pytest.mark.integration
@pytest.mark.timeout(900)
def test_a_stranger_gets_the_same_logits_to_the_last_bit(
    folder, strangers_python, tmp_path, data_dir, landmarker_path, monkeypatch
):
    clip = np.random.default_rng(0).random((40, NUM_LANDMARKS, 3), np.float32)
    clip[5:20, 468:489] = np.nan
    np.save(tmp_path / "clip.npy", clip)
    video = data_dir / "videos" / "msl150_hoy_001.mp4"
    result = subprocess.run(
        [strangers_python, "-c", PROGRAM, folder, tmp_path / "clip.npy", video],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        # An empty module cache, so that the folder's own code is what runs.
        env={"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1", "SLR_LANDMARKER": str(landmarker_path)},
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    found = json.loads(result.stdout.splitlines()[-1])

    model, processor = (
        SLRForSignClassification.from_pretrained(folder).eval(),
        KeypointProcessor.from_pretrained(folder),
    )
    with torch.no_grad():
        expected = model(**processor(Landmarks(clip))).logits.tolist()
    assert found["config"] == "SLRConfig"
    assert found["AutoProcessor"] == found["AutoFeatureExtractor"] == "KeypointProcessor"
    assert found["AutoModel"] == expected
    assert found["AutoModelForVideoClassification"] == expected
    monkeypatch.setenv("SLR_LANDMARKER", str(landmarker_path))
    ours = SignRecognitionPipeline.from_pretrained(folder)(str(video), top_k=3)
    assert [item["label"] for item in found["pipeline"]["predictions"]] == [
        item["label"] for item in ours["predictions"]
    ]
    assert found["pipeline"]["confidence"] == pytest.approx(ours["confidence"], abs=1e-6)


def test_the_code_that_travels_imports_only_what_a_stranger_has(repository):
    """Siblings are imported relatively, and one level deep: the module cache of the Hub is flat."""
    # transformers brings safetensors and huggingface_hub.
    standard = set(sys.stdlib_module_names) | {"numpy", "torch", "transformers", "huggingface_hub", "safetensors"}
    program = (
        "import sys; from pathlib import Path; from transformers.dynamic_module_utils import get_imports; "
        "print(*sorted({name for path in Path(sys.argv[1]).glob('*_slr.py') for name in get_imports(path)}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, repository / "slr_hf" / "model"], capture_output=True, text=True, check=True
    )
    assert set(result.stdout.split()) <= standard
