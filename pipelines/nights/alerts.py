"""A failed night told to people elsewhere: one JSON message to the webhook that `[alerts] url` names."""

import json
import urllib.error
import urllib.request
from urllib.parse import urlsplit

PATIENCE = 10.0  # seconds for the other side to answer


def sentence(job: str, night: str, why: str, run_id: str) -> str:
    """What failed and why, as one line."""
    return f"{job} of {night} failed: {' '.join(why.split())} (run {run_id})"


def post(url: str, text: str, **facts: str) -> str | None:
    """Post {"text": ..., further facts} as JSON; returns None, or a sentence on why it did not arrive.

    The address may hold a secret, so what is said of it is its host alone.
    """
    body = json.dumps({"text": text, **facts}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE):
            return None
    except urllib.error.HTTPError as error:
        why = f"it answered {error.code}"
    except (OSError, ValueError) as error:
        why = str(getattr(error, "reason", None) or type(error).__name__)
    return f"The alert was not delivered to {urlsplit(url).hostname}: {why}; see [alerts] url."
