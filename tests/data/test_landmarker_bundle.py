"""Building the landmark models from Python packages."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slr_hf.data.landmarker_bundle import build_landmarker
from slr_hf.model.landmarker_slr import BUILT_SHA256, LandmarkerError, check_bundle, fingerprint


@pytest.mark.integration
def test_the_script_builds_the_known_bundle(repository, tmp_path):
    target = tmp_path / "models" / "built.task"
    script = [sys.executable, repository / "scripts" / "build_landmarker.py", "--output", target]
    result = subprocess.run(script, capture_output=True, text=True, check=True, timeout=300)
    assert result.stdout.strip() == str(target)
    assert fingerprint(target) == BUILT_SHA256
    check_bundle(target)
    assert [path.name for path in target.parent.iterdir()] == ["built.task"]


@pytest.mark.integration
@pytest.mark.parametrize("place", ["cache", "elsewhere"])
def test_a_known_bundle_is_left_alone(repository, landmarker_path, tmp_path, place):
    options = []
    if place == "elsewhere":
        landmarker_path = Path(shutil.copy(landmarker_path, tmp_path / "mine.task"))
        options = ["--output", landmarker_path]
    before = landmarker_path.stat().st_mtime_ns
    # Without packages to be had, a build would fail. The bundle that the extractor is told to use plays no part.
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "SLR_LANDMARKER": "nowhere.task"}
    script = [sys.executable, repository / "scripts" / "build_landmarker.py", *options]
    subprocess.run(script, check=True, timeout=60, env=environment)
    assert landmarker_path.stat().st_mtime_ns == before


def test_missing_wheels_are_named(tmp_path):
    with pytest.raises(LandmarkerError, match=r"mediapipe==0\.10\.21"):
        build_landmarker(tmp_path, tmp_path / "built.task")


def test_another_wheel_is_refused(tmp_path):
    (tmp_path / "mediapipe-0.10.21-cp311-cp311-linux_x86_64.whl").write_bytes(b"not a wheel")
    with pytest.raises(LandmarkerError, match="is not the wheel"):
        build_landmarker(tmp_path, tmp_path / "built.task")
    assert not (tmp_path / "built.task").exists()
