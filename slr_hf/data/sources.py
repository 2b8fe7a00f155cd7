"""Where published clips come from, whose language they show, and under which licence."""

from dataclasses import dataclass


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
    """

    language: str
    language_code: str
    url: str
    revision: str
    licence: str
    recorded: str


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
    "lips3a": Source(
        "unknown",
        "sgn",
        "https://github.com/IlkerDEMIR-s/SignLanguageDetectionFromWebcam",
        "8e87c52",
        "MIT",
        "3 words in one recording by webcam, with lips",
    ),
    "lips3b": Source(
        "unknown",
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

__all__ = ["SOURCES", "Source"]
