"""The stand-in and a cache of one's own, in place of the hub and of this machine's cache."""

import pytest
from huggingface_hub import constants

from course_utils.models import devices
from tests.hub.repositories import make
from tests.hub.standin import StandIn


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """The stand-in, with every repository in it."""
    server = StandIn(make(tmp_path_factory.mktemp("hub")))
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def hub(served, tmp_path, monkeypatch):
    """The stand-in, well-behaved, with an empty cache: what `HF_ENDPOINT` and `HF_HOME` set before Python starts."""
    served.reset()
    monkeypatch.setattr(constants, "ENDPOINT", served.endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE",
                        served.endpoint + "/{repo_id}/resolve/{revision}/{filename}")  # fmt: skip
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    for name in ("_told", "_asked"):
        monkeypatch.setattr(devices, name, {"sd15", "sdxl", "sana", "z-image"})
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return served
