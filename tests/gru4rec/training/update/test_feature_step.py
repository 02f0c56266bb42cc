"""Every architecture and every way of training against a network written with torch's autograd, in float64."""

from typing import get_args

import numpy as np
import pyarrow as pa
import pytest
import torch

from gru4rec.config.options import Config
from gru4rec.config.parts import Architecture, FeatureTraining, Pooling
from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.build import build_model
from gru4rec.training.update.feature_step import FeatureStep
from gru4rec.training.windows.loader import WindowLoader
from gru4rec.training.windows.schedule import build_schedule

H = 5
STEPS = 12


def small_shop(config: Config):
    """Thirty warm items and four cold ones, with a field of every pooled and unpooled kind."""
    random = np.random.default_rng(3)
    lists = [random.integers(0, 30, random.integers(2, 7)).tolist() for _ in range(25)]
    sessions = Sessions.from_lists(lists)
    vocabulary = Vocabulary(pa.array(range(30)), np.maximum(np.bincount(sessions.items, minlength=30), 1))
    genres = [None if n % 7 == 0 else "|".join(sorted({"abcdef"[n % 6], "abcdef"[n % 4], "c"})) for n in range(34)]
    table = pa.table({
        "item_id": range(34),
        "genres": genres,
        "price": [None if n % 9 == 0 else float(n) for n in range(34)],
        "title": [f"red {n % 5} shoe" for n in range(34)],
    })  # fmt: skip
    return Dataset(sessions, vocabulary, table).with_features(config.features)


def configure(**changes) -> Config:
    return Config().override({
        "selected_features": {"genres": "auto", "price": "auto", "title": "text"}, "hidden_size": H,
        "batch_size": 4, "n_sample": 9, "epochs": 2, "learning_rate": 0.2, "id_dropout": 0.3, **changes,
    })  # fmt: skip


class Reference:
    """The same network out of tensors with gradients: autograd's backward pass, dense optimizer."""

    def __init__(self, model, config: Config) -> None:
        self.config, self.model = config, model
        self.rows = model.output.clone().requires_grad_()
        self.dense = model.dense.clone().requires_grad_()
        self.states = [torch.zeros(config.train.batch_size, H, dtype=torch.float64) for _ in model.layers]
        self.squares = {"rows": torch.full_like(self.rows, 1e-6), "dense": torch.full_like(self.dense, 1e-6)}

    def pool(self, table: torch.Tensor, item: int) -> torch.Tensor:  # [H]
        if item == self.model.features.items:
            return torch.zeros(H, dtype=torch.float64)
        total, start = torch.zeros(H, dtype=torch.float64), 0
        for field, entries in zip(self.model.features.fields, self.model.features.entries, strict=True):
            own = slice(entries.offsets[item], entries.offsets[item + 1])
            values = table[start + entries.rows[own]] * torch.tensor(entries.weight[own])[:, None]
            mode = self.config.features.pooling_mode
            total = total + (values.amax(0) if mode == "max" else values.sum(0) if mode == "sum" else values.mean(0))
            start += field.rows
        return total

    def gru(self, layers, x, states, keep, masks):
        outputs = []
        for step in range(len(x)):
            top = x[step]
            for number, layer in enumerate(layers):
                h = states[number] * keep[step]
                i, g = top @ layer.w_input.T + layer.b_input, h @ layer.w_hidden.T + layer.b_hidden
                r, z = torch.sigmoid(i[:, :H] + g[:, :H]), torch.sigmoid(i[:, H : 2 * H] + g[:, H : 2 * H])
                n = torch.tanh(i[:, 2 * H :] + r * g[:, 2 * H :])
                top = (1 - z) * n + z * h
                top = top if masks is None else top * masks[number, step]
                states[number] = top
            outputs.append(top)
        return torch.stack(outputs)

    def loss(self, window, dropped):
        items, (steps, lanes, _) = window.items, window.keep.shape
        table, a = self.model.table_of(self.dense), self.dense[-H - 3 : -H - 1]
        phi = torch.stack([self.pool(table, int(item)) for item in items.rows])
        rows = self.rows[items.rows, : H + 1]
        if dropped is not None:
            cold = torch.zeros(len(rows), 1, dtype=torch.bool).index_fill(0, dropped, True)
            rows = torch.where(cold, self.dense[-H - 1 :], rows)
        w, b = rows[:, :H], rows[:, H]
        x = torch.cat([w[items.inputs], phi[items.inputs]], dim=1).view(steps, lanes, 2 * H)
        x = x if window.embedding_mask is None else x * window.embedding_mask
        layers, depth = self.model.layers_of(self.dense), self.config.model.num_layers
        parts = [x] if self.model.single else [x[..., :H], x[..., H:]]
        tops = []
        for number, part in enumerate(parts):
            own = slice(number * depth, (number + 1) * depth)
            states = [state.detach() for state in self.states[own]]
            masks = None if window.hidden_masks is None else window.hidden_masks[own]
            tops.append(self.gru(layers[own], part, states, window.keep, masks).view(-1, H))
            self.states[own] = states
        h, f = tops[0], tops[-1]
        scores = {
            "parallel": lambda: h @ w.T + f @ phi.T,
            "interaction": lambda: h @ w.T + (f * h) @ phi.T,
            "shared-output": lambda: (a[0] * h + a[1] * f) @ (w + phi).T,
            "concatenated": lambda: h @ (w + phi).T,
        }[self.config.features.architecture]() + b  # fmt: skip
        logits = scores[:, : len(items.weight)] + items.weight.log()
        own = scores.gather(1, items.target[:, None])[:, 0] + items.target_weight.clamp_min(1e-37).log()
        losses = (torch.logsumexp(logits, 1) - own) * window.row_weight[:, 0]
        return losses.sum()

    def step(self, window, moves, dropped) -> torch.Tensor:
        loss = self.loss(window, dropped)
        d_rows, d_dense = torch.autograd.grad(loss / len(window.row_weight), [self.rows, self.dense], allow_unused=True)
        n_id = self.model.id_size
        with torch.no_grad():
            for name, p, g, part in [
                ("rows", self.rows, d_rows, slice(None)),
                ("dense", self.dense, d_dense, slice(0, n_id)),
                ("dense", self.dense, d_dense, slice(n_id, None)),
            ]:
                if not moves[1 if part.start == n_id else 0]:
                    continue
                self.squares[name][part] += g[part] ** 2
                p[part] -= self.config.optimizer.learning_rate * g[part] / self.squares[name][part].sqrt()
        return loss.detach()


