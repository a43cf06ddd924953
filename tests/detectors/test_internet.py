"""Without a network, downloads are given up within seconds; with one they are tried."""

import socket
import threading
import time

import pytest

pytest.importorskip("huggingface_hub")
from huggingface_hub import constants

from alframe.detectors import internet
from alframe.detectors.backbones import build_backbone
from alframe.detectors.internet import hub_if_reachable, impatient, reachable
from alframe.errors import ConfigError


@pytest.fixture
def server(monkeypatch):
    """A port at which somebody listens."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_a_server_is_found_directly_or_through_a_proxy(server, monkeypatch):
    assert reachable(f"http://127.0.0.1:{server}/models")
    assert not reachable("http://127.0.0.1:1/models")
    assert not reachable("https://no.such.host.invalid", 1)
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server}")
    assert reachable("https://no.such.host.invalid")


def test_a_name_that_is_looked_up_for_ever(monkeypatch):
    over = threading.Event()

    def create(*_):
        over.wait(30)
        raise OSError("no such host")

    monkeypatch.setattr(socket, "create_connection", create)
    began = time.monotonic()
    assert not reachable("https://slow.invalid", 0.2)
    over.set()
    assert time.monotonic() - began < 5


def test_the_hub_is_asked_where_it_can_be_reached(server, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server}")
    with hub_if_reachable() as why:
        assert (why, constants.HF_HUB_OFFLINE) == ("", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:1")
    with hub_if_reachable() as why:
        assert (why, constants.HF_HUB_OFFLINE) == ("http://127.0.0.1:1 cannot be reached", True)
    assert not constants.HF_HUB_OFFLINE


def test_pretrained_weights_without_a_network(monkeypatch, tmp_path):
    monkeypatch.setattr(internet, "reachable", lambda _: False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    message = r"cannot be reached\)\. .* give model\.weights=PATH.* or model\.weights=none"
    with pytest.raises(ConfigError, match=message):
        build_backbone("tf_efficientnet_lite0", weights="pretrained")


def test_sockets_are_as_before_afterwards():
    before = socket.getdefaulttimeout()
    with impatient(3):
        assert socket.getdefaulttimeout() == 3
    assert socket.getdefaulttimeout() == before
