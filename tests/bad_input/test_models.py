"""Saved models that are damaged, or made in bad faith: each is refused in one line that names what is wrong."""

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from slr_hf.hub.onnx_pipeline import OnnxRecognizer
from slr_hf.model.loading_slr import ModelError, load_model

Damage = Callable[[Path], object]

CONFIG, PROCESSOR, WEIGHTS = "config.json", "preprocessor_config.json", "model.safetensors"


def without(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def holding(name: str, content: bytes) -> Damage:
    return lambda folder: (folder / name).write_bytes(content)


def cut(name: str, size: int) -> Damage:
    return lambda folder: os.truncate(folder / name, size)


def with_fields(name: str, **fields: Any) -> Damage:
    def damage(folder: Path) -> None:
        path = folder / name
        path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **fields}), encoding="utf-8")

    return damage


def config(**fields: Any) -> Damage:
    return with_fields(CONFIG, **fields)


def processor(**fields: Any) -> Damage:
    return with_fields(PROCESSOR, **fields)


def with_weights(change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Damage:
    def damage(folder: Path) -> None:
        save_file(change(load_file(folder / WEIGHTS)), folder / WEIGHTS, metadata={"format": "pt"})

    return damage


def not_finite(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    name = next(name for name, weight in weights.items() if weight.is_floating_point())
    return {**weights, name: torch.full_like(weights[name], torch.nan)}


def with_huge_header(folder: Path) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes((2**62).to_bytes(8, "little") + content[8:])


class Trap:
    """A pickle that writes a file where it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def with_pickle(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(folder / "sprung")))


#: What a processor tells of its training.
FITTED: dict[str, Any] = {"parts": ["lips"], "frames": [1, 40], "frame_rate": [15.0, 30.0]}

DAMAGES: dict[str, tuple[Damage, str]] = {
    # The folder
    "nothing in it": (lambda folder: [path.unlink() for path in folder.glob("*.*")], "it has no config.json"),
    "no configuration": (without(CONFIG), "it has no config.json"),
    "no processor": (without(PROCESSOR), "it has no preprocessor_config.json"),
    "no weights": (without(WEIGHTS), "it has no model.safetensors"),
    "weights as a pickle": (with_pickle, "held as a pickle, pytorch_model.bin, which can run any code"),
    # The configuration
    "empty configuration": (holding(CONFIG, b""), "config.json is damaged: it is no JSON"),
    "truncated configuration": (cut(CONFIG, 300), "config.json is damaged: it is no JSON"),
    "configuration in UTF-16": (holding(CONFIG, "{}".encode("utf-16")), "config.json is damaged: it is no JSON"),
    "configuration nested deeply": (holding(CONFIG, b"[" * 100_000), "config.json is damaged: it is no JSON"),
    "a list as the configuration": (holding(CONFIG, b"[]"), "config.json is damaged: it holds a list"),
    "another architecture": (config(model_type="bert"), "another architecture: its config.json names .* 'bert'"),
    "no architecture": (holding(CONFIG, b"{}"), "another architecture: its config.json names the model type None"),
    "a negative size": (config(hidden_size=-1), "`hidden_size` must be from 1"),
    "an odd size": (config(hidden_size=63), "`hidden_size` must be a multiple"),
    "a size in words": (config(hidden_size="big"), "'hidden_size' expected int, got str"),
    "a size of null": (config(hidden_size=None), "'hidden_size' expected int, got NoneType"),
    "a size of gigabytes": (config(intermediate_size=10**9), "`intermediate_size` must be from 1"),
    "a million layers": (config(num_local_layers=10**6), "`num_local_layers` must be from 0"),
    "a kernel of gigabytes": (config(convolution_kernels=[10**9 + 1]), "`convolution_kernels` must be up to"),
    "a billion segments": (config(pooling_scales=[10**9]), "`pooling_scales` must be up to"),
    "a thousand kernels": (config(convolution_kernels=[3] * 1000), "`convolution_kernels` must be up to"),
    "no segments": (config(pooling_scales=[]), "`pooling_scales` is empty"),
    "no frames": (config(input_size=0), "`input_size` must be from 1"),
    "a base that is no number": (config(rope_theta=float("nan")), "`rope_theta` must be from"),
    "a base of zero": (config(rope_theta=0), "`rope_theta` must be from"),
    "a negative epsilon": (config(rms_norm_eps=-1.0), "`rms_norm_eps` must be from"),
    "a dropout above one": (config(hidden_dropout=2.0), "`hidden_dropout` must be at least 0 and below 1"),
    "no parts": (config(parts=[]), "`parts` is empty"),
    "parts in words": (config(parts="all"), "'parts' with value 'all'"),
    "a part without points": (config(parts=[{"name": "lips"}]), "Part 'lips' lacks"),
    "glosses in a list": (config(id2label=["a", "b"]), "`id2label` must name each gloss"),
    "glosses with gaps": (config(id2label={"5": "a", "7": "b"}), "`id2label` must name the class indices"),
    "a hundred million glosses": (
        config(id2label=None, label2id=None, num_labels=10**8),
        "`num_labels` must be at most",
    ),
    # The weights
    "empty weights": (holding(WEIGHTS, b""), "cannot be loaded: .*header"),
    "truncated weights": (cut(WEIGHTS, 100_000), "cannot be loaded: .*not fully covered"),
    "weights cut in the header": (cut(WEIGHTS, 100), "cannot be loaded: .*header"),
    "a header of exabytes": (with_huge_header, "cannot be loaded: .*header"),
    "text as weights": (holding(WEIGHTS, b"weights" * 1000), "cannot be loaded: .*header"),
    "another model's weights": (with_weights(lambda weights: {"bert": torch.zeros(3)}), "do not fit its config.json"),
    "weights of another size": (config(intermediate_size=128), "do not fit its config.json"),
    "more weights than layers": (config(num_local_layers=0), "do not fit its config.json"),
    "fewer weights than layers": (config(num_local_layers=9), "do not fit its config.json"),
    "fewer glosses than weights": (config(id2label={"0": "a"}, label2id={"a": 0}), "do not fit its config.json"),
    "weights that are no numbers": (with_weights(not_finite), "are not finite: 1 such as"),
    # The processor
    "an empty processor": (holding(PROCESSOR, b""), "preprocessor_config.json is damaged: it is no JSON"),
    "a list as the processor": (holding(PROCESSOR, b"[1]"), "preprocessor_config.json is damaged: it holds a list"),
    "clips of no frames": (processor(input_size=0), "`input_size` must be from 1"),
    "clips of minus five frames": (processor(input_size=-5), "`input_size` must be from 1"),
    "clips of words": (processor(input_size="long"), "`input_size` must be an integer"),
    "no frame rate": (processor(frame_rate=0), "`frame_rate` must be from"),
    "gaps of words": (processor(max_gap="long"), "`max_gap` must be a number"),
    "a billion coordinates": (processor(num_coordinates=10**9), "`num_coordinates` must be from 1 to 3"),
    "a mean of another shape": (processor(mean=[[1]]), "`mean` must have the shape"),
    "a mean in words": (processor(mean=[["a"] * 4] * 87), "`mean` must be finite numbers"),
    "a mean that is no number": (processor(mean=[[float("nan")] * 4] * 87), "`mean` must be finite numbers"),
    "a deviation of zero": (processor(std=[[0.0] * 4] * 87), "`std` must be above 0"),
    "a record of training in words": (
        processor(fitted="all"),
        "`fitted` must be an object of frame_rate, frames, parts",
    ),
    "a record of no part": (processor(fitted={**FITTED, "parts": []}), "`fitted` must name at least one part"),
    "a record of an unknown part": (processor(fitted={**FITTED, "parts": ["tail"]}), "`fitted` must name parts of"),
    "a record of clips of no frames": (
        processor(fitted={**FITTED, "frames": [0, 9]}),
        "`frames` of `fitted` must be from",
    ),
    "a record of rates in words": (processor(fitted={**FITTED, "frame_rate": ["slow", "fast"]}), "must be two numbers"),
    "a processor of one coordinate": (
        processor(num_coordinates=1, mean=None, std=None),
        "makes other keypoints than its config.json expects: 87 points of 2 numbers, expected 87 of 4",
    ),
    "the processor's part without points": (processor(parts=[{"name": "lips"}]), "Part 'lips' lacks"),
    "a number as the processor's parts": (processor(parts=5), "cannot be loaded"),
}


@pytest.fixture
def copy(model_dir: Path, tmp_path: Path) -> Path:
    """A model to damage."""
    return Path(shutil.copytree(model_dir, tmp_path / "model"))


def test_the_model_is_good_before_it_is_damaged(copy: Path) -> None:
    load_model(copy)


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_model_is_refused_in_one_line_that_names_it(name: str, copy: Path) -> None:
    damage, message = DAMAGES[name]
    damage(copy)
    with pytest.raises(ModelError, match=message) as refused:
        load_model(copy)
    assert str(copy) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (copy / "sprung").exists()


@pytest.mark.parametrize("name", [Path("nowhere"), "nowhere", "user/nowhere"])
def test_a_model_that_is_not_there_is_named(name: str | Path) -> None:
    with pytest.raises(ModelError, match=r"There is no (model in|folder) (user/)?nowhere"):
        load_model(name)


@pytest.mark.parametrize("content", [b"", b"no model", bytes(1000), b"\x08\x07\x12\x07pytorch"])
def test_an_exported_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.onnx"):
        OnnxRecognizer(path)
