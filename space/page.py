"""What the demo page shows and does: a video of one sign in, the five most likely glosses out."""

import asyncio
import html
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import gradio as gr
import limits
from answer import NO_SIGN, confidence_word, show_message, show_moments, show_outcome, texts_of
from downloads import limit_downloads
from gradio.utils import get_upload_folder
from isolation import Refused
from live import LiveSessions
from live_tab import TELL_REFUSAL, build_live_tab, end_silent_streams
from recognition import Outcome, recognize
from starlette.middleware import Middleware
from texts import LANGUAGES
from visitors import RequestLimit, UploadWatcher, VisitorFiles

FOLDER = Path(__file__).parent

#: System fonts, so that no visitor's browser asks another server for them, and stronger contrasts than Gradio's own.
THEME = gr.themes.Soft(
    primary_hue="indigo", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
).set(
    block_border_width="1px",
    block_info_text_color="*neutral_600",
    block_info_text_color_dark="*neutral_300",
    block_label_text_color="*primary_700",
    block_label_text_color_dark="white",
    block_label_background_fill_dark="*primary_700",
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_300",
    button_primary_background_fill="*primary_600",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover="*primary_700",
    button_primary_background_fill_hover_dark="*primary_800",
    button_primary_text_color="white",
    checkbox_border_color="*neutral_500",
    checkbox_label_background_fill_selected="*primary_600",
    checkbox_label_border_width="1px",
    checkbox_label_shadow="none",
)

#: Run in the browser: the first finds the language of the browser among those of the page, the second tells screen
#: readers which one is shown, the third brings the answer into view, which on a phone is below the button.
BROWSER_LANGUAGE = f"() => {list(LANGUAGES)}.find(language => navigator.language.startsWith(language)) ?? 'en'"
SET_LANGUAGE = "language => { document.documentElement.lang = language; return language; }"
SHOW_STEPS = "(...inputs) => { document.querySelector('#step').scrollIntoView({ block: 'nearest' }); return inputs; }"


def answer_page(
    recognizer: Any, files: VisitorFiles
) -> Callable[..., Generator[tuple[Outcome | None, str], None, None]]:
    """Makes the handler of the button.

    Args:
        recognizer: A `SignRecognitionPipeline`.
        files: The files of the visitors.
    """

    def handle(
        video: str | None, mirror: bool, language: str, request: gr.Request, progress: gr.Progress = gr.Progress()
    ) -> Generator[tuple[Outcome | None, str], None, None]:
        """Yields what is known so far, and the step that comes now as HTML."""
        texts, outcome = texts_of(language), None
        visitor = str(request.session_hash)
        files.keep_only(visitor, video)

        def report(step: str, done: int, total: int | None) -> None:
            progress((done, total), desc=texts[step])

        yield None, show_message(texts["finding"])
        try:
            for outcome in recognize(recognizer, video, mirror, report, get_upload_folder()):
                files.keep_only(visitor, video, outcome.video)
                yield outcome, "" if outcome.video else show_message(texts["drawing"])
        except Refused as refused:
            # An answer stays where only its drawing took too long.
            yield outcome or Outcome(problem=str(refused)), ""

    return handle


