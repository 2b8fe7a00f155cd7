"""A small real SLOVO folder on its whole way: extract, train, evaluate, predict, by the commands."""

import csv
import json
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

#: The clips of the folder; the first is untrimmed.
CLIPS = (
    "f17a6060-6ced-4bd1-9886-8578cfbb864f",
    "no834a06ad-d4ea-4489-ac3a-fea461af51cb",
    "no7a7812b1-ae64-4402-9ebc-5b947edbd021",
)

pytestmark = pytest.mark.integration


@pytest.fixture
def real_slovo(data_dir: Path, tmp_path: Path) -> Path:
    """The real rows of three real clips; the untrimmed one gets the range that Kaggle's annotation gives such clips."""
    with (data_dir / "slovo/annotations.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["attachment_id"] in CLIPS]
    folder = tmp_path / "slovo"
    for row in rows:
        side = folder / ("train" if row["train"] == "True" else "test")
        side.mkdir(parents=True, exist_ok=True)
        shutil.copy(data_dir / f"slovo/{row['attachment_id']}.mp4", side)
        row |= {"begin": "20", "end": "83"} if row["attachment_id"] == CLIPS[0] else {"begin": "", "end": ""}
    with (folder / "annotations.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_slovo_is_extracted_trained_on_evaluated_and_predicted(
    repository: Path,
    real_slovo: Path,
    landmarker_path: Path,
    quick: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(name: str, *arguments: str | Path) -> str:
        main: Callable[[list[str]], int] = runpy.run_path(str(repository / "scripts" / name))["main"]
        capsys.readouterr()
        returncode = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert returncode == 0, err
        return out

    extracted = run("extract.py", real_slovo, real_slovo / "landmarks")
    assert extracted.split() == ["clips", "3", "failed", "0"]

    # Validation on held-out signers would leave no training clip of one.
    train = ("--dataset", real_slovo, "--recipe", "slovo_500", "--num-glosses", "1", "--validation-fraction", "0")
    metrics = json.loads(run("train.py", *train, "--output", tmp_path / "run", *quick))
    assert list(metrics) == ["it", "ft1", "ft2"]
    clips = json.loads((tmp_path / "run/it/clips.json").read_text())
    assert clips["glosses"] == ["Привет", "no_event"]
    assert {split: sum(counts.values()) for split, counts in clips["clips"].items()} == {"train": 1, "test": 2}

    best = tmp_path / "run/ft2/best"
    run("evaluate.py", "--model", best, "--dataset", real_slovo, "--num-glosses", "1", "--output", tmp_path / "figures")
    figures = json.loads((tmp_path / "figures/metrics.json").read_text())
    assert (figures["clips"], figures["seen_in_training"]) == (2, 0)
    everything = ("--model", best, "--dataset", real_slovo, "--num-glosses", "1", "--split", "all")
    run("evaluate.py", *everything, "--output", tmp_path / "all")
    assert json.loads((tmp_path / "all/metrics.json").read_text())["seen_in_training"] == 1

    (answer,) = json.loads(run("predict.py", real_slovo / f"train/{CLIPS[0]}.mp4", "--model", best, "--json"))
    assert {prediction["label"] for prediction in answer["predictions"]} == {"Привет", "no_event"}
