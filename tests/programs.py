"""Programs that ask the Space's app."""

import base64
import json
from functools import cached_property
from typing import Any
from uuid import uuid4

import httpx


class Program:
    """Asks the page over HTTP, as the documentation of Gradio tells programs to.

    Args:
        address: The page's address.
    """

    def __init__(self, address: str) -> None:
        self.client = httpx.Client(base_url=f"{address}/gradio_api", timeout=600)

    def upload(self, content: bytes, name: str = "clip.mp4") -> httpx.Response:
        return self.client.post("/upload", files={"files": (name, content)})

    def ask(self, path: str) -> tuple[str, Any]:
        """Asks for the sign in an uploaded file.

        Returns:
            The kind of the event that ends the request, "complete" or "error", and what it says.
        """
        video = {"path": path, "meta": {"_type": "gradio.FileData"}}
        call = self.client.post("/call/recognize_sign", json={"data": [video, False, 3]})
        call.raise_for_status()
        kind, said = "", ""
        with self.client.stream("GET", f"/call/recognize_sign/{call.json()['event_id']}") as events:
            for line in events.iter_lines():
                field, _, value = line.partition(": ")
                kind, said = (value, said) if field == "event" else (kind, value if field == "data" else said)
        return kind, json.loads(said)

    def recognize(self, content: bytes, name: str = "clip.mp4") -> tuple[str, Any]:
        response = self.upload(content, name)
        response.raise_for_status()
        (path,) = response.json()
        return self.ask(path)

    def show(self, picture: bytes, visitor: str = "") -> str:
        """Shows the first picture of a camera, as the page in a browser does.

        Args:
            picture: A PNG file.
            visitor: A session's name; a new one by default.

        Returns:
            What the page says, as HTML.
        """
        session = visitor or uuid4().hex
        address = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
        data = [{"path": None, "url": address, "meta": {"_type": "gradio.FileData"}}, None, "en"]
        call = {"data": data, "fn_index": self._stream, "session_hash": session}
        self.client.post("/queue/join", json=call).raise_for_status()
        with self.client.stream("GET", "/queue/data", params={"session_hash": session}) as events:
            for line in events.iter_lines():
                message = json.loads(line.partition(": ")[2] or "{}")
                if message.get("msg") in ("process_streaming", "process_completed"):
                    assert message["success"], message
                    return str(message["output"])
        raise AssertionError("The page has not answered.")

    @cached_property
    def _stream(self) -> int:
        """The number of the handler of a camera's pictures."""
        config = self.client.get(str(self.client.base_url).replace("/gradio_api/", "/config")).json()
        (number,) = (
            handler["id"]
            for handler in config["dependencies"]
            if any(event == "stream" for _, event in handler["targets"])
        )
        return int(number)
