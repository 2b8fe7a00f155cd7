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


#: Everyday words of American Sign Language, nearly all signed by five people or more in asl33, asl11, asl12 and
#: wlasl_hands together. The vocabulary of the demo model is chosen from these by measurement.
EVERYDAY = Vocabulary(
    glosses=(
        *("again", "angry", "apple", "baby", "bad", "banana", "basketball", "bear", "bed", "before", "bird"),
        *("black", "blue", "book", "bowling", "brother", "brown", "buy", "bye", "can", "candy", "cat", "chair"),
        *("change", "child", "coffee", "cold", "college", "cool", "corn", "dance", "daughter", "day", "deaf"),
        *("different", "doctor", "dog", "door", "drink", "eat", "enjoy", "family", "fast", "fat", "father", "fine"),
        *("finish", "fish", "friend", "get", "girl", "give", "go", "good", "happy", "hat", "hearing", "hello"),
        *("help", "home", "hot", "how", "hungry", "know", "large", "later", "learn", "like", "man", "many"),
        *("medicine", "more", "mother", "my", "name", "no", "no_event", "now", "orange", "paper", "pink", "pizza"),
        *("play", "please", "purple", "sad", "salt", "school", "shirt", "short", "sick", "slow", "small", "snow"),
        *("son", "sorry", "stop", "study", "tall", "tea", "teacher", "thank you", "thin", "thirsty", "tiger"),
        *("time", "tired", "travel", "walk", "want", "water", "week", "what", "when", "where", "white", "who"),
        *("why", "wife", "woman", "work", "write", "yellow", "yes", "yesterday", "you"),
    ),
    rename={"-": "no_event", "thank-you": "thank you"},
)

#: Those of them that people whom training has not seen sign intelligibly, and `no_event`. docs/figures.md says how they
#: were chosen, and the model's card how often each is answered rightly.
DEMO = Vocabulary(
    glosses=(
        *("again", "angry", "apple", "banana", "basketball", "bear", "black", "book", "bowling", "brother"),
        *("brown", "buy", "bye", "can", "cat", "coffee", "cold", "college", "day", "different"),
        *("doctor", "door", "drink", "eat", "enjoy", "family", "fine", "fish", "friend", "get"),
        *("go", "happy", "hello", "help", "home", "how", "hungry", "know", "large", "later"),
        *("learn", "more", "mother", "my", "name", "no", "no_event", "orange", "paper", "pink"),
        *("please", "purple", "sad", "school", "sick", "small", "snow", "son", "tall", "tea"),
        *("teacher", "thank you", "thirsty", "tiger", "tired", "travel", "walk", "water", "what", "when"),
        *("white", "woman", "work", "write", "yes", "yesterday", "you"),
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

VOCABULARIES: dict[str, Vocabulary] = {"asl33_words": ASL33_WORDS, "demo": DEMO, "everyday": EVERYDAY}


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


__all__ = ["ASL33_WORDS", "DEMO", "EVERYDAY", "VOCABULARIES", "Vocabulary", "get_vocabulary"]
