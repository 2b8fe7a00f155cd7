"""Clips without landmarks, given by who signs what."""

from datasets import ClassLabel, Dataset, Features, Value


def make_dataset(clips: list[tuple[str, str, str, int]]) -> Dataset:
    """Clips given by source, session within it, gloss and number."""
    glosses = sorted({gloss for _, _, gloss, _ in clips})
    return Dataset.from_dict(
        {
            "clip_id": [f"{source}-{session}-{gloss}-{number}" for source, session, gloss, number in clips],
            "source": [source for source, _, _, _ in clips],
            "session": [f"{source}-{session}" for source, session, _, _ in clips],
            "label": [glosses.index(gloss) for _, _, gloss, _ in clips],
        },
        features=Features(
            clip_id=Value("string"), source=Value("string"), session=Value("string"), label=ClassLabel(names=glosses)
        ),
    )


def numbered(source: str, session: str, count: int, gloss: str = "yes") -> list[tuple[str, str, str, int]]:
    """Some clips of one gloss in one session."""
    return [(source, session, gloss, number) for number in range(count)]
