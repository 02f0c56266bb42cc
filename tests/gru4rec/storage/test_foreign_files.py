"""A run deletes what a run wrote, and nothing that somebody else put into its folders."""

import hashlib
import json
from pathlib import Path

import pytest

from gru4rec.storage.files import remove_state, write_state
from gru4rec.storage.member_folders import move_training, remove_run, sweep_members
from gru4rec.storage.training_state import KIND as TRAINING
from gru4rec.storage.training_state import MANIFEST

KIND = "gru4rec checkpoint"
STATE = "checkpoint.json"


def content_named(folder: Path, stem: str, data: bytes, suffix: str = "safetensors") -> Path:
    """A data file as an interrupted writer leaves it: whole, and in no manifest."""
    file = folder / f"{stem}-{hashlib.sha256(data).hexdigest()[:12]}.{suffix}"
    file.write_bytes(data)
    return file


def foreign(folder: Path) -> dict[Path, str]:
    """Files that look like a run's, with what they hold."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [
        "weights-notes.safetensors",
        "weights-0123456789ab.safetensors",  # such a name, but not the sum of what is in it
        "weights-my-tuning1.safetensors",
        "weights-0123456789abc.safetensors",
        "weights-0123456789ab.safetensors.bak",
        "old-weights-0123456789ab.safetensors",
        "training-2026.safetensors",
        ".weights-notes.safetensors.123",
        "notes.json",
        "training.json.bak",
    ]
    for name in names:
        (folder / name).write_text("precious")
    return {folder / name: "precious" for name in names}


def states(folder: Path, data: bytes = b"one") -> None:
    """A model and a training state."""
    write_state(folder, STATE, KIND, {}, {"weights.safetensors": data, "vocabulary.parquet": data})
    write_state(folder, MANIFEST, TRAINING, {}, {"training.safetensors": data})


def stand(files: dict[Path, str]) -> bool:
    return {file: file.read_text() for file in files} == files


def test_a_new_state_removes_the_older_one_and_leaves_what_is_not_ours(tmp_path: Path) -> None:
    states(tmp_path)
    kept = foreign(tmp_path)
    litter = content_named(tmp_path, "weights", b"of a killed writer")
    (tmp_path / "weights-aaaaaaaaaaaa.safetensors").symlink_to(tmp_path / "notes.json")
    before = set(tmp_path.iterdir())
    write_state(tmp_path, STATE, KIND, {}, {"weights.safetensors": b"two"})
    gone = {path.name for path in before - set(tmp_path.iterdir())}
    one = hashlib.sha256(b"one").hexdigest()[:12]
    assert gone == {litter.name, f"weights-{one}.safetensors", f"vocabulary-{one}.parquet"}
    assert stand(kept)


@pytest.mark.parametrize("kind", ["another program", 3, None])
def test_files_that_a_foreign_manifest_names_stay(tmp_path: Path, kind: object) -> None:
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("precious")
    listed = {"a": {"file": "thesis.txt", "bytes": 8, "sha256": ""}, "b": {"file": "../x", "bytes": 1, "sha256": ""}}
    (tmp_path / STATE).write_text(json.dumps({"kind": kind, "files": listed}))
    remove_state(tmp_path, STATE, KIND, ("weights",))
    assert (tmp_path / STATE).exists(), "a manifest of others is not removed"
    (tmp_path / STATE).write_text(json.dumps({"kind": KIND, "files": listed}))
    write_state(tmp_path, STATE, KIND, {}, {"weights.safetensors": b"two"})
    assert thesis.read_text() == "precious"


def test_folders_of_members_go_and_look_alikes_stay(tmp_path: Path) -> None:
    for number in (1, 2, 3, 4):
        states(tmp_path / f"member-{number}")
    mixed = foreign(tmp_path / "member-4")
    content_named(tmp_path / "member-3", "training", b"of a killed writer")
    (tmp_path / "member-3" / f".{MANIFEST}.4711").write_text("half")
    elsewhere = tmp_path / "elsewhere"
    states(elsewhere)
    (tmp_path / "member-5").symlink_to(elsewhere, target_is_directory=True)
    alike = ["member-", "member-03", "member-0", "member-x", "member-\N{ARABIC-INDIC DIGIT THREE}", "member-3.bak"]
    for name in alike:
        states(tmp_path / name)
    (tmp_path / "member-6").write_text("a file")
    before = {path: sorted(path.iterdir()) for path in (elsewhere, *(tmp_path / name for name in alike))}
    sweep_members(tmp_path, 2)
    assert (tmp_path / "member-2" / MANIFEST).exists()
    assert not (tmp_path / "member-3").exists()
    assert set((tmp_path / "member-4").iterdir()) == set(mixed)
    assert stand(mixed)
    assert {path: sorted(path.iterdir()) for path in before} == before
    assert (tmp_path / "member-5").is_symlink()
    assert (tmp_path / "member-6").is_file()


def test_a_run_is_moved_and_removed_around_what_is_not_ours(tmp_path: Path) -> None:
    work, model = tmp_path / "m" / "replacement", tmp_path / "m"
    for folder in (work, work / "member-1", work / "member-2"):
        states(folder, b"new")
    kept = foreign(model / "member-1") | foreign(model / "member-notes")
    move_training(work, model)
    remove_run(work)
    assert not work.exists()
    assert stand(kept)
    assert all((model / place / MANIFEST).exists() for place in ("", "member-1", "member-2"))
    states(work)
    precious = foreign(work) | foreign(work / "mine")
    remove_run(work)
    assert set(work.iterdir()) == {path for path in precious if path.parent == work} | {work / "mine"}
    assert stand(precious)
