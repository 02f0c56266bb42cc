"""Published figures beside which ours are printed, with their source and what is known of how their epoch was chosen.

All of RSC15 1/64 (Yoochoose 1/64): trained on the newest 64th of the clicks, tested on the last day, every target but
the first of a session, 55,898 of them. Ours count the targets that train does not know as misses, to compare.
"""

from typing import NamedTuple

LEADERBOARD = "leaderboard of Papers with Code, RSC15 1/64, MRR@20"
ON_TEST = "best test epoch, of each figure by itself: github.com/twchen/lessr/issues/2 names its code"
UNKNOWN = "not known"


class Published(NamedTuple):
    """A method's figures; None where the source does not give one."""

    method: str
    recall: float | None  # @20
    mrr: float | None  # @20
    source: str
    epoch: str


PUBLISHED = {
    "yoochoose_1_64": (
        Published("best recall and MRR of 2023 to 2026", 0.7264, 0.3193, "the project's survey", UNKNOWN),
        Published("SGNN-HN", None, 0.3261, LEADERBOARD, UNKNOWN),
        Published("SR-PredAO with SGNN-HN", None, 0.3247, LEADERBOARD, UNKNOWN),
        Published("PEN4Rec", None, 0.3171, LEADERBOARD, UNKNOWN),
        Published("NISER+", None, 0.3161, f"{LEADERBOARD}; arXiv 1909.04276", UNKNOWN),
        Published("TAGNN++", None, 0.3157, LEADERBOARD, UNKNOWN),
        Published("TAGNN", None, 0.3112, f"{LEADERBOARD}; arXiv 2005.02844", ON_TEST),
        Published("SR-GNN", None, 0.3094, f"{LEADERBOARD}; arXiv 1811.00855", ON_TEST),
        Published("NARM", 0.6832, 0.2863, f"{LEADERBOARD}; recall: doi 10.1155/2020/9290576, table 5", UNKNOWN),
        Published("GRU4Rec, as first written", 0.6064, 0.2289, "doi 10.1155/2020/9290576, table 5", UNKNOWN),
    ),
}


def print_published(data: str, recall: float, mrr: float) -> None:
    """Published rows of a data set beside ours (over all targets); nothing where none is known."""
    rows = PUBLISHED.get(data, ())
    if rows:
        print(f"  published, over all targets; ours: recall@20 {recall:.4f}, mrr@20 {mrr:.4f}")
    for row in rows:
        figures = (
            "  –  " if value is None else f"{value:.4f} ({100 * (ours / value - 1):+.1f}%)"
            for value, ours in ((row.recall, recall), (row.mrr, mrr))
        )
        print(f"    {row.method}: {' / '.join(figures)}; source: {row.source}; epoch: {row.epoch}")
