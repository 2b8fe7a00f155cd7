"""Loading a saved model, whole or not at all."""

import json
import os
from pathlib import Path
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError

from .configuration_slr import SLRConfig
from .modeling_slr import SLRForSignClassification
from .pickles_slr import PICKLES
from .processing_slr import KeypointProcessor

_CONFIG, _PROCESSOR, _WEIGHTS = "config.json", "preprocessor_config.json", "model.safetensors"


class ModelError(ValueError):
    """A saved model cannot be used. The message names its folder, and says what was found."""


def load_model(name: str | os.PathLike[str], **options: Any) -> tuple[SLRForSignClassification, KeypointProcessor]:
    """Loads a saved model and the processor beside it, and makes sure that nothing is missing.

    Args:
        name: Folder, such as `best` of a finished stage, or Hub id; a `Path` is always a folder. Weights are read from
            safetensors alone.
        **options: Arguments of `PreTrainedModel.from_pretrained`, such as fields of the configuration.

    Raises:
        ModelError: If there is no such model, a file is damaged or of another architecture, the processor does not
            fit the model, or weights are missing, left over, not finite, of another size than the configuration says,
            or held as pickles.
    """
    folder = Path(name)
    if isinstance(name, Path) or folder.exists():
        _check_files(folder)
    try:
        _check_config(SLRConfig.get_config_dict(name)[0], name)
        loaded: Any = SLRForSignClassification.from_pretrained(
            name, output_loading_info=True, ignore_mismatched_sizes=True, use_safetensors=True, **options
        )
        processor = KeypointProcessor.from_pretrained(name)
    except OSError as error:
        if folder.exists():
            raise ModelError(f"The model in {name} cannot be read: {_first_line(error)}") from error
        raise ModelError(f"There is no folder {name}, and as a name on the Hub: {_with_cause(error)}") from error
    # What is wrong in a JSON file, transformers finds by running into it.
    except (SafetensorError, StrictDataclassError, AttributeError, LookupError, TypeError, ValueError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"The model in {name} cannot be loaded: {error.__cause__ or error}") from error
    model, report = loaded
    seen, given = (model.config.parts, model.config.num_channels), (processor.parts, processor.num_channels)
    if seen != given:
        raise ModelError(
            f"The {_PROCESSOR} in {name} makes other keypoints than its {_CONFIG} expects: {processor.num_points} "
            f"points of {processor.num_channels} numbers, expected {model.config.num_points} of "
            f"{model.config.num_channels}, of the same parts. One of the two files is another model's."
        )
    unfit = sorted(
        {*report["missing_keys"], *report["unexpected_keys"], *(key for key, *_ in report["mismatched_keys"])}
    )
    if unfit:
        raise ModelError(
            f"The weights in {name} do not fit its {_CONFIG}: {len(unfit)} such as {unfit[0]}. One of the two files is "
            "another model's."
        )
    broken = [key for key, weight in model.named_parameters() if not weight.isfinite().all()]
    if broken:
        raise ModelError(f"The weights in {name} are not finite: {len(broken)} such as {broken[0]}. Train again.")
    return model, processor


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


def _with_cause(error: Exception) -> str:
    """What an error says, and what the first one said that led to it: of a download that stalls, only that one does."""
    cause: BaseException = error
    while (earlier := cause.__cause__ or cause.__context__) is not None:
        cause = earlier
    said, first = _first_line(error), _first_line(cause)
    return said if first in said else f"{said} ({first})"


def _check_files(folder: Path) -> None:
    for name in (_CONFIG, _PROCESSOR):
        path = folder / name
        if not path.is_file():
            raise ModelError(f"There is no model in {folder}: it has no {name}. Pass the folder of a saved model.")
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{path} is damaged: it is no JSON in UTF-8 ({error}).") from error
        if not isinstance(content, dict):
            raise ModelError(f"{path} is damaged: it holds a {type(content).__name__}, expected an object.")
    if any(folder.glob("*.safetensors")):
        return
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
    if pickles:
        raise ModelError(
            f"The weights in {folder} are held as a pickle, {pickles[0]}, which can run any code where it is loaded. "
            f"Ask for {_WEIGHTS}, or save the model again with save_pretrained."
        )
    raise ModelError(f"There is no model in {folder}: it has no {_WEIGHTS}. Pass the folder of a saved model.")


def _check_config(config: dict[str, Any], name: str | os.PathLike[str]) -> None:
    found = config.get("model_type")
    if found != SLRConfig.model_type:
        raise ModelError(
            f"The model in {name} is of another architecture: its {_CONFIG} names the model type {found!r}, expected "
            f"{SLRConfig.model_type!r}."
        )


__all__ = ["ModelError", "load_model"]
