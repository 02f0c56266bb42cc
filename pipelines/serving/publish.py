"""A night's lists: the champion scores every user's context, and `warehouse` stages, audits and publishes the lists.

What is similar to each item is a second table, made by the same champion and published in the same way.
"""

import tempfile
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.policy.resources import Warehouse
from pipelines.serving.house_rules import house_rules
from pipelines.settings.launchpad import ServingKnobs, SimilarKnobs
from pipelines.settings.steps import step_config
from pipelines.tracking import registry

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from gru4rec.scoring.scorer import Scorer
    from gru4rec.serving.recommend import Recommender
    from pipelines.serving.scoring import Rules
    from pipelines.tracking.runs import Tracking
    from warehouse.recommendations import Expected, Published


def serving_champion(tracking: "Tracking") -> "ModelVersion":
    """The version that makes lists; ValueError where there is none yet."""
    champion = registry.aliased(tracking, registry.CHAMPION)
    if champion is not None:
        return champion
    newest = registry.aliased(tracking, registry.CHALLENGER)
    if newest is not None and newest.tags.get("gate") == "refused":
        raise ValueError(
            f"There is no champion model yet, for the gate refused version {newest.version}: "
            f"{newest.tags.get('gate_reason', '')} `pipelines promote {newest.version}` makes it champion anyway."
        )
    raise ValueError("There is no champion model yet: materialise champion_model, or `pipelines promote` one.")


def publish_night(
    day: str, knobs: ServingKnobs, warehouse: Warehouse, champion: "ModelVersion", notes: dict[str, str]
) -> "Published":
    """Score every user's context in one pass, and publish the lists as they come; on Spark, the executors score.

    Args:
        day: the night.
        knobs: [contexts] and [recommendations].
        warehouse: where events and items are read, and the table is written.
        champion: the version that makes the lists.
        notes: kept with the night's commit.

    Raises:
        AuditFailed: the lists are written beside the table and fail their audit; nothing is visible.
        ValueError: allow or deny, or the champion's files cannot be read, rules of the shop lack their columns, or the
            night is older than those that are kept.
    """
    from pipelines.serving.scoring import ListsOfGroup
    from warehouse.config import ContextConfig
    from warehouse.recommendations import AuditLimits, NightFacts, publish, publish_groups, require_kept
    from warehouse.steps.contexts.build import contexts, map_contexts

    engine, layout = warehouse.engine(), warehouse.layout
    run_date, sources = date.fromisoformat(day), step_config(ContextConfig, knobs)
    require_kept(layout, run_date, knobs.keep_nights)
    limits = step_config(AuditLimits, knobs)
    facts = NightFacts(int(champion.version), champion.run_id, metadata=notes)
    with ExitStack() as stack:
        copy = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        recommender, model = _load(champion, copy)
        if warehouse.kind != "spark":
            stack.close()  # the model is in memory: a night that is killed leaves no copy
        rules, expected = _asked(day, knobs, warehouse, recommender.scorer)
        if warehouse.kind != "spark":
            with contexts(engine, layout, day, sources) as reader:
                batches = rules.lists(recommender, reader)
                return publish(layout, run_date, batches, facts, expected, limits, engine=warehouse.local_engine())
        return publish_groups(
            layout,
            run_date,
            lambda write: map_contexts(engine, layout, day, sources, ListsOfGroup(rules, write), model),
            facts,
            expected,
            limits,
        )


def _asked(day: str, knobs: ServingKnobs, warehouse: Warehouse, scorer: "Scorer") -> "tuple[Rules, Expected]":
    """What the lists are made by, and what their audit holds them to."""
    from pipelines.serving.scoring import Rules
    from warehouse.recommendations import Expected
    from warehouse.steps.contexts.audience import audience
    from warehouse.steps.contexts.shelf import shelf

    known_as = str(scorer.vocabulary.id_type)
    shown = shelf(warehouse.local_engine(), warehouse.layout, day, knobs.allow, knobs.deny, known_as)
    users = audience(warehouse.engine(), warehouse.layout, day, knobs.window_days)
    chosen, audited = house_rules(knobs, warehouse, day, scorer)
    seen = knobs.max_events if knobs.exclude_seen else 0
    expected = Expected(knobs.n, users, shown.of(scorer.vocabulary.ids), audited, left_out=seen)
    return Rules(knobs.n, knobs.exclude_seen, shown.allow, shown.deny, knobs.explain, chosen, knobs.threads), expected


def publish_similar(
    day: str, knobs: SimilarKnobs, warehouse: Warehouse, champion: "ModelVersion", notes: dict[str, str]
) -> "Published":
    """Find what is similar to each item that the champion knows, and publish it; arguments as of `publish_night`.

    Raises:
        AuditFailed: the night is written beside the table and fails its audit; nothing is visible.
        ValueError: allow or deny cannot be read, or the night is older than those that are kept.
    """
    from gru4rec.config.threads import limited
    from gru4rec.serving.lists import list_threads
    from warehouse.recommendations import AuditLimits, Expected, NightFacts, publish, require_kept
    from warehouse.steps.contexts.shelf import shelf

    engine, layout = warehouse.local_engine(), warehouse.layout
    require_kept(layout.similar_items, date.fromisoformat(day), knobs.keep_nights)
    with tempfile.TemporaryDirectory() as copy:
        recommender, _ = _load(champion, Path(copy))
    vocabulary = recommender.scorer.vocabulary
    shown = shelf(engine, layout, day, knobs.allow, knobs.deny, str(vocabulary.id_type))
    catalogue = vocabulary.ids
    expected = Expected(n=knobs.n, users=len(catalogue), items=shown.of(catalogue), left_out=1)
    facts = NightFacts(int(champion.version), champion.run_id, metadata=notes)
    limits = AuditLimits(None, knobs.min_overlap, knobs.max_score_shift, knobs.max_item_drop)
    batches = recommender.similar_stream(knobs.n, shown.allow, shown.deny)
    with limited(knobs.threads or list_threads(recommender.scorer)):
        return publish(layout.similar_items, date.fromisoformat(day), batches, facts, expected, limits, engine=engine)


def _load(champion: "ModelVersion", copy: Path) -> "tuple[Recommender, Path]":
    """The champion's recommender, and the copy of its checkpoint below a folder.

    Where its files are gone or spoiled, the sentence says how another one serves.
    """
    from gru4rec.serving.recommend import Recommender

    checkpoint = copy
    try:
        checkpoint = registry.served_checkpoint(champion, copy)
        return Recommender.load(checkpoint), checkpoint
    except (ValueError, OSError) as error:
        found = registry.said_of_copy(error, checkpoint)
        raise ValueError(
            f"the champion, version {champion.version}, cannot serve: {found}; put its files back, or make another "
            "version champion with `pipelines promote` or `pipelines rollback`"
        ) from error
