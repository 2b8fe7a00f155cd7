"""A trained model as the files that the static page of space/browser loads.

The page runs the exported graph by onnxruntime-web, which does not tell a file's metadata, and finds landmarks by
MediaPipe's own JavaScript. What it has to know of both stands in a JSON file, so that no landmark index is written down
a second time.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slr_hf.hub.export import FILES, export_model, open_session
from slr_hf.model.drawing_slr import COLOURS
from slr_hf.model.landmarker_slr import resolve_landmarker
from slr_hf.model.landmarks_slr import DETECTED_GROUPS, NOSE, POSE_WRISTS, SKELETON_EDGES
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.whole_files import whole_file, write_json

#: The exported graph, what the page has to know of it, and the landmark models.
MODEL_FILE, FACTS_FILE, LANDMARKER_FILE = FILES["fp32"], "model.json", "holistic_landmarker.task"


def describe(metadata: Mapping[str, str]) -> dict[str, Any]:
    """What the page has to know, for JSON.

    Args:
        metadata: The metadata of an exported graph.

    Returns:
        - labels: The glosses, in the order of the probabilities.
        - points: The Holistic index (0-542) of each column of landmarks that the graph takes.
        - groups: First landmark of each group that MediaPipe detects, and the one after its last.
        - parts: Whether each part that the model looks at is a hand, and its points. Those that training never showed
          are not among them.
        - head, wrists: The points that should stay in the picture; no head where the model does not look at the body.
        - skeleton: The colour of each group that is drawn, and the pairs of points to join.
    """
    processor: Any = KeypointProcessor.from_dict(json.loads(metadata["processor"]))
    parts = [
        {"is_hand": part.get("anchor") is not None, "points": part["points"]}
        for part, shown in zip(processor.parts, processor.fitted_parts, strict=True)
        if shown
    ]
    looks_at_body = processor.uses_shoulders or not all(part["is_hand"] for part in parts)
    return {
        "labels": json.loads(metadata["labels"]),
        "points": json.loads(metadata["points"]),
        "groups": {name: [points.start, points.stop] for name, points in DETECTED_GROUPS.items()},
        "parts": parts,
        "head": [NOSE] if looks_at_body else [],
        "wrists": POSE_WRISTS,
        "skeleton": [
            {"colour": f"rgb({red}, {green}, {blue})", "edges": SKELETON_EDGES[name]}
            for name, (red, green, blue) in COLOURS.items()
        ],
    }


def export_for_browser(folder: str | Path, output: str | Path) -> dict[str, Any]:
    """Writes the files that the page loads, each whole or not at all.

    Args:
        folder: The folder of a saved model.
        output: The folder to write to; of the page, its folder `model`.

    Returns:
        What `export_model` returns, and `output_mb`: the size of all files.

    Raises:
        ModuleNotFoundError: If the extra `export` is not installed.
        FileNotFoundError: If there is no model in the folder.
        ExportError: If the exported graph does not say what the model says.
        LandmarkerError: If the landmark models are missing or unusable.
    """
    landmarker = resolve_landmarker()
    report = export_model(folder, output)
    files = [Path(output) / name for name in (MODEL_FILE, FACTS_FILE, LANDMARKER_FILE)]
    facts = describe(open_session(files[0]).get_modelmeta().custom_metadata_map)
    write_json(files[1], facts)
    with whole_file(files[2]) as path:
        shutil.copyfile(landmarker, path)
    return {**report, "output_mb": round(sum(path.stat().st_size for path in files) / 1e6, 2)}


__all__ = ["FACTS_FILE", "LANDMARKER_FILE", "MODEL_FILE", "describe", "export_for_browser"]
