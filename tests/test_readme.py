"""What README, the other documents and the model's card show works as it stands: every code block is executed.

Each document has a reader with a machine of their own, who types its blocks from the top to the bottom; so a block may
need those above it, and is run alone only by the whole document: `pytest tests/test_readme.py -k docs/own_signs.md`.

The data lie where the documents say, in a small edition: `fixtures_documents` makes it. The tables below say what else
is not quite as the reader has it. An entry that fits no command fails, and so does a block of an unknown language.
"""

import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from documents import Block, read_blocks
from fixtures_hub import Hub

ROOT = Path(__file__).resolve().parents[1]

#: The Russian README has the same blocks; tests/test_translations.py compares them.
DOCUMENTS = [
    "README.md",
    *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")) if path.name != "README.ru.md"),
    "space/README.md",
    "space/model/README.md",
]

#: What the documents say, by their names; HTML comments are not seen.
TEXTS = {
    document: re.sub(r"<!--.*?-->", "", (ROOT / document).read_text(encoding="utf-8"), flags=re.DOTALL)
    for document in DOCUMENTS
}

BLOCKS = [block for document in DOCUMENTS for block in read_blocks(ROOT / document, document)]

PYTHON = ".venv/bin/python "

#: Commands that are not typed, and why.
NOT_TYPED = {
    r"make demo\b": "serves until it is stopped; tests/browser opens the page",
    r"make test\b": "runs these tests",
    r"make soak": "takes hours; the quick part of it is among these tests",
    r"\.venv/bin/python -m pytest ": "runs tests, which are run with these",
    r"\.venv/bin/pip install --editable": "changes the environment that runs this test; that it names extras is tested",
    r"\.venv/bin/hf auth login$": "asks for a token; the commands after it find one in HF_TOKEN",
}

#: Commands whose words the script's own parser reads, as those of all others, but that are not run, and why.
ONLY_PARSED = {
    r"scripts/export\.py ": "an export takes most of a minute; tests/scripts/test_export.py makes one",
    r"scripts/predict\.py .*\.onnx$": "needs that export; tests/scripts/test_export.py asks one",
    r"scripts/benchmark\.py live ": "minutes of stream; tests/live measures seconds",
    r"scripts/benchmark\.py slovo ": "an epoch over 15,300 clips; tests/benchmarks makes and loads a small set",
    r"scripts/benchmark\.py gpu ": "wants a GPU; tests/benchmarks measures the same on a CPU with small numbers",
    r"scripts/benchmark\.py peers ": "minutes of training; tests/benchmarks compares peers on small models",
    r"scripts/ablate\.py ": "a run for each of forty ideas; tests/scripts/test_ablate.py makes two",
}

#: A model that trains in seconds.
SMALLEST = (
    " config.hidden_size=32 config.patch_width=16 config.intermediate_size=32 config.num_attention_heads=2"
    " config.num_local_layers=1 config.num_global_layers=1"
)

#: What is added to a command so that it ends in seconds. Of a field that is set twice, the last counts.
SHORTENED = {
    r"scripts/train\.py ": "--device cpu --set epochs=1 it.epochs=1 ft1.epochs=1 repeats=1",
    r"scripts/train\.py .*(--held-out-session all|--signer-folds)": "--stage it",
    r"scripts/train\.py (?!.*--from-model)(?!.*slovo)": "--set batch_size=32" + SMALLEST,
    r"scripts/train\.py .*--recipe slovo_500": "--set batch_size=256" + SMALLEST,
    r"scripts/train\.py .*--recipe demo": "--set clips_per_gloss=1 average_decay=0",
    r"scripts/evaluate\.py (--folds|.*--dataset slovo)": "--no-nearest-neighbour",
    r"scripts/benchmark\.py ": "--runs 1 --clips 32 --steps 1 --size tiny --threads 1",
    r"scripts/extract\.py ": "--num-proc 1",
}

#: Commands that talk to the Hub: they get a process of their own and the Hub of `fixtures_hub`.
ON_THE_HUB = (r"scripts/publish\.py (?!.*--dry-run)", r"scripts/publish_dataset\.py .*--push$")

#: What a block of Python takes up from the text around it.
GIVEN = {
    "recognize.stream(": """
        import numpy as np
        from slr_hf.model.pipeline_slr import SignRecognitionPipeline
        recognize = SignRecognitionPipeline.from_pretrained("space/model")
        frames = np.random.default_rng(0).random((30, 543, 3), np.float32)
    """,
}

#: Where the page is that a reader has opened by `make demo`.
PAGE = "http://127.0.0.1:7860"

