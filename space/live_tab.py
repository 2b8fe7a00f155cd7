"""The live tab of the page: the camera's pictures go in as they come, signs come out when they end."""

import asyncio
import base64
import binascii
import html
import math
from collections.abc import Callable
from typing import Any

import gradio as gr
import limits
from answer import show_message, texts_of
from isolation import Refused
from live import LiveSessions, View

#: Run in the browser, once: Gradio says nothing where the camera is refused, missing or busy, so this presses a hidden
#: button. Without HTTPS, browsers offer no camera at all.
TELL_REFUSAL = """() => window.addEventListener('unhandledrejection', ({ reason }) => {
  const names = ['NotAllowedError', 'NotFoundError', 'NotReadableError', 'OverconstrainedError', 'SecurityError'];
  if (!navigator.mediaDevices || names.includes(reason?.name)) document.querySelector('#camera-refused')?.click();
})"""


def show_now(view: View | None, language: str) -> str:
    """The sign under way, a problem, or what to do.

    Args:
        view: What is known; `None` before the first picture.
        language: One of `LANGUAGES`.
    """
    texts = texts_of(language)
    if view is not None and view.problem:
        return show_message(texts[view.problem], problem=True)
    if view is None:
        return f'<p class="hint">{html.escape(texts["live_hint"])}</p>'
    # Not announced: it changes with every picture. Screen readers are told the signs that have ended.
    gloss = view.under_way or "\N{HORIZONTAL ELLIPSIS}"
    return f'<p class="now"><span>{html.escape(texts["live_now"])}</span> {html.escape(gloss)}</p>'


def show_skeleton(view: View) -> str:
    """What was found in the last picture. Its class changes from each to the next, so the page sees how old it is."""
    turn = "odd" if view.pictures % 2 else "even"
    return f'<div class="{turn}">{view.skeleton}</div>' if view.skeleton else ""


def show_signs(view: View | None, language: str) -> str:
    """The signs that have ended, the newest first, each with its time and confidence."""
    texts = texts_of(language)
    items = []
    for sign in view.signs if view is not None else ():
        minutes, seconds = divmod(int(sign.begin), 60)
        items.append(
            f'<li><span class="time">{minutes}:{seconds:02}</span><span class="gloss">{html.escape(sign.gloss)}</span>'
            f'<span class="share">{sign.confidence * 100:.0f}\N{NO-BREAK SPACE}%</span></li>'
        )
    empty = "" if items else f"<p>{html.escape(texts['live_none'])}</p>"
    return (
        f"<h2>{html.escape(texts['live_signs'])}</h2>"
        f'<div role="log" aria-label="{html.escape(texts["live_signs"])}">{empty}<ol>{"".join(items)}</ol></div>'
    )


def picture_of(sent: dict[str, Any]) -> bytes:
    """The file of a picture that the browser has sent as an address which holds it all.

    Args:
        sent: What Gradio has received.

    Raises:
        Refused: If it is something else, as other programs may send.
    """
    kind, _, content = str(sent.get("url")).partition(",")
    if not (kind.startswith("data:image/") and kind.endswith(";base64")):
        raise Refused("live_failed")
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error as error:
        raise Refused("live_failed") from error


def answer_camera(sessions: LiveSessions, forget: Callable[[str], None]) -> Callable[..., tuple[Any, ...]]:
    """Makes the handler of the camera's pictures.

    Args:
        sessions: The sessions of all visitors.
        forget: Has the page forget a visitor's last picture.
    """

    def handle(
        picture: dict[str, Any] | None, known: View | None, language: str, request: gr.Request
    ) -> tuple[View | None, str, Any, Any]:
        """Returns what is known now, and the skeleton, the sign under way and the signs so far as HTML."""
        if picture is None:
            return known, "", gr.skip(), gr.skip()
        visitor = str(request.session_hash)
        with sessions.answering(visitor):
            try:
                view = sessions.see(visitor, picture_of(picture))
            except Refused as refused:
                view = View(signs=known.signs if known else (), problem=str(refused))
            finally:
                forget(visitor)
        signs = gr.skip() if known is not None and known.signs == view.signs else show_signs(view, language)
        return view, show_skeleton(view), show_now(view, language), signs

    return handle


