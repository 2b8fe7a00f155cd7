"""The demo page: a video of one sign in, the five most likely glosses out.

python app.py --port 7860

The model is the folder or Hub id in the environment variable SLR_MODEL, else the folder `model` beside this file. It
brings its own code, so the page runs where slr_hf is not installed.
"""

import argparse
import html
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from texts import LANGUAGES, TEXTS

logger = logging.getLogger(__name__)

LONGEST_SECONDS = 15
LARGEST_MEGABYTES = 100
NUM_ANSWERS = 5
#: The gloss of clips without a sign.
NO_SIGN = "no_event"
#: Uploaded videos are deleted, in seconds: how often that is looked at, and the age they may reach.
DELETE_CACHE = (600, 1800)
#: The least confidence at which the page says so.
CONFIDENCE_WORDS = ((0.9, "sure"), (0.7, "fairly_sure"), (0.4, "unsure"), (0.0, "guessing"))

#: System fonts, so that no visitor's browser asks another server for them, and stronger contrasts than Gradio's own.
THEME = gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["system-ui", "sans-serif"]).set(
    block_border_width="1px",
    block_info_text_color="*neutral_600",
    block_label_text_color="*primary_700",
    body_text_color_subdued="*neutral_600",
    button_primary_background_fill="*primary_600",
    button_primary_background_fill_hover="*primary_700",
    checkbox_border_color="*neutral_500",
    checkbox_label_background_fill_selected="*primary_600",
    checkbox_label_border_width="1px",
    checkbox_label_shadow="none",
)
CSS = """
.gradio-container { width: 100%; max-width: 1080px !important; margin: 0 auto !important; }
#header { align-items: center; }
#header > :first-child { flex: 1 1 16rem; }
#language { flex: none; width: auto; overflow: visible !important; }
#message { min-height: 5rem; }
#message .progress-text { display: none; } /* Gradio writes the frame count over the bar. */
#message p { margin: 0 0 .5rem; padding: .75rem 1rem; font-size: var(--text-lg);
  border-left: 4px solid var(--color-accent); background: var(--block-background-fill); }
#message .problem { border-left-color: #b91c1c; }
#vocabulary ul { columns: 9rem; margin: 0; padding-left: 1.25rem; }
#vocabulary li { break-inside: avoid; }
"""

#: Run in the browser: the first finds the language of the browser among those of the page, the second tells screen
#: readers which one is shown.
BROWSER_LANGUAGE = f"() => {list(LANGUAGES)}.find(language => navigator.language.startsWith(language)) ?? 'en'"
SET_LANGUAGE = "language => { document.documentElement.lang = language; return language; }"


def texts_of(language: str, count: int = 0) -> dict[str, str]:
    """The texts in a language, English where there is no such language, with the limits and `count` filled in."""
    texts = TEXTS.get(language, TEXTS["en"])
    values = {"seconds": LONGEST_SECONDS, "megabytes": LARGEST_MEGABYTES, "count": count}
    return {key: text.format(**values) for key, text in texts.items()}


def duration(video: str | Path) -> float:
    """The length of a video in seconds, from the times of its packets: browsers record without a length in the header.

    Raises:
        ValueError: If it is no video, or one without frames.
    """
    import av

    try:
        with av.open(str(video)) as container:
            if not container.streams.video:
                raise ValueError(f"{video} holds no video stream.")
            stream = container.streams.video[0]
            times = [packet.pts for packet in container.demux(stream) if packet.pts is not None]
    except av.error.FFmpegError as error:
        raise ValueError(f"{video} cannot be read: {error}") from error
    if not times or stream.time_base is None:
        raise ValueError(f"{video} holds no frames.")
    return float((max(times) - min(times)) * stream.time_base)


def show_message(*lines: str, problem: bool = False) -> str:
    """Lines of text as HTML which screen readers announce when it appears."""
    role, style = ("alert", "problem") if problem else ("status", "note")
    return f'<div role="{role}">' + "".join(f'<p class="{style}">{html.escape(line)}</p>' for line in lines) + "</div>"


