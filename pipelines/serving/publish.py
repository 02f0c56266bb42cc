"""A night's lists: the champion scores every user's context, and `warehouse` stages, audits and publishes the lists.

What is similar to each item is a second table, made by the same champion and published in the same way.
"""

import tempfile
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

    from gru4rec.serving.recommend import Recommender
    from pipelines.tracking.runs import Tracking
    from warehouse.recommendations import Published


def serving_champion(tracking: "Tracking") -> "ModelVersion":
    """The version that makes lists; ValueError where there is none yet."""
    champion = registry.aliased(tracking, registry.CHAMPION)
    if champion is None:
        raise ValueError("There is no champion model yet: materialise champion_model, or `pipelines promote` one.")
    return champion


def publish_night(
    day: str, knobs: ServingKnobs, warehouse: Warehouse, champion: "ModelVersion", notes: dict[str, str]
) -> "Published":
    """Score every user's context in one pass, and publish the lists as they come.

    Args:
        day: the night.
        knobs: [contexts] and [recommendations].
        warehouse: where events and items are read, and the table is written.
        champion: the version that makes the lists.
        notes: kept with the night's commit.

    Raises:
        AuditFailed: the lists are written beside the table and fail their audit; nothing is visible.
        ValueError: allow or deny, or the champion's files cannot be read, or rules of the shop lack their columns.
    """
    from gru4rec.serving.stream import StreamConfig, stream
    from warehouse.config import ContextConfig
    from warehouse.recommendations import AuditLimits, Expected, NightFacts, publish
    from warehouse.steps.contexts.audience import audience
    from warehouse.steps.contexts.build import contexts
    from warehouse.steps.contexts.shelf import shelf

    engine, layout = warehouse.engine(), warehouse.layout
    recommender = _load(champion)
    shown = shelf(engine, layout, day, knobs.allow, knobs.deny)
    users = audience(engine, layout, day, knobs.window_days)
    scorer = recommender.scorer
    chosen, audited = house_rules(knobs, warehouse, day, scorer)
    expected = Expected(n=knobs.n, users=users, items=shown.of(scorer.vocabulary.ids), house=audited)
    facts = NightFacts(int(champion.version), champion.run_id, metadata=notes)
    limits = step_config(AuditLimits, knobs)
    config = StreamConfig(knobs.n, knobs.exclude_seen, None, recommender.temperature, knobs.explain, chosen)
    with contexts(engine, layout, day, step_config(ContextConfig, knobs)) as reader:
        batches = stream(scorer, reader, config, allow=shown.allow, deny=shown.deny)
        return publish(layout, date.fromisoformat(day), batches, facts, expected, limits, engine=engine)


def publish_similar(
    day: str, knobs: SimilarKnobs, warehouse: Warehouse, champion: "ModelVersion", notes: dict[str, str]
) -> "Published":
    """Find what is similar to each item that the champion knows, and publish it; arguments as of `publish_night`.

    Raises:
        AuditFailed: the night is written beside the table and fails its audit; nothing is visible.
        ValueError: allow or deny cannot be read.
    """
    from warehouse.recommendations import SIMILAR, AuditLimits, Expected, NightFacts, publish
    from warehouse.steps.contexts.shelf import shelf

    engine, layout = warehouse.engine(), warehouse.layout
    recommender = _load(champion)
    shown = shelf(engine, layout, day, knobs.allow, knobs.deny)
    catalogue = recommender.scorer.vocabulary.ids
    expected = Expected(n=knobs.n, users=len(catalogue), items=shown.of(catalogue))
    facts = NightFacts(int(champion.version), champion.run_id, metadata=notes)
    limits = AuditLimits(None, knobs.min_overlap, knobs.max_score_shift, knobs.max_item_drop)
    batches = recommender.similar_stream(knobs.n, shown.allow, shown.deny)
    path = layout.similar_items
    return publish(path, date.fromisoformat(day), batches, facts, expected, limits, engine=engine, kind=SIMILAR)


def _load(champion: "ModelVersion") -> "Recommender":
    """The champion's recommender; where its files are gone or spoiled, the sentence says how another one serves."""
    from gru4rec.serving.recommend import Recommender

    try:
        with tempfile.TemporaryDirectory() as copy:
            return Recommender.load(registry.served_checkpoint(champion, Path(copy)))
    except (ValueError, OSError) as error:
        raise ValueError(
            f"the champion, version {champion.version}, cannot serve: {error}; put its files back, or make another "
            "version champion with `pipelines promote` or `pipelines rollback`"
        ) from error
