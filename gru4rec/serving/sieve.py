"""The best k of scores that come in tiles, each looked at once, while it is in the cache.

The columns of the tiles are in random order, so that the first tile is a sample of them all: from it a limit is
guessed that a little more than k scores of each row reach, and of every tile only scores that reach it are kept. A row
of which at least k scores were kept has its best k among them, whether the guess was good or not. The few other rows
have to be looked at again.

Tiles hold a column's scores of all rows side by side. A block is DEPTH columns of one row that lie a DEPTHth of the
tile apart, so that the maxima of all blocks are maxima of long contiguous vectors.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

DEPTH = 8  # columns a block
WORD = 8  # truth values that are asked together whether any of them is true
STEP = DEPTH * WORD  # tiles have a multiple of so many columns
SURE = 3.5  # standard deviations: about one row in 5,000 has fewer than k scores above its limit
MANY = 8  # with more than MANY times the expected scores above the limits, scores are tied and the sieve gives up


class Tile:
    """Room for the scores of some columns and for what is made of them, used for one tile after another.

    Attributes:
        scores: float32 [T, R], T a multiple of STEP, on a CPU; flat: the same memory, [T · R].
        maxima: float32 [T / DEPTH, R]; blocks: the scores as their members, [DEPTH, T / DEPTH · R].
        members: places of a block's columns in `flat`, less that of the first, [DEPTH, 1].
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.scores = torch.empty(columns, rows)
        self.flat: NDArray[np.float32] = self.scores.numpy().ravel()
        self.blocks = self.scores.view(DEPTH, -1)
        self.folded = torch.empty(self.blocks.shape[1])
        self.maxima: NDArray[np.float32] = self.folded.numpy().reshape(-1, rows)
        self.members = np.arange(0, columns * rows, self.blocks.shape[1])[:, None]


class Kept(NamedTuple):
    """Scores that may be among the best.

    Attributes:
        row, column: where they stand, int64 [N].
        value: float32 [N].
        missing: rows for which these scores are not enough, int64.
    """

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    value: NDArray[np.float32]
    missing: NDArray[np.int64]


class Sieve:
    """What may be among the best k of one matrix of scores, [R, I]."""

    def __init__(self, rows: int, columns: int, k: int) -> None:
        """Begin.

        Args:
            rows: R.
            columns: I, those of all tiles together without padding.
            k: at most I.
        """
        self.rows, self.columns, self.k = rows, columns, k
        self.least: NDArray[np.float32] | None = None  # guessed from the first tile, [R]
        self.most = 0  # scores that are kept before the guess is given up
        self.places: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]  # column · R + row
        self.values: list[NDArray[np.float32]] = [np.empty(0, dtype=np.float32)]

    def add(self, tile: Tile, begin: int) -> None:
        """Keep what matters of the scores of a tile.

        Args:
            tile: minus infinity marks a score that must not be picked; such columns pad the last tile, too.
            begin: number of its first column.
        """
        if self.least is not None and not self.most:
            return
        torch.amax(tile.blocks, 0, out=tile.folded)
        if self.least is None:
            self.least = self._guess(tile)
        block = _true_places(tile.maxima >= self.least)
        place = block + tile.members
        value = tile.flat.take(place)
        keep = np.flatnonzero(value >= self.least.take(block % self.rows))
        self.places.append(place.ravel().take(keep) + begin * self.rows)
        self.values.append(value.ravel().take(keep))
        self.most = max(0, self.most - len(keep))

    def kept(self) -> Kept:
        """What was kept of all tiles."""
        if not self.most:
            nothing = np.empty(0, dtype=np.int64)
            return Kept(nothing, nothing, np.empty(0, dtype=np.float32), np.arange(self.rows))
        place, value = np.concatenate(self.places), np.concatenate(self.values)
        column = place // self.rows
        row = place - column * self.rows
        return Kept(row, column, value, np.flatnonzero(np.bincount(row, minlength=self.rows) < self.k))

    def _guess(self, tile: Tile) -> NDArray[np.float32]:
        """A limit for each row, [R], from a tile that is a sample of all its scores.

        Of a row's best k scores share · k are expected in the sample. The limit is too high only where the sample holds
        SURE standard deviations more of them. A tile of all columns is no sample, and its limit is no guess.
        """
        columns, blocks = len(tile.scores), len(tile.maxima)
        share = min(1.0, columns / self.columns)
        deviation = math.sqrt(share * (1 - share) * self.k)
        wanted = self.k if share == 1 else 1 + math.ceil(share * self.k + SURE * deviation)
        if wanted > blocks:
            return np.full(self.rows, np.inf, dtype=np.float32)
        self.most = MANY * self.rows * math.ceil(wanted / share)
        by_row = tile.folded.view(blocks, self.rows).t().contiguous().numpy()
        least: NDArray[np.float32] = np.partition(by_row, blocks - wanted, axis=1)[:, blocks - wanted]
        return np.maximum(least, np.finfo(np.float32).min)  # minus infinity never reaches it


def _true_places(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """numpy.flatnonzero of a mask whose size is a multiple of WORD and that is nearly all false, in half the time."""
    words = mask.ravel().view(np.uint64)
    word = np.flatnonzero(words != 0)
    byte = np.flatnonzero(words.take(word).view(np.bool_))
    place: NDArray[np.int64] = word.take(byte // WORD) * WORD + byte % WORD
    return place
