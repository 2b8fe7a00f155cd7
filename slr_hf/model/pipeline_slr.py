"""One call from a video to the gloss."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import Pipeline
from transformers.utils import ModelOutput

from .drawing_slr import draw_skeleton, skeleton_svg
from .extraction_slr import HolisticExtractor
from .landmarks_slr import NOSE, NUM_LANDMARKS, POSE_WRISTS, Landmarks, input_points
from .loading_slr import load_model
from .modeling_slr import SLRForSignClassification
from .processing_slr import KeypointProcessor
from .streaming_slr import StreamingRecognizer, StreamSettings

#: The pipeline's task, by which `transformers.pipeline` knows it.
TASK = "sign-language-recognition"

#: Why an answer may be poor.
WARNINGS = {
    "no_hands": "No hand was seen. Keep both hands in view, in good light.",
    "hands_rarely_seen": "Hands were seen in less than half of the frames. Keep them in view, in good light.",
    "hands_out_of_view": "A hand leaves the picture. Step back until both stay in view.",
    "head_out_of_view": "The head is not in the picture. Step back until it is.",
    "no_body": "Head and shoulders were not seen. Step back until they are in view.",
    "too_short": "The clip has less than five frames with a hand. Record the whole sign.",
}
_FEWEST_FRAMES = 5

#: Share of the frames in which something is out of view before it is told.
_OUT_OF_VIEW = 0.25

#: Arguments of `push_to_hub` that `save_pretrained` hands on.
_PUSHING = frozenset(
    {"repo_id", "commit_message", "commit_description", "private", "token", "revision", "create_pr", "tags"}
)


class SignRecognitionPipeline(Pipeline):
    """Recognises the sign in a clip: extractor, processor and model in one call.

    Args:
        model: The classifier.
        feature_extractor: The `KeypointProcessor` saved beside it.
        extractor: Finds landmarks in videos; a `HolisticExtractor` with its defaults when left out.
        **kwargs: Arguments of `transformers.Pipeline`, such as `device`, and defaults for the arguments of a call.

    A call takes:
        inputs: A video file, frames (RGB `uint8` `(frames, height, width, 3)`), `Landmarks`, or a list of these. Frames
            that come one by one go to `extractor` first: of a generator, every item would be taken for a clip.
        top_k: How many glosses to answer with.
        mirror: Whether to swap the signer's sides: for a selfie camera or a left-handed signer.
        fps: Frames a second of `inputs` given as frames.
        progress: Called with the frames done and their total (or `None`) while landmarks are found.
        explain: Whether to tell which frames the answer rests on.
        batch_size: How many clips of a list go through the model at a time. The answers are the same.

    It returns, for each clip:
        - predictions: `top_k` times `{"label": gloss, "score": probability}`, the best first.
        - confidence: The probability that the first answer is right.
        - warnings: Keys of `WARNINGS` that say why the answer may be poor.
        - times, frame_weights: With `explain`, of each frame that the model saw, its time in seconds from the clip's
          start, and how much it counted; the weights sum to 1. An exported model does not tell them.

    Example:
        >>> recognize = SignRecognitionPipeline.from_pretrained("space/model")  # doctest: +SKIP
        >>> recognize("clip.mp4", top_k=3)["predictions"][0]["label"]  # doctest: +SKIP
        'hello'
    """

    _load_tokenizer: Any = False
    _load_image_processor: Any = False
    _load_processor: Any = False
    _load_feature_extractor: Any = True

    #: For who has a loaded pipeline but not this package: the class of landmarks, and how they are drawn on a frame.
    landmarks_class = Landmarks
    draw = staticmethod(draw_skeleton)
    draw_svg = staticmethod(skeleton_svg)

    model: SLRForSignClassification
    feature_extractor: Any  # a KeypointProcessor, of this folder or of its copy in the Hub's module cache

    def __init__(
        self,
        model: SLRForSignClassification,
        feature_extractor: KeypointProcessor,
        extractor: HolisticExtractor | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("task", TASK)
        super().__init__(model=model, feature_extractor=feature_extractor, **kwargs)  # type: ignore[arg-type]
        self.model.eval()
        self.extractor = HolisticExtractor() if extractor is None else extractor

    @classmethod
    def from_pretrained(cls, model: str | os.PathLike[str], **kwargs: Any) -> "SignRecognitionPipeline":
        """Loads a saved folder or Hub repository with the code of this package.

        Args:
            model: Folder, or Hub id.
            **kwargs: Arguments of the constructor.

        Raises:
            ModelError: If there is no such model, or it cannot be used; see `load_model`.
        """
        classifier, processor = load_model(model)
        return cls(model=classifier, feature_extractor=processor, **kwargs)

    def save_pretrained(self, save_directory: str | os.PathLike[str], push_to_hub: bool = False, **kwargs: Any) -> None:
        """Saves all that recognition needs: weights, configuration, processor, and the code of all of them.

        Args:
            save_directory: Folder, made where it is missing.
            push_to_hub: Whether to upload it too, in one commit.
            **kwargs: Arguments of `PreTrainedModel.save_pretrained`; with `push_to_hub`, those of the method
                `push_to_hub`, of which `repo_id` is the folder's name by default.
        """
        folder = Path(save_directory)
        saving = {name: kwargs.pop(name) for name in set(kwargs) - _PUSHING} if push_to_hub else kwargs
        self.feature_extractor.save_pretrained(folder)
        self.model.save_pretrained(folder, **saving)
        if push_to_hub:
            # Not left to the model, which would upload only what it has written itself.
            self.push_to_hub(kwargs.pop("repo_id", folder.name), **kwargs)

    def _sanitize_parameters(
        self,
        top_k: int | None = None,
        mirror: bool | None = None,
        fps: float | None = None,
        progress: Callable[[int, int | None], None] | None = None,
        explain: bool | None = None,
        **unknown: Any,
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        if unknown:
            raise TypeError(
                f"Unknown arguments: {', '.join(unknown)}. A call takes top_k, mirror, fps, progress and explain."
            )
        if top_k is not None and top_k < 1:
            raise ValueError(f"`top_k` must be at least 1, but is {top_k}.")
        preprocess = {"mirror": mirror, "fps": fps, "progress": progress}
        preprocess = {name: value for name, value in preprocess.items() if value is not None}
        postprocess = {"top_k": top_k, "explain": explain}
        return preprocess, {}, {name: value for name, value in postprocess.items() if value is not None}

    def preprocess(  # type: ignore[override]
        self,
        input_: Any,
        mirror: bool = False,
        fps: float | None = None,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> dict[str, Any]:
        """Finds the landmarks where they are not given, and makes keypoints of them."""
        # Not isinstance: in remote code, this folder and slr_hf each have a class of that name.
        landmarks = input_ if hasattr(input_, "coordinates") else self.find_landmarks(input_, fps, progress)
        return {**self.feature_extractor(landmarks, mirror=mirror), "warnings": self.find_warnings(landmarks)}

    def find_landmarks(
        self, source: Any, fps: float | None = None, progress: Callable[[int, int | None], None] | None = None
    ) -> Landmarks:
        """Finds the landmarks of a clip, and keeps those that the answer rests on; see `HolisticExtractor`."""
        points = input_points(self.feature_extractor.parts)
        return self.extractor(source, fps=fps, progress=progress, points=points)

    def _forward(self, input_tensors: dict[str, Any], **_: Any) -> ModelOutput:
        inputs = dict(input_tensors)
        warnings = inputs.pop("warnings")
        outputs = self.model(**inputs, return_dict=True)
        # Flat, and a tensor first: so Pipeline takes batches apart again.
        return ModelOutput(
            logits=outputs["logits"],
            confidence_logits=outputs.get("confidence_logits"),
            frame_weights=outputs.get("frame_weights"),
            positions=inputs.get("positions"),
            attention_mask=inputs.get("attention_mask"),
            warnings=warnings,
        )

    def postprocess(  # type: ignore[override]
        self, model_outputs: ModelOutput, top_k: int = 5, explain: bool = False
    ) -> dict[str, Any]:
        """Names the best glosses."""
        probabilities = model_outputs["logits"][0].float().softmax(dim=-1)
        scores, labels = probabilities.topk(min(top_k, len(probabilities)))
        if model_outputs["confidence_logits"] is not None:
            confidence = torch.sigmoid(model_outputs["confidence_logits"][0].float()).item()
        else:
            confidence = scores[0].item()
        id2label = self.model.config.id2label or {}
        predictions = [
            {"label": id2label[label], "score": score}
            for label, score in zip(labels.tolist(), scores.tolist(), strict=True)
        ]
        answer = {"predictions": predictions, "confidence": confidence, "warnings": model_outputs["warnings"]}
        if explain and model_outputs["frame_weights"] is not None:
            frames = model_outputs["attention_mask"][0].bool()  # not the padding of its batch
            times = model_outputs["positions"][0, frames].float() / self.feature_extractor.frame_rate
            weights = model_outputs["frame_weights"][0, frames].float()
            answer |= {"times": times.tolist(), "frame_weights": weights.tolist()}
        return answer

    def find_warnings(self, landmarks: Landmarks) -> list[str]:
        """Tells what in the clip may make its answer poor. What the model does not look at is no reason.

        Args:
            landmarks: The clip.

        Returns:
            Keys of `WARNINGS`.
        """
        processor = self.feature_extractor
        parts = [part for part, shown in zip(processor.parts, processor.fitted_parts, strict=True) if shown]
        seen = {part["name"]: landmarks.detected(part["points"]) for part in parts}
        hands = [seen[part["name"]] for part in parts if part.get("anchor") is not None]
        others = [seen[part["name"]] for part in parts if part.get("anchor") is None]
        warnings = []
        if hands:
            frames = np.logical_or.reduce(hands)
            if not frames.any():
                warnings.append("no_hands")
            elif frames.mean() < 0.5:
                warnings.append("hands_rarely_seen")
            if 0 < frames.sum() < _FEWEST_FRAMES:
                warnings.append("too_short")
        if others and not any(frames.any() for frames in others):
            warnings.append("no_body")
        looks_at_body = bool(others) or processor.uses_shoulders
        if looks_at_body and _leave_the_picture(landmarks, (NOSE,)).mean() > _OUT_OF_VIEW:
            warnings.append("head_out_of_view")
        if hands and _leave_the_picture(landmarks, POSE_WRISTS).mean() > _OUT_OF_VIEW:
            warnings.append("hands_out_of_view")
        return warnings

    def stream(
        self,
        fps: float,
        width: int,
        height: int,
        points: tuple[int, ...] = tuple(range(NUM_LANDMARKS)),
        **settings: Any,
    ) -> StreamingRecognizer:
        """Makes a recognizer of the signs in a stream of landmarks.

        Args:
            fps: Frames a second of the stream.
            width: Width of the frames in pixels.
            height: Height of the frames in pixels.
            points: Holistic index (0-542) of each column of a frame.
            **settings: Fields of `StreamSettings`.
        """
        return StreamingRecognizer(self, fps, width, height, points, StreamSettings(**settings))


def _leave_the_picture(landmarks: Landmarks, points: tuple[int, ...]) -> np.ndarray:
    """Tells in which frames one of `points` lies beyond the left, right or upper border: bool `(frames,)`.

    The landmarks of the body are estimated there too. Below the lower border is where hands rest.
    """
    places = landmarks.take(points)  # comparisons with NaN are false
    outside = (places[..., 0] < 0) | (places[..., 0] > 1) | (places[..., 1] < 0)
    return np.asarray(outside.any(axis=1))


__all__ = ["TASK", "WARNINGS", "SignRecognitionPipeline"]
