"""Recognition with an exported model: the pipeline of slr_hf.model, run by onnxruntime.

It stands here and not in the model's folder, so that the folder loads where onnxruntime is not installed.
"""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers.utils import ModelOutput

from slr_hf.hub.export import FILES, FORMAT, open_session
from slr_hf.hub.landmark_graph import batch_landmarks
from slr_hf.model.configuration_slr import SLRConfig
from slr_hf.model.landmarks_slr import MIRRORED
from slr_hf.model.pipeline_slr import SignRecognitionPipeline
from slr_hf.model.processing_slr import KeypointProcessor


class OnnxRecognizer(nn.Module):
    """An exported file in the place of the model.

    Args:
        path: The file.
        threads: Threads of a run; one a core by default.
        providers: Where it runs, in order of preference; see onnxruntime's execution providers.

    Raises:
        ModuleNotFoundError: If onnxruntime is not installed.
        FileNotFoundError: If there is no such file.
        ValueError: If it is no ONNX file, or was not written by this package.
    """

    device = torch.device("cpu")
    dtype = torch.float32

    def __init__(
        self,
        path: str | os.PathLike[str],
        threads: int | None = None,
        providers: Sequence[str] = ("CPUExecutionProvider",),
    ) -> None:
        super().__init__()
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"There is no exported model {path}. Write one with scripts/export.py.")
        try:
            self.session = open_session(path, threads, providers)
        except ModuleNotFoundError:
            raise
        except Exception as error:  # onnxruntime has a dozen errors without a class in common
            raise ValueError(f"{path} is no ONNX model that onnxruntime can run ({error}).") from error
        facts = self.session.get_modelmeta().custom_metadata_map
        if facts.get("format") != FORMAT:
            raise ValueError(
                f"{path}: the metadata names the format {facts.get('format')!r}, expected {FORMAT!r}. "
                "Write the file with scripts/export.py of this version."
            )
        self.config = SLRConfig.from_dict(json.loads(facts["config"]))
        self.processor: Any = KeypointProcessor.from_dict(json.loads(facts["processor"]))
        self.points: tuple[int, ...] = tuple(json.loads(facts["points"]))

    def forward(self, return_dict: bool = True, **inputs: torch.Tensor) -> ModelOutput:
        """Runs the file.

        Args:
            return_dict: Asked for by the pipeline, and the only form there is.
            **inputs: See `LandmarkNormalizer`.

        Returns:
            `logits` `(batch, num_labels)` and `confidence_logits` `(batch,)`, as the model gives them.
        """
        arrays = {name: tensor.numpy() for name, tensor in inputs.items()}
        probabilities, confidence = self.session.run(["probabilities", "confidence"], arrays)
        return ModelOutput(
            logits=torch.from_numpy(probabilities).log(), confidence_logits=torch.from_numpy(confidence).logit()
        )


class OnnxSignRecognitionPipeline(SignRecognitionPipeline):
    """`SignRecognitionPipeline` with an exported model: the same call, the same answer, without PyTorch's model.

    Example:
        >>> recognize = OnnxSignRecognitionPipeline.from_pretrained("outputs/onnx/model.onnx")  # doctest: +SKIP
        >>> recognize("clip.mp4", top_k=3)["predictions"][0]["label"]  # doctest: +SKIP
        'hello'
    """

    model: Any  # an OnnxRecognizer

    @classmethod
    def from_pretrained(
        cls,
        model: str | os.PathLike[str],
        threads: int | None = None,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        **kwargs: Any,
    ) -> "OnnxSignRecognitionPipeline":
        """Loads an exported model.

        Args:
            model: The file, or the folder of `model.onnx`.
            threads: Threads of a run; one a core by default.
            providers: Where it runs, in order of preference; see onnxruntime's execution providers.
            **kwargs: Arguments of the constructor.

        Raises:
            ModuleNotFoundError: If onnxruntime is not installed.
            FileNotFoundError: If there is no such file.
            ValueError: If it was not written by this package.
        """
        path = Path(model) / FILES["fp32"] if Path(model).is_dir() else Path(model)
        recognizer: Any = OnnxRecognizer(path, threads, providers)  # has what the pipeline needs of a model
        return cls(model=recognizer, feature_extractor=recognizer.processor, device="cpu", **kwargs)

    def save_pretrained(self, save_directory: str | os.PathLike[str], push_to_hub: bool = False, **kwargs: Any) -> None:
        """Is not possible: an exported file holds no weights to load into the model."""
        raise NotImplementedError("An exported model cannot be saved as a model's folder. Copy its file.")

    def preprocess(  # type: ignore[override]
        self,
        input_: Any,
        mirror: bool = False,
        fps: float | None = None,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> dict[str, Any]:
        """Finds the landmarks where they are not given; the rest of the processing is part of the exported model."""
        if mirror and any(MIRRORED[point] < 0 for part in self.feature_extractor.parts for point in part["points"]):
            raise ValueError("Clips cannot be mirrored: some landmarks of the model have no known counterpart.")
        landmarks = input_ if hasattr(input_, "coordinates") else self.extractor(input_, fps=fps, progress=progress)
        inputs = {**batch_landmarks([landmarks], self.model.points), "mirror": np.array([mirror])}
        tensors = {name: torch.from_numpy(values) for name, values in inputs.items()}
        return {**tensors, "warnings": self.find_warnings(landmarks)}


__all__ = ["OnnxRecognizer", "OnnxSignRecognitionPipeline"]
