"""The Hugging Face hub: is a model on this machine already, where can it be had, is what came what was sent.

An id on a hub can vanish, move behind a log-in, or lose the revision that the course was written for; a download can
be cut, arrive damaged or fill the disk. Each is answered here: by the next source, or by a sentence that says what to
do.
"""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from course_utils.models.registry import Entry, weights_name
from course_utils.models.weights import sha256


class NoNetworkError(ConnectionError):
    """A scale must be fetched and cannot be; the embedded one can be used instead."""


class DownloadError(OSError):
    """What was fetched is damaged, or does not fit on the disk; the message says what to do."""


@dataclass(frozen=True)
class Source:
    """One place where a model lies: the hub's id, a folder in it, a revision ("main" is the newest), a variant."""

    hub: str
    subfolder: str = ""
    revision: str = "main"
    variant: str = ""


def sources(chosen: Entry) -> list[Source]:
    """Where to look, in turn: the pinned revision, the newest one, then the fallbacks."""
    first = Source(chosen.hub, chosen.subfolder, chosen.revision or "main", chosen.variant)
    newest = [replace(first, revision="main")] if chosen.revision else []
    others = [Source("/".join(name.split("/")[:2]), "/".join(name.split("/")[2:])) for name in chosen.fallbacks]
    return [first, *newest, *others]


def weights_names(chosen: Entry, source: Source) -> list[str]:
    """Files that may hold the weights, the best first: half precision, whole, in parts, in PyTorch's older format."""
    name = weights_name(chosen)
    stem, _, ending = name.rpartition(".")
    half = [f"{stem}.{source.variant}.{ending}"] if source.variant else []
    return [*half, name] if chosen.lora else [*half, name, f"{name}.index.json", "pytorch_model.bin"]


def within(chosen: Entry | Source, name: str) -> str:
    """A file's path in the hub's repository."""
    return f"{chosen.subfolder}/{name}" if chosen.subfolder else name


def cached(source: Source, name: str) -> Path | None:
    """A file of the hub's cache on this machine."""
    from huggingface_hub import constants, try_to_load_from_cache

    path = try_to_load_from_cache(source.hub, within(source, name), constants.HF_HUB_CACHE, source.revision)
    return Path(path) if isinstance(path, str) else None


def here(chosen: Entry) -> Source | None:
    """The source whose configuration and weights this machine holds already, its variant as it was found; or none."""
    for source in sources(chosen):
        if not chosen.lora and not cached(source, "config.json"):
            continue
        for name in weights_names(chosen, source):
            if complete(source, name):
                return replace(source, variant=source.variant if name == half(chosen, source) else "")
    return None


def complete(source: Source, name: str) -> bool:
    """Whether the cache has a file and, of an index, all parts that it names: a download may have been cut between."""
    path = cached(source, name)
    if path is None or not name.endswith(".index.json"):
        return path is not None
    return all(cached(source, part) for part in named(path))


def half(chosen: Entry, source: Source) -> str:
    """The name of the half-precision file, or "" where the repository has none."""
    return weights_names(chosen, source)[0] if source.variant else ""


def is_cached(chosen: Entry) -> bool:
    """Whether the hub's cache on this machine holds configuration and weights."""
    return here(chosen) is not None


def fetch(chosen: Entry) -> Source:
    """Have a model on this machine: from the cache, else from the first source that has it. Says what it fetches.

    Raises:
        NoNetworkError: the hub cannot be reached, or has the model nowhere.
        DownloadError: the disk is full, or what arrived is not what was sent.
    """
    if found := here(chosen):
        return found
    announce(chosen)
    room(chosen)
    refused: list[str] = []
    for source in sources(chosen):
        answer = status(chosen, source)
        if answer is None:
            if refused:
                print(f"{'; '.join(refused)}: taking {source.hub} at {source.revision}")
            return downloaded(chosen, source)
        refused.append(f"{source.hub} at {source.revision} {answer}")
    raise NoNetworkError(f"{'; '.join(refused)}; {remedy(chosen)}")


def downloaded(chosen: Entry, source: Source) -> Source:
    """Configuration and weights from one source, each file whole and unharmed; a cut download goes on where it was."""
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    with told(chosen):
        if not chosen.lora:
            one(source, "config.json")
        for name in weights_names(chosen, source):
            try:
                path = one(source, name)
            except LocalEntryNotFoundError:  # nobody answered
                raise
            except EntryNotFoundError:
                continue
            if name.endswith(".index.json"):
                parts(source, path)
            return replace(source, variant=source.variant if name == half(chosen, source) else "")
    raise NoNetworkError(f"{source.hub} has no weights that the course can read; {remedy(chosen)}")


def parts(source: Source, index: Path) -> None:
    """Have the files that an index names."""
    for name in named(index):
        one(source, name)


