"""Programs that ask the Space's app."""

import json
from typing import Any

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
