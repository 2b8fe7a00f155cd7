"""The program that starts the Space's page."""

import subprocess
import sys
from pathlib import Path


def test_processes_that_work_on_videos_do_not_import_the_page(repository: Path) -> None:
    """Each of them runs the main program again, under this name, before it begins."""
    code = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='__mp_main__'); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, "app.py"], cwd=repository / "space", check=True, capture_output=True, text=True
    )
    imported = set(done.stdout.split())
    assert "argparse" in imported
    assert not imported & {"gradio", "page", "torch", "transformers"}
