"""What would go up to the Hub: the files of a model's repository, and of a Space that shows it."""

import hashlib
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from huggingface_hub import RepoCard
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import validate_repo_id

from slr_hf.model.pickles_slr import PICKLES

RepositoryType = Literal["model", "space"]

#: The folder of a Space where it keeps a model of its own.
SPACE_MODEL = "model"

#: The folder beside it with the page that needs no server: a Space of its own.
_STATIC_PAGE = "browser"

_CARD = "README.md"
_INDEX = "model.safetensors.index.json"

#: How pickles begin, from protocol 2 on.
_PICKLE_STARTS = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))


@dataclass(frozen=True)
class PublishedFile:
    """A file that goes up.

    Args:
        path: Its path in the repository.
        content: Where it lies, or what it holds.
    """

    path: str
    content: Path | bytes

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    def equals(self, remote: RepoFile) -> bool:
        """Tells whether the repository holds the same content, by its hash."""
        if remote.size != self.size:
            return False
        content = self.content if isinstance(self.content, bytes) else self.content.read_bytes()
        if remote.lfs is not None:
            return hashlib.sha256(content).hexdigest() == remote.lfs.sha256
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == remote.blob_id  # as git names it


@dataclass(frozen=True)
class Publication:
    """A repository as it is to be.

    Args:
        repository: Its Hub id, `user/name`.
        kind: Its type.
        files: All its files, sorted by path.
    """

    repository: str
    kind: RepositoryType
    files: tuple[PublishedFile, ...]

    @property
    def size(self) -> int:
        """The size of all files in bytes."""
        return sum(file.size for file in self.files)

    def __str__(self) -> str:
        return f"{self.kind} {self.repository}"


def collect_model(folder: str | Path, repository: str) -> Publication:
    """Lists the files of a packaged model. Hidden files are left out.

    The card's example is made to load the model from the repository, whatever it named before.

    Args:
        folder: What `scripts/package_model.py` wrote.
        repository: The Hub id to publish it as, `user/name`.

    Raises:
        FileNotFoundError: If the folder lacks a part of a packaged model.
        ValueError: If the Hub id is none, a file is a pickle, or the configuration or the card cannot be read.
    """
    folder = Path(folder)
    check_hub_id(repository)
    missing = _missing_parts(folder)
    if missing:
        raise FileNotFoundError(
            f"{folder} is no packaged model: it has no {', '.join(missing)}. Make one with scripts/package_model.py."
        )
    card = (folder / _CARD).read_text(encoding="utf-8")
    if not RepoCard(card, ignore_metadata_errors=True).data.get("license"):
        raise ValueError(f"{folder / _CARD} names no license in its metadata. Package the model again.")
    card = re.sub(r'(pipeline\(model=)"[^"]*"', rf'\1"{repository}"', card)
    return Publication(repository, "model", _collect(folder, {_CARD: card.encode()}))


def collect_space(folder: str | Path, repository: str, model: Publication) -> Publication:
    """Lists the files of a Space that brings a copy of a model along.

    So the page and its model change in one commit, and a private model needs no token in the Space. The Space's
    metadata links the model's repository.

    Args:
        folder: The folder `space`. A model in it is replaced by the one that is published.
        repository: The Hub id of the Space, `user/name`.
        model: The model, of `collect_model`.

    Raises:
        FileNotFoundError: If the folder lacks a part of a Space.
        ValueError: If the Hub id is none, or a file is a pickle.
    """
    folder = Path(folder)
    check_hub_id(repository)
    missing = [name for name in ("app.py", "requirements.txt", _CARD) if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{folder} is no Space: it has no {', '.join(missing)}.")
    card = RepoCard.load(folder / _CARD)
    card.data["models"] = [model.repository]
    page = _collect(folder, {_CARD: str(card).encode()}, left_out=(SPACE_MODEL, _STATIC_PAGE))
    copies = [PublishedFile(f"{SPACE_MODEL}/{file.path}", file.content) for file in model.files]
    return Publication(repository, "space", tuple(sorted([*page, *copies], key=lambda file: file.path)))


def check_hub_id(repository: str) -> None:
    """Makes sure that a repository can be called so.

    Args:
        repository: The Hub id, `user/name`.

    Raises:
        ValueError: If the Hub takes no such id.
    """
    validate_repo_id(repository)
    if "/" not in repository:
        raise ValueError(f"The Hub id must name a user or an organisation, as in `user/{repository}`.")


def _missing_parts(folder: Path) -> list[str]:
    """Names what a packaged model has and this folder has not: weights, processor, card and code."""
    if not (folder / "config.json").is_file():
        return ["config.json"]
    needed = ["preprocessor_config.json", "recipe.json", "metrics.json", _CARD]
    if (folder / _INDEX).is_file():
        needed += sorted(set(_read_object(folder / _INDEX).get("weight_map", {}).values()))
    else:
        needed.append("model.safetensors")
    config = _read_object(folder / "config.json")
    # As transformers finds the code: "module.Class".
    doors = [
        *(config.get("auto_map") or {}).values(),
        *(task.get("impl") for task in (config.get("custom_pipelines") or {}).values()),
    ]
    if not doors:
        needed.append("`auto_map` and `custom_pipelines` in config.json")
    modules = {str(door).split(".")[0] for door in doors}
    for path in folder.glob("*.py"):
        modules.update(re.findall(r"^from \.(\w+) import", path.read_text(encoding="utf-8"), re.MULTILINE))
    needed += [f"{module}.py" for module in sorted(modules)]
    return [name for name in needed if not (folder / name).is_file()]


def _read_object(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}.") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold a JSON object, but holds a {type(content).__name__}.")
    return content


def _collect(folder: Path, rewritten: dict[str, bytes], left_out: tuple[str, ...] = ()) -> tuple[PublishedFile, ...]:
    """Lists the files of a folder, some with another content, without hidden files, caches and folders `left_out`."""
    files = []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
        if hidden or parts[0] in left_out or not path.is_file():
            continue
        if _is_pickle(path):
            raise ValueError(
                f"{path} is a pickle, which can run any code where it is loaded. Only safetensors are published: "
                "move it out of the folder."
            )
        name = "/".join(parts)
        files.append(PublishedFile(name, rewritten.get(name, path)))
    return tuple(files)


def _is_pickle(path: Path) -> bool:
    if path.suffix.lower() in PICKLES:
        return True
    with path.open("rb") as file:
        if file.read(2) in _PICKLE_STARTS:
            return True
    # torch.save writes a ZIP file with a pickle in it.
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".pkl") for name in archive.namelist())
    return False


__all__ = [
    "SPACE_MODEL",
    "Publication",
    "PublishedFile",
    "RepositoryType",
    "check_hub_id",
    "collect_model",
    "collect_space",
]