def windows_of(config: Config, prepared, model, *, static: bool = False):
    generator = torch.Generator().manual_seed(5)
    schedule = build_schedule(prepared.sessions, config.train.batch_size, window=config.train.bptt)
    loader = WindowLoader(prepared.sessions, model, config, generator, static=static)
    return [window for windows, _ in loader.chunks(schedule) for window in windows][:STEPS]


def assert_equal(config: Config, turns, *, static: bool = False) -> None:
    """`turns(epoch, window)`: which subnets move, the id subnet first. static: windows and updates of one shape."""
    prepared = small_shop(config)
    model = build_model(config, prepared.vocabulary, prepared.features, dtype=torch.float64)
    model.initialise(7)
    reference = Reference(model, config)
    step, drawn = FeatureStep(model, config, static=static), []
    watch_dropped(step, drawn, static=static)
    for epoch in range(1, config.train.epochs + 1):
        step.begin_epoch(epoch)
        reference.states = [torch.zeros_like(state) for state in reference.states]
        if config.features.training == "residual" and epoch == 2:
            with torch.no_grad():
                model.table_of(reference.dense).copy_(model.table_of(model.dense))
        for number, window in enumerate(windows_of(config, prepared, model, static=static)):
            with torch.inference_mode():
                loss = step.run(window)
            dropped = None if drawn[-1] is None else drawn[-1].clone()
            expected = reference.step(window, turns(epoch, number), dropped)
            torch.testing.assert_close(loss, expected, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(model.output, reference.rows.detach(), rtol=0, atol=1e-9)
    torch.testing.assert_close(model.dense, reference.dense.detach(), rtol=0, atol=1e-9)


def watch_dropped(step: FeatureStep, drawn: list, *, static: bool) -> None:
    """Note of each update which rows it sees without their id, or None."""
    if static:
        update = step.update

        def noted(window):
            drawn.append(window.cold.nonzero()[:, 0] if step.turn.features and window.cold is not None else None)
            return update(window)

        step.update = noted
    else:
        draw = step.choose_dropped
        step.choose_dropped = lambda n_items: drawn.append(draw(n_items)) or drawn[-1]


TURNS = {
    "simultaneous": lambda epoch, window: (True, True),
    "alternating": lambda epoch, window: (epoch == 1, epoch == 2),
    "interleaving": lambda epoch, window: (window % 2 == 0, window % 2 == 1),
    "residual": lambda epoch, window: (epoch == 1, epoch == 2),
}


PAIRS = [
    (a, t)
    for a in get_args(Architecture)
    for t in get_args(FeatureTraining)
    if (a, t) == (a, "simultaneous") or a != "concatenated"
]


@pytest.mark.parametrize(("architecture", "training"), PAIRS)
def test_update_is_the_reference_networks(architecture: str, training: str) -> None:
    assert_equal(configure(architecture=architecture, training=training), TURNS[training])


@pytest.mark.parametrize("pooling_mode", get_args(Pooling))
@pytest.mark.parametrize(("architecture", "training"), [PAIRS[0], ("interaction", "interleaving")])
@pytest.mark.parametrize("short", [0, 256])
def test_a_static_update_is_the_reference_networks(
    architecture: str, training: str, pooling_mode: str, short: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gru4rec.network.feature_tower.SHORT", short)
    config = configure(architecture=architecture, training=training, pooling_mode=pooling_mode)
    assert_equal(config, TURNS[training], static=True)


@pytest.mark.parametrize("architecture", [pytest.param("concatenated", marks=pytest.mark.slow), "shared-output"])
def test_a_static_update_asks_the_device_for_nothing(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be traced as one graph would wait for a value; traced and plain, both turns make the same updates."""
    monkeypatch.setattr("gru4rec.network.feature_tower.SHORT", 0)
    training = "simultaneous" if architecture == "concatenated" else "interleaving"
    config = configure(architecture=architecture, training=training, pooling_mode="max")
    prepared, weights = small_shop(config), []
    torch.compiler.reset()
    for traced in (False, True):
        model = build_model(config, prepared.vocabulary, prepared.features, dtype=torch.float64)
        model.initialise(7)
        step = FeatureStep(model, config, static=True)
        assert step.capturable
        step.begin_epoch(1)
        if traced:
            step.update = torch.compile(step.update, fullgraph=True, dynamic=False, backend="eager")
        with torch.inference_mode():
            for window in windows_of(config, prepared, model, static=True)[:3]:
                step.run(window)
        weights.append(model.tensors())
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=0, atol=1e-12)


def test_items_with_very_many_values_are_not_padded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gru4rec.network.feature_tower.SHORT", 0)
    monkeypatch.setattr("gru4rec.training.update.padded_bags.WIDEST", 2)
    config = configure()
    prepared = small_shop(config)
    model = build_model(config, prepared.vocabulary, prepared.features)
    assert not FeatureStep(model, config, static=True).capturable
    assert not FeatureStep(model, config).capturable
    assert_equal(config, TURNS["simultaneous"], static=True)


@pytest.mark.parametrize("architecture", get_args(Architecture))
def test_layers_windows_and_dropout(architecture: str) -> None:
    changes = {"num_layers": 2, "bptt": 3, "dropout_embedding": 0.3, "dropout_hidden": 0.2}
    assert_equal(configure(architecture=architecture, **changes), TURNS["simultaneous"])


@pytest.mark.parametrize("pooling_mode", get_args(Pooling))
def test_pooling(pooling_mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_equal(configure(pooling_mode=pooling_mode), TURNS["simultaneous"])
    monkeypatch.setattr("gru4rec.network.feature_tower.SHORT", 0)  # bags instead of a matrix
    assert_equal(configure(pooling_mode=pooling_mode), TURNS["simultaneous"])


def test_a_frozen_subnet_keeps_its_weights_to_the_bit() -> None:
    config = configure(training="residual", momentum=0.3)
    prepared = small_shop(config)
    model = build_model(config, prepared.vocabulary, prepared.features)
    model.initialise(1)
    step = FeatureStep(model, config)
    step.begin_epoch(2)
    before = model.output.clone(), model.dense[: model.id_size].clone()
    rest = model.dense[model.id_size :].clone()
    for window in windows_of(config, prepared, model):
        step.run(window)
    assert torch.equal(model.output, before[0])
    assert torch.equal(model.dense[: model.id_size], before[1])
    assert not torch.equal(model.dense[model.id_size :], rest)


def test_ids_stand_alone_until_residual_training_turns_to_features() -> None:
    config = configure(training="residual")
    prepared = small_shop(config)
    model = build_model(config, prepared.vocabulary, prepared.features)
    ids_alone = build_model(Config().override({"hidden_size": H}), prepared.vocabulary)
    for each in (model, ids_alone):
        each.initialise(1)
    (block,) = model.blocks(prepared.sessions.select([0]))
    (expected,) = ids_alone.blocks(prepared.sessions.select([0]))
    torch.testing.assert_close(block.scores[:, :30], expected.scores[:, :30])


def test_residual_training_keeps_the_rows_of_features_that_a_warm_start_took_over() -> None:
    """When the features' turn comes, only rows that nobody has trained yet are drawn."""
    config = configure(training="residual")
    prepared = small_shop(config)
    model = build_model(config, prepared.vocabulary, prepared.features)
    model.initialise(1)
    table = model.table_of(model.dense)
    assert not table.any()
    table[1:4] = 0.5
    FeatureStep(model, config).begin_epoch(2)
    assert (table[1:4] == 0.5).all()
    fresh = build_model(config, prepared.vocabulary, prepared.features)
    fresh.draw_table(config.train.seed)
    assert torch.equal(table[4:], fresh.table_of(fresh.dense)[4:])
