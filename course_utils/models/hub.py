"""The Hugging Face hub: is a model on this machine already, how large is it, can the hub be reached."""

from __future__ import annotations

from urllib.error import HTTPError
from urllib.request import Request, urlopen

from course_utils.models.registry import Entry, weights_name


class NoNetworkError(ConnectionError):
    """A scale must be fetched and cannot be; the embedded one can be used instead."""


def is_cached(chosen: Entry) -> bool:
    """Whether the hub's cache on this machine holds configuration and weights."""
    from huggingface_hub import try_to_load_from_cache

    def here(name: str) -> bool:
        return isinstance(try_to_load_from_cache(chosen.hub, within(chosen, name)), str)

    return here("config.json") and (here(weights_name(chosen)) or here("pytorch_model.bin"))


def within(chosen: Entry, name: str) -> str:
    """A file's path in the hub's repository."""
    return f"{chosen.subfolder}/{name}" if chosen.subfolder else name


def announce(chosen: Entry) -> None:
    """Before anything is fetched: what, how much, where it will be kept."""
    from huggingface_hub.constants import HF_HUB_CACHE

    print(f"fetching {chosen.hub} ({chosen.megabytes:.0f} MB, {chosen.licence}), kept in {HF_HUB_CACHE}")


def reach(chosen: Entry, seconds: float = 10.0) -> None:
    """Ask the hub for the configuration once, so that a missing network is told in a line and at once.

    The hub's own client retries for 25 s. Proxies and another endpoint are honoured as it does.
    """
    from huggingface_hub import constants

    remedy = f"'critters' needs none: {call(chosen)}, or unset COURSE_SCALE"
    try:
        if constants.HF_HUB_OFFLINE:
            raise OSError("HF_HUB_OFFLINE is set")
        address = f"{constants.ENDPOINT}/{chosen.hub}/resolve/main/{within(chosen, 'config.json')}"
        urlopen(Request(address, method="HEAD"), timeout=seconds).close()
    except HTTPError as error:
        raise NoNetworkError(f"the hub answers {error.code} for {chosen.hub}: it is gone, or asks for a log-in;"
                             f" {remedy}") from None
    except OSError as error:
        raise NoNetworkError(f"scale {chosen.scale!r} needs a network to fetch {chosen.hub}"
                             f" ({getattr(error, 'reason', error)}); {remedy}") from None


def call(chosen: Entry) -> str:
    """What to type for the embedded model of the same role."""
    condition = f", condition={chosen.condition!r}" if chosen.condition else ""
    return f"load({chosen.role!r}, scale='critters'{condition})"
