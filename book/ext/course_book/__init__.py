"""What the book adds to Sphinx: pages made from the notebooks' results and the models' cards, and quiet pages.

* `{claims-table}`: every claim with verdict, measured number, the cell that settled it and the source for real models;
* `{findings}`: one figure of each section for the front page, and the claim it led to;
* `{model-table}`: one row for each embedded model;
* `{model-cards}`: their cards;
* `{memory-table}`: what the published models need of a GPU;
* `{demo}`: a live demo on a page that is no notebook, and the scripts that bring demos to life;
* `{status-table}`: versions and run times of the last execution;
* outputs: a chart or a widget that would be invisible on a static page is a warning;
* scripts: only what a page uses, nothing from another host;
* launch: buttons that open a notebook on Colab, once the repository has an address;
* `{check-yourself}`: questions answered in the page, put below that heading of each notebook that has some;
* `{playground}`: the demos of all pages together;
* described: a notebook's figures have the alternative texts that they carry;
* around: progress, narration, feedback; accessible: small repairs of the theme's markup.

Nothing here imports torch: readers build the book without it. What does not exist yet is said kindly; what exists
and is malformed is a warning, and warnings are errors.
"""

from sphinx.application import Sphinx

from . import (
    accessible,
    around,
    cards,
    checks,
    claims,
    described,
    findings,
    launch,
    live,
    memory,
    models,
    outputs,
    playground,
    scripts,
    status,
)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register directives and events."""
    pages = (claims, findings, models, cards, memory, status, checks)
    for part in (*pages, described, outputs, live, playground, scripts, launch, around, accessible):
        part.setup(app)
    return {"parallel_read_safe": False, "parallel_write_safe": False}
