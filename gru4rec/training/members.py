"""The members of a model: trained, merged into one, and what is chosen on the way.

They are trained one after another, or side by side on a GPU, with the same result.

What is chosen is state of the merged model, not a setting: whether its members are less sure than the recipe says
(training/held_out/sureness.py), what each member's scores are multiplied by, and what is added to the sum of all
(training/held_out/added.py).
"""

import dataclasses
from typing import NamedTuple

import torch

from gru4rec.config.auto import SMALL, SMALLEST
from gru4rec.config.less_sure import judgeable, less_sure
from gru4rec.config.options import Config
from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.network.merging import members_of, merge
from gru4rec.network.model import GRU4Rec
from gru4rec.network.warm_start import check_network
from gru4rec.storage import checkpoint
from gru4rec.storage.member_folders import member_folder, sweep_members
from gru4rec.training import side_by_side
from gru4rec.training.epochs import FitOptions, FitResult, Member, train, whole
from gru4rec.training.held_out import proof
from gru4rec.training.held_out.added import choose, hold_out, last_sessions, with_added
from gru4rec.training.held_out.sureness import finds_more, too_sure

# Of the weights that the first member needs, what all members together still need once they are scaled to the sum of
# their scores: the others know more of what comes again, the more so the smaller the log (from SMALL predictions on:
# OF_LARGE). docs/experiments/accuracy/choosing.md
SHARE_OF_ALL, OF_LARGE = 0.6, 0.8
SPREAD_TOP, SPREAD_ROWS = 20, 1000  # the spread of scores: from the best to the 20th, over so many predictions


class _Task(NamedTuple):
    """What one member is trained on, and how."""

    member: Member
    dataset: Dataset
    recipe: Config
    start: GRU4Rec | None


class _Trained(NamedTuple):
    """What training gave.

    config: what the members were made by. merged: they themselves, the one that missed some sessions first. rounds: all
    that were trained, those of one round side by side on a GPU.
    """

    config: Config
    merged: list[FitResult]
    rounds: list[list[FitResult]]


def fit_members(dataset: Dataset, config: Config, options: FitOptions) -> FitResult:
    """Train the members and merge them; see `fit`.

    With `repeats`, what is added to the scores is chosen on the validation sessions. Where there are none, it is chosen
    on some of the training sessions, which the first member then does not see (the others see all). With
    `mend_sureness` the same sessions say how sure the members may be.
    """
    seen, held_out = dataset.sessions, None if options.validation is None else options.validation.sessions
    if config.model.repeats and held_out is None:
        seen, held_out = hold_out(dataset.sessions)
    trained = _train(dataset, seen, held_out, config, options)
    model = _merged([result.model for result in trained.merged], dataset.sessions, trained.config)
    if config.model.repeats and held_out is not None:
        if options.validation is not None:
            weights = choose(model, dataset.sessions, held_out)
        else:  # the first member alone has not seen them; its scores spread less far than all members' sum
            share = _share(dataset.sessions) if len(trained.merged) > 1 else 1.0
            weights = choose(trained.merged[0].model, seen, held_out, share).spread(_sum_of_all(trained.config))
        model = with_added(model, weights, dataset.sessions)
    if options.checkpoint_dir is not None:
        checkpoint.save(options.checkpoint_dir, model, config)
        sweep_members(options.checkpoint_dir, sum(map(len, trained.rounds)))
    return _all(model, trained.rounds, together=_side_by_side(options))


def _train(
    dataset: Dataset, seen: Sessions, held_out: Sessions | None, config: Config, options: FitOptions
) -> _Trained:
    """Train the first member on `seen`, and the others on all sessions.

    A first member that has to be judged is trained before the others. Where it is too sure, a less sure one is trained
    like it; if that finds more, it takes the first one's place, and the others are less sure too, and one more. Of the
    smallest logs too few sessions are held out to tell what finds more, and those that were tried all gained. With a
    warm start nothing is judged: a model stays as sure as it was.
    """
    judging = config.train.mend_sureness and config.train.members > 1 and judgeable(config.member(0))
    if judging and options.warm_start is not None:
        judging, config = False, _as_sure_as(options.warm_start, config)
    members = config.train.members
    tasks = _tasks(dataset, seen, config, options)
    if held_out is None or not judging:
        results = _run(tasks, options)
        return _Trained(config, results, [results])
    first, *others = tasks
    rounds = [_run([first], options)]
    judges = last_sessions(held_out, proof.rows(len(dataset.vocabulary)))
    if too_sure(rounds[0][0].model, judges):
        less = less_sure(config)
        another, *like_it, one_more = _tasks(dataset, seen, less, options)
        rounds.append(_run([_of(another, members + 1, members + 1)], options))
        others = [_of(task, task.member.number, members + 1) for task in others]
        smallest = dataset.sessions.predictions < SMALLEST
        if smallest or finds_more(rounds[1][0].model, rounds[0][0].model, judges):
            others = [_of(task, task.member.number, members + 2) for task in like_it]
            others.append(_of(one_more, members + 2, members + 2))
            rounds.append(_run(others, options))
            return _Trained(less, [rounds[1][0], *rounds[2]], rounds)
    rounds.append(_run(others, options))
    return _Trained(config, [rounds[0][0], *rounds[-1]], rounds)


