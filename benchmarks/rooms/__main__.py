"""The house in figures, and its picture, drawn from the imports.

python -m benchmarks.rooms PATH [PATH2]          a table for one checkout, or two side by side
python -m benchmarks.rooms --names PATH          and the functions and circles that it counts
python -m benchmarks.rooms --draw docs/rooms.svg
"""

import argparse
from pathlib import Path

from benchmarks.rooms.house import figures, names, read
from benchmarks.rooms.picture import draw


def main() -> None:
    """Print the table, or draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path, default=[Path()], help="checkouts (default: this folder)")
    parser.add_argument("--names", action="store_true", help="name what the table counts")
    parser.add_argument("--draw", type=Path, metavar="SVG", help="draw the first checkout's rooms instead")
    arguments = parser.parse_args()
    houses = [read(path) for path in arguments.paths]
    if arguments.draw:
        arguments.draw.write_text(draw(houses[0]))
        return
    columns = [figures(house) for house in houses]
    print("|", *(f"| {path}" for path in arguments.paths), "|")
    print("|---" * (1 + len(columns)) + "|")
    for name in columns[0]:
        print(f"| {name}", *(f"| {column[name]}" for column in columns), "|")
    if arguments.names:
        for house in houses:
            print(f"\n{house.root}", *names(house), sep="\n")


if __name__ == "__main__":
    main()
