import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration


def can_seclude() -> bool:
    """Whether this machine lets us make a network of our own."""
    if not (shutil.which("unshare") and shutil.which("ip")):
        return False
    command = ["unshare", "--net", "ip", "link", "add", "out", "type", "veth", "peer", "name", "nowhere"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_nothing_leaves_the_machine_while_the_page_recognises(
    repository: Path, clip: bytes, landmarker_path: Path, model_dir: Path, tmp_path: Path
) -> None:
    if not can_seclude():
        pytest.skip("needs `unshare --net` and `ip`: root, and apt-get install iproute2")
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip)
    (tmp_path / "space").mkdir()
    command = ["unshare", "--net", sys.executable, "tests/secluded.py", path, tmp_path / "space", landmarker_path]
    # As an owner runs it who has set nothing, so that a library that reports usage would do so.
    settings = ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "GRADIO_ANALYTICS_ENABLED")
    environment = {name: value for name, value in os.environ.items() if name not in settings}
    run = subprocess.run(
        [*command, model_dir],
        cwd=repository,
        env={**environment, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert run.returncode == 0, run.stderr
    seen = json.loads(run.stdout)
    assert seen["answers"] == ["complete", "error"]
    assert "203.0.113.1" in seen["sent_to"], "packets are seen"
    assert seen["sent_to"] == ["203.0.113.1"]
