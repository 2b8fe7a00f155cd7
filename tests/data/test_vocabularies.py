from pathlib import Path

import numpy as np
import pytest

from slr_hf.data import get_vocabulary, load_landmark_arrays, read_column

SOURCES = ("asl33", "asl11", "asl12", "lips3a", "wlasl_hands")


def test_the_demo_knows_everyday_words_and_no_letters() -> None:
    demo, everyday = get_vocabulary("demo"), get_vocabulary("everyday")
    assert set(demo.glosses) < set(everyday.glosses)
    assert min(map(len, everyday.glosses)) > 1
    assert "no_event" in demo.glosses
    assert len(set(everyday.glosses)) == len(everyday.glosses)


@pytest.mark.integration
def test_at_least_two_people_sign_every_gloss_of_the_demo(data_dir: Path) -> None:
    """Else nobody could say how well strangers are understood; "no sign" is no gloss of a language."""
    vocabulary = get_vocabulary("demo")
    people: dict[str, set[str]] = {gloss: set() for gloss in vocabulary.glosses}
    for name in SOURCES:
        with np.load(data_dir / f"{name}.npz", allow_pickle=False) as store:
            for gloss, session in zip(store["label"].tolist(), store["session"].tolist(), strict=True):
                if session != "?":
                    people.setdefault(vocabulary.rename.get(gloss, gloss), set()).add(f"{name}-{session}")
    assert [gloss for gloss in vocabulary.glosses if gloss != "no_event" and len(people[gloss]) < 2] == []


@pytest.mark.integration
def test_glosses_that_two_files_share_become_one_class(data_dir: Path) -> None:
    vocabulary = get_vocabulary("demo")
    dataset = load_landmark_arrays(
        [data_dir / "asl33.npz", data_dir / "asl11.npz"], glosses=["thank you"], rename=vocabulary.rename
    )
    assert np.unique(read_column(dataset, "source")).tolist() == ["asl11", "asl33"]


def test_an_unknown_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no vocabulary 'latin'\. Choose one of asl33_words, demo, everyday"):
        get_vocabulary("latin")