def _as_sure_as(older: GRU4Rec, config: Config) -> Config:
    """The configuration of an older model's members: less sure, where it had become so, or as it is."""
    less = less_sure(config)
    return less if older.merged is not None and older.merged.widths == _widths(_recipes(less)) else config


def _tasks(dataset: Dataset, seen: Sessions, config: Config, options: FitOptions) -> list[_Task]:
    """All members of a configuration; the first one sees some of the sessions alone."""
    recipes = _recipes(config)
    starts = _starts(recipes, options.warm_start)
    missing = dataclasses.replace(dataset, sessions=seen)
    return [
        _Task(Member(order + 1, len(recipes)), dataset if order else missing, recipe, start)
        for order, (recipe, start) in enumerate(zip(recipes, starts, strict=True))
    ]


def _of(task: _Task, number: int, all_trained: int) -> _Task:
    """The task with another number among all that are trained."""
    return task._replace(member=Member(number, all_trained))


def _recipes(config: Config) -> list[Config]:
    return [config.member(order) for order in range(config.train.members)]


def _widths(recipes: list[Config]) -> tuple[int, ...]:
    return tuple(recipe.model.hidden_size for recipe in recipes)


def _share(train: Sessions) -> float:
    return SHARE_OF_ALL if train.predictions < SMALL else OF_LARGE


def _run(tasks: list[_Task], options: FitOptions) -> list[FitResult]:
    """Train members side by side where that pays, or else one after another."""
    together = _side_by_side(options)
    trainings = []
    for member, dataset, recipe, start in tasks:
        folder = member_folder(options.checkpoint_dir, member.number, member.of)
        how = dataclasses.replace(options, warm_start=start, checkpoint_dir=folder)
        line = member.number - 1 if together and len(tasks) > 1 else 0
        trainings.append(train(dataset, recipe, how, member._replace(line=line)))
    if together:
        return side_by_side.run_together(trainings, checkpoint.resolve_device(options.device))
    return [whole(training) for training in trainings]


def _side_by_side(options: FitOptions) -> bool:
    return side_by_side.pays(checkpoint.resolve_device(options.device))


def _starts(recipes: list[Config], older: GRU4Rec | None) -> list[GRU4Rec | None]:
    """What each member starts from: the older model's own members where it has as many of these widths.

    Raises ConfigError, before the first one is trained, when one does not fit.
    """
    if older is None:
        return [None] * len(recipes)
    fits = older.merged is not None and older.merged.widths == _widths(recipes)
    starts = members_of(older) if fits else [older] * len(recipes)
    for start, recipe in zip(starts, recipes, strict=True):
        check_network(start, recipe.model)
    return list(starts)


def _merged(models: list[GRU4Rec], train: Sessions, config: Config) -> GRU4Rec:
    return models[0] if len(models) == 1 else merge(models, _factors(models, train, config))


def _all(model: GRU4Rec, rounds: list[list[FitResult]], *, together: bool) -> FitResult:
    """The result of all members; those of a round that trained side by side took as long as the slowest of them."""
    seconds = sum((max if together else sum)(result.seconds for result in results) for results in rounds)
    every = [result for results in rounds for result in results]
    events = sum(result.seconds * result.events_per_second for result in every)
    history = [report for result in every for report in result.history]
    return FitResult(model, history, every[-1].best_epoch, seconds, events / max(seconds, 1e-9))


def _sum_of_all(config: Config) -> float:
    """How many times as far as the first member's the sum of all members' scores spreads."""
    members = range(config.train.members)
    return float(sum(config.train.balance if config.train.own(order) else 1.0 for order in members))


def _factors(models: list[GRU4Rec], train: Sessions, config: Config) -> list[float]:
    """What makes the scores of each member that differs from the first spread as far as `balance` says; else 1."""
    factors = [1.0] * len(models)
    differing = [order for order in range(len(models)) if config.train.own(order)]
    first = _spread(models[0], train) if differing else 0.0
    for order in differing:
        spread = _spread(models[order], train)
        factors[order] = config.train.balance * (first / spread if first > 0 and spread > 0 else 1.0)
    return factors


def _spread(model: GRU4Rec, train: Sessions) -> float:
    """The median distance between the best and the 20th score, over the last predictions of train."""
    some = last_sessions(train, SPREAD_ROWS)
    best = [block.scores.topk(min(SPREAD_TOP, block.scores.shape[1]), dim=1).values for block in model.blocks(some)]
    return float(torch.cat([top[:, 0] - top[:, -1] for top in best]).median())
