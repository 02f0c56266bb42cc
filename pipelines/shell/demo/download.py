"""MovieLens 100K ships inside a PyPI wheel. It may not be redistributed: it is fetched, and kept in the data folder."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGE, VERSION = "recbole", "1.2.1"
LICENCE = (
    "MovieLens 100K (GroupLens, University of Minnesota): for research use only, no redistribution without permission; "
    "https://files.grouplens.org/datasets/movielens/ml-100k-README.txt"
)


def wheel(folder: Path) -> Path | None:
    """The wheel that holds the data set, downloaded once into `folder`; None where it cannot be reached."""
    kept = sorted(folder.glob(f"{PACKAGE}-{VERSION}-*.whl"))
    if kept:
        return kept[0]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as temporary:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary", ":all:", "--retries", "1", "--timeout", "15", "--dest", temporary]
        done = subprocess.run([*command, f"{PACKAGE}=={VERSION}"], capture_output=True, check=False)
        found = sorted(Path(temporary).glob("*.whl"))
        if done.returncode != 0 or not found:
            return None
        kept_as = folder / found[0].name
        os.replace(found[0], kept_as)
        return kept_as
