"""scripts/publish.py against a Hub on this machine, through the real client."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree, ignore_patterns

import numpy as np
import pytest
import torch
import yaml
from fixtures_hub import CUT, SILENT, TOKEN, Hub

from slr_hf.model.landmarks_slr import NUM_LANDMARKS, Landmarks
from slr_hf.model.modeling_slr import SLRForSignClassification
from slr_hf.model.processing_slr import KeypointProcessor

GIT = ".gitattributes"
MESSAGE = "Publish with slr_hf"

#: What a stranger runs: every door to the model. Without slr_hf, and with an empty cache.
STRANGER = """
import json, sys
import numpy as np, torch
sys.modules["slr_hf"] = None  # as Python itself marks a module that cannot be imported
from transformers import AutoModelForVideoClassification, AutoProcessor, pipeline

repository, landmarks = sys.argv[1:]
torch.set_num_threads(1)
trust = {"trust_remote_code": True}
processor = AutoProcessor.from_pretrained(repository, **trust)
model = AutoModelForVideoClassification.from_pretrained(repository, **trust).eval()
recognize = pipeline(model=repository, **trust)
with torch.no_grad():
    logits = [network(**processor(np.load(landmarks))).logits.tolist() for network in (model, recognize.model)]
print(json.dumps({"logits": logits, "pipeline": type(recognize).__name__}))
"""

Publish = Callable[..., subprocess.CompletedProcess[str]]


#: Steps of an upload that fail for long, how, and what is said then.
LONG_FAILURES: dict[str, tuple[int | str, str]] = {
    "upload": (CUT, "The connection to the Hub broke while uploading the model user/name"),
    "batch": (500, "a fault of its own (500) while uploading"),
    "preupload": (429, "rate limit is reached while uploading"),
}


def copy_model(repository: Path, folder: Path) -> Path:
    """A packaged model that a test may change: the demo model."""
    return copytree(repository / "space/model", folder, ignore=ignore_patterns(".*", "__pycache__"))


def start(
    repository: Path, model: Path, hub: Hub, home: Path, *arguments: str, token: str | None = TOKEN, **changes: str
) -> subprocess.Popen[str]:
    """Starts the command for `user/name`."""
    command = [sys.executable, "scripts/publish.py", "--model", str(model), "--repo-id", "user/name", *arguments]
    return subprocess.Popen(
        command,
        cwd=repository,
        env=hub.environment(home, token) | {"PYTHONPATH": str(repository)} | changes,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def model(repository: Path, tmp_path: Path) -> Path:
    """A packaged model that a test may change."""
    return copy_model(repository, tmp_path / "packaged")


@pytest.fixture
def publish(repository: Path, model: Path, hub: Hub, tmp_path: Path) -> Publish:
    """Runs the command for `user/name`."""

    def run(*arguments: str, token: str | None = TOKEN, **changes: str) -> subprocess.CompletedProcess[str]:
        return finish(start(repository, model, hub, tmp_path / "home", *arguments, token=token, **changes))

    return run


@pytest.fixture(scope="module", autouse=True)
def long_failures(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[Hub, subprocess.Popen[str]]]]:
    """Commands whose upload fails, each with its Hub. They try again for half a minute, while other tests run."""
    folder = tmp_path_factory.mktemp("failures")
    model = copy_model(repository, folder / "packaged")
    running: dict[str, tuple[Hub, subprocess.Popen[str]]] = {}
    for step, (answer, _) in LONG_FAILURES.items():
        hub = Hub()
        hub.fail(step, answer)
        running[step] = hub, start(repository, model, hub, folder / "home")
    yield running
    for hub, process in running.values():
        process.kill()
        process.communicate()
        hub.close()


def finish(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    stdout, stderr = process.communicate(timeout=100)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one line in which the command says why it did nothing."""
    assert done.returncode == 2, done
    assert done.stdout == ""
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("publish.py: ")]
    assert "Traceback" not in done.stderr
    return line


def binaries(model: Path) -> list[Path]:
    """The files that the Hub stores apart from the commit."""
    return [*model.glob("*.safetensors"), *model.glob("plots/*.png")]


# What goes up.