def answer_program(recognizer: Any, files: VisitorFiles) -> Callable[..., dict[str, Any]]:
    """Makes the function that programs and language models call.

    Args:
        recognizer: A `SignRecognitionPipeline`.
        files: The files of the visitors.
    """

    def recognize_sign(video: str, mirror: bool = False, top_k: int = limits.NUM_ANSWERS) -> dict[str, Any]:
        """Names the sign in a short video of one sign.

        Args:
            video: The video file: one sign, up to 15 seconds, with head, shoulders and hands in view.
            mirror: Swap left and right: for a mirrored video, or a left-handed signer.
            top_k: How many glosses to answer with, from 1 to 20.

        Returns:
            predictions (a list of label and score, the best first), confidence (the probability that the first is
            right), confidence_word (sure, fairly_sure, unsure or guessing) and warnings (why the answer may be poor).
        """
        call = uuid4().hex  # a visitor of its own
        files.keep_only(call, video)
        try:
            if not 1 <= top_k <= 20:
                raise gr.Error(f"top_k must be from 1 to 20, but is {top_k}.", print_exception=False)
            # The first outcome is the answer; nothing is drawn.
            steps = recognize(recognizer, video, mirror, lambda *_: None, get_upload_folder(), int(top_k))
            outcome = next(steps)
            steps.close()
        except Refused as refused:
            raise gr.Error(texts_of("en")[str(refused)], print_exception=False) from refused
        finally:
            files.leave(call)
        return {
            "predictions": [{"label": label, "score": score} for label, score in outcome.predictions],
            "confidence": outcome.confidence,
            "confidence_word": confidence_word(outcome.confidence),
            "warnings": list(outcome.warnings),
        }

    return recognize_sign


def build_demo(recognizer: Any, glosses: list[str], files: VisitorFiles, sessions: LiveSessions) -> gr.Blocks:
    """Builds the page.

    Args:
        recognizer: A `SignRecognitionPipeline`.
        glosses: What the model knows.
        files: The files of the visitors.
        sessions: The cameras of the visitors.
    """
    glosses = sorted((gloss for gloss in glosses if gloss != NO_SIGN), key=str.casefold)
    items = "".join(f"<li>{html.escape(gloss)}</li>" for gloss in glosses)
    texts = texts_of("en", count=len(glosses))
    examples = sorted(str(path) for path in (FOLDER / "examples").glob("*.mp4"))

    # Without `analytics_enabled`, the page would tell Gradio's makers of its start.
    with gr.Blocks(
        title="Sign language recognition", delete_cache=limits.DELETE_CACHE, analytics_enabled=False
    ) as demo:
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
        tabs = gr.Tabs()
        with tabs, gr.Tab(texts["clip_tab"]) as clip_tab:
            intro = gr.Markdown(texts["intro"])
            with gr.Row(elem_id="main"):
                with gr.Column(min_width=300):
                    video = gr.Video(
                        label=texts["video"],
                        sources=["upload", "webcam"],
                        height=360,
                        elem_id="video",
                        # No sound is recorded, so the browser does not ask for the microphone.
                        webcam_options=gr.WebcamOptions(
                            constraints={"video": {"width": {"ideal": 1280}, "height": {"ideal": 720}}, "audio": False}
                        ),
                    )
                    mirror = gr.Checkbox(label=texts["mirror"], info=texts["mirror_info"])
                    button = gr.Button(texts["recognize"], variant="primary", size="lg")
                    limits_text = gr.Markdown(texts["limits"])
                    if examples:
                        gr.Examples(examples, video, label="", elem_id="examples", cache_examples=False)
                with gr.Column(min_width=300):
                    step = gr.HTML(elem_id="step", padding=False)
                    answer = gr.HTML(show_outcome(None, "en"), elem_id="answer", padding=False)
                    drawn = gr.Video(
                        label=texts["drawn"],
                        visible=False,
                        interactive=False,
                        autoplay=True,
                        loop=True,
                        height=360,
                        elem_id="drawn",
                        buttons=[],
                    )
            moments = gr.HTML(elem_id="moments", padding=False)
            privacy = gr.Markdown(texts["privacy"])
        with tabs, gr.Tab(texts["live_tab"]) as live_tab:
            live_texts = build_live_tab(demo, sessions, language)
        with gr.Accordion(texts["vocabulary"], open=False) as vocabulary:
            gr.HTML(f'<div id="vocabulary"><ul>{items}</ul></div>')

        # Which text each component shows, and where.
        translated: list[tuple[Any, dict[str, str]]] = [
            (title, {"value": "title"}),
            (intro, {"value": "intro"}),
            (video, {"label": "video"}),
            (mirror, {"label": "mirror", "info": "mirror_info"}),
            (button, {"value": "recognize"}),
            (drawn, {"label": "drawn"}),
            (limits_text, {"value": "limits"}),
            (vocabulary, {"label": "vocabulary"}),
            (privacy, {"value": "privacy"}),
            (clip_tab, {"label": "clip_tab"}),
            (live_tab, {"label": "live_tab"}),
            *live_texts,
        ]

        def translate(language: str) -> list[dict[str, Any]]:
            texts = texts_of(language, count=len(glosses))
            return [gr.update(**{field: texts[key] for field, key in fields.items()}) for _, fields in translated]

        def show(known: Outcome | None, language: str) -> tuple[str, str, dict[str, Any]]:
            video = None if known is None else known.video
            return (
                show_outcome(known, language),
                show_moments(known, language),
                gr.update(value=video, visible=bool(video)),
            )

        def change(video: str | None, request: gr.Request) -> tuple[None, str]:
            files.keep_only(str(request.session_hash), video)
            return None, ""

        def leave(request: gr.Request) -> None:
            visitor = str(request.session_hash)
            files.leave(visitor)
            sessions.leave(visitor)
            # Gradio would keep the answer for another hour.
            demo.state_holder.session_data.pop(visitor, None)
            demo.state_holder.time_last_used.pop(visitor, None)

        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
        demo.load(None, outputs=language, js=BROWSER_LANGUAGE, api_visibility="private")
        demo.load(None, js=TELL_REFUSAL, api_visibility="private")
        language.change(translate, language, [component for component, _ in translated], js=SET_LANGUAGE, **quiet)
        button.click(
            answer_page(recognizer, files),
            [video, mirror, language],
            [outcome, step],
            js=SHOW_STEPS,
            show_progress_on=step,
            api_visibility="private",
            concurrency_id="recognition",
            concurrency_limit=limits.AT_A_TIME,
        )
        video.change(change, video, [outcome, step], **quiet)  # an answer belongs to its video
        gr.on([outcome.change, language.change], show, [outcome, language], [answer, moments, drawn], **quiet)
        demo.unload(leave)

        # For programs: the same by another door, with neither page nor drawing.
        gr.Button(visible=False).click(
            answer_program(recognizer, files),
            [
                gr.Video(visible=False, label="video"),
                gr.Checkbox(visible=False, label="mirror"),
                gr.Number(limits.NUM_ANSWERS, precision=0, visible=False, label="top_k"),
            ],
            gr.JSON(visible=False, label="answer"),
            api_name="recognize_sign",
            concurrency_id="recognition",
            concurrency_limit=limits.AT_A_TIME,
        )
    return demo.queue(max_size=limits.QUEUE)


