"""Draws whose numbers a test chooses."""

from crossgen.training.augment import Draw

#: The largest number below 1 that is drawn.
LAST = 1 - 2.0**-53


def at(default: float = 0.0, **fractions: float) -> Draw:
    """Draws that give these fractions of [0, 1) for their purposes, and `default` for any other."""

    class At(Draw):
        def bits(self, purpose: str) -> int:
            return int(fractions.get(purpose, default) * 2.0**53) << 11

    return At(0, 0, 0, 7)