def named(index: Path) -> list[str]:
    """The files that an index names, sorted."""
    return sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))


def one(source: Source, name: str) -> Path:
    """One file, fetched by the hub's own client (with its bar) and checked.

    The client compares sizes alone. The cache names a large file by its SHA-256, so that can be looked at, once.
    """
    from huggingface_hub import constants, hf_hub_download

    if known := cached(source, name):
        return known
    path = Path(hf_hub_download(source.hub, within(source, name), revision=source.revision,
                                cache_dir=constants.HF_HUB_CACHE, endpoint=constants.ENDPOINT))  # fmt: skip
    blob = path.resolve()
    if len(blob.name) == 64 and sha256(blob) != blob.name:
        blob.unlink()
        path.unlink(missing_ok=True)
        raise DownloadError(f"{within(source, name)} of {source.hub} arrived damaged and was removed: run the cell"
                            " again to fetch it anew; if it happens twice, the network changes what it carries")
    return path


@contextmanager
def told(chosen: Entry) -> Iterator[None]:
    """A full disk and a lost network in the course's words; any other failure goes on as it is."""
    try:
        yield
    except (DownloadError, NoNetworkError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise DownloadError(full(chosen)) from None
        if lost(error):
            raise NoNetworkError(f"the network was lost while {chosen.hub} was being fetched: run the cell again, it"
                                 f" goes on where it stopped; {remedy(chosen)}") from None
        raise


def lost(error: BaseException) -> bool:
    """Whether an error of the hub's client (which has its own kinds) means that nobody answers any more."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    return isinstance(error, LocalEntryNotFoundError | ConnectionError | TimeoutError) or any(
        kind.__name__ in ("TransportError", "RequestException") for kind in type(error).__mro__)


def announce(chosen: Entry) -> None:
    """Before anything is fetched: what, how much, where it will be kept."""
    from huggingface_hub.constants import HF_HUB_CACHE

    print(f"fetching {chosen.hub} ({chosen.megabytes:.0f} MB, {chosen.licence}), kept in {HF_HUB_CACHE}")


def room(chosen: Entry) -> None:
    """Raise `DownloadError` if the disk cannot hold the model."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE)
    while not folder.exists():
        folder = folder.parent
    if shutil.disk_usage(folder).free < chosen.megabytes * 1e6:
        raise DownloadError(full(chosen))


def full(chosen: Entry) -> str:
    """What to say when the disk is full."""
    from huggingface_hub import constants

    return (f"{chosen.hub} needs {chosen.megabytes:.0f} MB and the disk of {constants.HF_HUB_CACHE} is full: free some"
            f" space, or set HF_HOME to a folder on another disk and restart; {remedy(chosen)}")  # fmt: skip


ANSWERS = {401: "asks for a log-in", 403: "asks for a log-in or an accepted licence", 404: "is gone"}


def status(chosen: Entry, source: Source, seconds: float = 10.0) -> str | None:
    """Ask the hub for one small file, so that what is wrong is told at once; `None` if all is well.

    The hub's own client retries for 25 s. Proxies, another endpoint and a log-in are honoured as it does.
    Raises `NoNetworkError` if nobody answers.
    """
    from huggingface_hub import constants, get_token

    try:
        if constants.HF_HUB_OFFLINE:
            raise OSError("HF_HUB_OFFLINE is set")
        name = within(source, weights_name(chosen) if chosen.lora else "config.json")
        address = f"{constants.ENDPOINT}/{source.hub}/resolve/{source.revision}/{name}"
        token = get_token()
        question = Request(address, method="HEAD")
        if token:  # for the hub alone: large files lie on another host, to which it sends us on
            question.add_unredirected_header("Authorization", f"Bearer {token}")
        urlopen(question, timeout=seconds).close()
    except HTTPError as error:
        return ANSWERS.get(error.code, f"answers {error.code}")
    except OSError as error:
        raise NoNetworkError(f"scale {chosen.scale!r} needs a network to fetch {chosen.hub}"
                             f" ({getattr(error, 'reason', error)}); {remedy(chosen)}") from None
    return None


def remedy(chosen: Entry) -> str:
    """What can be done instead."""
    from course_utils.models.registry import REGISTRY

    at_home = any((e.role, e.condition, e.scale) == (chosen.role, chosen.condition, "critters") for e in REGISTRY)
    known = f"'critters' needs none: {call(chosen)}, or unset COURSE_SCALE"
    return known if at_home else "the scale 'critters' needs none: unset COURSE_SCALE"


def call(chosen: Entry) -> str:
    """What to type for the embedded model of the same role."""
    condition = f", condition={chosen.condition!r}" if chosen.condition else ""
    return f"load({chosen.role!r}, scale='critters'{condition})"