async def end_silent_streams(queue: Any, sessions: LiveSessions) -> None:
    """Ends the streams of pictures that do not come any more, again and again.

    Gradio notices who closes the page, but waits for minutes for a program that has gone, and holds a place for it.

    Args:
        queue: The queue of the page, `gradio.queueing.Queue`.
        sessions: The sessions of all visitors.
    """
    while True:
        await asyncio.sleep(limits.LIVE_IDLE)
        streams = [event for event in list(queue.event_ids_to_events.values()) if event.streaming]
        waiting = sessions.waiting({event.session_hash for event in streams})
        for event in streams:
            if event.session_hash in waiting:  # as when a visitor presses "Stop"
                event.run_time = math.inf
                event.closed = True
                event.signal.set()


def build_live_tab(demo: gr.Blocks, sessions: LiveSessions, language: gr.Radio) -> list[tuple[Any, dict[str, str]]]:
    """Builds what stands in the tab.

    Args:
        demo: The page.
        sessions: The sessions of all visitors.
        language: Where the visitor chooses the language.

    Returns:
        The components whose texts change with the language: which text each shows, and where.
    """
    texts = texts_of("en")
    known = gr.State(None, time_to_live=limits.LIVE_SECONDS)  # what was signed is not kept for longer
    intro = gr.Markdown(texts["live_intro"])
    with gr.Row(elem_id="live"):
        with gr.Column(min_width=300, elem_id="live-stage"):
            camera = gr.Image(
                label=texts["live_camera"],
                sources=["webcam"],
                streaming=True,
                height=360,
                elem_id="live-camera",
                buttons=[],
                # The preview is mirrored by the page: here, what the model sees would be mirrored too.
                webcam_options=gr.WebcamOptions(
                    mirror=False,
                    constraints={"video": {"width": {"ideal": 640}, "height": {"ideal": 480}}, "audio": False},
                ),
            )
            skeleton = gr.HTML(elem_id="live-skeleton", padding=False)
        with gr.Column(min_width=300):
            now = gr.HTML(show_now(None, "en"), elem_id="live-now", padding=False)
            signs = gr.HTML(show_signs(None, "en"), elem_id="live-signs", padding=False)
    privacy = gr.Markdown(texts["live_limits"])
    refused = gr.Button("", visible="hidden", elem_id="camera-refused")

    def forget(visitor: str) -> None:
        # Gradio keeps what each component of each visitor was sent last.
        session = demo.state_holder.session_data.get(visitor)
        if session is not None:
            session.config_values[camera._id]["props"]["value"] = None

    def refuse(known: View | None, language: str) -> tuple[View, str]:
        view = View(signs=known.signs if known else (), problem="live_no_camera")
        return view, show_now(view, language)

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    camera.stream(
        answer_camera(sessions, forget),
        [camera, known, language],
        [known, skeleton, now, signs],
        stream_every=1 / limits.LIVE_FRAME_RATE,
        time_limit=limits.LIVE_SECONDS,
        # A stream holds its place as long as it lasts, so the sessions themselves are counted, and the visitor is told.
        concurrency_limit=limits.LIVE_VISITORS,
        # Gradio would decode pictures of any size, here.
        preprocess=False,
        **quiet,
    )
    refused.click(refuse, [known, language], [known, now], queue=False, **quiet)
    language.change(
        lambda known, language: (show_now(known, language), show_signs(known, language)),
        [known, language],
        [now, signs],
        queue=False,
        **quiet,
    )
    return [(intro, {"value": "live_intro"}), (camera, {"label": "live_camera"}), (privacy, {"value": "live_limits"})]
