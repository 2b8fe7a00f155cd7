"""A trained model as one ONNX file: raw landmarks in, probabilities out.

What the file holds is a `LandmarkRecognizer`, so the processor's steps are part of it. Its metadata says the rest, as
JSON: the glosses, the landmarks it takes, and the configurations of model and processor. `OnnxSignRecognitionPipeline`
answers with it.
"""

import importlib
import json
import logging
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from slr_hf.hub.landmark_graph import LandmarkRecognizer, batch_landmarks
from slr_hf.model.landmarks_slr import LEFT_HAND, RIGHT_HAND, STORED_POINTS, Landmarks, input_points
from slr_hf.model.loading_slr import load_model
from slr_hf.model.modeling_slr import SLRForSignClassification
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.whole_files import whole_file

if TYPE_CHECKING:
    import onnx
    import onnxruntime

logger = logging.getLogger(__name__)

Precision = Literal["fp32", "fp16", "int8"]

#: Says in a file's metadata what it is.
FORMAT = "slr_hf landmarks to glosses, version 1"

#: The file of each precision.
FILES: dict[Precision, str] = {"fp32": "model.onnx", "fp16": "model_fp16.onnx", "int8": "model_int8.onnx"}

#: The largest difference between a probability of the fp32 file and of PyTorch.
TOLERANCE = 1e-4

#: Below this share of clips with the same first answer as PyTorch, a smaller precision is warned of.
WANTED_AGREEMENT = 0.99

_OPSET = 20
_BATCH_SIZE = 32


class ExportError(ValueError):
    """The exported file does not say what the model says."""


@dataclass(frozen=True)
class Agreement:
    """How well a file agrees with the model in PyTorch and fp32.

    Args:
        clips: The clips that were compared.
        max_difference: The largest difference of a probability.
        max_confidence_difference: The largest difference of the confidence.
        top1_agreement: The share of clips with the same first answer.
    """

    clips: int
    max_difference: float
    max_confidence_difference: float
    top1_agreement: float