def recognize_with(recognizer: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Makes the handler of the button.

    Args:
        recognizer: A `SignRecognitionPipeline`.
    """

    def recognize(
        video: str | None, mirror: bool, language: str, progress: gr.Progress = gr.Progress()
    ) -> dict[str, Any]:
        """Returns the recognizer's answer, or under `problem` the key of the text that says why there is none."""
        texts = texts_of(language)
        if video is None:
            return {"problem": "no_video"}
        try:
            if duration(video) > LONGEST_SECONDS:
                return {"problem": "too_long"}
            return recognizer(
                video,
                top_k=NUM_ANSWERS,
                mirror=mirror,
                progress=lambda done, total: progress((done, total), desc=texts["finding"]),
            )
        except ValueError:
            logger.warning("A video could not be read.", exc_info=True)
            return {"problem": "unreadable"}

    return recognize


def show(outcome: dict[str, Any] | None, language: str) -> tuple[gr.Label, str]:
    """Puts what `recognize` returned into words.

    Args:
        outcome: Its answer or problem; `None` where there is no answer yet.
        language: One of `LANGUAGES`.

    Returns:
        The glosses with their probabilities, and what to know about them, as HTML.
    """
    texts, nothing = texts_of(language), gr.Label(value=None, visible=False)
    if outcome is None:
        return nothing, ""
    if "problem" in outcome:
        return nothing, show_message(texts[outcome["problem"]], problem=True)
    warnings = [texts.get(warning, warning) for warning in outcome["warnings"]]
    if "no_hands" in outcome["warnings"]:  # then glosses would be made up
        return nothing, show_message(*warnings, problem=True)
    glosses = {
        texts["no_event"] if prediction["label"] == NO_SIGN else prediction["label"]: prediction["score"]
        for prediction in outcome["predictions"]
    }
    sureness = next(word for least, word in CONFIDENCE_WORDS if outcome["confidence"] >= least)
    return gr.Label(value=glosses, visible=True), show_message(texts[sureness], *warnings)


def build_demo(recognizer: Callable[..., dict[str, Any]], glosses: list[str]) -> gr.Blocks:
    """Builds the page.

    Args:
        recognizer: A `SignRecognitionPipeline`.
        glosses: What the model knows.
    """
    glosses = sorted((gloss for gloss in glosses if gloss != NO_SIGN), key=str.casefold)
    items = "".join(f"<li>{html.escape(gloss)}</li>" for gloss in glosses)
    texts = texts_of("en", count=len(glosses))

    with gr.Blocks(title="Sign language recognition", delete_cache=DELETE_CACHE) as demo:
        outcome = gr.State(None)
        with gr.Row(elem_id="header"):
            title = gr.Markdown(texts["title"])
            language = gr.Radio(
                [(name, code) for code, name in LANGUAGES.items()],
                value="en",
                label="Language / Язык",
                container=False,
                min_width=240,
                elem_id="language",
            )
        intro = gr.Markdown(texts["intro"])
        with gr.Row():
            with gr.Column():
                video = gr.Video(
                    label=texts["video"],
                    sources=["upload", "webcam"],
                    height=360,
                    # No sound is recorded, so the browser does not ask for the microphone.
                    webcam_options=gr.WebcamOptions(
                        constraints={"video": {"width": {"ideal": 1280}, "height": {"ideal": 720}}, "audio": False}
                    ),
                )
                mirror = gr.Checkbox(label=texts["mirror"], info=texts["mirror_info"])
                button = gr.Button(texts["recognize"], variant="primary", size="lg")
            with gr.Column():
                answer = gr.Label(label=texts["answer"], num_top_classes=NUM_ANSWERS, visible=False)
                message = gr.HTML(elem_id="message")
        limits = gr.Markdown(texts["limits"])
        with gr.Accordion(texts["vocabulary"], open=False) as vocabulary:
            gr.HTML(f'<div id="vocabulary"><ul>{items}</ul></div>')
        privacy = gr.Markdown(texts["privacy"])

        # Which text each component shows, and where.
        translated: list[tuple[Any, dict[str, str]]] = [
            (title, {"value": "title"}),
            (intro, {"value": "intro"}),
            (video, {"label": "video"}),
            (mirror, {"label": "mirror", "info": "mirror_info"}),
            (button, {"value": "recognize"}),
            (answer, {"label": "answer"}),
            (limits, {"value": "limits"}),
            (vocabulary, {"label": "vocabulary"}),
            (privacy, {"value": "privacy"}),
        ]

        def translate(language: str) -> list[dict[str, Any]]:
            texts = texts_of(language, count=len(glosses))
            return [gr.update(**{field: texts[key] for field, key in fields.items()}) for _, fields in translated]

        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
        demo.load(None, outputs=language, js=BROWSER_LANGUAGE, api_visibility="private")
        language.change(translate, language, [component for component, _ in translated], js=SET_LANGUAGE, **quiet)
        button.click(
            recognize_with(recognizer),
            [video, mirror, language],
            outcome,
            show_progress_on=message,
            api_visibility="private",
        )
        video.change(lambda: None, outputs=outcome, **quiet)  # an answer belongs to its video
        gr.on([outcome.change, language.change], show, [outcome, language], [answer, message], **quiet)
    return demo.queue(max_size=20)


def main(arguments: list[str] | None = None) -> None:
    """Loads the model and serves the page."""
    parser = argparse.ArgumentParser(description="Opens the demo page.")
    parser.add_argument("--port", type=int, help="port to serve on (default: the first free one from 7860)")
    options = parser.parse_args(arguments)

    from transformers import pipeline

    model = os.environ.get("SLR_MODEL", str(Path(__file__).parent / "model"))
    try:
        recognizer = pipeline(model=model, trust_remote_code=True)
    except OSError as error:
        parser.error(f"no model at {model} (set SLR_MODEL to a folder or Hub id): {error}")
    demo = build_demo(recognizer, list(recognizer.model.config.id2label.values()))
    demo.launch(
        server_port=options.port,
        max_file_size=f"{LARGEST_MEGABYTES}mb",
        # Nobody keeps a history of what people sign.
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        footer_links=[],
        theme=THEME,
        css=CSS,
    )


if __name__ == "__main__":
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    main()