#: The language of blocks that are pictures in letters.
TEXT = "text"

COMMANDS = [(block, command) for block in BLOCKS if block.language == "bash" for command in block.commands]


def fits(table: "dict[str, str] | tuple[str, ...]", command: str) -> list[str]:
    """The entries of a table that fit a command."""
    return [entry for entry in table if re.search(entry, re.sub(r"\s+#.*", "", command))]


@contextmanager
def typed(words: list[str]) -> Iterator[None]:
    """Sets `sys.argv` for a script, and restores what scripts change."""
    import torch

    before, threads = sys.argv, torch.get_num_threads()
    sys.argv = words
    try:
        yield
    finally:
        sys.argv = before
        torch.set_num_threads(threads)


def run_script(words: list[str], hub: Hub | None, home: Path) -> None:
    """Runs a script in the working directory: in this process, where the libraries are loaded already, or on a Hub."""
    if hub is not None:
        environment = hub.environment(home)
        done = subprocess.run(
            [sys.executable, *words], env=environment, capture_output=True, text=True, timeout=200, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return
    with typed(words):
        code = None
        try:
            runpy.run_path(words[0], run_name="__main__")
        except SystemExit as ended:
            code = ended.code
        assert not code, f"{shlex.join(words)} ended with {code}"


def run_command(command: str, hub: Hub, home: Path) -> None:
    """Types a command, as the tables say."""
    if fits(NOT_TYPED, command) or fits(ONLY_PARSED, command):
        return  # `test_a_command_is_understood_by_its_script` looks at the latter
    assert command.startswith(PYTHON), f"cannot be run, and is not in NOT_TYPED: {command}"
    words = shlex.split(command.removeprefix(PYTHON), comments=True)
    for entry in fits(SHORTENED, command):
        words += shlex.split(SHORTENED[entry])
    run_script(words, hub if fits(ON_THE_HUB, command) else None, home)


def given(code: str) -> list[str]:
    """The lines that a block takes up from the text around it."""
    return [line.strip() for start, text in GIVEN.items() if start in code for line in text.strip().splitlines()]


def run_python(code: str, folder: Path) -> None:
    """Runs a block as a file of its own."""
    path = folder / "block.py"
    path.write_text("\n".join([*given(code), code]), encoding="utf-8")
    with typed([str(path)]):
        runpy.run_path(str(path), run_name="__main__")


@contextmanager
def videos_of_slovo(machine: Path, data_dir: Path) -> Iterator[None]:
    """Puts SLOVO's videos in the place of the authors' landmarks: one clip of it, cut to a few frames."""
    kept = (machine / "slovo").rename(machine / "slovo.kept")
    source = data_dir / "slovo/no7a7812b1-ae64-4402-9ebc-5b947edbd021.mp4"
    lines = (data_dir / "slovo/annotations.csv").read_text(encoding="utf-8").splitlines()
    (row,) = (line for line in lines[1:] if source.stem in line.split("\t"))
    side = "train" if row.split("\t")[lines[0].split("\t").index("train")] == "True" else "test"
    (machine / "slovo" / side).mkdir(parents=True)
    shutil.copy(source, machine / "slovo" / side)
    table = f"{lines[0]}\tbegin\tend\n{row}\t0\t6\n"
    (machine / "slovo/annotations.csv").write_text(table, encoding="utf-8")
    try:
        yield
        assert list((machine / "slovo/landmarks").glob("*.parquet"))
    finally:
        shutil.rmtree(machine / "slovo")
        kept.rename(machine / "slovo")


@pytest.fixture(scope="module")
def module_hub() -> Iterator[Hub]:
    """A Hub that remembers what the blocks before have published."""
    server = Hub()
    yield server
    server.close()


@pytest.mark.integration
@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_works_as_it_stands(
    block: Block,
    reader: Callable[[str], Path],
    module_hub: Hub,
    data_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    machine = reader(block.document)
    monkeypatch.chdir(machine)
    if block.language == "python":
        code = block.code
        if PAGE in code:
            code = code.replace(PAGE, request.getfixturevalue("served").address)
        run_python(code, tmp_path)
        assert capsys.readouterr().out.strip() or "print(" not in block.code or given(block.code)
    elif block.language == "bash":
        for command in block.commands:
            if "scripts/extract.py slovo " in command:
                with videos_of_slovo(machine, data_dir):
                    run_command(command, module_hub, tmp_path)
            else:
                run_command(command, module_hub, tmp_path)
    else:
        assert block.language == TEXT, f"{block} has the language {block.language!r}: no test knows what to do with it"


@pytest.mark.integration
@pytest.mark.parametrize("package", [("README.md", "outputs/slovo_500/packaged"), ("docs/training.md", "space/model")])
def test_the_card_of_a_model_that_a_document_packages_works(
    package: tuple[str, str],
    reader: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The template `model_card.md` as it is rendered, after the blocks of the document have run."""
    document, folder = package
    machine = reader(document)
    card = machine / folder / "README.md"
    if not (machine / "outputs").is_dir():
        pytest.skip(f"needs the blocks of {document} to have run")
    monkeypatch.chdir(machine)
    blocks = read_blocks(card, folder)
    assert [block.language for block in blocks] == ["python"]
    run_python(blocks[0].code, tmp_path)
    assert "%" in capsys.readouterr().out


@pytest.mark.parametrize("command", sorted({command for _, command in COMMANDS if not fits(NOT_TYPED, command)}))
def test_a_command_is_understood_by_its_script(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Needs no data: the script's own parser takes its words, and scripts/train.py those after `--`."""
    monkeypatch.chdir(ROOT)
    script, *words = shlex.split(command.removeprefix(PYTHON), comments=True)
    runpy.run_path(script)["parse_arguments"](words)
    if "--" in words:
        rest = words[words.index("--") + 1 :]
        runpy.run_path("scripts/train.py")["parse_arguments"]([*rest, "--output", "outputs"])


@pytest.mark.integration
def test_what_the_documents_publish_is_on_the_hub(module_hub: Hub) -> None:
    """After the blocks have run."""
    if not module_hub.asked:
        pytest.skip("needs the blocks that publish to have run")
    published = {("model", "user/name"), ("space", "user/space"), ("dataset", "user/my-signs")}
    assert module_hub.repositories.keys() == published
    assert all(repository.messages for repository in module_hub.repositories.values())


@pytest.mark.integration
def test_the_card_of_a_dataset_that_a_document_publishes_works(
    reader: Callable[[str], Path], module_hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The template `dataset_card.md` as it is rendered, after the blocks of docs/own_signs.md have run."""
    machine = reader("docs/own_signs.md")
    card = machine / "outputs/my-signs/README.md"
    if not card.is_file():
        pytest.skip("needs the blocks of docs/own_signs.md to have run")
    monkeypatch.chdir(machine)
    typed_by_the_reader, python = read_blocks(card, "dataset_card.md")
    (command,) = typed_by_the_reader.commands
    words = shlex.split(command.removeprefix("python "))
    for entry in fits(SHORTENED, command):
        words += shlex.split(SHORTENED[entry])
    run_script(words, module_hub, tmp_path)
    (tmp_path / "block.py").write_text(python.code, encoding="utf-8")
    run_script([str(tmp_path / "block.py")], module_hub, tmp_path)


@pytest.mark.parametrize("table", [NOT_TYPED, ONLY_PARSED, SHORTENED, ON_THE_HUB], ids=lambda table: next(iter(table)))
def test_no_exception_is_left_over(table: "dict[str, str] | tuple[str, ...]") -> None:
    used = {entry for _, command in COMMANDS for entry in fits(table, command)}
    assert set(table) - used == set()


def test_every_document_is_read() -> None:
    blocks = {block.document for block in BLOCKS}
    assert blocks >= {"README.md", "docs/training.md", "docs/own_signs.md", "space/model/README.md"}
    assert {block.language for block in BLOCKS} == {"bash", "python", TEXT}


def test_extras_that_are_installed_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {
        extra
        for text in TEXTS.values()
        for names in re.findall(r"(?:\.|slr_hf)\[([\w,]+)\]", text)
        for extra in names.split(",")
    }
    assert named >= {"train", "slovo", "export", "ray", "tracking"}
    assert named <= extras.keys()


def test_make_targets_and_variables_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    code = [
        part for text in TEXTS.values() for part in re.findall(r"`(make [^`]+)`|^(make [^#\n]+)", text, re.MULTILINE)
    ]
    commands = [shlex.split(inline or line) for inline, line in code]
    assert {command[1] for command in commands} >= {"demo", "test", "landmarker", "help", "clean"}
    for _, target, *variables in commands:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"there is no target {target}"
        for variable in variables:
            name = variable.partition("=")[0]
            assert re.search(rf"^{name} \?=", makefile, re.MULTILINE), f"there is no variable {name}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_a_document_names_exist(document: str) -> None:
    for name in set(re.findall(r"(?<![\w./-])(?:slr_hf|scripts|space|tests|docs)/[\w/.]*\w", TEXTS[document])):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXTS[document]):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / document).parent / name if name else ROOT / document
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, target
