"""Downloads where there may be no network: known within seconds, not after a minute of trying."""

import contextlib
import socket
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator

PATIENCE = 5.0
"""Seconds for a name to be found and a connection to be made."""


def reachable(url: str, within: float = PATIENCE) -> bool:
    """Whether a connection to the host of a URL, or to its proxy, can be made in time.

    Looking up a name knows no limit of its own: it is done by a thread that is left behind.
    """
    host = urllib.parse.urlsplit(url)
    proxies = urllib.request.getproxies()
    proxy = proxies.get(host.scheme) or proxies.get("all")
    if proxy and not urllib.request.proxy_bypass(host.hostname or ""):
        host = urllib.parse.urlsplit(proxy if "//" in proxy else f"//{proxy}")
    port = host.port or (80 if host.scheme == "http" else 443)
    made = threading.Event()

    def connect() -> None:
        with contextlib.suppress(OSError):
            socket.create_connection((host.hostname or "", port), within).close()
            made.set()

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(within)
    return made.is_set()


@contextlib.contextmanager
def hub_if_reachable() -> Iterator[str]:
    """Let the Hugging Face hub give what it has on this disk alone, where it cannot be reached.

    Yields:
        Why nothing can be downloaded; empty where it can.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE or reachable(constants.ENDPOINT):
        yield ""
        return
    constants.HF_HUB_OFFLINE = True
    try:
        yield f"{constants.ENDPOINT} cannot be reached"
    finally:
        constants.HF_HUB_OFFLINE = False


@contextlib.contextmanager
def impatient(within: float = PATIENCE) -> Iterator[None]:
    """Give up a connection on which nothing comes, for downloads that know no limit."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(within)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
