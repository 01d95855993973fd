"""Whether pretrained weights can be fetched by name, found out in seconds instead of minutes of retries."""

import socket
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

_TIMEOUT_SECONDS = 5.0


def hub_reachable() -> bool:
    """Whether the Hugging Face hub, which timm also fetches from, answers; behind a proxy it is taken to.

    The libraries themselves try each file six times before they give up.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    if getproxies():
        return True
    hub = urlsplit(constants.ENDPOINT)
    try:
        socket.create_connection((hub.hostname or "", hub.port or 443), timeout=_TIMEOUT_SECONDS).close()
    except OSError:
        return False
    return True


def cached_file(repository: str, names: tuple[str, ...]) -> Path | None:
    """The first of the files that an earlier run fetched from this repository of the hub, or None."""
    from huggingface_hub import try_to_load_from_cache

    for name in names:
        file = try_to_load_from_cache(repository, name)
        if isinstance(file, str):
            return Path(file)
    return None
