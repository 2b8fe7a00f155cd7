"""What the Hub and the network answer when something is wrong, in one plain line each."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled
from huggingface_hub.utils import parse_ratelimit_headers

_TOKENS = "https://huggingface.co/settings/tokens"

#: The statuses that a user can do something about; `{what}` is what was being done.
_STATUSES = {
    401: f"The Hub refused the token while {{what}}. Make a new one with write access at {_TOKENS} and run "
    "`hf auth login`, or set HF_TOKEN.",
    403: "The Hub forbids {what}: the token may not write there. Use a token with write access, and an id under your "
    "own name or an organisation of yours.",
    404: "The Hub did not find what it needs for {what}. Was the repository deleted or renamed in the meantime?",
    409: "The name is taken: the Hub answered {what} with a conflict. Choose another id.",
    412: "The repository changed during {what}. Run the same command again.",
    413: "The Hub found the files too large for {what}.",
    429: "The Hub's rate limit is reached while {what}. Run the same command again {later}.",
}


class PublishingError(RuntimeError):
    """The Hub did not take something; the message says what, why and what to do."""


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turns what the Hub's client raises into a `PublishingError`.

    Args:
        what: What is being done, such as "creating model user/name".

    Raises:
        PublishingError: If the Hub refuses or cannot be reached.
    """
    try:
        yield
    except LocalTokenNotFoundError as error:
        raise PublishingError(
            f"There is no token for the Hub. Make one with write access at {_TOKENS} and run `hf auth login`, or set "
            "HF_TOKEN."
        ) from error
    except OfflineModeIsEnabled as error:
        raise PublishingError("The environment variable HF_HUB_OFFLINE forbids the network. Unset it.") from error
    # The client's own errors, and those of hf_xet, which sends large files: it raises OSError and RuntimeError.
    except (httpx2.HTTPError, OSError, RuntimeError, ValueError) as error:
        raise PublishingError(_explain(error, what)) from error


def _explain(error: BaseException, what: str) -> str:
    """Puts an error of the client into words."""
    if isinstance(error, json.JSONDecodeError):
        return (
            f"The Hub's answer while {what} is no JSON. Is HF_ENDPOINT right? If so, run the same command again later."
        )
    cause: BaseException | None = error
    # An upload's error is wrapped by the client; a card's that the Hub finds wrong says more than its cause.
    while cause is not None and (cause is error or not isinstance(error, ValueError)):
        if isinstance(cause, HfHubHTTPError):
            return _explain_status(cause, what)
        if isinstance(cause, httpx2.HTTPError):
            return (
                f"The connection to the Hub broke while {what} ({type(cause).__name__}). Run the same command again "
                "when the network is back."
            )
        cause = cause.__cause__
    return f"{what[0].upper()}{what[1:]} failed: {_one_line(str(error))}"


def _explain_status(error: HfHubHTTPError, what: str) -> str:
    status, headers = error.response.status_code, error.response.headers
    if status >= 500:
        return f"The Hub has a fault of its own ({status}) while {what}. Run the same command again later."
    if status in _STATUSES:
        limit = parse_ratelimit_headers(headers)
        later = "in some minutes" if limit is None else f"in {limit.reset_in_seconds} seconds"
        return _STATUSES[status].format(what=what, later=later)
    said = error.server_message or error.response.reason_phrase
    return f"The Hub answered {what} with {status}: {_one_line(said)}"


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".") + "."


__all__ = ["PublishingError", "explained"]
