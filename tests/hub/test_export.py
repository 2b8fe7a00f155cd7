"""An exported model: the same answers as PyTorch, in one file that says what it is."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from slr_hf.hub import export
from slr_hf.hub.export import (
    ExportError,
    compare,
    export_model,
    load_plain_model,
    made_up_clips,
    open_session,
    quantize_graph,
)
from slr_hf.hub.landmark_graph import batch_landmarks
from slr_hf.hub.onnx_pipeline import OnnxSignRecognitionPipeline
from slr_hf.model.landmarks_slr import LEFT_HAND, RIGHT_HAND, STORED_POINTS, Landmarks
from slr_hf.model.loading_slr import ModelError
from slr_hf.model.pipeline_slr import SignRecognitionPipeline

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

# The first export of a process is slow where the machine is busy.
pytestmark = pytest.mark.timeout(900)


def answers(graph, clips: list[Landmarks]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and confidences of clips."""
    inputs = {**batch_landmarks(clips, STORED_POINTS), "mirror": np.zeros(len(clips), bool)}
    return tuple(open_session(graph).run(None, inputs))


@pytest.fixture
def clips(ksl13_clip: Callable[..., Landmarks]) -> dict[str, Landmarks]:
    """Real clips, as they are and in forms at the edge of what can come."""
    clip = ksl13_clip(1234)
    hands = np.isin(clip.points, [*LEFT_HAND, *RIGHT_HAND])
    handless = np.where(hands[None, :, None], np.float32(np.nan), clip.coordinates)
    return {
        "whole": clip,
        "25 frames a second": ksl13_clip(77, fps=25.0),
        "unknown rate": ksl13_clip(2000, fps=None),
        "one frame": replace(clip, coordinates=clip.coordinates[:1]),
        "two frames": replace(clip, coordinates=clip.coordinates[:2]),
        "longer than the model takes": replace(clip, coordinates=np.tile(clip.coordinates, (6, 1, 1))),
        "no hands": replace(clip, coordinates=handless),
        "nothing": replace(clip, coordinates=np.full_like(clip.coordinates, np.nan)),
    }


@pytest.mark.integration
def test_single_clips_are_answered_as_in_pytorch(exported, small_model_dir, clips):
    model, processor = load_plain_model(small_model_dir)
    for name, clip in clips.items():
        agreement = compare(exported, model, processor, [clip])
        assert agreement.max_difference < 1e-5, name
        assert agreement.max_confidence_difference < 1e-5, name
        assert agreement.top1_agreement == 1, name


@pytest.mark.integration
def test_a_clip_is_answered_alike_alone_and_in_a_batch(exported, clips):
    together = answers(exported, list(clips.values()))
    for place, (name, clip) in enumerate(clips.items()):
        for alone, batch in zip(answers(exported, [clip]), together, strict=True):
            np.testing.assert_allclose(alone[0], batch[place], atol=1e-5, err_msg=name)


def test_a_clip_without_frames_has_an_answer_and_does_not_disturb_the_others(exported):
    clips = made_up_clips()[:3]
    inputs = {**batch_landmarks(clips, STORED_POINTS), "mirror": np.zeros(3, bool)}
    inputs["num_frames"][1] = 0
    probabilities, confidences = open_session(exported).run(None, inputs)
    assert np.isfinite(probabilities).all()
    assert np.isfinite(confidences).all()
    for row in (0, 2):
        np.testing.assert_allclose(answers(exported, [clips[row]])[0][0], probabilities[row], atol=1e-5)


def test_what_follows_the_frames_of_a_clip_is_not_read(exported):
    clip = made_up_clips()[8]
    inputs = {**batch_landmarks([clip], STORED_POINTS), "mirror": np.zeros(1, bool)}
    noise = np.random.default_rng(0).random((1, 30, len(STORED_POINTS), 3), np.float32)
    padded = {**inputs, "landmarks": np.concatenate([inputs["landmarks"], noise], axis=1)}
    session = open_session(exported)
    np.testing.assert_allclose(session.run(None, padded)[0], session.run(None, inputs)[0], atol=1e-6)


def test_the_metadata_says_what_the_file_is(exported):
    facts = {entry.key: entry.value for entry in exported.metadata_props}
    assert facts["format"] == export.FORMAT
    assert facts["precision"] == "fp32"
    assert json.loads(facts["labels"]) == ["no_event", "Привет", "hello"]
    assert tuple(json.loads(facts["points"])) == STORED_POINTS
    assert json.loads(facts["config"])["hidden_size"] == 32
    assert json.loads(facts["processor"])["input_size"] == 40
    assert [entry.name for entry in exported.graph.input] == ["landmarks", "num_frames", "fps", "aspect", "mirror"]
    assert [entry.name for entry in exported.graph.output] == ["probabilities", "confidence"]


def test_no_trace_of_the_code_is_left_in_the_file(exported):
    assert b"landmark_graph.py" not in exported.SerializeToString()


@pytest.mark.integration
def test_eight_bits_are_smaller_and_nearly_the_same(exported, small_model_dir, ksl13_clip):
    quantized = quantize_graph(exported)
    assert quantized.ByteSize() < exported.ByteSize()
    agreement = compare(
        quantized, *load_plain_model(small_model_dir), [ksl13_clip(number) for number in range(0, 2470, 50)]
    )
    assert agreement.max_difference < 0.05
    facts = {entry.key: entry.value for entry in quantized.metadata_props}
    assert facts["precision"] == "int8"
    assert json.loads(facts["labels"]) == ["no_event", "Привет", "hello"]


