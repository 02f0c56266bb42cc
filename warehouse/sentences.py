"""Sentences about bad input stay short and on one line, however long the input is. (`gru4rec` has its own.)"""

import math
import reprlib
from typing import Any

LONGEST = 480  # characters of a sentence
_LARGEST = 10**40  # a whole number above it is described, not written out


class _Short(reprlib.Repr):
    def repr_int(self, x: int, level: int) -> str:  # the signature is reprlib's
        if abs(x) < _LARGEST:
            return repr(x)
        return f"a whole number of about {int(x.bit_length() * math.log10(2)) + 1} digits"


_SHORT = _Short()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxtuple, _SHORT.maxdict, _SHORT.maxset = 3, 4, 4, 4, 4
_SHORT.maxstring, _SHORT.maxother = 80, 80


def shown(value: Any) -> str:
    """A value as a sentence may quote it: its `repr`, cut in the middle where it is long or deep."""
    return _SHORT.repr(value)


def brief(sentence: str) -> str:
    """A sentence on one line of at most LONGEST characters, all of them printable; it is cut in its middle."""
    line = "".join(mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in " ".join(sentence.split()))
    if len(line) <= LONGEST:
        return line
    half = (LONGEST - 5) // 2
    return f"{line[:half]} ... {line[-half:]}"