def test_what_is_published_loads_elsewhere_with_the_same_logits(
    hub: Hub, publish: Publish, model: Path, tmp_path: Path
):
    done = publish()
    assert done.returncode == 0, done.stderr
    published = hub.repositories["model", "user/name"]
    assert published.files.keys() == {GIT, *(path.relative_to(model).as_posix() for path in model.rglob("*.*"))}
    assert published.messages == [MESSAGE]
    assert published.commits[-1].files["model.safetensors"].large

    clip = np.random.default_rng(0).random((40, NUM_LANDMARKS, 3), np.float32)
    np.save(tmp_path / "clip.npy", clip)
    environment = hub.environment(tmp_path / "strangers", token=None)
    environment.pop("PYTHONPATH", None)
    stranger = subprocess.run(
        [sys.executable, "-c", STRANGER, "user/name", tmp_path / "clip.npy"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert stranger.returncode == 0, stranger.stderr[-3000:]
    found = json.loads(stranger.stdout.splitlines()[-1])
    with torch.no_grad():
        inputs = KeypointProcessor.from_pretrained(model)(Landmarks(clip))
        expected = SLRForSignClassification.from_pretrained(model).eval()(**inputs).logits.tolist()
    assert found == {"logits": [expected, expected], "pipeline": "SignRecognitionPipeline"}


def test_the_card_loads_the_model_from_where_it_is_published(hub: Hub, publish: Publish):
    assert publish().returncode == 0
    card = hub.repositories["model", "user/name"].files["README.md"].decode()
    assert 'pipeline(model="user/name", trust_remote_code=True)' in card
    assert "space/model" not in card


def test_a_space_brings_page_and_model_in_a_commit_of_its_own(
    hub: Hub, publish: Publish, repository: Path, model: Path
):
    done = publish("--space-id", "user/page")
    assert done.returncode == 0, done.stderr
    assert list(hub.repositories) == [("model", "user/name"), ("space", "user/page")]
    space = hub.repositories["space", "user/page"]
    assert space.messages == [MESSAGE]
    assert space.files["app.py"] == (repository / "space/app.py").read_bytes()
    copies = {
        path.removeprefix("model/"): content for path, content in space.files.items() if path.startswith("model/")
    }
    assert copies == {
        path: content for path, content in hub.repositories["model", "user/name"].files.items() if path != GIT
    }
    _, metadata, text = space.files["README.md"].decode().split("---\n", 2)
    original = (repository / "space/README.md").read_text(encoding="utf-8").split("---\n", 2)
    assert yaml.safe_load(metadata) == {**yaml.safe_load(original[1]), "models": ["user/name"]}
    assert text.strip() == original[2].strip()


def test_publishing_again_without_a_change_makes_no_commit(hub: Hub, publish: Publish, model: Path):
    assert publish("--space-id", "user/page").returncode == 0
    again = publish("--space-id", "user/page")
    assert again.returncode == 0
    assert [line.split(": ")[1] for line in again.stdout.splitlines()] == ["nothing has changed, no commit"] * 2
    assert [repository.messages for repository in hub.repositories.values()] == [[MESSAGE]] * 2
    assert hub.asked["commit"] == 2

    (model / "metrics.json").write_text("{}")
    changed = publish("--space-id", "user/page")
    assert [line.split(": ")[1] for line in changed.stdout.splitlines()] == ["1 files changed"] * 2
    assert hub.repositories["space", "user/page"].files["model/metrics.json"] == b"{}"
    assert hub.asked["upload"] == len(binaries(model))  # those of both repositories are one object each


def test_outdated_code_and_weights_are_deleted_and_what_others_added_stays(hub: Hub, publish: Publish):
    assert publish().returncode == 0
    published = hub.repositories["model", "user/name"]
    kept, stale = (
        {"example.gif": b"GIF"},
        {"old_slr.py": b"", "model-00001-of-00002.safetensors": b"", "plots/a.png": b""},
    )
    hub.add("model", "user/name", {**published.files, **kept, **stale})
    done = publish()
    assert "3 files changed" in done.stdout, done
    assert hub.repositories["model", "user/name"].files.keys() == {*published.files, *kept}


def test_private_repositories_are_created_private(hub: Hub, publish: Publish):
    assert publish("--private", "--space-id", "user/page").returncode == 0
    assert [repository.private for repository in hub.repositories.values()] == [True, True]


def test_a_dry_run_lists_what_would_go_up_and_needs_no_hub(hub: Hub, publish: Publish, tmp_path: Path):
    arguments = ("--space-id", "user/page")
    dry = publish(*arguments, "--dry-run", token=None, HF_HUB_OFFLINE="1")
    assert dry.returncode == 0, dry.stderr
    assert not hub.asked
    listed: dict[str, dict[str, int]] = {}
    for line in dry.stdout.splitlines()[:-1]:
        if line.startswith(" "):
            size, path = line.split(maxsplit=1)
            listed[target][path] = int(size.replace(",", ""))  # noqa: F821, the line above the files
        else:
            target = line.split(",")[0]
            listed[target] = {}
    assert publish(*arguments).returncode == 0
    assert listed == {
        f"{kind} {name}": {path: len(content) for path, content in published.files.items() if path != GIT}
        for (kind, name), published in hub.repositories.items()
    }


def test_publishing_loads_no_model():
    code = "import sys, slr_hf.hub.publishing; sys.exit('torch' in sys.modules)"  # its import takes seconds
    subprocess.run([sys.executable, "-c", code], check=True)


# What cannot be used: nothing is asked of the Hub.


@pytest.mark.parametrize(
    "lost",
    ["config.json", "model.safetensors", "preprocessor_config.json", "README.md", "layers_slr.py", "pipeline_slr.py"],
)
def test_a_folder_that_is_no_packaged_model_is_refused(hub: Hub, publish: Publish, model: Path, lost: str):
    (model / lost).unlink()
    assert f"is no packaged model: it has no {lost}. Make one with scripts/package_model.py." in refusal(publish())
    assert not hub.asked


def test_pickles_are_refused(hub: Hub, publish: Publish, model: Path):
    torch.save({"weights": torch.zeros(2)}, model / "weights.dat")
    assert "weights.dat is a pickle" in refusal(publish())
    (model / "weights.dat").rename(model / "pytorch_model.bin")
    assert "pytorch_model.bin is a pickle" in refusal(publish())
    assert not hub.asked


@pytest.mark.parametrize(
    ("name", "message"),
    [("just-a-name", "as in `user/just-a-name`"), ("user/two/parts", "user/two/parts"), ("user/spa ce", "user/spa ce")],
)
def test_a_name_that_is_no_hub_id_is_refused(hub: Hub, publish: Publish, name: str, message: str):
    assert message in refusal(publish("--space-id", name))
    assert not hub.asked


# What the Hub and the network refuse: the Hub is as it was before.


def test_a_missing_or_wrong_token_is_said(hub: Hub, publish: Publish):
    assert "There is no token for the Hub." in refusal(publish(token=None))
    assert "The Hub refused the token" in refusal(publish(token="hf_of_somebody_else"))
    assert "HF_HUB_OFFLINE" in refusal(publish(HF_HUB_OFFLINE="1"))
    assert not hub.repositories


def test_a_name_of_somebody_else_is_refused(hub: Hub, publish: Publish):
    done = publish("--repo-id", "somebody/name")
    assert "The Hub forbids creating the model somebody/name" in refusal(done)
    assert not hub.repositories


@pytest.mark.parametrize(("kind", "name"), [("model", "user/name"), ("space", "user/page")])
def test_a_repository_of_something_else_is_not_touched(hub: Hub, publish: Publish, kind: str, name: str):
    theirs = hub.add(kind, name, {"app.py": b"", "data.csv": b"a,b"})
    message = refusal(publish("--space-id", "user/page"))
    assert f"The name is taken: the {kind} {name} holds something else (.gitattributes" in message
    assert theirs.messages == ["by hand"]
    assert list(hub.repositories) == [(kind, name)]  # all are looked at before one is written


def test_an_empty_repository_made_on_the_hubs_page_is_used(hub: Hub, publish: Publish):
    hub.add("space", "user/page", {})
    assert publish("--space-id", "user/page").returncode == 0
    assert hub.repositories["space", "user/page"].messages == [MESSAGE]


def test_a_public_repository_is_not_taken_for_a_private_one(hub: Hub, publish: Publish):
    public = hub.add("model", "user/name", {})
    assert "is public already" in refusal(publish("--private"))
    assert public.messages == []


@pytest.mark.parametrize(
    ("step", "answer", "message"),
    [
        ("create", 401, "refused the token while creating the model user/name"),
        ("create", 403, "forbids creating the model user/name"),
        ("create", 409, "The name is taken"),
        ("create", 429, "rate limit is reached while creating the model user/name. Run the same command again in 2 s"),
        ("create", 500, "a fault of its own (500) while creating the model user/name"),
        ("create", CUT, "The connection to the Hub broke while creating the model user/name"),
        ("commit", 401, "refused the token while uploading the model user/name"),
        ("commit", 403, "forbids uploading the model user/name"),
        ("commit", 412, "changed during uploading the model user/name"),
        ("commit", 429, "rate limit is reached while uploading the model user/name"),
        ("commit", 500, "a fault of its own (500) while uploading the model user/name"),
        ("commit", CUT, "The connection to the Hub broke while uploading the model user/name"),
    ],
)
def test_what_fails_leaves_no_repository(hub: Hub, publish: Publish, step: str, answer: int | str, message: str):
    hub.fail(step, answer)
    assert message in refusal(publish())
    assert not hub.repositories


@pytest.mark.parametrize("answer", [403, 500, CUT])
def test_a_commit_that_fails_leaves_an_existing_repository_as_it_was(
    hub: Hub, publish: Publish, model: Path, answer: int | str
):
    assert publish().returncode == 0
    (model / "metrics.json").write_text("{}")
    hub.fail("commit", answer)
    assert "Nothing of the model user/name was published." in refusal(publish())
    assert hub.repositories["model", "user/name"].messages == [MESSAGE]
    hub.heal()
    assert publish().returncode == 0
    assert hub.repositories["model", "user/name"].files["metrics.json"] == b"{}"


def test_a_space_that_fails_leaves_the_model_published_and_says_so(hub: Hub, publish: Publish):
    assert publish().returncode == 0
    hub.fail("commit", 500)
    message = refusal(publish("--space-id", "user/page"))
    assert message.endswith("Nothing of the space user/page was published. The model user/name is published.")
    assert list(hub.repositories) == [("model", "user/name")]


def test_a_repository_that_cannot_be_deleted_again_is_said_to_be_there(hub: Hub, publish: Publish):
    hub.fail("commit", CUT)
    hub.fail("delete", 403)
    assert "Its new repository may be empty." in refusal(publish())
    assert hub.repositories["model", "user/name"].messages == []
    hub.heal()
    assert publish().returncode == 0
    assert hub.repositories["model", "user/name"].messages == [MESSAGE]


def test_a_commit_whose_answer_got_lost_counts(hub: Hub, publish: Publish):
    hub.fail("commit", SILENT)
    done = publish()
    assert done.returncode == 0, done.stderr
    assert hub.repositories["model", "user/name"].messages == [MESSAGE]


def test_what_the_sender_of_large_files_cannot_do_is_an_error_like_others(hub: Hub, publish: Publish):
    pytest.importorskip("hf_xet")
    message = refusal(publish(HF_HUB_DISABLE_XET="0"))  # this Hub knows no xet
    assert "Uploading the model user/name failed: " in message
    assert message.endswith("Nothing of the model user/name was published.")
    assert not hub.repositories
    # Without it, the client sends large files as LFS objects. It does so only where it is told to.
    assert publish(HF_HUB_DISABLE_XET="1").returncode == 0
    assert hub.asked["batch"] == 1
    assert hub.asked["upload"] > 0


def test_a_card_that_the_hub_finds_wrong_is_an_error_that_says_why(hub: Hub, publish: Publish):
    hub.fail("validate", 400)
    assert "Invalid metadata in README.md." in refusal(publish())
    assert not hub.repositories


def test_a_short_failure_of_an_upload_is_bridged(hub: Hub, publish: Publish, model: Path):
    hub.fail("upload", CUT, times=1)
    assert publish().returncode == 0
    assert hub.asked["upload"] == len(binaries(model)) + 1
    assert hub.repositories["model", "user/name"].messages == [MESSAGE]


@pytest.mark.parametrize("step", LONG_FAILURES)
def test_a_long_failure_of_an_upload_is_an_error(
    long_failures: dict[str, tuple[Hub, subprocess.Popen[str]]], step: str
):
    hub, process = long_failures[step]
    assert LONG_FAILURES[step][1] in refusal(finish(process))
    assert not hub.repositories
