"""Several models as one."""

import numpy as np
import pytest
import torch

from gru4rec.config.auto import Statistics
from gru4rec.config.options import Config, ConfigError, ModelConfig, read_settings
from gru4rec.config.presets import resolve
from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.evaluation.ranking import ranks
from gru4rec.network.merged import Merged
from gru4rec.network.merging import members_of, merge
from gru4rec.network.model import GRU4Rec
from gru4rec.storage import checkpoint
from gru4rec.training.fit import FitOptions, fit
from gru4rec.training.held_out.added import hold_out

SMALL = {"hidden_size": 6, "batch_size": 30, "epochs": 2, "n_sample": 8}


def trained(layers: int, seed: int, width: int = 5, cosine: float = 0.0) -> GRU4Rec:
    """A model with random weights everywhere, biases too where it has them."""
    vocabulary = Vocabulary.build(np.arange(9))
    config = ModelConfig(hidden_size=width, num_layers=layers, cosine=cosine)
    model = GRU4Rec(config, vocabulary, dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    for value in model.tensors().values():
        value.copy_(torch.randn(value.shape, generator=generator, dtype=torch.float64) * 0.5)
    if cosine:
        model.output_bias().zero_()
    return model


def all_scores(model: GRU4Rec, sessions: Sessions) -> torch.Tensor:
    """Scores [P, I] in the order of the events."""
    found = [(block.events, block.scores.clone()) for block in model.blocks(sessions)]
    order = np.argsort(np.concatenate([events for events, _ in found]))
    return torch.cat([scores for _, scores in found])[torch.from_numpy(order)]


SESSIONS = Sessions.from_lists([[0, 3, 3, 8, 1], [2, 2], [5, 6, 7, 5, 6, 5]])


@pytest.mark.parametrize("layers", [1, 2])
def test_merged_scores_are_the_sum_and_split_undoes_it(layers: int) -> None:
    members = [trained(layers, seed) for seed in (1, 2)]
    merged = merge(members, [1, 1])
    expected = sum(all_scores(member, SESSIONS) for member in members)
    torch.testing.assert_close(all_scores(merged, SESSIONS), expected, rtol=0, atol=1e-12)
    for part, member in zip(members_of(merged), members, strict=True):
        for name, value in part.tensors().items():
            if name != "output.bias":
                assert torch.equal(value, member.tensors()[name])


@pytest.mark.parametrize("layers", [1, 2])
def test_members_of_two_widths_and_a_mix_merge_exactly_and_split_as_they_were(layers: int) -> None:
    members = [trained(layers, seed, width) for seed, width in ((1, 5), (2, 3), (3, 5))]
    merged = merge(members, [1, 0.3, 1])
    assert merged.hidden_size == 13
    assert merged.merged == Merged((5, 3, 5), (0.0, 0.0, 0.0), (1, 0.3, 1))
    first, second, third = (all_scores(member, SESSIONS) for member in members)
    torch.testing.assert_close(all_scores(merged, SESSIONS), first + 0.3 * second + third, rtol=0, atol=1e-12)
    parts = members_of(merged)
    for part, member in zip(parts, members, strict=True):
        for name, value in part.tensors().items():
            if name != "output.bias":
                torch.testing.assert_close(value, member.tensors()[name], rtol=0, atol=1e-12)
    torch.testing.assert_close(merge(parts, [1, 0.3, 1]).output_bias(), merged.output_bias(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("scales", [(0.0, 6.0, 0.0), (6.0, 0.0, 3.0), (6.0, 3.0, 0.5), (0.0, 0.0, 2.0)])
def test_members_that_score_by_cosines_merge_exactly_and_split_as_they_were(scales: tuple[float, ...]) -> None:
    members = [trained(2, seed, 3 + seed, scale) for seed, scale in enumerate(scales)]
    merged = merge(members, [1, 0.3, 1])
    first, second, third = (all_scores(member, SESSIONS) for member in members)
    torch.testing.assert_close(all_scores(merged, SESSIONS), first + 0.3 * second + third, rtol=0, atol=1e-12)
    parts = members_of(merged)
    for part, member in zip(parts, members, strict=True):
        assert part.config.cosine == pytest.approx(member.config.cosine)
        for name, value in part.tensors().items():
            if name != "output.bias":
                torch.testing.assert_close(value, member.tensors()[name], rtol=0, atol=1e-12)
    torch.testing.assert_close(
        all_scores(merge(parts, [1, 0.3, 1]), SESSIONS), all_scores(merged, SESSIONS), rtol=0, atol=1e-12
    )


def test_sessions_of_the_newer_half_are_held_out() -> None:
    sessions = Sessions.from_lists([[n, n + 1] for n in range(100)])
    most, some = hold_out(sessions)
    assert (len(most), len(some)) == (95, 5)
    assert some.items[::2].tolist() == [50, 60, 70, 80, 90]
    assert sorted([*most.items[::2], *some.items[::2]]) == list(range(100))
    assert [len(part) for part in hold_out(sessions.select(np.arange(19)))] == [19, 0]


def test_a_handful_of_sessions_is_trained_on_and_changes_no_weights() -> None:
    train = Sessions.from_lists([[0, 1, 0], [1, 2]])
    config = Config().override({**SMALL, "batch_size": 1, "members": 2, "repeats": True})
    result = fit(Dataset(train, Vocabulary.build(train.items)), config)
    assert result.model.repeat is not None
    assert not result.model.repeat.any()


def test_fit_with_members_learns_saves_and_resumes(tmp_path) -> None:
    rng = np.random.default_rng(1)
    pairs = (rng.choice(50, 2, replace=False).tolist() for _ in range(2400))
    train = Sessions.from_lists([[a, b, a, b] for a, b in pairs])
    vocabulary = Vocabulary.build(train.items)
    config = Config().override({**SMALL, "members": 2, "repeats": True})
    seen = []
    result = fit(Dataset(train, vocabulary), config, FitOptions(checkpoint_dir=tmp_path, on_epoch=seen.append))
    assert seen == result.history
    assert [(report.member, report.epoch) for report in seen] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert (result.model.config.hidden_size, result.model.hidden_size) == (6, 12)
    assert result.model.repeat is not None
    new = result.model.repeat[1]  # weights after a new item
    assert new[1] > new[0]  # two back always comes again, the last item never does
    loaded = checkpoint.load(tmp_path).model
    assert (ranks(loaded, train) == ranks(result.model, train)).all()
    again = fit(Dataset(train, vocabulary), config, FitOptions(checkpoint_dir=tmp_path, resume=True))
    for name, value in again.model.tensors().items():
        assert torch.equal(value, result.model.tensors()[name]), name
    warm = fit(
        Dataset(train, vocabulary), config.override({"learning_rate": 1e-6}), FitOptions(warm_start=result.model)
    )
    difference = warm.model.output_matrix() - result.model.output_matrix()
    assert float(difference.abs().max()) < 1e-3


ALTERNATE = {"loss": "bpr-max", "elu": 0.5, "hidden_size": 4, "learning_rate": 0.05, "momentum": 0.4}


def test_alternating_members_differ_as_told_and_weigh_the_same(tmp_path) -> None:
    rng = np.random.default_rng(2)
    train = Sessions.from_lists([[int(s), int(s + 1) % 30, int(s + 2) % 30] for s in rng.integers(0, 30, 600)])
    vocabulary = Vocabulary.build(train.items)
    config = Config().override({**SMALL, "members": 3, "alternate": ALTERNATE, "repeats": True})
    result = fit(Dataset(train, vocabulary), config, FitOptions(checkpoint_dir=tmp_path))
    assert result.model.merged is not None
    assert result.model.merged.widths == (6, 4, 6)
    assert checkpoint.load(tmp_path / "member-2").config.loss.loss == "bpr-max"
    assert checkpoint.load(tmp_path / "member-3").config.loss.loss == "cross-entropy"
    first, second, _ = members_of(result.model)
    reach = [torch.stack([s.topk(20).values[[0, 19]] for s in all_scores(m, train)[-1000:]]) for m in (first, second)]
    wide, mixed = (float((best[:, 0] - best[:, 1]).median()) for best in reach)
    assert result.model.merged.factors[1] * mixed == pytest.approx(wide, rel=0.05)
    assert result.model.merged.factors[1] > 1.5  # BPR-max's scores lie closer together
    assert (ranks(result.model, train) <= 2).mean() > 0.9
    again = fit(Dataset(train, vocabulary), config, FitOptions(checkpoint_dir=tmp_path, resume=True))
    loaded = checkpoint.load(tmp_path)
    assert loaded.config == config  # what was asked for, not what came of it
    assert loaded.model.merged == result.model.merged
    for name, value in result.model.tensors().items():
        assert torch.equal(value, again.model.tensors()[name]), name
        assert torch.equal(value, loaded.model.tensors()[name]), name
    warm = fit(
        Dataset(train, vocabulary),
        config.override({"learning_rate": 1e-6, "alternate": {}}),
        FitOptions(warm_start=None),
    )
    assert warm.model.merged == Merged((6, 6, 6), (0.0, 0.0, 0.0), (1, 1, 1))


@pytest.mark.parametrize("balance", [0.5, 2.0])
def test_the_balance_says_how_far_the_second_members_scores_spread(balance: float) -> None:
    rng = np.random.default_rng(2)
    train = Sessions.from_lists([[int(s), int(s + 1) % 30, int(s + 2) % 30] for s in rng.integers(0, 30, 600)])
    vocabulary = Vocabulary.build(train.items)
    config = Config().override({**SMALL, "members": 2, "alternate": ALTERNATE})
    even, uneven = (
        fit(Dataset(train, vocabulary), config.override({"balance": b})).model.merged.factors[1] for b in (1.0, balance)
    )
    assert uneven == pytest.approx(balance * even)


def test_a_warm_start_begins_where_alternating_members_ended() -> None:
    rng = np.random.default_rng(3)
    train = Sessions.from_lists([[int(s), int(s + 1) % 30, int(s + 2) % 30] for s in rng.integers(0, 30, 300)])
    vocabulary = Vocabulary.build(train.items)
    config = Config().override({**SMALL, "members": 2, "alternate": ALTERNATE})
    older = fit(Dataset(train, vocabulary), config).model
    slow = {**ALTERNATE, "learning_rate": 1e-7}
    warm = fit(
        Dataset(train, vocabulary),
        config.override({"learning_rate": 1e-7, "alternate": slow}),
        FitOptions(warm_start=older),
    ).model
    assert warm.merged.factors == pytest.approx(older.merged.factors, rel=0.05)  # the bias is shared out anew
    weights = [(m.output_matrix(), m.layers[0].w_hidden) for m in members_of(warm) + members_of(older)]
    for now, before in zip(weights[:2], weights[2:], strict=True):
        torch.testing.assert_close(now, before, rtol=0, atol=1e-4)


def test_what_alternates_is_checked() -> None:
    with pytest.raises(ConfigError, match="members=2 or more"):
        Config().override({"alternate": {"loss": "bpr-max"}})
    for wrong in ({"bptt": 2}, {"units": 3}):
        with pytest.raises(ConfigError, match="a member may differ in loss, logq"):
            Config().override({"members": 2, "alternate": wrong})
    for wrong in (["loss=bpr-max"], "loss=bpr-max", 3, None):
        with pytest.raises(ConfigError, match=r"alternate is .*; use settings by name"):
            Config().override({"members": 2, "alternate": wrong})
    with pytest.raises(ConfigError, match="momentum"):
        Config().override({"members": 2, "alternate": {"momentum": 2.0}})
    with pytest.raises(ConfigError, match="balance is 0"):
        Config().override({"balance": 0})
    config = Config().override({"members": 2, "alternate": {"loss": "bpr-max", "batch_size": 8}})
    assert Config.from_json(config.to_json()) == config
    assert (config.member(1).loss.loss, config.member(1).train.batch_size) == ("bpr-max", 8)
    assert (config.member(0).train.seed, config.member(1).train.seed) == (42, 43)


def test_a_list_says_what_each_member_is(tmp_path) -> None:
    rng = np.random.default_rng(4)
    train = Sessions.from_lists([[int(s), int(s + 1) % 30, int(s + 2) % 30] for s in rng.integers(0, 30, 300)])
    cycle = [{}, ALTERNATE, {}, {"hidden_size": 3}]
    config = Config().override({**SMALL, "members": 5, "alternate": cycle, "balance": 2.0})
    assert Config.from_json(config.to_json()) == config
    assert [config.member(n).model.hidden_size for n in range(5)] == [6, 4, 6, 3, 6]
    assert [config.member(n).loss.loss == "bpr-max" for n in range(5)] == [False, True, False, False, False]
    model = fit(Dataset(train, Vocabulary.build(train.items)), config, FitOptions(checkpoint_dir=tmp_path)).model
    assert model.merged is not None
    factors = model.merged.factors
    assert [factor == 1.0 for factor in factors] == [True, False, True, False, True]
    members = [checkpoint.load(tmp_path / f"member-{n}").model for n in range(1, 6)]
    scores = [all_scores(member, train) for member in members]
    expected = sum(score * factor for score, factor in zip(scores, factors, strict=True))
    torch.testing.assert_close(all_scores(model, train), expected, rtol=1e-4, atol=1e-4)
    best = [score[-1000:].topk(20).values for score in scores]
    spreads = [float((top[:, 0] - top[:, -1]).median()) for top in best]
    for order in (1, 3):
        assert spreads[order] * factors[order] == pytest.approx(2.0 * spreads[0], rel=0.05)
    assert checkpoint.load(tmp_path).model.merged == model.merged


def test_a_list_of_members_is_checked() -> None:
    for wrong, sentence in (
        ([{"loss": "bpr-max"}, {}], "begin it with {}"),
        ([{}, {"units": 3}], "alternate has 'units'"),
        ([{}, 3], "alternate is 3; use settings by name"),
        ([{}, {"momentum": 2.0}], "momentum is 2.0"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            Config().override({"members": 2, "alternate": wrong})
    with pytest.raises(ConfigError, match="members=2 or more"):
        Config().override({"alternate": [{}, {"loss": "bpr-max"}]})
    text = '[{}, {"loss": "bpr-max"}, {}]'
    config = Config().override(read_settings({"members": "3", "alternate": text}))
    assert [config.member(n).loss.loss for n in range(3)] == ["cross-entropy", "bpr-max", "cross-entropy"]
    with pytest.raises(ConfigError, match="which is not JSON"):
        read_settings({"alternate": "[{}, "})


def test_what_was_merged_before_members_had_factors_of_their_own_is_read() -> None:
    older = {"widths": [6, 4, 6], "scales": [12.0, 0.0, 12.0], "mix": 4.5}
    now = Merged((6, 4, 6), (12.0, 0.0, 12.0), (1.0, 4.5, 1.0))
    assert Merged.from_json(older) == now
    assert Merged.from_json(now.to_json()) == now
    with pytest.raises(ValueError, match="3 widths, but 3 scales and 2 factors"):
        Merged.from_json({**now.to_json(), "factors": [1.0, 2.0]})


def test_changes_to_auto_hold_for_all_members() -> None:
    log = Statistics(sessions=100, events=250, predictions=150, items=3, length=2.5)
    assert resolve("auto", log).train.alternate
    narrow = resolve("auto", log, {"hidden_size": 7})
    assert {narrow.member(n).model.hidden_size for n in (0, 1)} == {7}
    own = [narrow.member(n).loss.loss for n in range(narrow.train.members)]
    assert own.count("bpr-max") == 1
    assert own[1] == "bpr-max"
    two = resolve("auto", log, {"members": 2})
    assert [two.member(n).loss.loss for n in (0, 1)] == ["cross-entropy", "bpr-max"]
    for change in ({"loss": "top1"}, {"members": 1}, {"selected_features": ["genre"]}):
        assert not resolve("auto", log, change).train.alternate


def test_members_need_a_shared_embedding_and_no_features() -> None:
    with pytest.raises(ConfigError, match="members=2 needs embedding=shared"):
        Config().override({"members": 2, "embedding": "separate"})
    with pytest.raises(ConfigError, match="is single"):
        Config().override({"selected_features": ["genre"], "members": 2})
