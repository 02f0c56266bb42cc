"""An example fusion job: the recommendations table blended with an OCCF branch (collaborative, long-term taste).

    python examples/fusion.py --data data --user 42                     both blends, one above the other
    python examples/fusion.py --data data --user 42 --while-writing     the same while a night is written again

The OCCF branch here is a toy (items liked by the same users); a real one only has to return the same shape:
`list[{"item_id", "title", "score", "model"}]`, best first, [] for an unknown user. Two ways to blend are shown.
Reciprocal rank needs no scores that can be compared; weighted min-max brings each branch's scores to 0..1 first. Both
take 3 × n items of each branch and weigh a branch by its model's name, so that popularity fallback rows count for
little.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from warehouse import recommendations as table
from warehouse.cli.arguments import id_of, whole
from warehouse.cli.output import until_unread
from warehouse.layout import Layout

Branch = Sequence[Mapping[str, object]]  # one branch's list for one user, best first
WEIGHTS = {"GRU4Rec": 0.6, "OCCF": 0.4, "popularity": 0.1}


def reciprocal_rank(branches: Sequence[Branch], weights: Mapping[str, float], n: int, k: int = 60) -> list[dict]:
    """Sum weight / (k + rank) over the branches that have the item (Cormack et al., SIGIR 2009)."""
    points = [[1.0 / (k + rank) for rank in range(1, len(branch) + 1)] for branch in branches]
    return _blend(branches, points, weights, n)


def weighted_min_max(branches: Sequence[Branch], weights: Mapping[str, float], n: int) -> list[dict]:
    """Sum weight × score, each branch's scores brought to 0..1 within this request; equal scores count as 1."""
    points = []
    for branch in branches:
        scores = [float(row["score"]) for row in branch]
        low, span = min(scores, default=0.0), max(scores, default=0.0) - min(scores, default=0.0)
        points.append([(score - low) / span if span else 1.0 for score in scores])
    return _blend(branches, points, weights, n)


def _blend(
    branches: Sequence[Branch], points: Sequence[Sequence[float]], weights: Mapping[str, float], n: int
) -> list[dict]:
    """Add up what each branch gives to an item; equal sums are ordered by item, so that a request repeats exactly."""
    total: dict[object, float] = defaultdict(float)
    titles: dict[object, object] = {}
    models: dict[object, set[str]] = defaultdict(set)
    for branch, given in zip(branches, points, strict=True):
        for row, value in zip(branch, given, strict=True):
            item = row["item_id"]
            total[item] += weights.get(str(row["model"]), 0.0) * value
            titles[item] = titles.get(item) or row["title"]
            models[item].add(str(row["model"]))
    best = sorted(total, key=lambda item: (-total[item], item))[:n]
    return [
        {"item_id": item, "title": titles[item], "score": total[item], "model": "+".join(sorted(models[item]))}
        for item in best
    ]


class ToyOCCF:
    """Items that users of the same items liked: the cosine of their sets of users, summed over a user's history."""

    def __init__(self, layout: Layout) -> None:
        files = [str(file) for day in layout.days("events") for file in layout.files("events", day)]
        if not files:
            raise FileNotFoundError(f"no events below {layout.root}: run the pipeline first")
        self.con = duckdb.connect()
        self.con.read_parquet(files).select("user_id", "item_id").distinct().create("liked")
        self.con.execute("CREATE TABLE size AS SELECT item_id, sqrt(count(*)) AS root FROM liked GROUP BY item_id")
        items = layout.days("items")
        known = self.con.read_parquet([str(file) for file in layout.files("items", items[-1])]) if items else None
        titled = known is not None and "title" in known.columns
        self.titles = dict(known.select("item_id", "title").fetchall()) if titled else {}

    def recommend(self, user_id: int | str, n: int) -> list[dict]:
        """The branch's answer: the best n items that the user does not know yet; [] for an unknown user."""
        rows = self.con.sql(
            """
            WITH mine AS (SELECT item_id FROM liked WHERE user_id = $user),
            together AS (
              SELECT theirs.item_id AS item_id, mine.item_id AS known, count(*) AS users
              FROM mine JOIN liked AS same ON same.item_id = mine.item_id
                JOIN liked AS theirs ON theirs.user_id = same.user_id
              WHERE same.user_id <> $user GROUP BY ALL)
            SELECT t.item_id, sum(t.users / (a.root * b.root)) AS score
            FROM together t JOIN size a ON a.item_id = t.item_id JOIN size b ON b.item_id = t.known
            WHERE t.item_id NOT IN (SELECT item_id FROM mine)
            GROUP BY t.item_id ORDER BY score DESC, t.item_id LIMIT $n
            """,
            params={"user": user_id, "n": n},
        ).fetchall()
        return [{"item_id": i, "title": self.titles.get(i), "score": s, "model": "OCCF"} for i, s in rows]


