"""Where the members of a model keep their state while they are trained: a folder each, below the model's own."""

import shutil
from pathlib import Path


def member_folder(folder: str | Path | None, number: int, members: int) -> Path | None:
    """The folder of member `number` (from 1); the model's own where it has one member only."""
    if folder is None:
        return None
    return Path(folder) / f"member-{number}" if members > 1 else Path(folder)


def sweep_members(folder: str | Path, members: int) -> None:
    """Remove folders of members that the model in `folder` does not have: an earlier run with more left them.

    Their manifests go first: a folder left without one by an interruption counts as never begun, and goes next time.
    """
    own = {member_folder(folder, number + 1, members) for number in range(members)}
    for old in set(Path(folder).glob("member-*")) - own:
        if old.is_dir() and old.name.removeprefix("member-").isdigit():
            for manifest in old.glob("*.json"):
                manifest.unlink()
            shutil.rmtree(old)
