"""The recipe of a stage: every hyper-parameter of its training, in one place."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from inspect import get_annotations, signature
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from huggingface_hub.dataclasses import type_validator
from huggingface_hub.errors import StrictDataclassError

from slr_hf.model.configuration_slr import SLRConfig
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.augmentations import Augmentations
from slr_hf.training.losses import SignLoss
from slr_hf.training.schedules import CyclicLRWithWarmup, Schedule

#: The stages, in their order: initial training and two fine-tunings.
STAGES = ("it", "ft1", "ft2")

#: Groups of layers that can have learning rates of their own: the beginnings of their parameters' names.
LAYER_GROUPS = {
    "embedding": ("slr.embedding.",),
    "backbone": ("slr.transformer.", "slr.pooling."),
    "head": ("classifier.", "confidence."),
}

T = TypeVar("T")


@dataclass(frozen=True)
class Recipe:
    """The hyper-parameters of one stage. They do not depend on the data.

    Args:
        size: Size of a new model, one of `SIZES` in configuration_slr.py. Only the stage `it` makes one.
        config: Fields of `SLRConfig` to set differently, such as dropout and drop path. What changes the shape of the
            model can be set in the stage `it` only.
        processor: Fields of `KeypointProcessor` to set differently, in the stage `it` only. Its parts and `input_size`
            are those of `config`.
        epochs: Passes over the training clips, at most.
        repeats: How often a pass shows each clip, every time augmented anew. With few clips, so that an epoch, after
            which the model is measured and saved, is long enough.
        clips_per_gloss: Clips of each gloss in a pass, drawn evenly from its signers, so that no recorder of many clips
            outweighs many signers of few; see `SignerSampler`. 0 = every clip once.
        patience: Epochs without a lower validation loss after which the stage stops.
        batch_size: Clips of a batch, on each device.
        group_by_length: Whether the clips of a batch are of like length, so that little of it is padding. Of clips as
            SLOVO's, half of a batch of 64 is padding otherwise.
        gradient_accumulation_steps: Batches of an optimizer step.
        learning_rate: Peak learning rate of AdamW.
        layer_rates: Factors on the learning rate for some of `LAYER_GROUPS`; 1 for the others, 0 freezes a group.
        weight_decay: Weight decay of matrices; norms, biases and gains have none.
        max_grad_norm: Largest norm of the gradient; 0 = no limit.
        average_decay: Share of the moving average of the weights that is kept in every step, such as 0.999; the average
            is what is evaluated and saved. 0 = no average.
        schedule: Learning rate schedule, one of slr_hf/training/schedules.py.
        losses: Losses and their weights.
        augmentations: Augmentations of the training clips.
        seed: Seed of all that is random: initial weights, order of the clips, augmentations, dropout.
        bf16: Whether to train with bfloat16 autocast; "auto" = where a GPU supports it.

    Raises:
        ValueError: If a value is out of its range.
    """

    size: str = "tiny"
    config: dict[str, Any] = field(default_factory=dict)
    processor: dict[str, Any] = field(default_factory=dict)
    epochs: int = 50
    repeats: int = 1
    clips_per_gloss: int = 0
    patience: int = 10
    batch_size: int = 64
    group_by_length: bool = False
    gradient_accumulation_steps: int = 1
    learning_rate: float = 1e-3
    layer_rates: dict[str, float] = field(default_factory=dict)
    weight_decay: float = 0.05
    max_grad_norm: float = 1.0
    average_decay: float = 0.0
    schedule: Schedule = field(default_factory=CyclicLRWithWarmup)
    losses: SignLoss = field(default_factory=SignLoss)
    augmentations: Augmentations = field(default_factory=Augmentations)
    seed: int = 0
    bf16: bool | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        for name in ("epochs", "repeats", "patience", "batch_size", "gradient_accumulation_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1, but is {getattr(self, name)}.")
        if self.learning_rate <= 0:
            raise ValueError(f"`learning_rate` must be above 0, but is {self.learning_rate}.")
        for name in ("clips_per_gloss", "weight_decay", "max_grad_norm", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"`{name}` must not be negative, but is {getattr(self, name)}.")
        if self.clips_per_gloss and (self.repeats > 1 or self.group_by_length):
            raise ValueError("`clips_per_gloss` goes with neither `repeats` nor `group_by_length`. Set one of them.")
        if not 0 <= self.average_decay < 1:
            raise ValueError(f"`average_decay` must be at least 0 and below 1, but is {self.average_decay}.")
        unknown = sorted(self.layer_rates.keys() - LAYER_GROUPS.keys())
        if unknown:
            raise ValueError(f"`layer_rates` names {unknown}. Choose from {', '.join(LAYER_GROUPS)}.")
        if any(rate < 0 for rate in self.layer_rates.values()):
            raise ValueError(f"`layer_rates` must not be negative, but are {self.layer_rates}.")
        self.new_processor()

    def model_config(self, glosses: Sequence[str] = ()) -> SLRConfig:
        """Makes the configuration of a new model.

        Args:
            glosses: The glosses, in the order of their class indices.

        Raises:
            ValueError: If `size` or `config` are not usable.
        """
        known = get_annotations(SLRConfig)
        unknown = sorted(self.config.keys() - known.keys())
        if unknown:
            raise ValueError(f"`config` names {unknown}, which SLRConfig has not. Choose from {', '.join(known)}.")
        id2label = dict(enumerate(glosses))
        labels = {"id2label": id2label, "label2id": {gloss: index for index, gloss in id2label.items()}}
        try:
            return SLRConfig.from_size(self.size, **(labels if glosses else {}), **self.config)
        except StrictDataclassError as error:
            raise ValueError(f"`config` is not usable. {error.__cause__ or error}") from error

    def new_processor(self) -> KeypointProcessor:
        """Makes the processor of a new model; it is not fitted yet.

        Raises:
            ValueError: If `size`, `config` or `processor` are not usable.
        """
        config = self.model_config()
        known = set(signature(KeypointProcessor).parameters) - {"parts", "input_size", "kwargs"}
        unknown = sorted(self.processor.keys() - known)
        if unknown:
            raise ValueError(
                f"`processor` names {unknown}, which cannot be set. Choose from {', '.join(sorted(known))}."
            )
        return KeypointProcessor(parts=config.parts, input_size=config.input_size, **self.processor)

    def to_dict(self) -> dict[str, Any]:
        """The recipe in plain types, as `recipe.json` holds it."""
        return json.loads(json.dumps(asdict(self)))

    def with_values(self, assignments: Iterable[str]) -> "Recipe":
        """Sets fields by name, the way `--set` does.

        Args:
            assignments: "field=value" or "section.field=value" each. The value is JSON (`1e-3`, `true`, `[0.9, 1.1]`)
                or plain text.

        Raises:
            ValueError: If an assignment has another form, names no field, or the value has another type than the field
                or is out of its range.
        """
        return changed(self, parse_assignments(assignments))


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Reads assignments such as "schedule.num_cycles=2" into a nested mapping.

    Args:
        assignments: See `Recipe.with_values`.

    Raises:
        ValueError: If an assignment has another form, or two contradict each other.
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        *sections, name = path.strip().split(".")
        if not equals or not all([*sections, name]):
            raise ValueError(f"{assignment!r} is no assignment. Write field=value, or section.field=value.")
        place = values
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise ValueError(f"{assignment!r} contradicts another assignment, which gives {section!r} a value.")
        try:
            place[name] = json.loads(text)
        except json.JSONDecodeError:
            place[name] = text
    return values


def changed(config: T, values: Mapping[str, Any], section: str = "") -> T:
    """Returns a copy of a dataclass with some fields set, in nested dataclasses too.

    Args:
        config: A dataclass.
        values: The new value of each field; a mapping for a nested dataclass. A mapping for a field that is a mapping
            is merged into it.
        section: Name of the dataclass within an outer one, for messages.

    Raises:
        ValueError: If a name is no field, or a value has another type than its field or is out of its range.
    """
    hints = get_type_hints(type(config))
    names = [item.name for item in fields(config)]  # type: ignore[arg-type]
    changes: dict[str, Any] = {}
    for name, value in values.items():
        path = f"{section}{name}"
        if name not in names:
            known = ", ".join(section + name for name in names)
            raise ValueError(f"There is no field {path!r}. Choose one of {known}.")
        current = getattr(config, name)
        if is_dataclass(current) and isinstance(value, Mapping):
            changes[name] = changed(_of_kind(current, value, hints[name], path), value, section=f"{path}.")
            continue
        value = {**current, **value} if isinstance(current, dict) and isinstance(value, dict) else value
        value = _converted(value, hints[name])
        try:
            type_validator(path, value, hints[name])
        except TypeError as error:
            raise ValueError(f"{path}={value!r} has the wrong type: {error}.") from error
        changes[name] = value
    return replace(config, **changes)  # type: ignore[type-var]


def _of_kind(current: Any, values: Mapping[str, Any], hint: Any, path: str) -> Any:
    """The dataclass to change: the current one, or where `values` name another kind, a new one of that kind."""
    kind = values.get("kind", getattr(current, "kind", None))
    if kind == getattr(current, "kind", None):
        return current
    kinds = {getattr(option, "kind", None): option for option in get_args(hint)}
    if kind not in kinds:
        raise ValueError(f"There is no `{path}` of the kind {kind!r}. Choose one of {', '.join(map(str, kinds))}.")
    return kinds[kind]()


def _converted(value: Any, hint: Any) -> Any:
    """Makes of JSON what Python has besides: floats of whole numbers, tuples of lists."""
    if hint is float and type(value) is int:
        return float(value)
    if get_origin(hint) is dict and isinstance(value, dict):
        return {key: _converted(item, get_args(hint)[1]) for key, item in value.items()}
    if get_origin(hint) is tuple and isinstance(value, list) and len(value) == len(get_args(hint)):
        return tuple(_converted(item, kind) for item, kind in zip(value, get_args(hint), strict=True))
    return value


__all__ = ["LAYER_GROUPS", "STAGES", "Recipe", "changed", "parse_assignments"]
