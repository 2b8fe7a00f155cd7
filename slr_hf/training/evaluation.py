"""Evaluation of a model on clips, and the figures that metrics.json holds."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from tqdm.auto import tqdm

from slr_hf.data.collation import KeypointCollator
from slr_hf.data.splits import read_column
from slr_hf.model.modeling_slr import SLRForSignClassification
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.metrics import (
    calibration_error,
    confidence_auroc,
    cross_entropy,
    mean_class_accuracy,
    top_k_accuracy,
)
from slr_hf.training.people import SAME_RECORDER, STRANGERS, find_group, summarize_people
from slr_hf.training.stages import TRAINING_CLIPS, TRAINING_SESSIONS

#: The most frequent confusions that a summary lists.
_MOST_CONFUSIONS = 30

#: Groups of about as many clips each, by their length.
_LENGTHS = 8


@dataclass(frozen=True)
class Evaluation:
    """What a model answered to each clip.

    Args:
        glosses: The model's glosses.
        clip_ids: Names of the clips.
        sessions: Recording session of each clip.
        frames: Frames of each prepared clip (those without hands are dropped, long clips shortened), int64 `(clips,)`.
        labels: Class index of each clip among the model's glosses, `(clips,)`.
        logits: `(clips, num_labels)`.
        confidence: Probability that the first answer is right, `(clips,)`.
        neighbour: What a nearest neighbour answers to the same clips, `(clips, num_labels)`; see
            `slr_hf.benchmarks.nearest_neighbour`.
    """

    glosses: list[str]
    clip_ids: list[str]
    sessions: list[str]
    frames: torch.Tensor
    labels: torch.Tensor
    logits: torch.Tensor
    confidence: torch.Tensor
    neighbour: torch.Tensor | None = None

    @classmethod
    def pool(cls, evaluations: Sequence["Evaluation"]) -> "Evaluation":
        """Puts the answers of several models to different clips together.

        Args:
            evaluations: At least one, of models of the same glosses.

        Raises:
            ValueError: If the models know different glosses.
        """
        first = evaluations[0]
        if any(evaluation.glosses != first.glosses for evaluation in evaluations):
            raise ValueError("The models know different glosses, so their answers cannot be put together.")
        neighbours = [evaluation.neighbour for evaluation in evaluations if evaluation.neighbour is not None]
        return cls(
            glosses=first.glosses,
            clip_ids=[clip for evaluation in evaluations for clip in evaluation.clip_ids],
            sessions=[session for evaluation in evaluations for session in evaluation.sessions],
            frames=torch.cat([evaluation.frames for evaluation in evaluations]),
            labels=torch.cat([evaluation.labels for evaluation in evaluations]),
            logits=torch.cat([evaluation.logits for evaluation in evaluations]),
            confidence=torch.cat([evaluation.confidence for evaluation in evaluations]),
            neighbour=torch.cat(neighbours) if len(neighbours) == len(evaluations) else None,
        )

    @property
    def right(self) -> torch.Tensor:
        """Whether the first answer is right: bool `(clips,)`."""
        return self.logits.argmax(dim=-1) == self.labels

    def summary(
        self, seen_clips: Iterable[str] | None = None, seen_sessions: Iterable[str] | None = None
    ) -> dict[str, Any]:
        """Computes all figures.

        Args:
            seen_clips: Names of the clips that training saw; `None` where that is not known.
            seen_sessions: Names of the sessions that training saw; `None` where that is not known.

        Returns:
            What metrics.json holds. First `people`: of `strangers`, whom training has not seen, and of the
            `same_recorder`, whose other clips it has seen, what `summarize_people` tells, and `glosses`, the clips,
            people and top-1 of each gloss; `None` for a group without clips, or in the place of both where it is not
            known whom training has seen. Then top-1, top-5 and mean class accuracy, cross entropy, calibration error,
            the confidence's mean and AUROC; clips and top-1 of each session (and the neighbour's), of each gloss (and
            its people) and of clips of similar length (`from` and `to` in frames, both included); the most frequent
            confusions; how many of the clips were seen in training.
        """
        seen = None if seen_clips is None else set(seen_clips)
        known = seen is not None and seen_sessions is not None
        answers = self.logits.argmax(dim=-1).tolist()
        wrong = Counter(
            (self.glosses[label], self.glosses[answer])
            for label, answer in zip(self.labels.tolist(), answers, strict=True)
            if label != answer
        )
        return {
            "people": self._by_people(seen or (), set(seen_sessions or ())) if known else None,
            "clips": len(self.clip_ids),
            "seen_in_training": None if seen is None else sum(clip in seen for clip in self.clip_ids),
            "top1": top_k_accuracy(self.logits, self.labels, 1),
            "top5": top_k_accuracy(self.logits, self.labels, 5),
            "mean_class_accuracy": mean_class_accuracy(self.logits, self.labels),
            "cross_entropy": cross_entropy(self.logits, self.labels),
            "calibration_error": calibration_error(self.logits, self.labels),
            "confidence": {
                "mean": self.confidence.mean().item(),
                "auroc": confidence_auroc(self.confidence, self.right),
            },
            "sessions": self._by_session(),
            "glosses": self._by_gloss(),
            "lengths": self._by_length(),
            "confusions": [
                {"gloss": gloss, "answer": answer, "clips": count}
                for (gloss, answer), count in wrong.most_common(_MOST_CONFUSIONS)
            ],
        }

    def _by_people(self, seen_clips: Collection[str], seen_sessions: Collection[str]) -> dict[str, Any]:
        """The figures of strangers and of people whom training has seen."""
        groups = [
            find_group(clip, session, seen_clips, seen_sessions)
            for clip, session in zip(self.clip_ids, self.sessions, strict=True)
        ]
        people: dict[str, Any] = {}
        for group in (STRANGERS, SAME_RECORDER):
            rows = [row for row, found in enumerate(groups) if found == group]
            if not rows:
                people[group] = None
                continue
            own = self._select(rows)
            figures = summarize_people(own.logits, own.labels, own.sessions, own.neighbour)
            people[group] = {**figures, "glosses": own._by_gloss()}
        return people

    def _select(self, rows: list[int]) -> "Evaluation":
        """The answers to some clips."""
        return Evaluation(
            glosses=self.glosses,
            clip_ids=[self.clip_ids[row] for row in rows],
            sessions=[self.sessions[row] for row in rows],
            frames=self.frames[rows],
            labels=self.labels[rows],
            logits=self.logits[rows],
            confidence=self.confidence[rows],
            neighbour=None if self.neighbour is None else self.neighbour[rows],
        )

    def _by_session(self) -> dict[str, dict[str, Any]]:
        """Clips and top-1 accuracy of each session, and that of the neighbour."""
        sessions = self._by(self.sessions, self.right)
        if self.neighbour is not None:
            others = self._by(self.sessions, self.neighbour.argmax(dim=-1) == self.labels)
            for name, figures in sessions.items():
                figures["nearest_neighbour"] = {"top1": others[name]["top1"]}
        return sessions

    def _by_gloss(self) -> dict[str, dict[str, Any]]:
        """Clips, people and top-1 accuracy of each gloss, of all clips and in the mean over its people."""
        names = [self.glosses[label] for label in self.labels.tolist()]
        answers: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
        for name, session, right in zip(names, self.sessions, self.right.tolist(), strict=True):
            answers[name][session].append(right)
        means = {name: fmean(map(fmean, people.values())) for name, people in answers.items()}
        return {
            name: {**figures, "people": len(answers[name]), "mean_over_people": means[name]}
            for name, figures in self._by(names, self.right).items()
        }

    @staticmethod
    def _by(names: list[str], right: torch.Tensor) -> dict[str, dict[str, Any]]:
        """Clips and top-1 accuracy of each name."""
        found, group, clips = np.unique(np.asarray(names), return_inverse=True, return_counts=True)
        top1 = np.bincount(group, weights=right.numpy()) / clips
        return {
            name: {"clips": count, "top1": accuracy}
            for name, count, accuracy in zip(found.tolist(), clips.tolist(), top1.tolist(), strict=True)
        }

    def _by_length(self) -> list[dict[str, Any]]:
        """Clips and top-1 accuracy by the clips' length, the shortest first."""
        frames, right = self.frames.numpy(), self.right.numpy()
        # Each bound is the length of some clip, so no group is empty; equal bounds are one.
        bounds = np.unique(np.quantile(frames, np.arange(1, _LENGTHS + 1) / _LENGTHS, method="inverted_cdf"))
        group = np.searchsorted(bounds, frames)
        return [
            {
                "from": int(frames[group == number].min()),
                "to": int(frames[group == number].max()),
                "clips": int((group == number).sum()),
                "top1": float(right[group == number].mean()),
            }
            for number in range(len(bounds))
        ]


