"""Videos that programs name by an address: they are fetched within limits."""

import asyncio
from pathlib import Path
from urllib.parse import urljoin
from uuid import uuid4

import gradio as gr
import httpx
import limits
from gradio import processing_utils
from gradio_client.utils import strip_invalid_filename_characters
from safehttpx import AsyncSecureTransport, async_validate_url

_MOST_REDIRECTS = 5


def limit_downloads() -> None:
    """Has Gradio fetch with `download`: its own function holds all that it fetches in memory, however much."""
    processing_utils.async_ssrf_protected_download = download


async def download(url: str, cache_dir: str) -> str:
    """Fetches a file from a public address.

    Args:
        url: The address, "http" or "https".
        cache_dir: Where to put the file, in a folder of its own with a name that nobody guesses.

    Returns:
        The file.

    Raises:
        gr.Error: If the address is not public, does not answer in time, or holds more than an upload may.
    """
    path = Path(cache_dir) / uuid4().hex / "video"
    path.parent.mkdir(parents=True)
    try:
        path = path.with_name(strip_invalid_filename_characters(Path(httpx.URL(url).path).name) or path.name)
        async with asyncio.timeout(limits.LONGEST_ANSWER):
            await _fetch(url, path)
    except BaseException as error:
        path.unlink(missing_ok=True)
        path.parent.rmdir()
        if isinstance(error, httpx.HTTPError | httpx.InvalidURL | TimeoutError | ValueError | OSError):
            reason = str(error) or "it takes too long"
            raise gr.Error(f"{url} cannot be fetched: {reason}", print_exception=False) from error
        raise
    return str(path)


async def _fetch(address: str, path: Path) -> None:
    for _ in range(_MOST_REDIRECTS + 1):
        # Each host anew: a public one may send to one of the server's own network.
        transport = AsyncSecureTransport(await async_validate_url(httpx.URL(address).host))
        headers = {"Accept-Encoding": "identity"}  # or a small answer might unpack to a large one
        async with (
            httpx.AsyncClient(transport=transport, headers=headers) as client,
            client.stream("GET", address) as response,
        ):
            if response.has_redirect_location:
                address = urljoin(address, response.headers["Location"])
                continue
            response.raise_for_status()
            size = 0
            with path.open("wb") as file:
                async for piece in response.aiter_raw():
                    size += len(piece)
                    if size > limits.LARGEST_MEGABYTES * 1024**2:
                        raise ValueError(f"it holds more than {limits.LARGEST_MEGABYTES} MB")
                    file.write(piece)
            return
    raise ValueError(f"it leads on more than {_MOST_REDIRECTS} times")
