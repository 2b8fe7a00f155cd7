"""Enrolment: new signs without training, by the prototypes of their clips."""

from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch.nn import functional as F

from slr_hf.data.collation import KeypointCollator
from slr_hf.data.splits import read_column
from slr_hf.model.configuration_slr import SLRConfig
from slr_hf.model.modeling_slr import SLRForSignClassification
from slr_hf.model.pipeline_slr import SignRecognitionPipeline
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.augmentations import Augmentations
from slr_hf.training.recipes import own_signs
from slr_hf.training.stages import training_records
from slr_hf.whole_files import whole_folder, write_json

#: Clips embedded at a time.
_BATCH = 64


def enrol(
    model: SLRForSignClassification,
    processor: KeypointProcessor,
    clips: Dataset,
    copies: int = 15,
    augmentations: Augmentations = own_signs.FT1.augmentations,
    seed: int = 0,
) -> SLRForSignClassification:
    """Makes a model that knows the glosses of some clips, and only these.

    A gloss gets one prototype: the mean of the embeddings of its clips and of augmented copies of them, each of length
    1. A clip is then answered with the gloss of the nearest prototype by the cosine (Snell et al. 2017, Prototypical
    networks for few-shot learning, https://arxiv.org/abs/1703.05175).

    Args:
        model: A trained model; only its embedding is used.
        processor: The processor saved beside it.
        clips: Clips of `prepare_dataset`, at least one of each gloss.
        copies: Augmented copies of each clip. 0 = the clips alone.
        augmentations: How copies are augmented; none that mixes clips.
        seed: Seed of the augmentations.

    Returns:
        A new model with the embedding of the old one and prototypes as its classifier. It has no confidence head: the
        score of the first answer is its confidence.

    Raises:
        ValueError: If a gloss has no clip, or `copies` is negative.
    """
    names = clips.features["label"].names
    labels = torch.as_tensor(read_column(clips, "label"))
    missing = [name for index, name in enumerate(names) if not (labels == index).any()]
    if missing:
        raise ValueError(f"There is no clip of the glosses {missing}. Each needs at least one.")
    if copies < 0:
        raise ValueError(f"`copies` must not be negative, but is {copies}.")
    # What else is drawn in this process does not depend on the copies.
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        augment = augmentations.build(processor)
        sums = torch.zeros(len(names), model.config.hidden_size)
        collate = KeypointCollator(processor)
        for start in range(0, len(clips), _BATCH):
            rows = [clips[row] for row in range(start, min(start + _BATCH, len(clips)))]
            batch = collate(rows)
            own = batch.pop("labels")
            for copy in range(1 + copies):
                # Augmentations take targets, a probability for each gloss.
                targets = {"labels": F.one_hot(own, len(names)).float()}
                changed = augment({**batch, **targets}) if copy else {**batch, **targets}
                sums.index_add_(0, own, _embed(model, processor, changed))
    labelled = {"id2label": dict(enumerate(names)), "label2id": {name: index for index, name in enumerate(names)}}
    values = {name: value for name, value in model.config.to_dict().items() if name in _KEPT_FIELDS}
    config = SLRConfig(**{**values, **labelled, "classifier": "prototypes", "confidence_head": False})
    enrolled = SLRForSignClassification(config)
    enrolled.slr.load_state_dict(model.slr.state_dict())
    enrolled.classifier.load_state_dict({"weight": F.normalize(sums, dim=-1)})
    return enrolled.eval()


def save_enrolled(
    model: SLRForSignClassification,
    processor: KeypointProcessor,
    clips: Dataset,
    origin: str | Path,
    output: str | Path,
) -> None:
    """Saves an enrolled model as a complete folder, whole or not at all; one that is there already is replaced.

    Args:
        model: The model of `enrol`.
        processor: The processor of the model it was made of.
        clips: The clips that were enrolled.
        origin: The folder or Hub id of the model it was made of.
        output: The folder to write.
    """
    counts = torch.as_tensor(read_column(clips, "label")).bincount(minlength=len(clips.features["label"].names))
    record: dict[str, Any] = {
        "model": str(origin),
        "clips": dict(zip(clips.features["label"].names, counts.tolist(), strict=True)),
    }
    with whole_folder(output) as unfinished:
        SignRecognitionPipeline(model, processor).save_pretrained(unfinished)
        write_json(unfinished / ENROLMENT, record)
        for name, content in training_records({"train": clips}, origin).items():
            write_json(unfinished / name, content)


@torch.no_grad()
def _embed(
    model: SLRForSignClassification, processor: KeypointProcessor, batch: dict[str, torch.Tensor]
) -> torch.Tensor:
    inputs = {name: tensor for name, tensor in processor.finish(batch).items() if name != "labels"}
    model.eval()
    pooled = model.slr(**{name: tensor.to(model.device) for name, tensor in inputs.items()}).pooled_output
    return F.normalize(pooled, dim=-1).float().cpu()


#: In the folder of an enrolled model: the model it was made of, and the number of clips of each gloss.
ENROLMENT = "enrolment.json"

_KEPT_FIELDS = frozenset(SLRConfig.__annotations__)

__all__ = ["ENROLMENT", "enrol", "save_enrolled"]
