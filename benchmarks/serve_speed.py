"""`warehouse serve` under load, while a night is published and taken over.

python benchmarks/serve_speed.py --users 1000000 --n 100 --rate 1000 --seconds 60

Publishes a night of users × n rows with titles, starts the server on one core (the first that this process may use),
and asks for random users' lists at a steady rate, whether or not earlier answers have come: a request's time counts
from the moment at which it was due. The client and, a sixth of the time in, a process that publishes the next night
use the other cores. When the load is over every answer is compared with the list that it must be, of one night or of
the other, and the version in its ETag must always stand for the same night. What the server and the client had of the
processor, and how long they waited for it, says which of them was late. On a busy machine give the run precedence:
`setsid -w sh -c 'echo -20 > /proc/self/autogroup; exec python benchmarks/serve_speed.py'` as root.

The first night can be published beforehand, so that the run itself needs the quiet machine for `--seconds` alone:
`--publish FOLDER --night 0`, then `--prepared FOLDER`, which the run leaves as it is.

Prints JSON; exit code 1 when an answer was wrong, or none was of the new night.
"""

import argparse
import datetime as dt
import json
import os
import re
import resource
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse import recommendations as table
from warehouse.layout import Layout

FIRST = dt.date(2026, 1, 1)
SHOWN = 10
CONNECTIONS = 32
TAKEN_OVER = "first answer of the new night, s after it was published"
WARM_UP = 5.0  # seconds at the beginning whose answers are judged but not timed


def item(user: "int | np.ndarray", rank: "int | np.ndarray", night: int, items: int) -> "int | np.ndarray":
    """What stands at a rank of a user's list of a night."""
    return (user * 31 + night * 977 + rank * 7919) % items


def publish(layout: Layout, night: int, users: int, n: int, items: int) -> float:
    """Publish a night; returns its seconds."""

    def batches() -> Iterator[pa.RecordBatch]:
        ranks = np.arange(1, n + 1)
        for first in range(0, users, 1000):
            some = np.arange(first, min(first + 1000, users))
            rows = n * len(some)
            yield pa.record_batch(
                {
                    "user_id": np.repeat(some, n),
                    "rank": np.tile(ranks.astype(np.int16), len(some)),
                    "item_id": item(some[:, None], ranks, night, items).ravel(),
                    "score": np.tile((10 - ranks / 100).astype(np.float32), len(some)),
                    "probability": np.full(rows, 0.01, np.float32),
                    "model": pa.DictionaryArray.from_arrays(np.zeros(rows, np.int8), ["GRU4Rec"]).cast(pa.string()),
                    "context_length": np.full(rows, 3, np.int16),
                }
            )

    began = time.monotonic()
    limits = table.AuditLimits(min_overlap=None)
    day, facts = FIRST + dt.timedelta(days=night), table.NightFacts(night, "run")
    table.publish(layout, day, batches(), facts, table.Expected(n, users, pa.array(range(items))), limits)
    return time.monotonic() - began


