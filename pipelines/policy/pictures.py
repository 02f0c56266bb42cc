"""Pictures on the assets' pages: files of the data folder, which the Dagster UI of `make ui` serves beside its pages.

Dagster hides Markdown of 1,000 characters or more behind a click, and a picture inside Markdown is longer than that; a
link to one is not.
"""

import hashlib
from collections.abc import Mapping
from datetime import date

import dagster as dg

from warehouse.layout import Layout
from warehouse.whole_files import replacing

PICTURES, REPORTS = "pictures", "reports"  # of the address, on Dagster's own server


def show(layout: Layout, night: date | str, pictures: Mapping[str, bytes]) -> dict[str, dg.MarkdownMetadataValue]:
    """Write pictures of a night, and return what shows them on an asset's page; another server shows their file's name.

    Args:
        layout: where the data folder is.
        night: whose pictures they are; those of an earlier run of the night are replaced.
        pictures: PNG files by the picture's name, of small letters and underscores.
    """
    found = {}
    for name, content in pictures.items():
        file = layout.picture(night, name)
        with replacing(file) as temporary:
            temporary.write_bytes(content)
        content_sum = hashlib.sha256(content).hexdigest()[:8]  # a browser keeps no picture of an earlier run
        link = f"/{PICTURES}/{file.parent.name}/{file.name}?sum={content_sum}"
        found[name] = dg.MetadataValue.md(f"![{file.relative_to(layout.root)} of the data folder]({link})")
    return found
