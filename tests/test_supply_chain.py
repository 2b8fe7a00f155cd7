"""What comes from elsewhere, and what runs where a model is loaded: pinned, checked by hash, and free of surprises."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from slr_hf.model.modeling_slr import SLRForSignClassification

#: What the code of a saved model may import, besides its own files: the standard library's parts that it uses ...
STANDARD = {
    *("collections", "concurrent", "contextlib", "dataclasses", "fractions", "functools", "hashlib", "http"),
    *("itertools", "json", "logging", "math", "os", "pathlib", "shutil", "tempfile", "threading"),
    *("types", "typing", "urllib", "zipfile"),
}
#: ... what is there wherever transformers is ...
INSTALLED = {"huggingface_hub", "numpy", "safetensors", "torch", "transformers"}
#: ... and what only videos need, in a `try` each.
OPTIONAL = {"av", "cv2", "mediapipe"}

#: Calls that run code out of data.
DANGEROUS = {"eval", "exec", "compile", "__import__"}
DANGEROUS_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "jsonpickle"}


def sources(root: Path) -> Iterator[tuple[Path, ast.Module]]:
    for folder in ("slr_hf", "scripts", "space"):
        for path in sorted((root / folder).rglob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def imported(node: ast.AST) -> set[str]:
    """The first parts of the absolute names that a statement imports."""
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return {str(node.module).split(".")[0]}
    return set()


def is_dangerous(call: ast.Call) -> bool:
    """Whether a call may run code out of data."""
    name = ast.unparse(call.func)
    keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    return (
        name in DANGEROUS
        or (name == "torch.load" and keywords.get("weights_only") != "True")
        or (name.endswith("yaml.load") and "SafeLoader" not in ast.unparse(call))
        or keywords.get("allow_pickle", "False") != "False"
        or keywords.get("shell", "False") != "False"
        or name in ("os.system", "os.popen")
    )


@pytest.mark.parametrize(
    "line",
    [
        *("eval(text)", "torch.load(path)", "torch.load(path, weights_only=False)", "yaml.load(text)"),
        *("np.load(path, allow_pickle=True)", "subprocess.run(text, shell=True)", "os.system(text)"),
    ],
)
def test_the_check_finds_what_it_looks_for(line: str) -> None:
    assert is_dangerous(ast.parse(line, mode="eval").body)


def test_no_code_is_made_out_of_data(repository: Path) -> None:
    checked = 0
    for path, tree in sources(repository):
        for node in ast.walk(tree):
            assert not imported(node) & DANGEROUS_MODULES, f"{path}:{node.lineno}"
            if isinstance(node, ast.Call):
                checked += 1
                assert not is_dangerous(node), f"{path}:{node.lineno}: {ast.unparse(node)}"
    assert checked > 1000


def test_the_code_of_a_model_imports_only_what_was_reviewed(repository: Path) -> None:
    """A new import is no fault, but has to be looked at: whoever loads the model runs it."""
    for path in (repository / "slr_hf/model").glob("*_slr.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        tried = {inner for node in ast.walk(tree) if isinstance(node, ast.Try) for inner in ast.walk(node)}
        for node in ast.walk(tree):
            for name in imported(node):
                allowed = STANDARD | INSTALLED | (OPTIONAL if node in tried else set())
                assert name in allowed, f"{path.name}:{node.lineno} imports {name}"
    assert sys.stdlib_module_names >= STANDARD


def test_the_code_of_the_demo_model_is_that_of_the_package(repository: Path) -> None:
    names = {path.name for path in (repository / "slr_hf/model").glob("*_slr.py")}
    assert names == {path.name for path in (repository / "space/model").glob("*.py")}
    for name in names:
        assert (repository / "space/model" / name).read_bytes() == (repository / "slr_hf/model" / name).read_bytes()


def test_weights_in_a_pickle_are_not_loaded(model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((model_dir / "config.json").read_bytes())
    torch.save(SLRForSignClassification.from_pretrained(model_dir).state_dict(), tmp_path / "pytorch_model.bin")
    for options in ({}, {"use_safetensors": False}):
        with pytest.raises(OSError, match="safetensors"):
            SLRForSignClassification.from_pretrained(tmp_path, **options)


def pins(path: Path) -> dict[str, str]:
    """The versions in a file of pinned requirements."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s\\]+)", path.read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def ranges(lines: list[str]) -> list[Requirement]:
    return [Requirement(line.split("#")[0]) for line in lines if line.split("#")[0].strip()]


def test_the_spaces_pins_are_what_it_asks_for_and_what_the_package_allows(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    pinned = pins(repository / "space/requirements.txt")
    asked = ranges((repository / "space/requirements.in").read_text().splitlines())
    allowed = ranges([*project["dependencies"], *project["optional-dependencies"]["space"]])
    assert len(asked) >= 7
    assert {requirement.name for requirement in asked} <= {requirement.name for requirement in allowed}
    for requirement in (*asked, *(item for item in allowed if canonicalize_name(item.name) in pinned)):
        assert pinned[canonicalize_name(requirement.name)] in requirement.specifier, str(requirement)
    lines = (repository / "space/requirements.txt").read_text().splitlines()
    assert all("==" in line for line in lines if not line.startswith(("#", "--")))


def test_the_space_runs_the_gradio_that_is_pinned(repository: Path) -> None:
    _, front_matter, _ = (repository / "space/README.md").read_text(encoding="utf-8").split("---\n", 2)
    assert pins(repository / "space/requirements.txt")["gradio"] == yaml.safe_load(front_matter)["sdk_version"]


def test_the_lock_has_the_same_versions_and_a_hash_of_each(repository: Path) -> None:
    locked, pinned = pins(repository / "space/requirements.lock"), pins(repository / "space/requirements.txt")
    assert pinned == {**locked, "torch": pinned["torch"]}
    blocks = re.split(r"^(?=[a-z0-9])", (repository / "space/requirements.lock").read_text(), flags=re.MULTILINE)[1:]
    assert len(blocks) == len(locked)
    assert all("--hash=sha256:" in block for block in blocks)
