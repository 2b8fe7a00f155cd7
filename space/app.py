"""The demo page: a video of one sign in, the five most likely glosses out.

python app.py --port 7860

The model is the folder or Hub id in the environment variable SLR_MODEL, else the folder `model` beside this file. It
brings its own code, so the page runs where slr_hf is not installed.

Each process that works on a video runs this file again, as Python's processes do. So only `main` imports the page:
Gradio alone would cost each video a second.
"""

import argparse
import logging
import os
from pathlib import Path

FOLDER = Path(__file__).parent


def main(arguments: list[str] | None = None) -> None:
    """Loads the model and serves the page."""
    parser = argparse.ArgumentParser(description="Opens the demo page.")
    parser.add_argument("--port", type=int, help="port to serve on (default: the first free one from 7860)")
    options = parser.parse_args(arguments)

    from isolation import Isolation
    from page import serve
    from transformers import pipeline

    model = os.environ.get("SLR_MODEL", str(FOLDER / "model"))
    try:
        recognizer = pipeline(model=model, trust_remote_code=True)
    except OSError as error:
        parser.error(f"no model at {model} (set SLR_MODEL to a folder or Hub id): {error}")
    try:
        recognizer.extractor.fetch()  # now, since the processes that look for landmarks have no network
    except RuntimeError as error:
        parser.error(str(error))
    Isolation.prepare(type(recognizer.extractor), recognizer.draw)
    serve(recognizer, options.port)


if __name__ == "__main__":
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    main()
