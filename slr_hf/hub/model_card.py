"""The card of a model: what it knows, what it was trained on, how well it does."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from slr_hf.data.sources import SOURCES, WEIGHTS_LICENCES, find_weights_licence
from slr_hf.model.modeling_slr import SLRForSignClassification
from slr_hf.training.evaluation import model_glosses
from slr_hf.training.people import SAME_RECORDER, STRANGERS

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

#: Those of a group of people, and whose clips the metadata says that they are.
_PEOPLE_FIGURES = {"top1": "top-1 accuracy", "top5": "top-5 accuracy", "mean_over_people": "mean over people"}
_PEOPLE = {STRANGERS: "people not seen in training", SAME_RECORDER: "the same recorder"}


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
    weights_licence = find_weights_licence(sources)
    people = metrics.get("people") or {}
    results = [result for group in _PEOPLE for result in _people_results(group, people.get(group), sources)]
    data = ModelCardData(
        license=weights_licence.lower(),
        language=sorted({SOURCES[source].language_code for source in sources}),
        library_name="transformers",
        pipeline_tag="video-classification",
        tags=["sign-language", "sign-language-recognition", "keypoints", "mediapipe"],
        datasets=sources,
        metrics=["accuracy"],
        model_name=name,
        # Without the people, whom a figure speaks for is not known.
        eval_results=results or _results(f"held-out clips of {', '.join(sources)}", "test", metrics, _FIGURES),
    )
    return ModelCard.from_template(
        data,
        template_path=str(TEMPLATE),
        name=name,
        repository=repository,
        parameters=f"{model.num_parameters() / 1e6:.1f} million",
        glosses={language: list(words) for language, words in glosses.items()},
        metrics=metrics,
        strangers=people.get(STRANGERS),
        same_recorder=people.get(SAME_RECORDER),
        not_measured=_not_measured(model, people.get(STRANGERS)),
        weights_licence=WEIGHTS_LICENCES[weights_licence],
        notices=[SOURCES[source].notice for source in sources if SOURCES[source].notice],
        recipe=recipe,
        plots={plot: caption for plot, caption in PLOTS.items() if plot in set(plots)},
        sources={source: SOURCES[source] for source in sources},
        held_out=held_out,
    )


def _results(name: str, split: str, figures: Mapping[str, Any], names: Mapping[str, str]) -> list[EvalResult]:
    return [
        EvalResult(
            task_type="video-classification",
            dataset_type="landmarks",
            dataset_name=name,
            dataset_split=split,
            metric_type="accuracy",
            metric_name=metric_name,
            metric_value=round(float(figures[key]), 4),
        )
        for key, metric_name in names.items()
    ]


def _people_results(group: str, figures: Mapping[str, Any] | None, sources: Iterable[str]) -> list[EvalResult]:
    """The figures of a group of people, the model's and then the neighbour's."""
    if figures is None:
        return []
    name = f"clips of {_PEOPLE[group]}, {', '.join(sources)}"
    results = _results(name, group, figures, _PEOPLE_FIGURES)
    neighbour = figures.get("nearest_neighbour")
    if neighbour is None:
        return results
    names = {key: f"{metric_name} of a nearest neighbour" for key, metric_name in _PEOPLE_FIGURES.items()}
    return [*results, *_results(name, group, neighbour, names)]


def _not_measured(model: SLRForSignClassification, strangers: Mapping[str, Any] | None) -> list[str]:
    """The glosses that no stranger has shown."""
    measured: Mapping[str, Any] = {} if strangers is None else strangers["glosses"]
    return sorted(set(model_glosses(model)) - measured.keys())


__all__ = ["PLOTS", "TEMPLATE", "render_model_card"]
