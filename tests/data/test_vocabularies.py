from pathlib import Path

import numpy as np
import pytest

from slr_hf.data import get_vocabulary, load_landmark_arrays, read_column


@pytest.mark.integration
def test_the_demo_vocabulary_is_all_words_of_three_files_without_letters(data_dir: Path) -> None:
    vocabulary = get_vocabulary("demo")
    files = [data_dir / f"{name}.npz" for name in ("ksl13", "asl33", "asl11")]
    all_glosses = load_landmark_arrays(files, rename=vocabulary.rename).features["label"].names
    assert sorted(vocabulary.glosses) == [gloss for gloss in all_glosses if len(gloss) > 1]


@pytest.mark.integration
def test_glosses_that_two_files_share_become_one_class(data_dir: Path) -> None:
    vocabulary = get_vocabulary("demo")
    dataset = load_landmark_arrays(
        [data_dir / "asl33.npz", data_dir / "asl11.npz"], glosses=["thank you"], rename=vocabulary.rename
    )
    assert np.unique(read_column(dataset, "source")).tolist() == ["asl11", "asl33"]


def test_an_unknown_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no vocabulary 'latin'\. Choose one of asl33_words, demo"):
        get_vocabulary("latin")
