"""scripts/train.py as one of several processes, which notes the files that it has finished, one a line.

    torchrun --nproc-per-node 2 tests/one_of_several.py NOTES ARGUMENTS

The process of rank R writes NOTES/R.
"""

import os
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main(notes: str, *arguments: str) -> int:
    with (Path(notes) / os.environ["RANK"]).open("w", encoding="utf-8", buffering=1) as file:

        def note(event: str, details: tuple[object, ...]) -> None:
            if event == "os.rename":  # a file is there once it has its name
                file.write(f"{details[1]}\n")

        sys.addaudithook(note)
        return runpy.run_path(str(ROOT / "scripts/train.py"))["main"](arguments)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
