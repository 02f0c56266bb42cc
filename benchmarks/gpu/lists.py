"""Lists: contexts in record batches in, the best 100 of 37,000 items with probabilities out as record batches.

First whether they are those of a CPU, then how fast the whole goes, and where the time goes: the device by itself, part
by part, and the host's two kinds of work by themselves in one thread, with the device's results already there.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import torch

from benchmarks.gpu.tried import tried
from benchmarks.scoring.recommend_speed import LENGTH, contexts, make_model
from gru4rec.network.added.habits import Habits
from gru4rec.network.added.neighbours import FOLLOWERS, Neighbours
from gru4rec.network.added.past import LASTS
from gru4rec.network.added.raises import COMPANIONS, Raises
from gru4rec.network.model import GRU4Rec
from gru4rec.scoring.on_device import Arriving, DeviceSessions
from gru4rec.serving import device_catalogue
from gru4rec.serving import stream as streaming
from gru4rec.serving.batches import Batches
from gru4rec.serving.device_lists import DeviceLists, last_states
from gru4rec.serving.groups import Group, groups_of, whole_users
from gru4rec.serving.lists import Rules
from gru4rec.serving.stream import StreamConfig, stream, stream_on_device

ITEMS, USERS, N, TEMPERATURE = 37_000, 200_000, 100, 0.8
COMPARED = 2000  # users
LARGEST = 1e-4  # difference of scores and probabilities, relative to the largest score and to each probability
ROUNDS = 2
ASKED = 250_000  # users/s
GROUPS, THREADS = (2048, 8192, 16_384), (4, 8, 12)


def list_speed(device: torch.device, quick: bool) -> bool:
    """Print users a second by width, then the parts; returns whether the lists were those of a CPU."""
    items, users, n = (500, 2000, 10) if quick else (ITEMS, USERS, N)
    given, making = list(contexts(users, items)), list[DeviceLists]()

    def row(units: int, more: bool) -> bool:
        model = make_model(items, units, device)
        if more:
            add_more(model)
        equal, figures = compared(model, items, n)
        lists = DeviceLists(model, Rules(n), TEMPERATURE)
        name = f"{units}, with all that auto adds" if more else f"{units}"
        rates = f"{users / whole(model, given, n):.0f} | {ASKED} | {users / alone(lists, given):.0f}"
        making.append(lists)
        print(f"| {name} | {rates} | {figures} |", flush=True)
        return equal

    first = f"units | users/s, {items} items, top {n} | asked | device alone"
    print(f"| {first} | rows of other ids than a CPU's | scores | |\n|---|---|---|---|---|---|---|")
    good = True
    for units, more in ((100, False), (256, False), (512, False), (100, True)):
        good &= tried(f"{units} units", partial(row, units, more))
    for name, show in (
        ("parts", lambda: print_parts(making, given)),
        ("host", lambda: print_host(making[0], given, n)),
        ("sizes", lambda: print_sizes(making[0], given, n)),
    ):
        good &= tried(name, show)
    return good


def add_more(model: GRU4Rec) -> None:
    """What preset auto adds to a model: weights of seen items, habits, neighbours, and raises."""
    items, generator = len(model.vocabulary), torch.Generator().manual_seed(3)
    model.repeat = torch.tensor([[-1.0, 0.5, 0.2]] * LASTS, device=model.device)
    share = torch.tensor([[0.2, 0.1, 0.1, 0.6], [0.4, 0.1, 0.1, 0.4], [0.2, 0.2, 0.2, 0.4]])
    model.habits = Habits(share, torch.tensor([0.5, 0.2, 0.2])).to(model.output)
    some, bonus = _drawn(items, FOLLOWERS, generator)
    model.neighbours = Neighbours(some.to(model.device), bonus.to(model.device))
    some, shares = _drawn(items, COMPANIONS, generator)
    model.raises = Raises(
        some.to(model.device),
        0.01 * shares.to(model.device),
        torch.tensor([[0.1, 0.0], [0.0, 0.5]], device=model.device),
    )


def _drawn(items: int, width: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """So many other items of each item, none of them twice with a number."""
    some = torch.randint(0, items, (items, width), generator=generator).sort(1).values.int()
    number = torch.rand(items, width, generator=generator)
    number[:, 1:][some[:, 1:] == some[:, :-1]] = 0
    return some, number


def compared(model: GRU4Rec, items: int, n: int) -> tuple[bool, str]:
    """Whether a few lists have the scores of a CPU's, and figures of their difference."""
    here = GRU4Rec(model.config, model.vocabulary)
    here.output.copy_(model.output)
    here.dense.copy_(model.dense)
    if model.repeat is not None and model.habits and model.neighbours and model.raises:
        here.repeat, here.habits = model.repeat.cpu(), model.habits.to(here.output)
        here.neighbours = Neighbours(*(part.cpu() for part in model.neighbours))
        here.raises = Raises(*(part.cpu() for part in model.raises))
    config, given = StreamConfig(n, temperature=TEMPERATURE), list(contexts(COMPARED, items))
    ours = pa.Table.from_batches(stream_on_device(model, given, config, Rules(n)))
    theirs = pa.Table.from_batches(stream(here, given, config))
    if not ours["user_id"].equals(theirs["user_id"]) or not ours["rank"].equals(theirs["rank"]):
        return False, "other users | | NOT EQUAL"
    other = np.mean(ours["item_id"].to_numpy() != theirs["item_id"].to_numpy())
    mine, expected = (table["score"].to_numpy() for table in (ours, theirs))
    said, probable = (table["probability"].to_numpy() for table in (ours, theirs))
    scores = float(np.abs(mine - expected).max() / np.abs(expected).max())
    apart = max(scores, float((np.abs(said - probable) / probable).max()))
    equal = apart < LARGEST and other < 1e-3  # scores that rounding alone tells apart change places
    return equal, f"{other:.1g} | {apart:.1g} | {'equal' if equal else 'NOT EQUAL'}"


