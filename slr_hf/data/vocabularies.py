"""Vocabularies: which glosses of the landmark arrays make up a label space, and what they are called in it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Vocabulary:
    """A label space over several files.

    Args:
        glosses: The glosses to keep, as they are called after renaming.
        rename: New names of glosses.
    """

    glosses: tuple[str, ...]
    rename: dict[str, str] = field(default_factory=dict)


#: The words of ksl13, asl33 and asl11 together, without the letters of asl33.
DEMO = Vocabulary(
    glosses=(
        # ksl13: Korean Sign Language
        *("Let's go", "bad", "do it", "don't", "follow me", "glad", "good", "hate", "i'm fine", "no", "sorry", "tired"),
        "yes",
        # asl33: American Sign Language; it has "no" too
        *("can", "coffee", "get", "hello", "large", "medium", "muffin", "no_event", "please", "small", "tea"),
        *("thank you", "water"),
        # asl11: American Sign Language; it has "hello" and "thank you" too
        *("bye", "father", "good job", "happy", "how much", "hungry", "i love you", "sad", "you"),
    ),
    rename={"-": "no_event", "thank-you": "thank you"},
)

#: The words of asl33, without its letters.
ASL33_WORDS = Vocabulary(
    glosses=(
        *("can", "coffee", "get", "hello", "large", "medium", "muffin", "no", "no_event", "please", "small", "tea"),
        *("thank you", "water"),
    ),
    rename={"-": "no_event", "thank-you": "thank you"},
)

VOCABULARIES: dict[str, Vocabulary] = {"asl33_words": ASL33_WORDS, "demo": DEMO}


def get_vocabulary(name: str) -> Vocabulary:
    """Looks a vocabulary up.

    Args:
        name: One of `VOCABULARIES`.

    Raises:
        ValueError: If there is none of that name.
    """
    if name not in VOCABULARIES:
        raise ValueError(f"There is no vocabulary {name!r}. Choose one of {', '.join(VOCABULARIES)}.")
    return VOCABULARIES[name]


__all__ = ["ASL33_WORDS", "DEMO", "VOCABULARIES", "Vocabulary", "get_vocabulary"]
