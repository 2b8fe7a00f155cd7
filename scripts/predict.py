"""Recognises the sign in each video.

    python scripts/predict.py clip.mp4 another.mp4 --model space/model --top-k 5

Standard output holds only the answers. With `--json` that is one JSON list with an object for each video, in the order
given: `video`, and either `predictions` (`label` and `score`, the best first), `confidence` and `warnings`, or `error`.
Progress and errors go to standard error. The exit code is 2 where the model or any video could not be read; the other
videos are still answered.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from slr_hf.commands import EXPECTED, UNUSABLE, first_line, frame_bar, make_parser, run_command, tell


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("videos", nargs="+", metavar="VIDEO", help="video file of one sign")
    parser.add_argument(
        "--model", required=True, metavar="DIR", help="folder or Hub id of a saved model, or exported file (.onnx)"
    )
    parser.add_argument("--top-k", type=int, default=5, metavar="K", help="answers for each video (default: 5)")
    parser.add_argument("--json", action="store_true", help="print one JSON list instead of tables")
    parser.add_argument(
        "--mirror", action="store_true", help="swap left and right: for a selfie camera or a left-handed signer"
    )
    parsed = parser.parse_args(arguments)
    if parsed.top_k < 1:
        parser.error(f"--top-k must be at least 1, but is {parsed.top_k}")
    return parsed


def format_table(answer: dict[str, Any], explanations: dict[str, str]) -> str:
    """Lays an answer out for reading.

    Args:
        answer: One object of the JSON list, without an error.
        explanations: The text of each warning.
    """
    width = max(len(prediction["label"]) for prediction in answer["predictions"])
    lines = [f"{answer['video']}  (confidence {answer['confidence']:.0%})"]
    lines += [
        f"  {rank}. {prediction['label']:<{width}}  {prediction['score']:6.1%}"
        for rank, prediction in enumerate(answer["predictions"], start=1)
    ]
    lines += [f"  Note: {explanations[warning]}" for warning in answer["warnings"]]
    return "\n".join(lines) + "\n"


def load_pipeline(model: str) -> Any:
    """Loads a saved model, or an exported one."""
    if Path(model).suffix == ".onnx":
        from slr_hf.hub.onnx_pipeline import OnnxSignRecognitionPipeline

        return OnnxSignRecognitionPipeline.from_pretrained(model)
    from slr_hf.model.pipeline_slr import SignRecognitionPipeline

    return SignRecognitionPipeline.from_pretrained(model)


def predict(options: argparse.Namespace) -> int:
    """Answers for each video; returns the exit code."""
    # Imported here, so that --help and a mistyped flag are answered at once.
    from transformers.utils.logging import disable_progress_bar

    from slr_hf.model.pipeline_slr import WARNINGS

    disable_progress_bar()
    pipeline = load_pipeline(options.model)
    answers: list[dict[str, Any]] = []
    for video in options.videos:
        try:
            with frame_bar(video) as progress:
                found = pipeline(video, top_k=options.top_k, mirror=options.mirror, progress=progress)
            answer = {"video": video, **found}
            if not options.json:
                print(format_table(answer, WARNINGS))
        except EXPECTED as error:
            if options.debug:
                raise
            answer = {"video": video, "error": first_line(error)}
            tell(__file__, f"cannot answer {video}: {answer['error']}")
        answers.append(answer)
    if options.json:
        json.dump(answers, sys.stdout, ensure_ascii=False, indent=2)
        print()
    return UNUSABLE if any("error" in answer for answer in answers) else 0


def main(arguments: list[str] | None = None) -> int:
    """Answers for each video; returns the exit code."""
    return run_command(predict, parse_arguments(arguments), __file__)


if __name__ == "__main__":
    sys.exit(main())
