"""Members are less sure where the first one promises more than it keeps; everywhere else nothing changes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from gru4rec.config.less_sure import judgeable, less_sure
from gru4rec.config.options import Config, ModelConfig
from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.merging import members_of
from gru4rec.network.model import GRU4Rec
from gru4rec.storage import checkpoint
from gru4rec.training import members, side_by_side
from gru4rec.training.epochs import FitResult
from gru4rec.training.fit import FitOptions, fit
from gru4rec.training.held_out import sureness
from gru4rec.training.held_out.added import hold_out
from tests.gru4rec.comparing import random_sessions

ITEMS, GROUPS = 120, 6
RECIPE = Config().override(
    {
        "hidden_size": 6, "batch_size": 120, "epochs": 4, "n_sample": 16, "logq": 1.0, "cosine": 60.0, "members": 3,
        "alternate": {"loss": "bpr-max", "cosine": 0.0, "elu": 0.5}, "repeats": True, "mend_sureness": True, "seed": 1,
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def data() -> Dataset:
    """2,400 sessions of two items of 120: after one of a group of 20 comes any of the next group."""
    random = np.random.default_rng(5)
    first = random.integers(0, ITEMS, 2400)
    second = (first + 1) % GROUPS + GROUPS * random.integers(0, ITEMS // GROUPS, 2400)
    return Dataset(Sessions.from_lists(np.stack([first, second], 1).tolist()), Vocabulary.build(np.arange(ITEMS)))


@pytest.fixture(scope="module")
def become(data, tmp_path_factory) -> tuple[FitResult, Path]:
    """A fit whose members became less sure, and its folder."""
    folder = tmp_path_factory.mktemp("become")
    return fitted(data, folder), folder


def fitted(data: Dataset, folder: Path | None = None, *, resume: bool = False, **changes: object) -> FitResult:
    options = FitOptions(device="cpu", threads=1, checkpoint_dir=folder, resume=resume)
    return fit(data, RECIPE.override(changes), options)


def equal(one: GRU4Rec, other: GRU4Rec) -> bool:
    tensors = other.tensors()
    return one.merged == other.merged and all(torch.equal(v, tensors[name]) for name, v in one.tensors().items())


@pytest.mark.parametrize("cosine", [0.5, 3.0, 30.0])
def test_promised_and_kept_are_those_of_the_softmax_over_all_items(cosine: float, monkeypatch) -> None:
    model = GRU4Rec(ModelConfig(hidden_size=5, cosine=cosine), Vocabulary.build(np.arange(ITEMS)), dtype=torch.float64)
    model.initialise(3)
    held_out = random_sessions(80, ITEMS, 2)
    promised, kept = [], []
    for block in model.blocks(held_out):
        chances = torch.softmax(block.scores.double(), 1).numpy()
        for row, target in zip(chances, held_out.items_at(block.events + 1), strict=True):
            best = np.argsort(-row)[:20]
            promised.append(row[best].sum())
            kept.append(target in best)
    gap = float(np.mean(promised) - np.mean(kept))
    for limit, answer in ((gap - 1e-5, True), (gap + 1e-5, False)):
        monkeypatch.setattr(sureness, "TOO_SURE", limit)
        assert sureness.too_sure(model, held_out) is answer


def test_a_few_predictions_say_nothing() -> None:
    model = GRU4Rec(ModelConfig(hidden_size=5, cosine=50.0), Vocabulary.build(np.arange(ITEMS)))
    model.initialise(3)
    pairs = [[n % ITEMS, (7 * n) % ITEMS] for n in range(100)]
    assert sureness.too_sure(model, Sessions.from_lists(pairs))
    assert not sureness.too_sure(model, Sessions.from_lists(pairs[:99]))


@pytest.mark.parametrize(
    "change", [{"loss": "bpr-max", "logq": 0.0}, {"logq": 0.0}, {"cosine": 0.0}], ids=["bpr-max", "no logq", "products"]
)
def test_what_cannot_be_judged_stays_as_it_is_and_counts_half(change) -> None:
    alone = Config().override({"logq": 1.0, "cosine": 12.0, "hidden_size": 80, "epochs": 7, "balance": 0.8})
    assert judgeable(alone)
    assert not judgeable(alone.override(change))
    config = less_sure(alone.override({"members": 3, "alternate": [{}, change | {"dropout_hidden": 0.1}, {}]}))
    first, other, *rest = (config.member(order) for order in range(config.train.members))
    assert [recipe.model for recipe in rest] == [first.model] * 2
    assert (first.model.cosine, first.model.dropout_hidden, first.model.hidden_size) == (8, 0.2, 80)
    assert (other.model.cosine, other.model.dropout_hidden, other.model.hidden_size) == (
        change.get("cosine", 12),
        0.1,
        64,
    )
    assert {recipe.train.epochs for recipe in (first, other, *rest)} == {10}
    assert config.train.balance == 0.4


def test_another_member_has_to_rank_better_by_more_than_chance() -> None:
    """Held out is 1 after 0, ahead of all others in the good model, third in the middling one, last in the bad one."""
    held_out = Sessions.from_lists([[0, 1]] * 50)
    good, middling, bad = (model_that_ranks(1, place) for place in (1, 3, ITEMS))
    assert sureness.finds_more(good, middling, held_out)
    assert sureness.finds_more(middling, bad, held_out)
    assert not sureness.finds_more(middling, good, held_out)
    assert not sureness.finds_more(good, good, held_out)
    one_in_fifty = Sessions.from_lists([[0, 2]] * 49 + [[0, 1]])  # 2 is ahead of all but 1 in both
    assert not sureness.finds_more(good, middling, one_in_fifty)


def model_that_ranks(item: int, place: int) -> GRU4Rec:
    """Its scores fall from item 2 on, but for this item, which ranks at this place whatever came before."""
    model = GRU4Rec(ModelConfig(hidden_size=5), Vocabulary.build(np.arange(ITEMS)))
    for value in model.tensors().values():
        value.zero_()
    model.output_bias().copy_(-torch.arange(ITEMS).float())
    model.output_bias()[[0, item]] = torch.tensor([-100.0, 0.5 - 1.0 - place])
    return model


def recipes_of(folder: Path) -> list[tuple[float, float]]:
    """Cosine and dropout of the states of members 1, 2, .."""
    models = [checkpoint.load(folder / f"member-{number}").config.model for number in (1, 2, 3, 4, 5)]
    return [(model.cosine, model.dropout_hidden) for model in models]


def test_where_a_less_sure_member_finds_more_all_become_like_it(data, become) -> None:
    result, folder = become
    trained = [(report.member, report.members) for report in result.history if report.epoch == 1]
    assert trained == [(1, 3), (4, 4), (2, 5), (3, 5), (5, 5)]
    assert [report.epochs for report in result.history if report.epoch == 1] == [4, 6, 6, 6, 6]
    assert recipes_of(folder) == [(60, 0), (0, 0), (8, 0.2), (8, 0.2), (8, 0.2)]
    first, other = (checkpoint.load(folder / f"member-{number}").model for number in (1, 4))
    held_out = hold_out(data.sessions)[1]
    assert sureness.too_sure(first, held_out)
    assert sureness.finds_more(other, first, held_out)
    for part, number in zip(members_of(result.model), (4, 2, 3, 5), strict=True):
        own = checkpoint.load(folder / f"member-{number}").model
        torch.testing.assert_close(part.layers[0].w_hidden, own.layers[0].w_hidden)
    assert equal(checkpoint.load(folder).model, result.model)
    assert equal(fitted(data, folder, resume=True).model, result.model)


def test_members_that_train_side_by_side_become_less_sure_too(data, become, monkeypatch) -> None:
    monkeypatch.setattr(side_by_side, "pays", lambda device: True)
    together = fitted(data)
    assert equal(together.model, become[0].model)
    assert together.seconds < sum(report.seconds for report in together.history)


def test_where_a_less_sure_member_finds_no_more_nothing_changes_but_on_the_smallest_logs(data, monkeypatch) -> None:
    changes = {"cosine": 8.0, "dropout_hidden": 0.2, "epochs": 1}  # it cannot become less sure than that
    assert [report.member for report in fitted(data, **changes).history] == [1, 4, 2, 3, 5]
    monkeypatch.setattr(members, "SMALLEST", 2400)
    result = fitted(data, **changes)
    assert [report.member for report in result.history] == [1, 4, 2, 3]
    assert equal(result.model, fitted(data, mend_sureness=False, **changes).model)


def test_a_stopped_run_goes_on_where_the_members_had_become_less_sure(data, become, tmp_path) -> None:
    def stop(report) -> None:
        if (report.member, report.epoch) == (3, 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(
            data,
            RECIPE,
            FitOptions(device="cpu", threads=1, checkpoint_dir=tmp_path, on_epoch=stop),
        )
    assert equal(fitted(data, tmp_path, resume=True).model, become[0].model)


def test_members_that_keep_what_they_promise_stay_as_they_are(data) -> None:
    mended = fitted(data, cosine=1.0, epochs=1)
    assert {report.member for report in mended.history} == {1, 2, 3}
    assert equal(mended.model, fitted(data, cosine=1.0, epochs=1, mend_sureness=False).model)


def test_with_a_warm_start_members_stay_as_sure_as_they_were(data, become) -> None:
    def further(older: GRU4Rec) -> FitResult:
        return fit(data, RECIPE.override({"epochs": 1}), FitOptions(device="cpu", threads=1, warm_start=older))

    less = further(become[0].model)
    assert [report.member for report in less.history] == [1, 2, 3, 4]
    assert less.model.merged.scales[0] == 8
    plain = further(fitted(data, mend_sureness=False, epochs=1).model)
    assert [report.member for report in plain.history] == [1, 2, 3]
    assert plain.model.merged.scales[0] == 60
