"""What README and the demo model's card show works as it stands."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("README.md", "space/model/README.md")


def blocks(language: str) -> list[tuple[str, str]]:
    """All code blocks of a language: where they stand, and what they hold."""
    found = []
    for document in DOCUMENTS:
        text = (ROOT / document).read_text(encoding="utf-8")
        for number, code in enumerate(re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)):
            found.append((f"{document}-{number}", code))
    return found


def commands() -> list[list[str]]:
    """All commands of README that run a script, as words."""
    lines = [line for _, code in blocks("bash") for line in code.replace("\\\n", " ").splitlines()]
    return [shlex.split(line, comments=True) for line in lines if "scripts/" in line]


@pytest.mark.integration
@pytest.mark.parametrize("code", [code for _, code in blocks("python")], ids=[name for name, _ in blocks("python")])
def test_python_blocks_run(code, data_dir, landmarker_path, tmp_path):
    (tmp_path / "clip.mp4").symlink_to(data_dir / "videos" / "msl150_hoy_001.mp4")
    (tmp_path / "space").symlink_to(ROOT / "space")
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout.strip()


@pytest.mark.parametrize("command", commands(), ids=lambda command: Path(command[1]).stem)
def test_commands_use_flags_that_exist(command):
    script, arguments = ROOT / command[1], command[2:]
    result = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, check=True, timeout=120)
    for flag in (word for word in arguments if word.startswith("--")):
        assert re.search(rf"{re.escape(flag)}\b", result.stdout), f"{script.name} has no {flag}"


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"make (demo|test|landmarker|help|clean|lint|types)\b", readme))
    assert {"demo", "test", "landmarker"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"there is no target {target}"


def test_files_that_the_readme_names_exist():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in set(re.findall(r"\b(?:slr_hf|scripts|space|tests|docs)/[\w/.]*\w", readme)) - {"space/model"}:
        assert (ROOT / name).exists(), name
