"""What each idea of a recipe is worth: variations, and the table of their results."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from slr_hf.training.augmentations import Augmentations
from slr_hf.training.recipes.recipe import STAGES, Recipe

#: The name under which the recipe itself runs.
BASELINE = "recipe"

#: The probability that an augmentation has which the recipe leaves out.
_PROBABILITY = 0.3

#: Ideas that are no augmentation, and how a recipe is changed to try them.
_CHANGES: dict[str, tuple[str, ...]] = {
    "cross entropy instead of focal loss": ("losses.focal_gamma=0",),
    "focal loss, gamma 2": ("losses.focal_gamma=2",),
    "curriculum focal loss": ("losses.focal_gamma=2", "losses.focal_curriculum=0.7"),
    "without label smoothing": ("losses.label_smoothing=0",),
    "without auxiliary loss": ("losses.auxiliary_weight=0",),
    "with margin loss": ("losses.margin_weight=0.3",),
    "with consistency loss": ("losses.consistency_weight=0.5",),
    "with self-distillation": ("ft1.losses.distillation_weight=0.5", "ft2.losses.distillation_weight=0.5"),
    "cosine with warm restarts": ("schedule.kind=cosine_restarts",),
    "one cycle": ("schedule.kind=one_cycle",),
    "constant rate": ("schedule.warmup=0", "schedule.num_cycles=1", "schedule.floor=1"),
    "lower rate of the backbone": ('layer_rates={"embedding": 0.3, "backbone": 0.3}',),
    "average of the weights": ("average_decay=0.98",),
    "without weight decay": ("weight_decay=0",),
    "without stochastic depth": ("config.drop_path_rate=0",),
    "with layer drop": ("config.layer_drop=0.1",),
    "without dropout": ("config.hidden_dropout=0", "config.classifier_dropout=0"),
    "more dropout": ("config.hidden_dropout=0.2", "config.classifier_dropout=0.4"),
    "strided attention": ("config.global_attention=strided", "config.sliding_window=4", "config.attention_stride=4"),
}


def variations(recipe: Recipe) -> dict[str, tuple[str, ...]]:
    """Lists what can be tried with a recipe.

    Args:
        recipe: The recipe of the first stage.

    Returns:
        For each variation, the assignments of `Recipe.with_values` that make it. First the recipe itself, then every
        augmentation, left out where the recipe has it and else put in, then losses, schedules and regularisation that
        the recipe has not.
    """
    result: dict[str, tuple[str, ...]] = {BASELINE: ()}
    for item in fields(Augmentations):
        used = getattr(recipe.augmentations, item.name).probability > 0
        name = f"{'without' if used else 'with'} {item.name.replace('_', ' ')}"
        result[name] = (f"augmentations.{item.name}.probability={0 if used else _PROBABILITY}",)
    return result | {name: values for name, values in _CHANGES.items() if not _is_so_already(recipe, values)}


def _is_so_already(recipe: Recipe, assignments: Sequence[str]) -> bool:
    """Whether assignments leave the recipe as it is; those of other stages never do."""
    own = [item for item in assignments if not item.startswith(tuple(f"{stage}." for stage in STAGES))]
    return len(own) == len(assignments) and recipe.with_values(own) == recipe


@dataclass
class Ablation:
    """Accuracies on held-out clips, of each variation and seed.

    Args:
        accuracies: For each variation, the accuracy of each seed.
    """

    accuracies: dict[str, dict[int, float]] = field(default_factory=dict)

    def rows(self) -> list[dict[str, Any]]:
        """Computes the table, the best variation first.

        Returns:
            For each variation its name, `seeds` (their number), `mean`, `lowest` and `highest` accuracy, and
            `difference`: the mean over its seeds of what it gains over the recipe of the same seed; `None` where the
            recipe did not run with one of them.
        """
        baseline = self.accuracies.get(BASELINE, {})
        rows = [
            {
                "variation": name,
                "seeds": len(seeds),
                "mean": statistics.fmean(seeds.values()),
                "lowest": min(seeds.values()),
                "highest": max(seeds.values()),
                "difference": _difference(seeds, baseline),
            }
            for name, seeds in self.accuracies.items()
            if seeds
        ]
        return sorted(rows, key=lambda row: row["mean"], reverse=True)

    def to_markdown(self) -> str:
        """Writes the table in Markdown."""
        lines = ["| variation | seeds | mean | lowest | highest | against the recipe |", "|---|---|---|---|---|---|"]
        for row in self.rows():
            difference = "" if row["difference"] is None else format(row["difference"], "+.4f")
            figures = [format(row[name], ".4f") for name in ("mean", "lowest", "highest")]
            lines.append(f"| {' | '.join([row['variation'], str(row['seeds']), *figures, difference])} |")
        return "\n".join(lines) + "\n"


def _difference(seeds: Mapping[int, float], baseline: Mapping[int, float]) -> float | None:
    if not seeds.keys() <= baseline.keys():
        return None
    return statistics.fmean(accuracy - baseline[seed] for seed, accuracy in seeds.items())


def choose(known: Mapping[str, tuple[str, ...]], names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Chooses variations by name; the recipe itself is always among them.

    Args:
        known: All variations.
        names: Names of some of them.

    Raises:
        ValueError: If a name is unknown.
    """
    unknown = sorted(set(names) - known.keys())
    if unknown:
        raise ValueError(f"There is no variation {unknown}. Choose from: {', '.join(known)}.")
    return {name: values for name, values in known.items() if name in (BASELINE, *names)}


__all__ = ["BASELINE", "Ablation", "choose", "variations"]
