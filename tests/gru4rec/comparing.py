"""Runs the fast step and the reference side by side on the same windows."""

import numpy as np
import torch

from gru4rec.config.options import Config
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.model import GRU4Rec
from gru4rec.training.trainer import Trainer
from gru4rec.training.update.step import Step
from gru4rec.training.windows.loader import WindowLoader
from gru4rec.training.windows.schedule import build_schedule
from tests.gru4rec.reference import Reference, walk


def random_sessions(n_sessions: int, n_items: int, seed: int, longest: int = 7) -> Sessions:
    """Sessions of 1..longest events, popular items more often."""
    rng = np.random.default_rng(seed)
    popularity = 1.0 / np.arange(1, n_items + 1)
    popularity /= popularity.sum()
    return Sessions.from_lists(
        [rng.choice(n_items, size=rng.integers(1, longest + 1), p=popularity).tolist() for _ in range(n_sessions)]
    )


class Recorder:
    """Passes draws of negatives on and remembers the last ones, [S, K]; none are drawn where there is no sampler."""

    def __init__(self, sampler):
        self.sampler = sampler
        self.drawn = None

    def draw(self, shape, generator):
        self.drawn = self.sampler.draw(shape, generator) if self.sampler else torch.zeros(shape, dtype=torch.int64)
        return self.drawn

    def last(self, windows):
        return self.drawn[:windows]


def difference_after_training(
    sessions: Sessions, n_items: int, config: Config, epochs: int = 1, static: bool = False
) -> tuple[float, int]:
    """Largest difference of any weight between the fast step and the reference, and the number of updates made.

    Also holds each update's loss against the reference's (to 1e-9).
    """
    model, reference = _pair(sessions, n_items, config)
    loader = WindowLoader(sessions, model, config, torch.Generator().manual_seed(config.train.seed), static=static)
    recorder = loader.draws.sampler = Recorder(loader.draws.sampler)
    step = Step(model, config)
    updates = 0
    for epoch in range(epochs):
        step.begin_epoch(epoch + 1)
        batches = _begin(reference, sessions, config)
        for windows, _ in loader.chunks(build_schedule(sessions, config.train.batch_size, window=config.train.bptt)):
            for window, negatives in zip(windows, recorder.last(len(windows)), strict=True):
                _follow(reference, batches, window, negatives, float(step.run(window)))
                updates += 1
        assert not batches
    return _difference(model, reference), updates


class Beside:
    """Stands in the place of a trainer's runner: after each chunk of updates the reference makes the same ones."""

    def __init__(self, trainer: Trainer, reference: Reference):
        self.runner, self.draws, self.reference = trainer._runner, trainer._loader.draws, reference
        self.recorder = self.draws.sampler = Recorder(self.draws.sampler)
        self.batches, self.made = [], 0

    def updates(self, windows):
        losses = self.runner.updates(windows)
        for window, negatives, loss in zip(windows, self.recorder.last(len(windows)), losses.tolist(), strict=True):
            _follow(self.reference, self.batches, window.map(torch.clone), negatives.clone(), loss)
            self.made += 1
        return losses


def difference_of_trainer(sessions: Sessions, n_items: int, config: Config, epochs: int = 1) -> tuple[float, int]:
    """As difference_after_training, of a whole Trainer whose windows are made by the device."""
    model, reference = _pair(sessions, n_items, config)
    trainer = Trainer(model, sessions, config, on_device=True)
    beside = trainer._runner = Beside(trainer, reference)
    for epoch in range(epochs):
        beside.batches = _begin(reference, sessions, config)
        assert sum(events for _, events in trainer.epoch(epoch + 1)) == trainer.events
        assert not beside.batches
    return _difference(model, reference), beside.made


def _pair(sessions, n_items, config):
    counts = np.bincount(sessions.items, minlength=n_items)
    vocabulary = Vocabulary.build(np.repeat(np.arange(n_items), np.maximum(counts, 1)))
    model = GRU4Rec(config.model, vocabulary, dtype=torch.float64)
    model.initialise(config.train.seed)
    return model, Reference(model.tensors(), np.maximum(counts, 1), config)


def _begin(reference, sessions, config):
    """Zero the lanes' states; returns the epoch's batches."""
    reference.states = [torch.zeros_like(state) for state in reference.states]
    return walk(sessions, config.train.batch_size)


def _follow(reference, batches, window, negatives, loss):
    """The reference makes the update of the next batches too; its loss is held against the one given."""
    taken = [batches.pop(0) for _ in range(min(len(window.keep), len(batches)))]
    expected = reference.step(*_as_tensors(taken, window), negatives=negatives)
    assert abs(loss - expected) <= 1e-9 * max(1.0, abs(expected)), (reference.steps, loss, expected)


def _difference(model, reference):
    mine = model.tensors()
    assert set(mine) == set(reference.w)
    return max(float((mine[name] - reference.w[name].detach()).abs().max()) for name in mine)


def _as_tensors(taken, window):
    """The walked batches as tensors [k, B], with the window's own weights and masks.

    The last window may be shorter than k steps; the rest is empty lanes.
    """
    steps, lanes = window.keep.shape[:2]
    inputs, targets = torch.full((steps, lanes), -1), torch.full((steps, lanes), -1)
    first = torch.zeros(steps, lanes, dtype=torch.bool)
    for t, (i, y, f) in enumerate(taken):
        inputs[t], targets[t], first[t] = torch.tensor(i), torch.tensor(y), torch.tensor(f)
    masks = {}
    if window.embedding_mask is not None:
        masks["embedding"] = window.embedding_mask
    if window.hidden_masks is not None:
        masks["hidden"] = window.hidden_masks
    return inputs, targets, first, window.row_weight.view(steps, lanes), masks