def require_packages() -> None:
    """Checks that the packages of the extra `export` are there.

    Raises:
        ModuleNotFoundError: If one is missing; the message says what to install.
    """
    for name in ("onnx", "onnxruntime", "onnxscript"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ModuleNotFoundError(
                f"Export needs onnx, onnxruntime and onnxscript ({error}). "
                "Install them by `pip install 'slr_hf[export]'`."
            ) from error


def load_plain_model(folder: str | Path) -> tuple[SLRForSignClassification, KeypointProcessor]:
    """Loads a saved model in fp32, with attention in plain operations that any exporter knows.

    Args:
        folder: The folder of a saved model.

    Raises:
        ModelError: If it cannot be used; see `slr_hf.model.loading_slr.load_model`.
    """
    model, processor = load_model(folder, dtype=torch.float32, attn_implementation="eager")
    return model.eval(), processor


def export_graph(
    model: SLRForSignClassification, processor: KeypointProcessor, precision: Literal["fp32", "fp16"] = "fp32"
) -> "onnx.ModelProto":
    """Exports a model with its processor, for any number of clips and frames.

    Args:
        model: The classifier, with eager attention; see `load_plain_model`.
        processor: The processor saved beside it.
        precision: Type of the model's weights. Landmarks are normalised in fp32 in any case.

    Raises:
        ModuleNotFoundError: If the extra `export` is not installed.
    """
    require_packages()
    import onnx

    original = model.dtype
    torch.nn.Module.to(model, torch.float16 if precision == "fp16" else torch.float32)
    try:
        batch, frames = torch.export.Dim("batch"), torch.export.Dim("frames")
        program = torch.onnx.export(
            LandmarkRecognizer(model, processor).eval(),
            kwargs={
                "landmarks": torch.rand(2, 20, len(input_points(processor.parts)), 3),
                "num_frames": torch.tensor([20, 15]),
                "fps": torch.full((2,), 30.0),
                "aspect": torch.full((2,), 4 / 3),
                "mirror": torch.tensor([False, True]),
            },
            dynamic_shapes={
                "landmarks": {0: batch, 1: frames},
                "num_frames": {0: batch},
                "fps": {0: batch},
                "aspect": {0: batch},
                "mirror": {0: batch},
            },
            input_names=["landmarks", "num_frames", "fps", "aspect", "mirror"],
            output_names=["probabilities", "confidence"],
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
        if program is None:
            raise ExportError("The exporter gave no program. Use torch 2.6 or newer.")
        graph = program.model_proto  # before the weights, which it reads here, change their type again
    finally:
        torch.nn.Module.to(model, original)
    _strip(graph.graph)
    for function in graph.functions:
        _strip(function)
    _describe(graph, model, processor, precision)
    onnx.checker.check_model(graph)
    return graph


def _strip(graph: Any) -> None:
    """Removes the traces of the Python code that each node carries; they weigh as much as the weights."""
    for node in graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in graph.value_info:
        del value.metadata_props[:]
    del graph.metadata_props[:]


def _describe(
    graph: "onnx.ModelProto", model: SLRForSignClassification, processor: KeypointProcessor, precision: Precision
) -> None:
    """Writes the metadata; what was there before goes."""
    id2label: Any = model.config.id2label or {}
    del graph.metadata_props[:]
    facts = {
        "format": FORMAT,
        "precision": precision,
        "labels": json.dumps([id2label[index] for index in range(len(id2label))], ensure_ascii=False),
        "points": json.dumps(input_points(processor.parts)),
        "config": model.config.to_json_string(use_diff=True),
        "processor": processor.to_json_string(),
    }
    for key, value in facts.items():
        graph.metadata_props.add(key=key, value=value)


def quantize_graph(graph: "onnx.ModelProto") -> "onnx.ModelProto":
    """Stores the weights of all matrix products as 8-bit integers, one scale a channel.

    Inputs of a product are quantised as they come, so no clips are needed to calibrate it.

    Args:
        graph: An fp32 graph of `export_graph`.

    Raises:
        ModuleNotFoundError: If the extra `export` is not installed.
    """
    require_packages()
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        quantize_dynamic(
            graph,
            path,
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            # Seven bits: with eight, sums overflow on processors without VNNI, and answers would differ by machine.
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )
        quantized = onnx.load(path)
    del quantized.metadata_props[:]
    for entry in graph.metadata_props:
        quantized.metadata_props.add(key=entry.key, value="int8" if entry.key == "precision" else entry.value)
    return quantized


def open_session(
    graph: "onnx.ModelProto | str | Path",
    threads: int | None = None,
    providers: Sequence[str] = ("CPUExecutionProvider",),
) -> "onnxruntime.InferenceSession":
    """Makes a graph or a file ready to run.

    Args:
        graph: A graph, or the path of a file.
        threads: Threads of a run; one a core by default.
        providers: Where it runs, in order of preference; see onnxruntime's execution providers.

    Raises:
        ModuleNotFoundError: If onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ModuleNotFoundError(
            f"Running an exported model needs onnxruntime ({error}). Install it by `pip install 'slr_hf[export]'`."
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = threads
    source = str(graph) if isinstance(graph, str | Path) else graph.SerializeToString()
    return onnxruntime.InferenceSession(source, options, providers=list(providers))


def compare(
    graph: "onnx.ModelProto",
    model: SLRForSignClassification,
    processor: KeypointProcessor,
    clips: Sequence[Landmarks],
) -> Agreement:
    """Compares the answers of a graph with those of the model in PyTorch.

    Args:
        graph: The graph.
        model: The model, in fp32.
        processor: Its processor.
        clips: The clips to compare on.

    Raises:
        ValueError: If there is no clip.
    """
    if not clips:
        raise ValueError("There is no clip to compare on. Pass at least one.")
    session, points = open_session(graph), input_points(processor.parts)
    difference, confidence_difference, same = 0.0, 0.0, 0
    for start in range(0, len(clips), _BATCH_SIZE):
        batch = list(clips[start : start + _BATCH_SIZE])
        with torch.inference_mode():
            outputs = model(**processor(batch))
        expected = outputs.logits.softmax(dim=-1).numpy()
        sure = expected.max(axis=-1)
        if outputs.confidence_logits is not None:
            sure = outputs.confidence_logits.sigmoid().numpy()
        mirror = np.zeros(len(batch), bool)
        probabilities, confidence = session.run(None, {**batch_landmarks(batch, points), "mirror": mirror})
        # Not max(): a NaN must not be lost.
        difference = float(np.maximum(difference, np.abs(probabilities - expected).max()))
        confidence_difference = float(np.maximum(confidence_difference, np.abs(confidence - sure).max()))
        same += int((probabilities.argmax(axis=-1) == expected.argmax(axis=-1)).sum())
    return Agreement(len(clips), difference, confidence_difference, same / len(clips))


def measure_latency(
    graph: "onnx.ModelProto", clip: Landmarks, points: tuple[int, ...], threads: int = 2, runs: int = 50
) -> dict[str, Any]:
    """Times a graph on one clip, from landmarks to probabilities.

    Args:
        graph: The graph.
        clip: The clip.
        points: The landmarks that the graph takes.
        threads: Threads of a run.
        runs: Measured runs, after five that are not.

    Returns:
        The frames of the clip, threads, and median and least time of a run in milliseconds.
    """
    session = open_session(graph, threads)
    inputs = {**batch_landmarks([clip], points), "mirror": np.zeros(1, bool)}
    times = []
    for _ in range(runs + 5):
        start = time.perf_counter()
        session.run(None, inputs)
        times.append((time.perf_counter() - start) * 1e3)
    return {
        "frames": clip.num_frames,
        "threads": threads,
        "median_ms": round(statistics.median(times[5:]), 2),
        "least_ms": round(min(times[5:]), 2),
    }


def made_up_clips(count: int = 16, seed: int = 0) -> list[Landmarks]:
    """Clips of a moving skeleton with gaps, of 1 to 200 frames, to compare on where no real ones are given."""
    random = np.random.default_rng(seed)
    clips = []
    for length in np.geomspace(1, 200, count).round().astype(int):
        body = random.uniform(0.3, 0.7, (1, len(STORED_POINTS), 3))
        steps = random.normal(scale=0.01, size=(length, len(STORED_POINTS), 3))
        coordinates = (body + steps.cumsum(axis=0)).astype(np.float32)
        for hand in (LEFT_HAND, RIGHT_HAND):
            columns = [STORED_POINTS.index(point) for point in hand]
            lost = random.random(length) < 0.2
            coordinates[np.ix_(lost, columns)] = np.nan
        clips.append(Landmarks(coordinates, STORED_POINTS, fps=30, width=640, height=480))
    return clips


def of_length(clip: Landmarks, frames: int) -> Landmarks:
    """A clip of exactly `frames` frames, repeated or cut, to measure on."""
    index = np.arange(frames) % clip.num_frames
    return Landmarks(clip.coordinates[index], clip.points, clip.fps, clip.width, clip.height)


def export_model(
    folder: str | Path,
    output: str | Path,
    precision: Precision = "fp32",
    clips: Sequence[Landmarks] | None = None,
    threads: int = 2,
) -> dict[str, Any]:
    """Exports a saved model, checks it against PyTorch and measures it. Writes the file whole or not at all.

    Args:
        folder: The folder of a saved model.
        output: The folder to write to; see `FILES` for the file's name.
        precision: "fp32", "fp16" (half the size, for accelerators) or "int8" (a quarter, for processors).
        clips: Real clips to check on; made up ones by default.
        threads: Threads to measure with.

    Returns:
        What was written and measured, for JSON.

    Raises:
        ModuleNotFoundError: If the extra `export` is not installed.
        ModelError: If the folder holds no model that can be used.
        ExportError: If a probability of the fp32 graph is off by more than `TOLERANCE`.
    """
    require_packages()
    model, processor = load_plain_model(folder)
    compared = made_up_clips() if clips is None else clips
    graph = export_graph(model, processor, "fp16" if precision == "fp16" else "fp32")
    agreement = compare(graph, model, processor, compared)
    # Also caught where the difference is NaN.
    if precision != "fp16" and not agreement.max_difference <= TOLERANCE:
        raise ExportError(
            f"The exported model is off by {agreement.max_difference:.2g} on {agreement.clips} clips, more than the "
            f"{TOLERANCE:g} that are allowed, so nothing was written. Report this with your versions of torch, onnx "
            "and onnxruntime."
        )
    if precision == "int8":
        graph = quantize_graph(graph)
        agreement = compare(graph, model, processor, compared)
    if agreement.top1_agreement < WANTED_AGREEMENT:
        logger.warning(
            "The first answers of the %s file agree with PyTorch in only %.1f%% of %d clips.",
            precision,
            100 * agreement.top1_agreement,
            agreement.clips,
        )
    path = Path(output) / FILES[precision]
    with whole_file(path) as unfinished:
        unfinished.write_bytes(graph.SerializeToString())
    return {
        "file": str(path),
        "precision": precision,
        "size_mb": round(path.stat().st_size / 1e6, 2),
        "real_clips": clips is not None,
        **asdict(agreement),
        "latency": measure_latency(graph, of_length(compared[-1], 50), input_points(processor.parts), threads),
    }


__all__ = [
    "FILES",
    "FORMAT",
    "TOLERANCE",
    "Agreement",
    "ExportError",
    "compare",
    "export_graph",
    "export_model",
    "load_plain_model",
    "made_up_clips",
    "measure_latency",
    "open_session",
    "quantize_graph",
    "require_packages",
]