def fuse(reader: table.Reader, occf: ToyOCCF, user_id: int | str, n: int) -> dict[str, list[dict]]:
    """Both blends of one user's list; a user unknown to both branches gets two empty lists."""
    branches = [reader.for_user(user_id, 3 * n), occf.recommend(user_id, 3 * n)]
    return {
        "reciprocal rank": reciprocal_rank(branches, WEIGHTS, n),
        "weighted min-max": weighted_min_max(branches, WEIGHTS, n),
    }


def write_again_and_again(where: Path) -> None:
    """The rival of the readers: publishes the newest night anew, the same rows each time, until it is stopped."""
    newest = table.latest(where)
    rows = newest.to_arrow()
    n = max(rows["rank"].to_pylist())
    while True:
        table.publish(where, newest.run_date, rows.to_batches(), table.NightFacts(0, "again"), table.Expected(n))


def read_while_writing(layout: Layout, occf: ToyOCCF, user_id: int | str, n: int, reads: int) -> tuple[int, int]:
    """Fuse `reads` times from a copy of the table that another process keeps writing.

    Returns how many different versions of the table were read, and how many distinct answers they gave (1: a night is
    whole at every moment, and the same rows give the same answer).
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "recommendations"
        shutil.copytree(layout.recommendations, copy)
        versions, answers = set(), set()
        with table.Reader(copy) as reader, subprocess.Popen([sys.executable, __file__, "--rewrite", copy]) as writer:
            try:
                while len(versions) < 3 or reads > 0:
                    answers.add(str(fuse(reader, occf, user_id, n)))
                    versions.add(reader.night().version)
                    reads -= 1
                    if writer.poll() is not None:
                        raise RuntimeError("the writer has died")
            finally:
                writer.kill()
    return len(versions), len(answers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    folder = Path(os.environ.get("GRU4REC_DATA") or "data")
    parser.add_argument("--data", type=Path, default=folder, help="the data folder (default: $GRU4REC_DATA, or data)")
    parser.add_argument("--user", help="the user's id")
    parser.add_argument("--n", type=whole(1, 10_000), default=10, help="length of a blend (default 10)")
    parser.add_argument("--while-writing", action="store_true", help="on a copy of the table that is written meanwhile")
    parser.add_argument("--rewrite", type=Path, metavar="TABLE", help="be the writer (used by --while-writing)")
    args = parser.parse_args()
    if args.rewrite:
        write_again_and_again(args.rewrite)
    if args.user is None:
        parser.error("--user is needed")
    try:
        show(Layout(args.data), args.user, args.n, args.while_writing)
    except (ValueError, OSError) as error:
        parser.error(str(error))


def show(layout: Layout, given: str, n: int, while_writing: bool) -> None:
    """Print both blends of the user whose id was given as text."""
    occf = ToyOCCF(layout)
    with table.Reader(layout) as reader:
        night = reader.night()
        user = id_of(night, "user_id", given, "--user")
        print(f"night {night.run_date}, user {user}")
        for name, blend in fuse(reader, occf, user, n).items():
            print(f"\n{name}")
            for rank, row in enumerate(blend, start=1):
                print(f"{rank:4}  {row['score']:.4f}  {row['model']:<14}  {row['title'] or row['item_id']}")
    if while_writing:
        versions, answers = read_while_writing(layout, occf, user, n, reads=50)
        print(f"\nread {versions} versions of the table while it was being written: {answers} answer")


if __name__ == "__main__":
    with until_unread():  # as by `| head`
        main()
