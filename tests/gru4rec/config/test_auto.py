"""preset auto: a rule over statistics."""

import pytest

from gru4rec.config.auto import Statistics, auto, single
from gru4rec.config.less_sure import less_sure
from gru4rec.config.options import Config, ConfigError
from gru4rec.config.presets import resolve

LOG = Statistics(sessions=100, events=250, predictions=150, items=3, length=2.5)


@pytest.mark.parametrize("predictions", [3, 10**4, 10**6, 10**8])
def test_every_size_of_data_gets_a_configuration_that_can_train(predictions: int) -> None:
    config = auto(Statistics(predictions // 3, 4 * predictions // 3, predictions, 1000, 4.0))
    assert isinstance(config, Config)
    lanes = [config.member(order).train.batch_size for order in range(config.train.members)]
    assert max(lanes) <= max(1, predictions // 60)
    assert config.train.keep == "last"  # nothing in it needs validation sessions
    assert config.train.patience == 0


def test_members_of_both_losses_and_fewer_passes_over_larger_logs() -> None:
    sizes = [auto(Statistics(n // 3, 4 * n // 3, n, 1000, 4.0)) for n in (10**5, 5 * 10**5, 5 * 10**6, 5 * 10**7)]
    members = [[config.member(order) for order in range(config.train.members)] for config in sizes]
    assert [[member.loss.loss for member in own] for own in members] == [
        ["cross-entropy", "bpr-max", "cross-entropy", "cross-entropy"],
        ["cross-entropy", "bpr-max", "cross-entropy", "cross-entropy"],
        ["cross-entropy", "bpr-max"],
        ["cross-entropy"],
    ]
    dropouts = [
        max(member.model.dropout_embedding for member in own if member.loss.loss == "cross-entropy") for own in members
    ]
    passes = [config.train.epochs for config in sizes]
    assert passes == sorted(passes, reverse=True)
    assert dropouts == sorted(dropouts, reverse=True)
    assert all(config.model.repeats for config in sizes)
    assert all(bool(member.model.cosine) == (member.loss.loss == "cross-entropy") for own in members for member in own)


def found(predictions: int) -> Statistics:
    return Statistics(predictions // 3, 4 * predictions // 3, predictions, 1000, 4.0)


def test_less_sure_are_those_that_can_be_judged_and_one_more_and_the_others_count_half() -> None:
    config = less_sure(auto(found(19_999)))
    recipes = [config.member(order) for order in range(config.train.members)]
    models = [(recipe.model.cosine, recipe.model.dropout_hidden, recipe.model.hidden_size) for recipe in recipes]
    assert models == [(8, 0.2, 100), (0, 0.05, 64), (8, 0.2, 100), (8, 0.2, 100), (8, 0.2, 100)]
    assert [recipe.train.epochs for recipe in recipes] == [10] * 5
    assert config.train.balance == 0.5
    assert not config.train.mend_sureness


def test_members_of_small_logs_may_become_less_sure_unless_a_change_says_how_sure_they_are() -> None:
    def of(predictions: int, **changes: float | bool) -> bool:
        return resolve("auto", found(predictions), changes).train.mend_sureness

    assert [of(predictions) for predictions in (100, 149_999, 150_000, 10**7)] == [True, True, False, False]
    assert of(1000, epochs=3)
    assert not of(1000, cosine=10)
    assert not of(1000, dropout_hidden=0.1)
    assert of(1000, cosine=10, mend_sureness=True)
    assert of(10**6, mend_sureness=True)


@pytest.mark.parametrize("predictions", [3, 10**4, 10**6, 10**8])
def test_with_features_there_is_one_model_that_scores_by_products(predictions: int) -> None:
    config = single(Statistics(predictions // 3, 4 * predictions // 3, predictions, 1000, 4.0))
    assert config.train.members == 1
    assert config.model.cosine == 0


def test_another_loss_does_not_score_by_cosines_unless_told_to() -> None:
    scales = [
        resolve("auto", LOG, changes).model.cosine
        for changes in ({"loss": "top1"}, {"loss": "top1", "cosine": 4}, {"loss": "cross-entropy"}, {"cosine": 0})
    ]
    assert scales == [0, 4, 12, 0]


def test_the_name_auto_is_resolved_from_the_statistics() -> None:
    assert resolve("auto", LOG) == auto(LOG)
    with pytest.raises(ConfigError, match="give the statistics of the training sessions"):
        resolve("auto", None)
