"""The names of slr_hf.data."""

import subprocess
import sys

import slr_hf.data


def test_every_public_name_is_there() -> None:
    assert [name for name in slr_hf.data.__all__ if not hasattr(slr_hf.data, name)] == []


def test_a_name_that_is_not_there_is_an_error() -> None:
    assert not hasattr(slr_hf.data, "load_everything")


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, slr_hf.data; print(sorted({'torch', 'datasets', 'mediapipe', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
