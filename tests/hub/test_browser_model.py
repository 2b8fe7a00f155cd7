"""What the static page loads: the exported graph, the facts about it, and the landmark models."""

import json
from pathlib import Path

import pytest

from slr_hf.hub import export
from slr_hf.hub.browser_model import describe, export_for_browser
from slr_hf.hub.export import open_session
from slr_hf.model.landmarker_slr import LandmarkerError
from slr_hf.model.landmarks_slr import LEFT_HAND, LIPS, NOSE, RIGHT_HAND, STORED_POINTS

pytest.importorskip("onnxscript")


def test_the_facts_say_what_the_page_has_to_know(exported_file):
    facts = describe(open_session(exported_file).get_modelmeta().custom_metadata_map)
    assert facts["labels"] == ["no_event", "Привет", "hello"]
    assert tuple(facts["points"]) == STORED_POINTS
    assert facts["groups"] == {"face": [0, 468], "left_hand": [468, 489], "pose": [489, 522], "right_hand": [522, 543]}
    assert [part["points"] for part in facts["parts"] if part["is_hand"]] == [list(LEFT_HAND), list(RIGHT_HAND)]
    assert facts["parts"][0] == {"is_hand": False, "points": list(LIPS)}
    assert all(group["edges"] and group["colour"].startswith("rgb(") for group in facts["skeleton"])


def test_the_page_asks_for_no_part_that_training_lacked(exported_file):
    metadata = dict(open_session(exported_file).get_modelmeta().custom_metadata_map)
    for known, head in ((["left_hand", "right_hand"], []), (["left_hand", "right_hand", "pose"], [NOSE])):
        fitted = {"parts": known, "frames": [1, 40], "frame_rate": [15.0, 30.0]}
        facts = describe({**metadata, "processor": json.dumps({**json.loads(metadata["processor"]), "fitted": fitted})})
        assert len(facts["parts"]) == len(known)
        assert list(LIPS) not in [part["points"] for part in facts["parts"]]
        assert facts["head"] == head


def test_three_files_are_written_whole(exported, small_model_dir, landmarker_path, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "export_graph", lambda *_: exported)  # exported before; the export takes a while
    monkeypatch.setenv("SLR_LANDMARKER", str(landmarker_path))
    report = export_for_browser(small_model_dir, tmp_path / "model")
    names = ["holistic_landmarker.task", "model.json", "model.onnx"]
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == names
    assert json.loads((tmp_path / "model/model.json").read_text(encoding="utf-8"))["labels"][1] == "Привет"
    assert (tmp_path / "model/holistic_landmarker.task").read_bytes() == landmarker_path.read_bytes()
    assert report["output_mb"] > report["size_mb"]
    json.dumps(report)


def test_without_landmark_models_nothing_is_written(small_model_dir, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("SLR_LANDMARKER", str(tmp_path / "nowhere.task"))
    with pytest.raises(LandmarkerError, match="no landmark models"):
        export_for_browser(small_model_dir, tmp_path / "model")
    assert not (tmp_path / "model").exists()