def whole(model: GRU4Rec, given: list[pa.RecordBatch], n: int) -> float:
    """Seconds from contexts to record batches: the best of some rounds after one that warms up."""
    config = StreamConfig(n, temperature=TEMPERATURE)

    def lists() -> None:
        rows = sum(batch.num_rows for batch in stream_on_device(model, given, config, Rules(n)))
        assert rows == n * sum(batch.num_rows for batch in given) // LENGTH

    return best_of(lists)


def alone(making: DeviceLists, given: list[pa.RecordBatch]) -> float:
    """Seconds from groups of users to results in the host's memory, which nobody looks at."""
    groups = read(making, given)

    def lists() -> None:
        for group in groups:
            making.begin(group.contexts)
        wait(making)

    return best_of(lists)


def read(making: DeviceLists, given: list[pa.RecordBatch]) -> list[Group]:
    most = min(streaming.GROUP_ON_DEVICE, making.catalogue.rows)
    users = whole_users(given, streaming.ROWS_ON_DEVICE)
    vocabulary = making.catalogue.scorer.vocabulary
    return [group for some in users for group in groups_of(some, vocabulary, None, most)]


def print_parts(every: list[DeviceLists], given: list[pa.RecordBatch]) -> None:
    """What the device does, step by step with a wait after each, so that the sum is more than it takes."""
    found = []
    for making in every:
        groups = read(making, given)[:8]
        spent: dict[str, float] = {}
        for group in (groups[0], *groups):  # the first one warms up
            spent = spent if group is not groups[0] or len(spent) == 0 else {}
            for name, seconds in steps(making, group):
                spent[name] = spent.get(name, 0.0) + seconds
        users = sum(len(group.users) for group in groups)
        found.append({name: 1e6 * seconds / users for name, seconds in spent.items()})
    print(f"\n| on the device, µs a user | {' | '.join(str(making.catalogue.units) for making in every)}, with more |")
    print(f"|---|{'---|' * len(every)}")
    for name in found[0]:
        print(f"| {name} | {' | '.join(f'{one[name]:.3f}' for one in found)} |", flush=True)