def test_export_writes_one_file_and_says_what_it_measured(exported, small_model_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "export_graph", lambda *_: exported)  # exported before; the export takes a while
    for precision, name in (("fp32", "model.onnx"), ("int8", "model_int8.onnx")):
        report = export_model(small_model_dir, tmp_path / precision, precision)
        assert [path.name for path in (tmp_path / precision).iterdir()] == [name]
        assert report["file"] == str(tmp_path / precision / name)
        assert report["size_mb"] > 0
        assert report["clips"] == len(made_up_clips())
        assert not report["real_clips"]
        assert report["latency"].keys() == {"frames", "threads", "median_ms", "least_ms"}
        assert report["latency"]["frames"] == 50
        json.dumps(report)


def test_a_wrong_export_is_not_written(exported, small_model_dir, tmp_path, monkeypatch):
    wrong = onnx.ModelProto()
    wrong.CopyFrom(exported)
    weights = max(wrong.graph.initializer, key=lambda entry: len(entry.raw_data))
    weights.raw_data = bytes(len(weights.raw_data))
    monkeypatch.setattr(export, "export_graph", lambda *_: wrong)
    with pytest.raises(ExportError, match="nothing was written"):
        export_model(small_model_dir, tmp_path / "output")
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_a_folder_without_a_model_is_refused(small_model_dir, tmp_path, name):
    for file in {"config.json", "preprocessor_config.json"} - {name}:
        (tmp_path / file).write_bytes((small_model_dir / file).read_bytes())
    with pytest.raises(ModelError, match=f"has no {name}"):
        export_model(tmp_path, tmp_path / "output")


@pytest.mark.parametrize("package", ["onnx", "onnxruntime", "onnxscript"])
def test_without_its_packages_it_says_what_to_install(small_model_dir, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)  # as Python itself marks a module that cannot be imported
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'slr_hf\[export\]'"):
        export_model(small_model_dir, tmp_path / "output")


@pytest.mark.integration
@pytest.mark.parametrize("mirror", [False, True])
def test_the_pipeline_answers_as_with_the_model(exported_file, small_model_dir, clips, mirror):
    ours = OnnxSignRecognitionPipeline.from_pretrained(exported_file, threads=1)
    theirs = SignRecognitionPipeline.from_pretrained(small_model_dir, device="cpu")
    for name, clip in clips.items():
        found, expected = ours(clip, top_k=2, mirror=mirror), theirs(clip, top_k=2, mirror=mirror)
        assert found["warnings"] == expected["warnings"], name
        assert found["confidence"] == pytest.approx(expected["confidence"], abs=1e-5), name
        for ours_one, theirs_one in zip(found["predictions"], expected["predictions"], strict=True):
            assert ours_one["label"] == theirs_one["label"], name
            assert ours_one["score"] == pytest.approx(theirs_one["score"], abs=1e-5), name


def test_the_pipeline_answers_clips_in_batches_as_one_by_one(exported_file):
    recognize = OnnxSignRecognitionPipeline.from_pretrained(exported_file, threads=1)
    clips = made_up_clips()[:5]
    for found, clip in zip(recognize(clips, batch_size=2), clips, strict=True):
        expected = recognize(clip)
        assert [item["label"] for item in found["predictions"]] == [item["label"] for item in expected["predictions"]]
        assert found["confidence"] == pytest.approx(expected["confidence"], abs=1e-5)


@pytest.mark.integration
def test_the_pipeline_answers_a_video(exported_file, small_model_dir, data_dir, landmarker_path):
    video = data_dir / "videos" / "msl150_hoy_001.mp4"
    found = OnnxSignRecognitionPipeline.from_pretrained(exported_file.parent)(str(video), top_k=1)
    expected = SignRecognitionPipeline.from_pretrained(small_model_dir, device="cpu")(str(video), top_k=1)
    assert found["predictions"][0]["label"] == expected["predictions"][0]["label"]
    assert found["predictions"][0]["score"] == pytest.approx(expected["predictions"][0]["score"], abs=1e-4)


def test_files_that_are_no_exported_model_are_refused(exported, tmp_path):
    with pytest.raises(FileNotFoundError, match="no exported model"):
        OnnxSignRecognitionPipeline.from_pretrained(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ValueError, match="no ONNX model that onnxruntime can run"):
        OnnxSignRecognitionPipeline.from_pretrained(tmp_path)
    foreign = onnx.ModelProto()
    foreign.CopyFrom(exported)
    del foreign.metadata_props[:]
    (tmp_path / "model.onnx").write_bytes(foreign.SerializeToString())
    with pytest.raises(ValueError, match="the metadata names the format None"):
        OnnxSignRecognitionPipeline.from_pretrained(tmp_path)


def test_half_precision_is_exported_from_the_same_weights(small_model_dir):
    model, processor = load_plain_model(small_model_dir)
    graph = export.export_graph(model, processor, "fp16")
    assert model.dtype == torch.float32
    agreement = compare(graph, model, processor, made_up_clips())
    assert agreement.max_difference < 0.02
