"""A checkpoint comes back as it was, or says in a sentence why it cannot."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from gru4rec.config.options import Config
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.added.neighbours import Neighbours
from gru4rec.network.model import GRU4Rec
from gru4rec.storage import checkpoint, files
from gru4rec.storage.checkpoint import MANIFEST
from gru4rec.storage.files import CheckpointError


def made(seed: int = 1, **changes: object) -> tuple[GRU4Rec, Config]:
    config = Config().override({"hidden_size": 5, **changes})
    model = GRU4Rec(config.model, Vocabulary.build(["a", "b", "c", "a"]))
    model.initialise(seed)
    return model, config


def saved(folder: Path, seed: int = 1, **changes: object) -> GRU4Rec:
    model, config = made(seed, **changes)
    checkpoint.save(folder, model, config, {"temperature": 1.5})
    return model


@pytest.mark.parametrize("embedding", ["shared", "separate", "one-hot"])
def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path, embedding: str) -> None:
    model = saved(tmp_path, embedding=embedding, num_layers=2)
    loaded = checkpoint.load(tmp_path)
    assert loaded.extra == {"temperature": 1.5}
    assert loaded.config.model == model.config
    assert loaded.vocabulary.ids.equals(model.vocabulary.ids)
    assert loaded.vocabulary.counts.tolist() == [2, 1, 1]
    assert loaded.model.tensors().keys() == model.tensors().keys()
    for name, value in model.tensors().items():
        assert torch.equal(loaded.model.tensors()[name], value)


def test_integer_ids_come_back_as_integers(tmp_path: Path) -> None:
    config = Config()
    model = GRU4Rec(config.model, Vocabulary.build(np.array([7, 5])))
    checkpoint.save(tmp_path, model, config)
    assert checkpoint.load(tmp_path).vocabulary.encode([5, 7]).tolist() == [0, 1]


def test_saving_again_replaces_the_whole_and_leaves_nothing_behind(tmp_path: Path) -> None:
    saved(tmp_path, seed=1)
    second = saved(tmp_path, seed=2)
    assert torch.equal(checkpoint.load(tmp_path).model.output, second.output)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_save_that_dies_before_its_last_move_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = saved(tmp_path, seed=1)
    real = os.replace

    def failing(source: Path, target: Path) -> None:
        if Path(target).name == MANIFEST:
            raise OSError("power lost")
        real(source, target)

    monkeypatch.setattr(files.os, "replace", failing)
    with pytest.raises(OSError, match="power lost"):
        saved(tmp_path, seed=2)
    assert torch.equal(checkpoint.load(tmp_path).model.output, first.output)


@pytest.mark.parametrize("pattern", ["weights-*", "vocabulary-*"])
def test_a_reader_whom_a_writer_overtakes_gets_the_new_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    """Between the manifest and a file that it names the folder is written again, and the old file is gone."""
    saved(tmp_path, seed=1)
    real, overtaken = Path.read_bytes, []

    def read(path: Path) -> bytes:
        if path.match(pattern) and not overtaken:
            overtaken.append(path)
            model, config = made(2)
            model.vocabulary = Vocabulary.build(["a", "b", "c", "c"])
            checkpoint.save(tmp_path, model, config)
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read)
    loaded = checkpoint.load(tmp_path)
    assert overtaken
    assert not overtaken[0].exists()
    assert loaded.vocabulary.counts.tolist() == [1, 1, 2]
    assert torch.equal(loaded.model.output, made(2)[0].output)


def test_extras_that_are_not_json_change_nothing_on_disk(tmp_path: Path) -> None:
    model, config = made()
    with pytest.raises(TypeError):
        checkpoint.save(tmp_path / "new", model, config, {"model": model})
    assert not (tmp_path / "new").exists()


def test_no_checkpoint_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no gru4rec checkpoint in .*checkpoint.json is missing"):
        checkpoint.load(tmp_path / "nowhere")


@pytest.mark.parametrize("pattern", ["weights-*", "vocabulary-*"])
def test_a_truncated_file_is_named(tmp_path: Path, pattern: str) -> None:
    saved(tmp_path)
    (file,) = tmp_path.glob(pattern)
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(CheckpointError, match=f"{file.name} is truncated"):
        checkpoint.load(tmp_path)


def test_a_changed_file_is_named(tmp_path: Path) -> None:
    saved(tmp_path)
    (file,) = tmp_path.glob("weights-*")
    file.write_bytes(file.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(CheckpointError, match="was changed after it was written"):
        checkpoint.load(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    saved(tmp_path)
    next(tmp_path.glob("weights-*")).unlink()
    with pytest.raises(CheckpointError, match="is missing, though the manifest"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": "something else"}', "\x00\x01", '{"files": 3}'])
def test_a_foreign_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(CheckpointError, match=r"is not JSON|is not a gru4rec checkpoint"):
        checkpoint.load(tmp_path)


def change_manifest(folder: Path, **changes: object) -> None:
    """What a program of an older version would have written, whose manifests have no sum."""
    path = folder / MANIFEST
    content = json.loads(path.read_text())
    del content[files.SUM]
    path.write_text(json.dumps({**content, **changes}))


def test_a_manifest_without_a_sum_is_read(tmp_path: Path) -> None:
    saved(tmp_path)
    before = checkpoint.load(tmp_path)
    change_manifest(tmp_path)
    assert checkpoint.load(tmp_path).config == before.config


def test_a_flipped_bit_of_a_manifest_never_changes_what_is_read(tmp_path: Path) -> None:
    """Every bit in turn: the same content (blanks do not count) or an error of one sentence."""
    content = {"extra": {"temperature": 1.25, "names": ["one", "two"]}, "flag": True}
    files.write_state(tmp_path, MANIFEST, checkpoint.KIND, content, {"weights.safetensors": b"data"})
    path = tmp_path / MANIFEST
    good, read = path.read_bytes(), files.read_state(tmp_path, MANIFEST, checkpoint.KIND)
    seen = 0
    for place in range(len(good) * 8):
        flipped = bytearray(good)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            there, data = files.read_state(tmp_path, MANIFEST, checkpoint.KIND)
        except CheckpointError:
            seen += 1
        else:
            there = {name: value for name, value in there.items() if name in read[0]}
            assert (there, data) == read, f"bit {place}"
    assert seen > 0.8 * len(good) * 8


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    change_manifest(tmp_path, version=files.VERSION + 1)
    with pytest.raises(CheckpointError, match="format version 3, newer than the 2 known here"):
        checkpoint.load(tmp_path)


def test_a_configuration_of_another_network_is_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    change_manifest(tmp_path, config={"model": {"hidden_size": 6}})
    with pytest.raises(CheckpointError, match="do not fit their configuration"):
        checkpoint.load(tmp_path)


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    change_manifest(tmp_path, config={"hidden": 6})
    with pytest.raises(CheckpointError, match="unknown setting hidden"):
        checkpoint.load(tmp_path)


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="is not known"):
        checkpoint.resolve_device("abacus")


def test_neighbours_come_back_as_whole_numbers(tmp_path: Path) -> None:
    model, config = made(repeats=True)
    model.neighbours = Neighbours(torch.tensor([[1, 2], [2, 0], [0, 0]], dtype=torch.int32), torch.rand(3, 2))
    checkpoint.save(tmp_path, model, config)
    loaded = checkpoint.load(tmp_path).model
    assert loaded.neighbours is not None
    assert loaded.neighbours.items.dtype == torch.int32
    assert all(torch.equal(a, b) for a, b in zip(loaded.neighbours, model.neighbours, strict=True))


@pytest.mark.parametrize(("older", "now"), [([0.5, 2.0], [0.5, 2.0, 2.0]), ([0.5, 2.0, 1.0], [0.5, 2.0, 1.0])])
def test_an_older_checkpoint_has_fewer_weights_of_what_was_seen(
    tmp_path: Path, older: list[float], now: list[float]
) -> None:
    model, config = made(repeats=True)
    model.repeat = torch.tensor(older)
    checkpoint.save(tmp_path, model, config)
    repeat = checkpoint.load(tmp_path).model.repeat
    assert repeat is not None
    assert repeat.tolist() == [now] * 4