def read_training_clips(folder: str | Path) -> set[str] | None:
    """Reads which clips a model has seen in training, validation clips included.

    Args:
        folder: Folder of the model.

    Returns:
        The names of the clips; `None` where the folder does not say.

    Raises:
        ValueError: If the record cannot be read.
    """
    return _read_names(folder, TRAINING_CLIPS, "clips")


def read_training_sessions(folder: str | Path) -> set[str] | None:
    """Reads which sessions a model has seen in training; see `read_training_clips`."""
    return _read_names(folder, TRAINING_SESSIONS, "sessions")


def _read_names(folder: str | Path, file: str, what: str) -> set[str] | None:
    """Reads the names of all splits in a record of a training."""
    record = Path(folder) / file
    if not record.is_file():
        return None
    try:
        return {str(name) for names in json.loads(record.read_text(encoding="utf-8")).values() for name in names}
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"{record} does not list the {what} of each split ({error}). Train again.") from error


def model_glosses(model: SLRForSignClassification) -> list[str]:
    """The glosses of a model, in the order of its class indices."""
    names: Any = model.config.id2label or {}
    return [str(names[index]) for index in range(len(names))]


def match_labels(dataset: Dataset, glosses: list[str]) -> np.ndarray:
    """Finds the class index of each clip's gloss among the glosses of a model, by name.

    Args:
        dataset: Clips with the column `label`.
        glosses: The model's glosses.

    Returns:
        Int64 `(clips,)`; -1 where the model does not know the gloss.
    """
    index = {gloss: number for number, gloss in enumerate(glosses)}
    table = np.array([index.get(gloss, -1) for gloss in dataset.features["label"].names], dtype=np.int64)
    return table[read_column(dataset, "label").astype(np.int64)]  # without clips, a column has no type


