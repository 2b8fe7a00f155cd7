"""What training never showed is never shown: a real training, and every way to ask the model that it leaves."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import DatasetDict

from slr_hf.data import load_landmark_arrays, prepare_dataset
from slr_hf.model import fitted_slr
from slr_hf.model.landmarks_slr import LEFT_HAND, LIPS, POSE, RIGHT_HAND, STORED_POINTS, Landmarks
from slr_hf.model.loading_slr import load_model
from slr_hf.model.pipeline_slr import SignRecognitionPipeline
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.augmentations import Augmentations, Mirror, Perspective, Rotation
from slr_hf.training.recipes import Recipe
from slr_hf.training.stages import run_stages

FPS = 30.0
FRAMES = 20
COLUMNS = {point: column for column, point in enumerate(STORED_POINTS)}


def made_up(seed: int = 0, gloss: int = 0, frames: int = FRAMES, without: tuple[int, ...] = ()) -> np.ndarray:
    """Landmarks `(frames, 115, 3)` of a signer who moves the right hand, by the gloss to the side or up."""
    random = np.random.default_rng(seed)
    values = np.random.default_rng(0).uniform(0.4, 0.6, (1, len(STORED_POINTS), 3))
    values = values + random.normal(0, 0.002, (frames, len(STORED_POINTS), 3))
    values[:, [COLUMNS[point] for point in RIGHT_HAND], gloss] += np.linspace(0, 0.3, frames)[:, None]
    values[:, [COLUMNS[point] for point in without]] = np.nan
    return values.astype(np.float32)


def landmarks(values: np.ndarray, fps: float | None = FPS) -> Landmarks:
    return Landmarks(values, STORED_POINTS, fps=fps, width=640, height=480)


def hidden(clip: Landmarks, points: tuple[int, ...]) -> Landmarks:
    """The clip as a detector gives it that never finds `points`."""
    coordinates = clip.coordinates.copy()
    coordinates[:, [COLUMNS[point] for point in points]] = np.nan
    return replace(clip, coordinates=coordinates)


def prepared(clips: list[np.ndarray], folder: Path) -> DatasetDict:
    """Clips of two glosses by turns, for a training."""
    np.savez(
        folder / "set.npz",
        landmarks=np.concatenate(clips).astype(np.float16),
        offsets=np.cumsum([0, *map(len, clips)]),
        points=np.array(STORED_POINTS),
        label=np.array([("side", "up")[index % 2] for index in range(len(clips))]),
        session=np.array(["0"] * len(clips)),
        clip_id=np.array([f"clip{index}" for index in range(len(clips))]),
    )
    return DatasetDict(train=prepare_dataset(load_landmark_arrays(folder / "set.npz"), KeypointProcessor()))


def train(clips: list[np.ndarray], folder: Path, recipe: Recipe) -> Path:
    """Trains the stage `it` and returns the folder of the model."""
    run_stages(prepared(clips, folder), {"it": recipe}, folder / "training", KeypointProcessor(), device="cpu")
    return folder / "training" / "it" / "best"


def logits(folder: Path, *clips: Landmarks) -> torch.Tensor:
    model, processor = load_model(folder)
    with torch.no_grad():
        return model.eval()(**processor(list(clips))).logits


@pytest.fixture(scope="module")
def without_lips(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was trained on clips that have no lips."""
    clips = [made_up(seed, seed % 2, frames=16 + seed, without=LIPS) for seed in range(8)]
    return train(clips, tmp_path_factory.mktemp("without-lips"), replace(recipe, epochs=2, batch_size=4))


def ask_model(folder: Path) -> Callable[[Landmarks], np.ndarray]:
    return lambda clip: logits(folder, clip).numpy()


def scores(answer: dict) -> np.ndarray:
    by_label = {prediction["label"]: prediction["score"] for prediction in answer["predictions"]}
    return np.array([*(by_label[label] for label in sorted(by_label)), answer["confidence"]])


def ask_pipeline(folder: Path) -> Callable[[Landmarks], np.ndarray]:
    recognize = SignRecognitionPipeline.from_pretrained(folder, device="cpu")
    return lambda clip: scores(recognize(clip))


def ask_exported(folder: Path) -> Callable[[Landmarks], np.ndarray]:
    pytest.importorskip("onnxscript")
    from slr_hf.hub.export import export_graph, load_plain_model
    from slr_hf.hub.onnx_pipeline import OnnxSignRecognitionPipeline

    (folder / "model.onnx").write_bytes(export_graph(*load_plain_model(folder)).SerializeToString())
    recognize = OnnxSignRecognitionPipeline.from_pretrained(folder / "model.onnx", threads=1)
    return lambda clip: scores(recognize(clip))


def ask_stream(folder: Path) -> Callable[[Landmarks], np.ndarray]:
    recognize = SignRecognitionPipeline.from_pretrained(folder, device="cpu")

    def ask(clip: Landmarks) -> np.ndarray:
        # One look, when all of the clip has come.
        settings = {"window": clip.num_frames / FPS, "shortest": (clip.num_frames - 1) / FPS, "confidence": 0.0}
        stream = recognize.stream(FPS, clip.width, clip.height, clip.points, agreement=0, rest_height=1e3, **settings)
        assert not [sign for frame in clip.coordinates for sign in stream.add(frame)]
        (sign,) = stream.finish()
        return np.array([sign.gloss == "up", sign.score, sign.confidence])

    return ask


