"""What a run keeps beside the finished model: its training state, and a folder for each member of several.

Only what a run wrote is moved or removed, file by file; whatever else lies there stays, with the folder it is in.
"""

import contextlib
import os
import re
from pathlib import Path

from gru4rec.storage import checkpoint, training_state
from gru4rec.storage.files import remove_state

MEMBER = re.compile(r"member-[1-9][0-9]*")


def member_folder(folder: str | Path | None, number: int, members: int) -> Path | None:
    """The folder of member `number` (from 1); the model's own where it has one member only."""
    if folder is None:
        return None
    return Path(folder) / f"member-{number}" if members > 1 else Path(folder)


def member_folders(folder: Path) -> list[Path]:
    """The folders of members that are there."""
    return [place for place in folder.glob("member-*") if MEMBER.fullmatch(place.name) and _is_folder(place)]


def sweep_members(folder: str | Path, members: int) -> None:
    """Remove what members that the model in `folder` does not have keep: an earlier run with more left it."""
    own = {member_folder(folder, number + 1, members) for number in range(members)}
    for old in member_folders(Path(folder)):
        if old not in own:
            remove_run(old)


def remove_run(folder: Path) -> None:
    """Remove all that a run keeps in a folder, the model too, and the folder unless something else lies there."""
    if not _is_folder(folder):
        return
    remove_training(folder)
    remove_state(folder, checkpoint.MANIFEST, checkpoint.KIND, checkpoint.FILES)
    with contextlib.suppress(OSError):  # it is not empty
        folder.rmdir()


def remove_training(folder: Path) -> None:
    """Remove what a run keeps in a folder beside the model."""
    for member in member_folders(folder):
        remove_run(member)
    remove_state(folder, training_state.MANIFEST, training_state.KIND, training_state.FILES)


def move_training(folder: Path, to: Path) -> None:
    """Move what a run keeps beside the model into another folder, each manifest after the files that it names."""
    for member in member_folders(folder):
        (to / member.name).mkdir(exist_ok=True)
        names = sorted((file.name for file in member.iterdir()), key=lambda name: name.endswith(".json"))
        for name in names:
            os.replace(member / name, to / member.name / name)
        member.rmdir()
    for name in (*(file.name for file in folder.glob("training-*.safetensors")), training_state.MANIFEST):
        if (folder / name).exists():
            os.replace(folder / name, to / name)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
