"""`warehouse serve` under load, while a night is published and taken over.

python benchmarks/serve_speed.py --users 1000000 --n 100 --rate 1000 --seconds 60

Publishes a night of users × n rows with titles, starts the server on one core (the first that this process may use),
and asks for random users' lists at a steady rate, whether or not earlier answers have come: a request's time counts
from the moment at which it was due. The client and, a quarter of the time in, a process that publishes the next night
use the other cores. Every answer is compared with the list that it must be, of one night or of the other, and the
version in its ETag must always stand for the same night. Prints JSON; exit code 1 when an answer was wrong.
"""

import argparse
import asyncio
import datetime as dt
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
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
    """Asks at a steady rate over a few connections, and judges every answer."""

    def __init__(self, port: int, args: argparse.Namespace) -> None:
        self.port, self.args = port, args
        self.times: list[float] = []
        self.answers = 0
        self.nights: dict[str, set[int]] = {}
        self.wrong: list[str] = []
        self.first: dict[int, float] = {}
        self.random = random.Random(1)

    async def run(self) -> None:
        """The whole load."""
        due: asyncio.Queue[float | None] = asyncio.Queue()
        workers = [asyncio.create_task(self._worker(due)) for _ in range(CONNECTIONS)]
        self.began = time.perf_counter()
        for number in range(round(self.args.rate * self.args.seconds)):
            moment = self.began + number / self.args.rate
            if (wait := moment - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            due.put_nowait(moment)
        for _ in workers:
            due.put_nowait(None)
        await asyncio.gather(*workers)
        self.took = time.perf_counter() - self.began

    async def _worker(self, due: "asyncio.Queue[float | None]") -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while (moment := await due.get()) is not None:
            user = self.random.randrange(self.args.users)
            writer.write(f"GET /users/{user}?n={SHOWN} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1]))
            if moment >= self.began + WARM_UP:
                self.times.append(time.perf_counter() - moment)
            self.answers += 1
            self._judge(user, head, body)
        writer.close()

    def _judge(self, user: int, head: bytes, body: bytes) -> None:
        if not head.startswith(b"HTTP/1.1 200"):
            self.wrong.append(head.decode().splitlines()[0])
            return
        found = json.loads(body)
        night = (dt.date.fromisoformat(found["run_date"]) - FIRST).days
        shown = [one["item_id"] for one in found["items"]]
        named = [one["title"] for one in found["items"]]
        right = [item(user, rank, night, self.args.items) for rank in range(1, SHOWN + 1)]
        if shown != right or named != [f"item {one}" for one in right] or found["user_id"] != str(user):
            self.wrong.append(f"user {user} of night {night}: {shown}")
        self.nights.setdefault(re.search(rb'etag: "(\d+)"', head)[1].decode(), set()).add(night)
        self.first.setdefault(night, time.perf_counter() - self.began)


def processor_seconds(process: int) -> float:
    """Of a process so far, without its children."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def publisher(folder: Path, night: int, args: argparse.Namespace) -> list[str]:
    """The command of a process that publishes a night, after whatever else is asked of the machine."""
    sizes = [f"--{name}={getattr(args, name)}" for name in ("users", "n", "items")]
    return ["nice", "-n", "19", sys.executable, __file__, "--publish", str(folder), "--night", str(night), *sizes]


def measure(folder: Path, args: argparse.Namespace) -> dict:
    layout = Layout(folder)
    publishing = json.loads(subprocess.run(publisher(folder, 0, args), stdout=subprocess.PIPE, check=True).stdout)
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
    wait = f"sleep {args.seconds / 4}; exec {' '.join(publisher(folder, 1, args))}"
    writer = subprocess.Popen(["sh", "-c", wait], stdout=subprocess.PIPE)
    client = Client(port, args)
    before = processor_seconds(server.pid)
    try:
        asyncio.run(client.run())
        used = processor_seconds(server.pid) - before
        published = json.loads(writer.communicate()[0])
    finally:
        server.terminate()
        server.wait()
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    ms = np.percentile(np.array(client.times) * 1e3, [50, 95, 99, 100]).round(2).tolist()
    return {
        "requests": client.answers, "a second": round(client.answers / client.took),
        "ms": dict(zip(("median", "95%", "99%", "most"), ms, strict=True)),
        "wrong or not 200": len(client.wrong), "first faults": client.wrong[:5],
        "versions of more than one night": sum(len(nights) > 1 for nights in client.nights.values()),
        "first answer of the new night after, s": round(client.first.get(1, float("nan")), 1),
        "processor ms a request": round(1e3 * used / client.answers, 3),
        "seconds": {"publishing alone": publishing, "publishing under load": published,
                    "opening at the start": round(opening, 1)},
        "greatest process, GiB": round(peak, 2),
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--items", type=int, default=37_000)
    parser.add_argument("--rate", type=float, default=1000, help="requests a second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the data is made")
    parser.add_argument("--publish", type=Path, help="publish a night there and end (used by the run itself)")
    parser.add_argument("--night", type=int, default=0, help="with --publish: which")
    args = parser.parse_args()
    if args.publish:
        print(json.dumps(round(publish(Layout(args.publish), args.night, args.users, args.n, args.items), 1)))
        return 0
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        found = measure(Path(folder), args)
    print(json.dumps(found, indent=2))
    return 1 if found["wrong or not 200"] or found["versions of more than one night"] else 0


if __name__ == "__main__":
    sys.exit(main())
