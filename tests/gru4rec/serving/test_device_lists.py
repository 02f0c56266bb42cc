"""The way of lists on an accelerator, on CPU tensors: against sorts by hand, and against the CPU's own way."""

import math
from collections.abc import Iterator

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings

from gru4rec.config.options import Config
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.added.neighbours import Neighbours
from gru4rec.network.added.past import REACH
from gru4rec.network.added.raises import Raises
from gru4rec.network.model import GRU4Rec
from gru4rec.scoring.added import Added
from gru4rec.scoring.on_device import AddsOnDevice, DeviceSessions
from gru4rec.scoring.scorer import Linear
from gru4rec.serving import device_catalogue
from gru4rec.serving import stream as module
from gru4rec.serving.device_catalogue import DEPTH, BestOnDevice, DeviceCatalogue
from gru4rec.serving.device_lists import DeviceLists, last_states
from gru4rec.serving.house.rules import Cap, HouseRules
from gru4rec.serving.lists import Rules, barred_items
from gru4rec.serving.stream import StreamConfig, stream, stream_on_device
from tests.gru4rec.raising import some_habits, some_raises
from tests.gru4rec.waiting import waits

CPU = torch.device("cpu")
UNSCALED = math.log2(math.e)  # the temperature at which scores are multiplied by 1


class Layer:
    """A linear scorer that is nothing but its output layer, and adds `more` to each row's last item."""

    name, tie_rule = "layer", "standard"

    def __init__(self, matrix: torch.Tensor, bias: torch.Tensor, more: float = 0.0) -> None:
        self.matrix, self.bias, self.more = matrix, bias, more
        self.vocabulary = Vocabulary(pa.array(range(len(bias))), np.ones(len(bias)))

    def output_matrix(self) -> torch.Tensor:
        return self.matrix

    def output_bias(self) -> torch.Tensor:
        return self.bias

    def added(self, sessions: Sessions, events: np.ndarray) -> Added | None:
        last = sessions.items[events]
        return Added(np.arange(len(events)), last, np.full(len(last), self.more, np.float32)) if self.more else None

    def blocks(self, sessions: Sessions, *, last_only: bool = False, rows: int = 256) -> Iterator:
        raise NotImplementedError

    hidden = blocks


def whole_numbers(items: int, rows: int, most: int, seed: int) -> tuple[Layer, torch.Tensor, Sessions]:
    """An output layer and states of whole numbers, whose products are exact, so that equal scores are equal."""
    draw = torch.Generator().manual_seed(seed)
    matrix, bias, states = (
        torch.randint(-most, most + 1, shape, generator=draw).float() for shape in ((items, 3), (items,), (rows, 3))
    )
    generator = np.random.default_rng(seed)
    sessions = Sessions.from_lists([generator.integers(0, items, generator.integers(1, 9)).tolist() for _ in states])
    return Layer(matrix, bias, float(seed % 3)), states, sessions


@given(
    seed=st.integers(0, 10_000),
    items=st.integers(1, 1200),
    n=st.integers(1, 40),
    most=st.sampled_from([0, 1, 30, 1000]),
    bar=st.sampled_from([0.0, 0.3, 0.97]),
    spare=st.sampled_from([0, 3, 28]),
    exclude_seen=st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_the_best_are_those_of_a_sort_and_a_row_that_is_not_sure_says_so(
    seed: int, items: int, n: int, most: int, bar: float, spare: int, exclude_seen: bool
) -> None:
    layer, states, sessions = whole_numbers(items, 5, most, seed)
    barred = np.random.default_rng(seed).random(items) < bar
    barred[seed % items] = False
    there = DeviceSessions.sent(sessions, CPU)
    catalogue = DeviceCatalogue(layer, UNSCALED, barred)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device_catalogue, "SPARE", spare)
        best = catalogue.best(states, there, n, exclude_seen=exclude_seen)
    again = catalogue.exactly(states, there, n, exclude_seen=exclude_seen)
    assert again.exact.all()
    scores = (states.double() @ layer.matrix.double().T + layer.bias.double()).numpy()
    scores[np.arange(5), sessions.items[sessions.offsets[1:] - 1]] += layer.more
    normaliser = torch.logsumexp(torch.from_numpy(scores) / UNSCALED, 1).numpy()
    scores[:, barred] = -np.inf
    if exclude_seen:
        scores[there.row.numpy(), sessions.items] = -np.inf
    width = min(n, np.count_nonzero(~barred))
    for row in range(5):
        order = np.argsort(-scores[row], kind="stable")[:width]
        left = np.isfinite(scores[row][order])
        said = np.exp(scores[row][order] / UNSCALED - normaliser[row])
        for found in (again, best) if best.exact[row] else (again,):
            assert found.items[row][left].tolist() == order[left].tolist()
            assert found.scores[row].tolist() == scores[row][order].tolist()
            assert found.probabilities[row].numpy() == pytest.approx(said, rel=1e-4, abs=1e-30)