class Client:
    """Asks at a steady rate over a few connections. Answers are kept as they came and judged when the load is over."""

    def __init__(self, port: int, args: argparse.Namespace) -> None:
        total = round(args.rate * args.seconds)
        self.users = np.random.default_rng(1).integers(0, args.users, total).tolist()
        self.due = np.arange(total) / args.rate  # seconds since the load began, as are the two below
        self.asked, self.came = np.zeros(total), np.zeros(total)
        self.answers: list[bytes] = [b""] * total
        self._idle = deque(socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS))
        self._open: dict[socket.socket, int] = {}  # connections that wait, with the number of their request

    def run(self) -> None:
        """The whole load. One thread and no event loop: what the client costs is not to be taken for the server's."""
        total, due, number = len(self.users), self.due.tolist(), 0
        began = time.perf_counter()
        while number < total or self._open:
            now = time.perf_counter() - began
            while number < total and self._idle and due[number] <= now:
                one = self._idle.popleft()
                one.sendall(f"GET /users/{self.users[number]}?n={SHOWN} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
                self._open[one] = number
                self.asked[number] = time.perf_counter() - began
                number += 1
            next_due = due[number] - time.perf_counter() + began if number < total and self._idle else 1
            for one in select.select(self._open, (), (), max(0, next_due))[0]:
                self._read(one, began)

    def _read(self, one: socket.socket, began: float) -> None:
        number = self._open[one]
        some = one.recv(1 << 20)
        self.answers[number] += some
        if not some or whole(self.answers[number]):
            self.came[number] = time.perf_counter() - began
            del self._open[one]
            self._idle.append(one)


def whole(answer: bytes) -> bool:
    """Whether all bytes of an answer have come."""
    head, found, body = answer.partition(b"\r\n\r\n")
    return bool(found) and len(body) >= int(re.search(rb"content-length: (\d+)", head)[1])


class Judge:
    """Compares every answer with the list that it must be."""

    def __init__(self, items: int) -> None:
        self.items = items
        self.nights: dict[str, set[int]] = {}  # by the version in the ETag
        self.wrong: list[str] = []
        self.first: dict[int, float] = {}  # when the first answer of a night came

    def see(self, user: int, answer: bytes, came: float) -> None:
        """Judge one answer to a request for a user's list."""
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            self.wrong.append((head.decode().splitlines() or ["no answer"])[0])
            return
        found = json.loads(body)
        night = (dt.date.fromisoformat(found["run_date"]) - FIRST).days
        shown = [one["item_id"] for one in found["items"]]
        named = [one["title"] for one in found["items"]]
        right = [item(user, rank, night, self.items) for rank in range(1, SHOWN + 1)]
        if shown != right or named != [f"item {one}" for one in right] or found["user_id"] != str(user):
            self.wrong.append(f"user {user} of night {night}: {shown}")
        self.nights.setdefault(re.search(rb'etag: "(\d+)"', head)[1].decode(), set()).add(night)
        self.first[night] = min(came, self.first.get(night, came))


class Spent:
    """What a process's threads have had of the processor, and how long they waited for it, since this was made."""

    def __init__(self, process: int) -> None:
        self._folder = Path(f"/proc/{process}/task")
        self._before = self._read()

    def _read(self) -> np.ndarray:
        return sum(np.array((one / "schedstat").read_text().split()[:2], float) for one in self._folder.iterdir()) / 1e9

    def told(self, requests: int) -> dict[str, float]:
        """Both, in ms a request."""
        used, waited = (1e3 * (self._read() - self._before) / requests).round(3).tolist()
        return {"processor ms a request": used, "waited for the processor, ms a request": waited}


def percentiles(seconds: np.ndarray) -> dict[str, float]:
    """In ms."""
    found = np.percentile(seconds * 1e3, [50, 95, 99, 100]).round(2).tolist()
    return dict(zip(("median", "95%", "99%", "most"), found, strict=True))


def publisher(folder: Path, night: int, args: argparse.Namespace) -> list[str]:
    """The command of a process that publishes a night, after whatever else is asked of the machine."""
    sizes = [f"--{name}={getattr(args, name)}" for name in ("users", "n", "items")]
    return ["nice", "-n", "19", sys.executable, __file__, "--publish", str(folder), "--night", str(night), *sizes]


def measure(folder: Path, args: argparse.Namespace) -> dict:
    layout = Layout(folder)
    if args.prepared:
        shutil.copytree(args.prepared, folder, copy_function=os.link, dirs_exist_ok=True)
        alone = {"seconds": None}
    else:
        alone = json.loads(subprocess.run(publisher(folder, 0, args), stdout=subprocess.PIPE, check=True).stdout)
    layout.partition("items", FIRST).parent.mkdir()
    titles = pa.table({"item_id": range(args.items), "title": [f"item {one}" for one in range(args.items)]})
    pq.write_table(titles, layout.partition("items", FIRST))
    cores = sorted(os.sched_getaffinity(0))
    began = time.monotonic()
    server = subprocess.Popen(
        [sys.executable, "-m", "warehouse", "serve", "--port", "0", "--data", str(folder)], stdout=subprocess.PIPE,
        text=True, preexec_fn=lambda: os.sched_setaffinity(0, cores[:1]),
    )  # fmt: skip
    port = int(re.search(r":(\d+)/", server.stdout.readline())[1])
    opening = time.monotonic() - began
    os.sched_setaffinity(0, cores[1:] or cores)
    client = Client(port, args)
    before, own, began = Spent(server.pid), Spent(os.getpid()), time.monotonic()
    wait = f"sleep {args.seconds / 6}; exec {' '.join(publisher(folder, 1, args))}"
    writer = subprocess.Popen(["sh", "-c", wait], stdout=subprocess.PIPE)
    try:
        client.run()
        spent = {"server": before.told(len(client.users)), "client": own.told(len(client.users))}
        published = json.loads(writer.communicate()[0])
    finally:
        server.terminate()
        server.wait()
    judge = Judge(args.items)
    for one in zip(client.users, client.answers, client.came, strict=True):
        judge.see(*one)
    spans = {"before it": args.seconds / 6, "while it is published": published["ended"] - began,
             "while it is taken over": judge.first.get(1, np.inf) + 1, "after": np.inf}  # fmt: skip
    return {
        "requests": len(client.users), "a second": round(len(client.users) / client.came.max()),
        "wrong or not 200": len(judge.wrong), "first faults": judge.wrong[:5],
        "versions of more than one night": sum(len(nights) > 1 for nights in judge.nights.values()),
        "ms from when it was due": by_span(client, client.came - client.due, spans),
        "ms from when it was asked": by_span(client, client.came - client.asked, spans),
        TAKEN_OVER: round(judge.first.get(1, np.nan) - published["ended"] + began, 1),
        **spent,
        "seconds": {"publishing alone": alone["seconds"], "publishing under load": published["seconds"],
                    "opening at the start": round(opening, 1)},
        "greatest process, GiB": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20, 2),
    }  # fmt: skip


def by_span(client: Client, seconds: np.ndarray, spans: dict[str, float]) -> dict[str, dict[str, float]]:
    """Times of answers, in ms, of the whole load and of its parts (name -> end, in seconds since the load began)."""
    begin, found = WARM_UP, {"all": percentiles(seconds[client.due >= WARM_UP])}
    for name, end in spans.items():
        some = seconds[(client.due >= begin) & (client.due < end)]
        found |= {name: percentiles(some)} if len(some) else {}
        begin = max(begin, end)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--items", type=int, default=37_000)
    parser.add_argument("--rate", type=float, default=1000, help="requests a second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the data is made")
    parser.add_argument("--prepared", type=Path, help="begin with the night 0 that --publish wrote, on the same disk")
    parser.add_argument("--publish", type=Path, help="publish a night there and end (used by the run itself)")
    parser.add_argument("--night", type=int, default=0, help="with --publish: which")
    args = parser.parse_args()
    if args.publish:
        took = publish(Layout(args.publish), args.night, args.users, args.n, args.items)
        print(json.dumps({"seconds": round(took, 1), "ended": time.monotonic()}))
        return 0
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        found = measure(Path(folder), args)
    print(json.dumps(found, indent=2))
    failed = found["wrong or not 200"] or found["versions of more than one night"]
    return 1 if failed or found[TAKEN_OVER] != found[TAKEN_OVER] else 0


if __name__ == "__main__":
    sys.exit(main())