@torch.inference_mode()
def steps(making: DeviceLists, group: Group) -> Iterator[tuple[str, float]]:
    """The parts of making one group's lists, and their seconds."""
    catalogue, sessions = making.catalogue, group.contexts
    made: dict[str, Any] = {}
    scores = catalogue.weight.new_empty(len(sessions), catalogue.width)
    parts: dict[str, Callable[[], Any]] = {
        "contexts sent": lambda: DeviceSessions.sent(sessions, catalogue.device),
        "GRU": lambda: last_states(catalogue.scorer, sessions),
        "product, what is added": lambda: catalogue.score(made["GRU"], made["contexts sent"], scores),
        "seen items barred": lambda: catalogue.bar(made["contexts sent"], scores),
        "selection": lambda: catalogue.select(scores, min(N, catalogue.offered)),
        "sums of powers": lambda: catalogue.powers(
            made["contexts sent"], scores, made["selection"][0][:, :1], made["seen items barred"]
        ),
        "results sent back": lambda: Arriving(*made["selection"], made["selection"][0]).wait(),
    }
    for name, part in parts.items():
        wait(making)
        begin = time.perf_counter()
        made[name] = part()
        wait(making)
        yield name, time.perf_counter() - begin


def print_host(making: DeviceLists, given: list[pa.RecordBatch], n: int) -> None:
    """What the host does for the lists, in one thread, with the device's results there."""
    users = sum(batch.num_rows for batch in given) // LENGTH
    groups = read(making, given)
    lists = [making.begin(group.contexts)() for group in groups[:8]]
    batches, written = Batches(making.catalogue.scorer), sum(len(one.context_length) for one in lists)

    def write() -> None:
        for group, own in zip(groups, lists, strict=False):
            batches.batch(group.users, own)

    print("\n| on the host, one thread | µs a user |")
    print("|---|---|")
    print(f"| contexts into groups | {1e6 * best_of(lambda: read(making, given)) / users:.3f} |")
    print(f"| lists into record batches | {1e6 * best_of(write) / written:.3f} |")
    started = best_of(lambda: [making.begin(group.contexts) for group in groups[:8]], making)
    print(f"| lists started, where the device is not waited for | {1e6 * started / written:.3f} |", flush=True)


def print_sizes(making: DeviceLists, given: list[pa.RecordBatch], n: int) -> None:
    """The whole with other sizes of groups, and with other numbers of threads."""
    model, users = making.catalogue.scorer, sum(batch.num_rows for batch in given) // LENGTH
    assert isinstance(model, GRU4Rec)
    print("\n| size | users/s, whole | device alone |")
    print("|---|---|---|")
    for most in GROUPS:
        with patch.object(streaming, "GROUP_ON_DEVICE", most), patch.object(device_catalogue, "CELLS", 1 << 30):
            rates = f"{users / whole(model, given, n):.0f} | {users / alone(making, given):.0f}"
            print(f"| groups of {most} users | {rates} |", flush=True)
    for threads in THREADS:
        with patch.object(streaming, "MOST_THREADS", threads), patch.object(streaming, "cpu_count", lambda: 64):
            print(f"| {threads} threads | {users / whole(model, given, n):.0f} | |", flush=True)


def best_of(work: Callable[[], Any], idle: DeviceLists | None = None) -> float:
    """Seconds of the best of ROUNDS rounds after one that warms up. idle: whose device is waited for before each."""
    found = []
    for _ in range(1 + ROUNDS):
        if idle is not None:
            wait(idle)
        begin = time.perf_counter()
        work()
        found.append(time.perf_counter() - begin)
    return min(found[1:])


def wait(making: DeviceLists) -> None:
    if making.catalogue.device.type == "cuda":
        torch.cuda.synchronize(making.catalogue.device)