def test_rows_are_made_again_only_where_many_blocks_share_the_limit_or_sums_overflow() -> None:
    layer, states, sessions = whole_numbers(1200, 5, 100_000, 1)
    there = DeviceSessions.sent(sessions, CPU)
    states *= torch.tensor([[1e-3]] * 4 + [[200.0]])
    for unit in (1e13, 1e8, 1.0):
        assert DeviceCatalogue(layer, unit).best(states, there, 9, exclude_seen=True).exact.all()
    lonely = Layer(
        layer.matrix * 0, torch.where(torch.arange(1200) == sessions.items[0], 200.0, -torch.rand(1200)), 0.0
    )
    best = DeviceCatalogue(lonely, 1.0).best(states, there, 9, exclude_seen=True)  # what all others are nothing beside
    assert best.exact.tolist() == [sessions.items[0] not in sessions.select(np.array([row])).items for row in range(5)]
    layer.matrix.zero_()
    layer.bias.zero_()
    assert not DeviceCatalogue(layer, 1.0).best(states, there, 9, exclude_seen=True).exact.any()


def test_rows_and_blocks_are_aligned() -> None:
    layer, _, _ = whole_numbers(1001, 1, 3, 1)
    catalogue = DeviceCatalogue(layer, 1.0, np.arange(1001) % 3 == 0)
    assert catalogue.blocks % 8 == catalogue.width % 8 == catalogue.weight.shape[1] % 8 == 0
    assert catalogue.blocks * DEPTH >= catalogue.offered
    assert len(catalogue.columns.unique()) == 1001


def model(seed: int, width: int) -> GRU4Rec:
    """A model that adds weights and bonuses, over sixty items."""
    generator = np.random.default_rng(seed)
    vocabulary = Vocabulary(pa.array([f"i{number:03}" for number in range(60)]), generator.integers(1, 9, 60))
    made = GRU4Rec(Config().override({"hidden_size": 6, "repeats": True}).model, vocabulary)
    made.initialise(seed)
    assert made.repeat is not None
    made.repeat.copy_(torch.from_numpy(generator.normal(size=(4, 3)) * 3))
    if width:
        some = np.stack([generator.choice(60, width, replace=False) for _ in range(60)]).astype(np.int32)
        bonus = generator.normal(size=some.shape).astype(np.float32) * 3
        bonus[:, -1] = some[:, -1] = 0  # as where an item has fewer followers
        made.neighbours = Neighbours(torch.from_numpy(some), torch.from_numpy(bonus))
        made.raises = some_raises(generator, 60, width)
        made.habits = some_habits(generator)
    return made


def contexts(seed: int, users: int, rows: int = 50) -> list[pa.RecordBatch]:
    """Some users without a known item, some with more events than weights reach back."""
    generator = np.random.default_rng(seed)
    lengths = np.where(generator.random(users) < 0.1, REACH + 30, generator.integers(1, 9, users))
    user = np.repeat(np.arange(users), lengths)
    items = generator.integers(0, 60, len(user))
    items[np.isin(user, np.flatnonzero(generator.random(users) < 0.2))] += 1000
    table = pa.table({"user_id": user, "item_id": pa.array([f"i{item:03}" for item in items])})
    return table.to_batches(max_chunksize=rows)


def lists_of(
    scorer: Linear, given: list[pa.RecordBatch], config: StreamConfig, allow: list[str] | None = None
) -> tuple[pa.Table, pa.Table]:
    """By the CPU's way, and by that of an accelerator."""
    rules = Rules(config.candidates, config.exclude_seen, barred_items(scorer.vocabulary, allow, ["i003"]))
    here = stream(scorer, given, config, allow=allow, deny=["i003"])
    return pa.Table.from_batches(here), pa.Table.from_batches(stream_on_device(scorer, given, config, rules))


