"""The card of a model: what it knows, what it was trained on, how well it does."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from slr_hf.data.sources import SOURCES
from slr_hf.model.modeling_slr import SLRForSignClassification

#: The template, which stands at the root of the repository; the package has a link to it, in a wheel a copy.
TEMPLATE = Path(__file__).with_name("model_card.md")

#: The plots of an evaluation that a card shows, in this order, and what they show.
PLOTS = {
    "learning_curves": "Loss and accuracy of each epoch",
    "confusion": "Which glosses are taken for which",
    "reliability": "How often the first answer is right, against its probability",
    "sessions": "Accuracy of each session",
    "lengths": "Accuracy of short and long clips",
}

#: The figures of an evaluation that stand in the metadata, and their names.
_FIGURES = {"top1": "top-1 accuracy", "top5": "top-5 accuracy", "mean_class_accuracy": "mean class accuracy"}


def render_model_card(
    model: SLRForSignClassification,
    metrics: Mapping[str, Any],
    recipe: Mapping[str, Any],
    name: str,
    repository: str,
    glosses: Mapping[str, Iterable[str]],
    sources: Iterable[str],
    held_out: str,
    plots: Iterable[str] = (),
) -> ModelCard:
    """Renders a card.

    Args:
        model: The model.
        metrics: What `metrics.json` of the evaluation on held-out clips holds.
        recipe: What `recipe.json` of the last stage holds.
        name: The model's name.
        repository: Hub id or folder to load it from.
        glosses: The glosses it knows, by language.
        sources: Names of the data it was trained on; see `SOURCES`.
        held_out: One sentence on which clips were held out.
        plots: Those of `PLOTS` that lie in the folder `plots` beside the card.

    Raises:
        ValueError: If a source is unknown.
    """
    sources = list(sources)
    unknown = sorted(set(sources) - SOURCES.keys())
    if unknown:
        raise ValueError(f"Nothing is known of the data {unknown}. Describe it in slr_hf/data/sources.py.")
    data = ModelCardData(
        license="apache-2.0",
        language=sorted({SOURCES[source].language_code for source in sources}),
        library_name="transformers",
        pipeline_tag="video-classification",
        tags=["sign-language", "sign-language-recognition", "keypoints", "mediapipe"],
        datasets=sources,
        metrics=["accuracy"],
        model_name=name,
        eval_results=[
            EvalResult(
                task_type="video-classification",
                dataset_type="landmarks",
                dataset_name=f"held-out clips of {', '.join(sources)}",
                metric_type="accuracy",
                metric_name=metric_name,
                metric_value=round(float(metrics[key]), 4),
            )
            for key, metric_name in _FIGURES.items()
        ],
    )
    return ModelCard.from_template(
        data,
        template_path=str(TEMPLATE),
        name=name,
        repository=repository,
        parameters=f"{model.num_parameters() / 1e6:.1f} million",
        glosses={language: list(words) for language, words in glosses.items()},
        metrics=metrics,
        recipe=recipe,
        plots={plot: caption for plot, caption in PLOTS.items() if plot in set(plots)},
        sources={source: SOURCES[source] for source in sources},
        held_out=held_out,
    )


__all__ = ["PLOTS", "TEMPLATE", "render_model_card"]
