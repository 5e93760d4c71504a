"""Every figure and every measured sentence the book shows.

`say`, `table` and `bound` put numbers into prose; `Picture` is a figure that carries its own description;
`pictures`, `charts` and `maps` draw. `style` gives a reader's own matplotlib figures the look of the course.
"""

from course_utils.show.charts import bars, curves, scatter
from course_utils.show.control import shares
from course_utils.show.image import Picture, figure
from course_utils.show.maps import change_maps, channel_maps
from course_utils.show.paths import against_cursor, bands
from course_utils.show.pictures import difference, latent_picture, pictures
from course_utils.show.plotly import rate_distortion
from course_utils.show.published import published
from course_utils.show.spaces import two_maps
from course_utils.show.style import COLOURS, style
from course_utils.show.text import above, below, digits, gap, say, size, table

__all__ = [
    "COLOURS", "Picture", "above", "against_cursor", "bands", "bars", "below", "change_maps", "channel_maps",
    "curves", "difference", "digits", "figure", "gap", "latent_picture", "pictures", "published",
    "rate_distortion", "say", "scatter", "shares", "size", "style", "table", "two_maps",
]  # fmt: skip
