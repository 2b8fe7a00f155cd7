"""The demo model that the Space brings along."""

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest

from slr_hf.model.extraction_slr import HolisticExtractor
from slr_hf.model.landmarks_slr import LEFT_HAND, RIGHT_HAND, STORED_POINTS, Landmarks
from slr_hf.model.pipeline_slr import SignRecognitionPipeline


@pytest.fixture(scope="module")
def folder(repository: Path) -> Path:
    return repository / "space" / "model"


def test_it_carries_the_code_of_this_package(folder, repository):
    travelling = sorted((repository / "slr_hf" / "model").glob("*_slr.py"))
    assert sorted(path.name for path in folder.glob("*.py")) == [path.name for path in travelling]
    changed = [path.name for path in travelling if path.read_bytes() != (folder / path.name).read_bytes()]
    assert changed == [], "run scripts/package_model.py again, or copy these files into space/model"


def test_it_is_small_and_free_of_pickles(folder):
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sum(path.stat().st_size for path in files) <= 16_000_000
    assert [path.name for path in files if path.suffix not in {".py", ".json", ".safetensors", ".md", ".png"}] == []


def test_the_card_begins_with_people_whom_training_has_not_seen(folder):
    strangers = json.loads((folder / "metrics.json").read_text())["people"]["strangers"]
    card = (folder / "README.md").read_text()
    first = card[card.index("# slr_hf demo") :][:1500]
    assert f"{100 * strangers['mean_over_people']:.0f}% top-1 accuracy in the mean over people" in first
    assert f"reaches {100 * strangers['nearest_neighbour']['mean_over_people']:.0f}% on the same clips" in first
    assert "non-commercial use (CC BY-NC 4.0)" in card


def test_the_readme_names_the_signs_of_strangers_that_are_answered_wrongly_more_often_than_not(folder, repository):
    """The vocabulary is chosen by strangers. "No sign" is no gloss of a language, and only one recorder shows it."""
    glosses = json.loads((folder / "config.json").read_text())["id2label"].values()
    measured = json.loads((folder / "metrics.json").read_text())["people"]["strangers"]["glosses"]
    poor = [gloss for gloss in glosses if gloss != "no_event" and measured[gloss]["mean_over_people"] < 0.5]
    assert len(poor) <= 0.06 * len(glosses)
    sentence = (repository / "README.md").read_text(encoding="utf-8").partition("less than half")[0][-200:]
    assert [gloss for gloss in poor if f'"{gloss}"' not in sentence] == []


def test_the_readme_lists_every_sign_it_knows(folder, repository):
    readme = (repository / "README.md").read_text(encoding="utf-8")
    listed = readme[readme.index("## The demo model") : readme.index("## Training on SLOVO")]
    glosses = json.loads((folder / "config.json").read_text())["id2label"].values()
    assert f"{len(glosses)} glosses" in listed
    assert [gloss for gloss in glosses if gloss not in listed] == []


@pytest.fixture(scope="module")
def find_landmarks(data_dir: Path, landmarker_path: Path) -> Callable[[str], Landmarks]:
    """Finds the landmarks of a real video, once."""
    extractor = HolisticExtractor(landmarker_path)
    return lru_cache(lambda name: extractor(data_dir / "videos" / name, points=STORED_POINTS))


#: Videos of people whom the demo model has not seen, and what they sign. Three of the four videos of WLASL are also in
#: wlasl_hands, where their signer is 118: that signer is left out of the training.
KNOWN_VIDEOS = {
    "wlasl_yes.mp4": "yes",
    "wlasl_what.mp4": "what",
    "wlasl_when.mp4": "when",
    "wlasl_write.mp4": "write",
}


@pytest.mark.integration
@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize(("video", "gloss"), KNOWN_VIDEOS.items())
def test_a_real_video_of_a_stranger_has_its_sign_among_the_first_five(folder, find_landmarks, video, gloss, mirror):
    recognize = SignRecognitionPipeline.from_pretrained(folder, device="cpu")
    answer = recognize(find_landmarks(video), top_k=5, mirror=mirror)
    assert gloss in [prediction["label"] for prediction in answer["predictions"]]


@pytest.mark.integration
@pytest.mark.xfail(reason="the hand is found in a third of the frames only, and the wave is taken for other signs")
def test_a_wave_is_a_hello(folder, find_landmarks):
    recognize = SignRecognitionPipeline.from_pretrained(folder, device="cpu")
    answer = recognize(find_landmarks("slp_pose_test_video.mp4"), top_k=5)
    assert "hello" in [prediction["label"] for prediction in answer["predictions"]]


def test_the_signer_of_the_videos_took_no_part_in_training(folder):
    sessions = json.loads((folder / "training_sessions.json").read_text())
    assert "wlasl_hands-118" not in [session for split in sessions.values() for session in split]
    assert any(session.startswith("wlasl_hands-") for split in sessions.values() for session in split)


@pytest.mark.integration
def test_the_hands_alone_and_all_parts_get_the_same_answer(folder, find_landmarks):
    """Of most signers of its training the model knows the hands alone."""
    recognize = SignRecognitionPipeline.from_pretrained(folder, device="cpu")
    whole = find_landmarks("wlasl_yes.mp4")
    hands = whole.select([point for point in whole.points if point in (*LEFT_HAND, *RIGHT_HAND)])
    answers = [recognize(clip, top_k=3)["predictions"] for clip in (whole, hands)]
    assert answers[0] == answers[1]