def check_clips(dataset: Dataset, glosses: list[str]) -> None:
    """Makes sure that there are clips, and that a model knows their glosses.

    Args:
        dataset: Clips with the column `label`.
        glosses: The model's glosses.

    Raises:
        ValueError: If there is no clip, or the model does not know a gloss.
    """
    if not len(dataset):
        raise ValueError(f"There is no clip to evaluate. The model knows the glosses {glosses}.")
    unknown = np.unique(read_column(dataset, "label")[match_labels(dataset, glosses) < 0])
    if len(unknown):
        names = dataset.features["label"].int2str(unknown.tolist())
        raise ValueError(
            f"The model does not know the glosses {names}. Leave their clips out, as scripts/evaluate.py "
            "does with --ignore-unknown-glosses."
        )


def evaluate(
    model: SLRForSignClassification,
    processor: KeypointProcessor,
    dataset: Dataset,
    batch_size: int = 64,
    device: str | torch.device = "cpu",
) -> Evaluation:
    """Lets a model answer all clips, with progress.

    Args:
        model: The classifier.
        processor: The processor that is saved beside it.
        dataset: Clips of `prepare_dataset`, whose glosses the model knows.
        batch_size: Clips of a batch.
        device: Where to compute.

    Raises:
        ValueError: If there is no clip, the model does not know a gloss, or an answer is not finite.
    """
    glosses = model_glosses(model)
    check_clips(dataset, glosses)
    collate = KeypointCollator(processor)
    model.to(device).eval()  # type: ignore[arg-type]
    frames: list[int] = []
    logits, confidence = [], []
    for start in tqdm(range(0, len(dataset), batch_size), desc="Evaluating", unit="batch"):
        rows = [dataset[index] for index in range(start, min(start + batch_size, len(dataset)))]
        frames += [len(row["positions"]) for row in rows]
        batch = collate(rows)
        batch.pop("labels")
        with torch.inference_mode():
            outputs = model(**processor.finish({name: value.to(device) for name, value in batch.items()}))
        logits.append(outputs.logits.float().cpu())
        if outputs.confidence_logits is None:
            confidence.append(logits[-1].softmax(dim=-1).amax(dim=-1))
        else:
            confidence.append(outputs.confidence_logits.float().sigmoid().cpu())
    broken = sum(int((~answers.isfinite().all(dim=-1)).sum()) for answers in logits)
    if broken:
        raise ValueError(f"The model's answers to {broken} clips are not finite. Its weights are broken: train again.")
    return Evaluation(
        glosses=glosses,
        clip_ids=read_column(dataset, "clip_id").astype(np.str_).tolist(),
        sessions=read_column(dataset, "session").astype(np.str_).tolist(),
        frames=torch.tensor(frames),
        labels=torch.from_numpy(match_labels(dataset, glosses)),
        logits=torch.cat(logits),
        confidence=torch.cat(confidence),
    )


__all__ = [
    "Evaluation",
    "check_clips",
    "evaluate",
    "match_labels",
    "model_glosses",
    "read_training_clips",
    "read_training_sessions",
]