WAYS = {"model": ask_model, "pipeline": ask_pipeline, "exported file": ask_exported, "stream": ask_stream}


@pytest.mark.timeout(900)
def test_lips_change_no_answer_of_a_model_that_was_trained_without(without_lips: Path) -> None:
    clip = landmarks(made_up(seed=99, gloss=1))
    assert not np.isnan(clip.coordinates).any()
    asks = {name: way(without_lips) for name, way in WAYS.items()}
    for name, ask in asks.items():
        np.testing.assert_array_equal(ask(clip), ask(hidden(clip, LIPS)), err_msg=name)
        # The other parts still count.
        assert np.abs(ask(clip) - ask(hidden(clip, tuple(RIGHT_HAND)))).max() > 1e-4, name
    # Clips of other lengths and rates are averaged down alike in the exported file.
    for frames, fps in ((1, 30.0), (2, 60.0), (20, None), (31, 12.5), (61, 60.0), (100, 120.0)):
        other = landmarks(made_up(frames, frames=frames), fps)
        np.testing.assert_allclose(asks["exported file"](other), asks["pipeline"](other), atol=1e-5)
    # The lips would change the answer if the processor did not know.
    model, processor = load_model(without_lips)
    processor.fitted = None
    with torch.no_grad():
        shown, absent = (model(**processor(given)).logits for given in (clip, hidden(clip, LIPS)))
    assert (shown - absent).abs().max() > 1e-3


def test_the_saved_processor_tells_what_training_showed(without_lips: Path, recipe: Recipe) -> None:
    fitted = KeypointProcessor.from_pretrained(without_lips).fitted
    reach = recipe.augmentations.reach()
    assert fitted is not None
    assert fitted["parts"] == ["left_hand", "right_hand", "pose"]
    assert fitted["frames"] == [int(16 * reach["lengths"][0]), int(np.ceil(23 * reach["lengths"][1]))]
    assert fitted["frame_rate"] == pytest.approx([30 * reach["rates"][0], 30])


def test_a_model_of_hands_alone_ignores_the_body_and_asks_nobody_to_show_it(recipe: Recipe, tmp_path: Path) -> None:
    clips = [made_up(seed, seed % 2, without=(*LIPS, *POSE)) for seed in range(8)]
    folder = train(clips, tmp_path, replace(recipe, epochs=1, batch_size=4))
    clip = landmarks(made_up(seed=99))
    bare = hidden(clip, (*LIPS, *POSE))
    assert torch.equal(logits(folder, clip), logits(folder, bare))
    assert SignRecognitionPipeline.from_pretrained(folder, device="cpu")(bare)["warnings"] == []


def test_a_hand_that_only_the_mirror_shows_is_known(recipe: Recipe, tmp_path: Path) -> None:
    clips = [made_up(seed, seed % 2, without=(*LIPS, *LEFT_HAND)) for seed in range(8)]
    mirrored = replace(Augmentations.none(), mirror=Mirror(probability=0.5))
    known = {}
    for name, augmentations in {"plain": Augmentations.none(), "mirrored": mirrored}.items():
        (tmp_path / name).mkdir()
        chosen = replace(recipe, epochs=1, batch_size=4, augmentations=augmentations)
        known[name] = KeypointProcessor.from_pretrained(train(clips, tmp_path / name, chosen)).fitted
    assert known["plain"] is not None
    assert known["mirrored"] is not None
    assert known["plain"]["parts"] == ["right_hand", "pose"]
    assert known["mirrored"]["parts"] == ["left_hand", "right_hand", "pose"]


def test_clips_without_depth_train_and_are_answered_as_those_of_depth_zero(recipe: Recipe, tmp_path: Path) -> None:
    def flat(seed: int, depth: float) -> np.ndarray:
        values = made_up(seed, seed % 2)
        values[..., 2] = depth
        return values

    # The augmentations that turn the signer in space read z.
    space = replace(Augmentations.none(), rotation=Rotation(probability=1.0), perspective=Perspective(probability=1.0))
    chosen = replace(recipe, epochs=2, batch_size=4, augmentations=space)
    folder = train([flat(seed, np.nan) for seed in range(8)], tmp_path, chosen)  # load_model refuses weights of NaN
    found, expected = landmarks(flat(9, np.nan)), landmarks(flat(9, 0))
    assert logits(folder, found).isfinite().all()
    assert torch.equal(logits(folder, found), logits(folder, expected))


def test_what_is_left_out_is_said_once(without_lips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(fitted_slr.logger, "warning", said.append)
    fitted_slr.logger.warning_once.cache_clear()
    for seed in range(3):
        logits(without_lips, landmarks(made_up(seed)))
    assert said == ["The part 'lips' is seen in a clip, but no clip of training showed it: it counts as not seen."]
