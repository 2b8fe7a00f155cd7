"""Where MediaPipe's landmark models are: a path, the cache, or the official download."""

import hashlib
import http.client
import os
import shutil
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: The official bundle, and the fingerprints of all bundles that a cache may hold.
DOWNLOAD_URL = (
    "https://storage.googleapis.com/mediapipe-models/holistic_landmarker/holistic_landmarker/float16/1/"
    "holistic_landmarker.task"
)
OFFICIAL_SHA256 = "e2dab61191e2dcd0a15f943d8e3ed1dce13c82dfa597b9dd39f562975a50c3f8"
#: The bundle that `make landmarker` builds from Python packages, with the larger pose model.
BUILT_SHA256 = "be30ee3ebc88e13d3244754b473545fc868b0b45cfd77202db396cd731242ec1"

#: The models that a bundle holds.
MEMBERS = (
    "face_blendshapes.tflite",
    "face_detector.tflite",
    "face_landmarks_detector.tflite",
    "hand_landmarks_detector.tflite",
    "hand_roi_refinement.tflite",
    "pose_detector.tflite",
    "pose_landmarks_detector.tflite",
)

_HELP = "Run `make landmarker` in the folder of slr_hf to build the models, or set SLR_LANDMARKER to a bundle you have."
_TIMEOUT_SECONDS = 30


class LandmarkerError(RuntimeError):
    """The landmark models are missing or unusable. The message says what to run."""


def cached_landmarker() -> Path:
    """The bundle's place in the cache: `$SLR_CACHE`, else `$XDG_CACHE_HOME/slr_hf`, else `~/.cache/slr_hf`."""
    if os.environ.get("SLR_CACHE"):
        folder = Path(os.environ["SLR_CACHE"])
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slr_hf"
    return folder / "holistic_landmarker.task"


def resolve_landmarker(path: str | os.PathLike[str] | None = None, url: str = DOWNLOAD_URL) -> Path:
    """Finds the bundle of landmark models.

    Args:
        path: A bundle to use. By default the one that the environment variable `SLR_LANDMARKER` names, else the cached
            one, else the official one, which is downloaded into the cache (14 MB) and checked.
        url: Where to download it from.

    Returns:
        The path of a bundle whose form (a chosen one) or fingerprint (a cached one) was checked.

    Raises:
        LandmarkerError: If a bundle is missing, truncated or another file, or cannot be downloaded.
    """
    chosen = path or os.environ.get("SLR_LANDMARKER")
    if chosen:
        check_bundle(Path(chosen))
        return Path(chosen)
    cached = cached_landmarker()
    if not cached.is_file():
        _download(url, cached)
    elif not is_known(cached):
        raise LandmarkerError(f"The cached landmark models {cached} are damaged or of an unknown version. {_HELP}")
    return cached


def is_known(path: Path) -> bool:
    """Tells whether a file is the official bundle or the built one, whole and unchanged."""
    return path.is_file() and fingerprint(path) in (OFFICIAL_SHA256, BUILT_SHA256)


def check_bundle(path: Path) -> None:
    """Makes sure that a file is a whole bundle of landmark models.

    Args:
        path: The file.

    Raises:
        LandmarkerError: If it is missing, no archive, or a model in it is missing, compressed or damaged.
    """
    if not path.is_file():
        raise LandmarkerError(f"There are no landmark models at {path}. {_HELP}")
    try:
        with zipfile.ZipFile(path) as bundle:
            missing = sorted(set(MEMBERS) - set(bundle.namelist()))
            compressed = [item.filename for item in bundle.infolist() if item.compress_type != zipfile.ZIP_STORED]
            damaged = None if missing or compressed else bundle.testzip()
    except (zipfile.BadZipFile, OSError) as error:
        raise LandmarkerError(f"{path} is no bundle of landmark models, or is truncated ({error}). {_HELP}") from error
    if missing:
        raise LandmarkerError(f"{path} lacks the landmark models {', '.join(missing)}. {_HELP}")
    if compressed:
        raise LandmarkerError(f"{path} is compressed, but MediaPipe reads only uncompressed bundles. {_HELP}")
    if damaged:
        raise LandmarkerError(f"{path} is damaged: {damaged} has a wrong checksum. {_HELP}")


@contextmanager
def unfinished(target: Path) -> Iterator[Path]:
    """A file to write, which becomes `target` once it is whole, or vanishes if an error is raised.

    Args:
        target: The file to make; its folder is made too.

    Yields:
        The path to write to.

    Raises:
        LandmarkerError: If nothing can be written to the folder, such as that of a user without a home.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix=".landmarker-", dir=target.parent)
    except OSError as error:
        raise LandmarkerError(
            f"The landmark models cannot be kept in {target.parent} ({error}). Set SLR_CACHE to a folder that can be "
            f"written to. {_HELP}"
        ) from error
    with folder as place:
        path = Path(place) / target.name
        yield path
        path.replace(target)


def fingerprint(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(url: str, target: Path) -> None:
    """Downloads the official bundle, whole or not at all."""
    try:
        with unfinished(target) as path:
            with path.open("wb") as file, urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response:
                shutil.copyfileobj(response, file)
            found = fingerprint(path)
            if found != OFFICIAL_SHA256:
                raise LandmarkerError(
                    f"The landmark models from {url} arrived truncated or changed: {path.stat().st_size} bytes with "
                    f"the SHA-256 {found}, not {OFFICIAL_SHA256}. {_HELP}"
                )
    except (OSError, http.client.HTTPException) as error:
        raise LandmarkerError(f"The landmark models could not be downloaded from {url} ({error}). {_HELP}") from error


__all__ = [
    "BUILT_SHA256",
    "DOWNLOAD_URL",
    "MEMBERS",
    "OFFICIAL_SHA256",
    "LandmarkerError",
    "cached_landmarker",
    "check_bundle",
    "fingerprint",
    "is_known",
    "resolve_landmarker",
    "unfinished",
]
