"""`push_to_hub` of model, processor and pipeline, and Trainer(push_to_hub=True), as users of transformers know them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures_hub import Hub

CODE = {
    *("configuration_slr.py", "drawing_slr.py", "extraction_slr.py", "fitted_slr.py", "landmarker_slr.py"),
    *("landmarks_slr.py", "layers_slr.py", "loading_slr.py", "modeling_slr.py", "pickles_slr.py"),
    *("pipeline_slr.py", "processing_slr.py", "streaming_slr.py"),
}
#: What only the processor needs of it.
PROCESSOR_CODE = {"fitted_slr.py", "landmarks_slr.py", "processing_slr.py"}
WEIGHTS = {"config.json", "model.safetensors"}
GIT = ".gitattributes"

#: Pushes everything there is.
PUSH = """
import sys
import numpy as np, torch
from dataclasses import replace
from datasets import Dataset
from slr_hf.model.configuration_slr import SLRConfig
from slr_hf.model.landmarks_slr import NUM_LANDMARKS, Landmarks
from slr_hf.model.modeling_slr import SLRForSignClassification
from slr_hf.model.pipeline_slr import SignRecognitionPipeline
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.recipes import Recipe
from slr_hf.training.trainer import SignTrainer, training_arguments

folder = sys.argv[1]
torch.set_num_threads(1)
torch.manual_seed(0)
smallest = {"hidden_size": 32, "patch_width": 16, "num_local_layers": 1, "num_global_layers": 1}
config = SLRConfig(**smallest, intermediate_size=32, num_attention_heads=2, id2label={0: "yes", 1: "no"})
model, processor = SLRForSignClassification(config).eval(), KeypointProcessor(max_gap=9)
model.push_to_hub("user/model")
processor.push_to_hub("user/processor")
pipeline = SignRecognitionPipeline(model, processor, device="cpu")
print(pipeline.push_to_hub("user/pipeline", commit_message="The whole pipeline", private=True))
pipeline.save_pretrained(f"{folder}/saved", push_to_hub=True, repo_id="user/saved", commit_message="Saved and pushed")
pipeline.save_pretrained(f"{folder}/named", push_to_hub=True)

random = np.random.default_rng(0)
clips = [processor.prepare(Landmarks(random.random((12, NUM_LANDMARKS, 3), np.float32))) for _ in range(4)]
rows = [{**{name: value.reshape(-1) for name, value in clip.items()}, "label": number % 2}
        for number, clip in enumerate(clips)]
data = Dataset.from_list(rows).with_format("numpy")
recipe = Recipe(config=smallest, epochs=1, batch_size=2)
arguments = replace(
    training_arguments(recipe, f"{folder}/run", device="cpu"), push_to_hub=True, hub_model_id="user/trained"
)
trainer = SignTrainer(model, recipe, processor, arguments, data, data)
trainer.train()
trainer.push_to_hub()
arguments = replace(
    arguments, hub_model_id="user/resumable", hub_strategy="checkpoint", output_dir=f"{folder}/resumable"
)
SignTrainer(model, recipe, processor, arguments, data, data).train()
"""

#: Loads all of it where slr_hf is not installed.
LOAD = """
import json, sys
import numpy as np, torch
sys.modules["slr_hf"] = None  # as Python itself marks a module that cannot be imported
from transformers import AutoModelForVideoClassification, AutoProcessor, pipeline

torch.set_num_threads(1)
trust, found = {"trust_remote_code": True}, {}
found["max_gap"] = AutoProcessor.from_pretrained("user/processor", **trust).max_gap
found["model"] = AutoModelForVideoClassification.from_pretrained("user/model", **trust).num_parameters()
for repository in ("user/pipeline", "user/saved", "user/named", "user/trained"):
    recognize = pipeline(model=repository, **trust)
    found[repository] = sorted(recognize.model.config.label2id), type(recognize).__name__
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A Hub to which everything was pushed."""
    hub, folder = Hub(), tmp_path_factory.mktemp("pushed")
    done = subprocess.run(
        [sys.executable, "-c", PUSH, folder],
        env=hub.environment(folder / "home"),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    yield hub
    hub.close()


def files(hub: Hub, name: str) -> dict[str, bytes]:
    return hub.repositories["model", f"user/{name}"].files


def test_a_model_brings_its_weights_its_code_and_a_card(pushed: Hub) -> None:
    assert files(pushed, "model").keys() >= {GIT, *WEIGHTS, "modeling_slr.py", "layers_slr.py", "README.md"}
    assert pushed.repositories["model", "user/model"].messages == ["Upload SLRForSignClassification"]


def test_a_processor_brings_its_settings_and_its_code(pushed: Hub) -> None:
    assert files(pushed, "processor").keys() == {GIT, "preprocessor_config.json", "README.md", *PROCESSOR_CODE}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pipeline", "The whole pipeline"),
        ("saved", "Saved and pushed"),
        pytest.param("named", "Upload SignRecognitionPipeline", id="named after its folder"),
    ],
)
def test_a_pipeline_brings_everything_in_one_commit(pushed: Hub, name: str, message: str) -> None:
    repository = pushed.repositories["model", f"user/{name}"]
    assert repository.files.keys() == {GIT, *WEIGHTS, "preprocessor_config.json", "README.md", *CODE}
    assert repository.messages == [message]
    assert repository.private == (name == "pipeline")


def test_a_training_pushes_what_loads_as_a_pipeline_after_every_epoch(pushed: Hub) -> None:
    repository = pushed.repositories["model", "user/trained"]
    assert repository.messages == ["Training in progress, epoch 1", "End of training"]
    first, last = (commit.files.keys() for commit in repository.commits[1:])
    assert first >= {*WEIGHTS, "preprocessor_config.json", *CODE}
    assert last >= {*first, "README.md"}
    assert "sign-language-recognition" in json.loads(repository.files["config.json"])["custom_pipelines"]
    assert last <= {GIT, *WEIGHTS, "preprocessor_config.json", *CODE, "README.md", "recipe.json"}  # no pickle


def test_a_training_can_push_what_to_resume_from_too(pushed: Hub) -> None:
    repository = pushed.repositories["model", "user/resumable"]
    # Two threads push them, in any order.
    assert set(repository.messages) >= {"Training in progress, epoch 1", "Training in progress, epoch 1, checkpoint"}
    inside = {name.removeprefix("last-checkpoint/") for name in repository.files if name.startswith("last-checkpoint/")}
    assert inside >= {*WEIGHTS, *CODE, "optimizer.pt", "scheduler.pt", "trainer_state.json"}
    assert "training_args.bin" not in inside


def test_a_stranger_loads_all_of_it(pushed: Hub, tmp_path: Path) -> None:
    environment = pushed.environment(tmp_path / "home")
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, "-c", LOAD],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.pop("max_gap") == 9
    assert found.pop("model") > 0
    assert found.keys() == {"user/pipeline", "user/saved", "user/named", "user/trained"}
    assert all(door == [["no", "yes"], "SignRecognitionPipeline"] for door in found.values())
