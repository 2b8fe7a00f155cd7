from collections import Counter

import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Value

from slr_hf.data.sampling import LengthSampler, SignerSampler

GLOSSES = ["bye", "hello"]


def make_dataset(*clips: tuple[str, str, int]) -> Dataset:
    """Clips of some glosses by some signers, a number of each."""
    rows = [(gloss, signer) for gloss, signer, count in clips for _ in range(count)]
    features = Features({"label": ClassLabel(names=GLOSSES), "session": Value("string")})
    columns = {"label": [GLOSSES.index(gloss) for gloss, _ in rows], "session": [signer for _, signer in rows]}
    return Dataset.from_dict(columns, features=features)


def test_every_gloss_is_drawn_equally_often_and_every_signer_of_it_too() -> None:
    dataset = make_dataset(("hello", "webcam", 90), ("hello", "a", 1), ("hello", "b", 3), ("bye", "webcam", 2))
    sampler = SignerSampler(dataset, clips_per_gloss=12)
    drawn = [dataset[row] for row in sampler]
    assert len(drawn) == len(sampler) == 24
    assert Counter((GLOSSES[clip["label"]], clip["session"]) for clip in drawn) == {
        ("hello", "webcam"): 4,
        ("hello", "a"): 4,
        ("hello", "b"): 4,
        ("bye", "webcam"): 12,
    }


def test_no_clip_of_a_signer_comes_twice_before_all_others_have_come() -> None:
    dataset = make_dataset(("hello", "a", 10))
    assert sorted(SignerSampler(dataset, clips_per_gloss=10)) == list(range(10))
    counts = Counter(SignerSampler(dataset, clips_per_gloss=25))
    assert set(counts.values()) == {2, 3}


def test_where_signers_outnumber_the_draws_others_come_in_other_epochs() -> None:
    dataset = make_dataset(*[("hello", str(signer), 1) for signer in range(10)])
    sampler = SignerSampler(dataset, clips_per_gloss=3)
    seen = set()
    for epoch in range(20):
        sampler.set_epoch(epoch)
        drawn = list(sampler)
        assert len(set(drawn)) == 3
        seen.update(drawn)
    assert seen == set(range(10))


def test_seed_and_epoch_alone_decide() -> None:
    dataset = make_dataset(("hello", "a", 50), ("bye", "b", 50))
    sampler, same, other = (SignerSampler(dataset, 20, seed) for seed in (1, 1, 2))
    first = list(sampler)
    assert list(sampler) == first == list(same) != list(other)
    sampler.set_epoch(1)
    assert list(sampler) != first


def test_no_clips_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="`clips_per_gloss` must be at least 1, but is 0"):
        SignerSampler(make_dataset(("hello", "a", 1)), 0)


def test_clips_of_similar_length_come_together_and_all_of_them() -> None:
    lengths = [*range(1, 401)]
    dataset = Dataset.from_dict({"positions": [[0.0] * length for length in lengths]})
    drawn = list(LengthSampler(dataset, batch_size=4))
    assert sorted(drawn) == list(range(400))
    batches = [[lengths[row] for row in drawn[start : start + 4]] for start in range(0, 400, 4)]
    spread = sum(max(batch) - min(batch) for batch in batches) / len(batches)
    assert spread < 40  # about 240 in random order


def test_the_order_of_lengths_follows_from_seed_and_epoch_alone() -> None:
    dataset = Dataset.from_dict({"positions": [[0.0] * length for length in range(1, 101)]})
    sampler, same, other = (LengthSampler(dataset, 4, seed) for seed in (1, 1, 2))
    first = list(sampler)
    torch.rand(7)  # what others draw does not matter
    assert list(sampler) == first == list(same) != list(other)
    sampler.set_epoch(1)
    assert list(sampler) != first
