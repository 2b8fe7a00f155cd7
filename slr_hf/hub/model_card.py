"""The card of a model: what it knows, what it was trained on, how well it does."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from slr_hf.data.sources import SOURCES
from slr_hf.model.modeling_slr import SLRForSignClassification


def render_model_card(
    template: str | Path,
    model: SLRForSignClassification,
    metrics: Mapping[str, Any],
    name: str,
    repository: str,
    glosses: Mapping[str, Iterable[str]],
    sources: Iterable[str],
    held_out: str,
) -> ModelCard:
    """Renders a card.

    Args:
        template: The template, model_card.md.
        model: The model.
        metrics: What `metrics.json` of the evaluation on held-out clips holds.
        name: The model's name.
        repository: Hub id or folder to load it from.
        glosses: The glosses it knows, by language.
        sources: Names of the data it was trained on; see `SOURCES`.
        held_out: One sentence on which clips were held out.

    Raises:
        ValueError: If a source is unknown.
        FileNotFoundError: If there is no template.
    """
    sources = list(sources)
    unknown = sorted(set(sources) - SOURCES.keys())
    if unknown:
        raise ValueError(f"Nothing is known of the data {unknown}. Describe it in slr_hf/data/sources.py.")
    if not Path(template).is_file():
        raise FileNotFoundError(f"There is no card template {template}.")
    data = ModelCardData(
        license="apache-2.0",
        language=sorted({SOURCES[source].language_code for source in sources}),
        library_name="transformers",
        pipeline_tag="video-classification",
        tags=["sign-language", "sign-language-recognition", "keypoints", "mediapipe"],
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
            for key, metric_name in (("top1", "top-1 accuracy"), ("top5", "top-5 accuracy"))
        ],
    )
    return ModelCard.from_template(
        data,
        template_path=str(template),
        name=name,
        repository=repository,
        parameters=f"{model.num_parameters() / 1e6:.1f} million",
        glosses={language: list(words) for language, words in glosses.items()},
        metrics=metrics,
        sources={source: SOURCES[source] for source in sources},
        held_out=held_out,
    )


__all__ = ["render_model_card"]
