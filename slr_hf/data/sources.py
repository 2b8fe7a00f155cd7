"""Where published clips come from, whose language they show, and under which licence."""

from collections.abc import Iterable
from dataclasses import dataclass

#: The licences of weights, by SPDX identifier, each more restrictive than those before it, and what texts call them.
WEIGHTS_LICENCES = {
    "Apache-2.0": "Apache License 2.0",
    "CC-BY-NC-4.0": "Creative Commons Attribution-NonCommercial 4.0 licence (CC BY-NC 4.0)",
}


@dataclass(frozen=True)
class Source:
    """A published collection of clips.

    Args:
        language: The sign language, in English.
        language_code: Its ISO 639-3 code.
        url: Where it is published.
        revision: The version that was used.
        licence: SPDX identifier of its licence; "LicenseRef-" and a name where it is none of the common ones.
        recorded: Who and what was recorded, as far as is known.
        weights_licence: The licence that weights trained on it get, one of `WEIGHTS_LICENCES`.
        notice: What the card of a model trained on it says after "This model was".
        redistributable: Whether the clips may be published again.
    """

    language: str
    language_code: str
    url: str
    revision: str
    licence: str
    recorded: str
    weights_licence: str = "Apache-2.0"
    notice: str = ""
    redistributable: bool = True


#: By the name of the landmark file without its ending.
SOURCES: dict[str, Source] = {
    "ksl13": Source(
        "Korean Sign Language",
        "kvk",
        "https://github.com/yunlisa96/hand-sign-recognition",
        "2516f5d",
        "Apache-2.0",
        "13 words in 5 recording sessions by webcam",
    ),
    "asl33": Source(
        "American Sign Language",
        "ase",
        "https://github.com/traduttore/traduttore-model",
        "c7c2f3e",
        "MIT",
        "13 words, letters and idle moments in one recording by webcam",
    ),
    "asl11": Source(
        "American Sign Language",
        "ase",
        "https://github.com/tamtridung/ASL_SignWish",
        "641b923",
        "MIT",
        "11 words in one recording by webcam",
    ),
    "asl12": Source(
        "American Sign Language",
        "ase",
        "https://github.com/electronicaddict/Jupyter",
        "a52abea",
        "MIT",
        "12 words in one recording by webcam, with lips",
    ),
    "wlasl_hands": Source(
        "American Sign Language",
        "ase",
        "https://github.com/ethanfarah/live-fingering",
        "fd33251",
        "C-UDA-1.0",
        "hand landmarks of videos on the web, 2000 words by 76 known signers and others (WLASL, Li et al. 2020, whose "
        "licence this is; the repository of the landmarks states none)",
        weights_licence="CC-BY-NC-4.0",
        notice="trained on landmarks of WLASL (Li et al. 2020, C-UDA 1.0), weights for non-commercial use "
        "(CC BY-NC 4.0)",
        redistributable=False,
    ),
    "lips3a": Source(
        "Sign language not stated",
        "sgn",
        "https://github.com/IlkerDEMIR-s/SignLanguageDetectionFromWebcam",
        "8e87c52",
        "MIT",
        "3 words in one recording by webcam, with lips",
    ),
    "lips3b": Source(
        "Sign language not stated",
        "sgn",
        "https://github.com/FowlDeadPool/sign-sentence-net",
        "9248b79",
        "MIT",
        "3 words in one recording by webcam, with lips",
    ),
    "slovo": Source(
        "Russian Sign Language",
        "rsl",
        "https://github.com/ai-forever/slovo",
        "main",
        "LicenseRef-SLOVO",
        "1000 words and clips without a sign by 194 signers, with the cameras of phones and computers",
    ),
}


def check_sources(sources: Iterable[str]) -> None:
    """Makes sure that data is described.

    Args:
        sources: Names of data.

    Raises:
        ValueError: If nothing is known of one.
    """
    unknown = sorted(set(sources) - SOURCES.keys())
    if unknown:
        raise ValueError(f"Nothing is known of the data {unknown}. Describe it in slr_hf/data/sources.py.")


def find_weights_licence(sources: Iterable[str]) -> str:
    """Finds the licence of weights, the most restrictive that the data they were trained on asks for.

    Args:
        sources: Names of data, at least one.

    Returns:
        One of `WEIGHTS_LICENCES`.

    Raises:
        ValueError: If nothing is known of some data.
    """
    sources = list(sources)
    check_sources(sources)
    return max((SOURCES[source].weights_licence for source in sources), key=list(WEIGHTS_LICENCES).index)


__all__ = ["SOURCES", "WEIGHTS_LICENCES", "Source", "check_sources", "find_weights_licence"]
