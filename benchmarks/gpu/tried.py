"""A row of figures that cannot be made says so, and the others are made all the same."""

import traceback
from collections.abc import Callable


def tried(name: str, work: Callable[[], bool | None]) -> bool:
    """Whether some work went well: it failed with no error, which is printed then, and did not return False."""
    try:
        return work() is not False
    except Exception:
        print(f"\nFAILED: {name}\n\n```\n{traceback.format_exc()}```\n", flush=True)
        return False
