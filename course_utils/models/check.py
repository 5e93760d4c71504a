"""Is everything still there? Asks the hub about each model of the registry and its fallbacks, and fetches nothing.

    python -m course_utils.models check

Exit status, for a scheduled job: 0 all is there; 1 something is gone, gated or incomplete, and the table says what;
2 the hub cannot be reached, so nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from course_utils.models.entries import Entry
from course_utils.models.hub import NoNetworkError, Source, sources, weights_names, within
from course_utils.models.registry import REGISTRY


@dataclass(frozen=True)
class Finding:
    """What the hub says of one source of a model: `wrong` is empty if it can be loaded; `licence` is the hub's word."""

    entry: Entry
    source: Source
    wrong: str = ""
    licence: str = ""

    @property
    def line(self) -> str:
        """For people."""
        place = f"{self.source.hub}{f'/{self.source.subfolder}' if self.source.subfolder else ''}"
        return (f"{'ok  ' if not self.wrong else 'GONE'}  {self.entry.scale:8} {self.entry.name:30} {place}"
                f" at {self.source.revision[:7]}  {self.wrong or self.licence}")  # fmt: skip


def asked(chosen: Entry, source: Source) -> Finding:
    """Ask for one source. Raises `NoNetworkError` if nobody answers."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        found = HfApi(endpoint=constants.ENDPOINT).model_info(source.hub, revision=source.revision, timeout=20)
    except GatedRepoError:
        return Finding(chosen, source, "gated: it asks for a log-in")
    except RevisionNotFoundError:
        return Finding(chosen, source, "the pinned revision is gone")
    except RepositoryNotFoundError:
        return Finding(chosen, source, "gone, or private")
    except HfHubHTTPError as error:
        return Finding(chosen, source, f"the hub answers {error.response.status_code}")
    except Exception as error:  # the client's transport has errors of its own, by version
        raise NoNetworkError(f"the hub cannot be asked ({type(error).__name__}: {error}): nothing is known") from None
    licence = str(getattr(found.card_data, "license", None) or "no licence named")
    if found.gated:
        return Finding(chosen, source, f"gated ({found.gated}): it asks for an accepted licence", licence)
    there = {part.rfilename for part in found.siblings or []}
    wanted = [] if chosen.lora else [within(source, "config.json")]
    lacking = [name for name in wanted if name not in there]
    if not any(within(source, name) in there for name in weights_names(chosen, source)):
        lacking.append("weights")
    return Finding(chosen, source, f"lacks {', '.join(lacking)}" if lacking else "", licence)


def check(entries: Iterable[Entry] = REGISTRY) -> list[Finding]:
    """What the hub says of every source of every model there, fallbacks included."""
    return [asked(chosen, source) for chosen in entries if not chosen.embedded for source in sources(chosen)]


def main() -> int:
    """Print the findings; the exit status is in the module's text."""
    try:
        found = check()
    except NoNetworkError as error:
        print(error)
        return 2
    print("\n".join(finding.line for finding in found))
    wrong = [finding for finding in found if finding.wrong]
    lost = [chosen.name for chosen in REGISTRY if not chosen.embedded
            and all(finding.wrong for finding in found if finding.entry == chosen)]  # fmt: skip
    print(f"{len(found) - len(wrong)} of {len(found)} sources are there" + (
        f"; no source is left for {', '.join(lost)}: name another in models/published.py" if lost else ""))
    return 1 if wrong else 0