@given(
    seed=st.integers(0, 10_000),
    n=st.sampled_from([1, 9, 70]),
    exclude_seen=st.booleans(),
    limit=st.sampled_from([None, 1, 5]),
    temperature=st.sampled_from([0.3, 2.0]),
    width=st.sampled_from([0, 4]),
    group=st.sampled_from([1, 7, 5000]),
    few=st.booleans(),
)
@settings(max_examples=15, deadline=None)
def test_a_stream_on_a_device_gives_what_the_cpus_does(
    seed: int,
    n: int,
    exclude_seen: bool,
    limit: int | None,
    temperature: float,
    width: int,
    group: int,
    few: bool,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "GROUP_ON_DEVICE", group)
        patch.setattr(module, "ROWS_ON_DEVICE", 20)
        allow = [f"i{item:03}" for item in range(0, 60, 4)] if few else None
        config = StreamConfig(n, exclude_seen, limit, temperature)
        here, there = lists_of(model(seed, width), contexts(seed, 40), config, allow)
    assert there.schema.equals(here.schema)
    for name in ("user_id", "rank", "item_id", "model", "context_length"):
        assert there[name].equals(here[name]), name
    for name in ("score", "probability"):
        assert there[name].to_numpy() == pytest.approx(here[name].to_numpy(), rel=1e-5, abs=1e-6), name


def test_rules_of_the_shop_choose_on_a_device_what_they_choose_on_the_cpu() -> None:
    kinds, new = np.arange(60) % 4, np.arange(60) % 5 == 0
    config = StreamConfig(9, house=HouseRules(pool=3, caps=(Cap(kinds, most=2, first=6),), new=new, share=0.3))
    here, there = lists_of(model(2, 4), contexts(2, 40), config)
    assert there["item_id"].equals(here["item_id"])
    assert there["rank"].equals(here["rank"])
    plain, _ = lists_of(model(2, 4), contexts(2, 40), StreamConfig(9))
    assert plain["user_id"].equals(here["user_id"])
    assert not plain["item_id"].equals(here["item_id"])


def test_nothing_asks_the_device_for_a_value() -> None:
    """Tensors without values: whatever would wait for one fails, or is found."""
    here = model(1, 4)
    scorer = GRU4Rec(here.config, here.vocabulary, device="meta")
    assert here.neighbours is not None
    assert here.raises is not None
    scorer.neighbours = Neighbours(*(part.to("meta") for part in here.neighbours))
    scorer.raises = Raises(*(part.to("meta") for part in here.raises))
    sessions = Sessions.from_lists([[1, 2, 3], [4] * (REACH + 5), [5]])
    catalogue = DeviceCatalogue(scorer, 1.0, np.arange(60) < 9)

    def start() -> BestOnDevice:
        there = DeviceSessions.sent(sessions, torch.device("meta"))
        return catalogue.best(last_states(scorer, sessions), there, 7, exclude_seen=True)

    # Items and offsets of the contexts, for the GRU again, and twice of their last events; the order of the states.
    assert waits(start, sends=9) == []
    best = start()
    assert [tuple(part.shape) for part in best] == [(3, 7), (3, 7), (3, 7), (3,)]
    with pytest.raises((RuntimeError, NotImplementedError)):
        bool(best.exact.all())


def test_a_model_adds_on_the_device_and_a_scorer_that_cannot_is_asked_what_it_adds() -> None:
    assert isinstance(model(1, 0), AddsOnDevice)
    assert not isinstance(whole_numbers(9, 1, 3, 1)[0], AddsOnDevice)


def test_equal_scores_stand_in_order_of_the_items() -> None:
    scorer = model(1, 0)
    assert scorer.repeat is not None
    for weights in (scorer.output, scorer.repeat):
        weights.zero_()
    here, there = lists_of(scorer, contexts(1, 30), StreamConfig(20))
    assert there["item_id"].equals(here["item_id"])


def test_spoiled_weights_are_refused() -> None:
    scorer = model(1, 0)
    scorer.dense[3] = torch.nan
    with pytest.raises(ValueError, match="not a finite number"):
        list(stream_on_device(scorer, contexts(1, 30), StreamConfig(5), Rules(5)))


def test_a_fault_in_the_contexts_is_raised_after_the_lists_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_ON_DEVICE", 20)
    good, bad = contexts(1, 30), pa.record_batch({"user_id": [99], "item_id": [7]})
    answers = stream_on_device(model(1, 0), [*good, bad], StreamConfig(5), Rules(5))
    assert next(answers).num_rows > 0
    with pytest.raises(ValueError, match="int64"):
        list(answers)


def test_who_stops_early_leaves_nothing_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_ON_DEVICE", 20)
    read = []

    def endless() -> Iterator[pa.RecordBatch]:
        for number in range(10**6):
            read.append(number)
            yield pa.record_batch({"user_id": np.repeat(number, 20), "item_id": ["i001"] * 20})

    answers = stream_on_device(model(1, 0), endless(), StreamConfig(5), Rules(5))
    next(answers)
    answers.close()
    assert len(read) < 30


def test_contexts_without_any_known_item_need_no_scores() -> None:
    finish = DeviceLists(model(1, 0), Rules(4), 1.0).begin(Sessions.from_lists([[], []]))
    assert finish().context_length.tolist() == [0, 0]
    assert (finish().items[0] == finish().items[1]).all()
