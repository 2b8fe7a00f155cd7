"""The demo page on videos from strangers: an answer, or a friendly no whose text the page has."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hostile_videos import HOSTILE_VIDEOS
from isolation import Refused
from recognition import find_landmarks, recognize
from texts import TEXTS

from slr_hf.model.extraction_slr import HolisticExtractor
from slr_hf.model.pipeline_slr import SignRecognitionPipeline

Make = Callable[[str], Path]

#: Where it is not "unreadable" what the page says of a video, although it can be read: it has limits of its own.
OVER_A_LIMIT = {"one hour": "too_long", "frames a day apart": "too_long", "8K": "too_large"}

REFUSED = {
    **{name: "unreadable" for name, video in HOSTILE_VIDEOS.items() if not video.is_readable},
    **OVER_A_LIMIT,
}


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make_video(name: str) -> Path:
        path = tmp_path / f"clip{HOSTILE_VIDEOS[name].suffix}"
        HOSTILE_VIDEOS[name].make(path)
        return path

    return make_video


@pytest.mark.parametrize("name", REFUSED)
def test_a_video_that_the_page_cannot_take_is_refused(name: str, make: Make) -> None:
    with pytest.raises(Refused, match=f"^{REFUSED[name]}$"):
        find_landmarks(HolisticExtractor(), make(name), lambda *_: None)


@pytest.mark.parametrize("name", sorted(HOSTILE_VIDEOS.keys() - REFUSED.keys()))
def test_all_others_are_looked_at(name: str, make: Make, landmarker_path: Path) -> None:
    facts, coordinates = find_landmarks(HolisticExtractor(landmarker_path), make(name), lambda *_: None)
    assert coordinates.shape[1:] == (543, 3)
    assert 0 < len(coordinates) <= (HOSTILE_VIDEOS[name].frames or 40)
    assert facts["width"] > 0
    assert facts["height"] > 0


@pytest.mark.parametrize("name", ["zero byte", "concat script", "huge dimensions", "8K"])
def test_the_whole_request_is_refused_and_leaves_nothing(
    name: str, make: Make, recognizer: SignRecognitionPipeline, tmp_path: Path
) -> None:
    video = make(name)
    with pytest.raises(Refused, match=f"^{REFUSED[name]}$"):
        list(recognize(recognizer, video, False, lambda *_: None, tmp_path / "drawn"))
    assert not list((tmp_path / "drawn").glob("*"))


@pytest.mark.parametrize("problem", sorted({*REFUSED.values(), "no_video"}))
def test_the_page_has_a_text_for_every_refusal(problem: str) -> None:
    assert all(problem in texts for texts in TEXTS.values())
