"""scripts/benchmark.py as its user meets it: standard output is one JSON document, whatever is trained meanwhile."""

import json
import runpy
from pathlib import Path

import pytest
import torch


def test_standard_output_holds_the_figures_alone(
    few_clips: Path, quick: list[str], tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["peers", "--dataset", str(few_clips), "--recipe", "own_signs", "--signer-folds", "2", "--seeds", "0"]
    main = runpy.run_path(str(repository / "scripts/benchmark.py"))["main"]
    assert (
        main([*arguments, "--threads", str(torch.get_num_threads()), "--output", str(tmp_path / "peers"), *quick]) == 0
    )
    results = json.loads(capsys.readouterr().out)["results"]
    assert [row["peer"] for row in results[:-1]] == ["nearest neighbour", "plain network", "recipe"]
    assert {row["clips"] for row in results[:-1]} == {24}


def test_a_dataset_without_validation_clips_needs_signer_folds(
    few_clips: Path, tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["peers", "--dataset", str(few_clips), "--recipe", "own_signs", "--output", str(tmp_path / "peers")]
    main = runpy.run_path(str(repository / "scripts/benchmark.py"))["main"]
    assert main([*arguments, "--threads", str(torch.get_num_threads())]) == 2
    assert "--signer-folds" in capsys.readouterr().err