def serve(recognizer: Any, port: int | None = None, *, wait: bool = True) -> gr.Blocks:
    """Serves the page.

    Args:
        recognizer: A `SignRecognitionPipeline`.
        port: The port to serve on; `None` takes the first free one from 7860.
        wait: Whether to return only when the page was closed.

    Returns:
        The page.

    Raises:
        OSError: If the port is taken.
    """
    limit_downloads()
    files, sessions = VisitorFiles(get_upload_folder()), LiveSessions(recognizer)
    demo = build_demo(recognizer, list(recognizer.model.config.id2label.values()), files, sessions)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        watch = asyncio.create_task(end_silent_streams(demo._queue, sessions))
        yield
        watch.cancel()

    demo.launch(
        server_port=port,
        max_file_size=f"{limits.LARGEST_MEGABYTES}mb",
        state_session_capacity=limits.SESSIONS,
        # Nobody keeps a history of what people sign.
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        app_kwargs={
            "lifespan": lifespan,
            "middleware": [Middleware(RequestLimit), Middleware(UploadWatcher, files=files)],
        },
        mcp_server=find_spec("mcp") is not None,
        footer_links=["api"],
        theme=THEME,
        css_paths=FOLDER / "page.css",
        prevent_thread_lock=not wait,
    )
    return demo
