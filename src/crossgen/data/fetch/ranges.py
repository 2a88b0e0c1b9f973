"""Which ranges of an archive to ask for, so that few requests bring the wanted members and little else."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from crossgen.data.fetch.directory import Member

#: Unwanted bytes between wanted members, in shares of the wanted members' bytes. With the members' headers and what is
#: asked for twice this stays under the promised 1.15.
WASTE = 0.1
#: Bytes asked for in one request where members lie side by side. Between these, so that each connection has its share.
SHORTEST, LONGEST = 1 << 18, 16 << 20
#: A local header is 30 bytes, the name, and extra fields; where the next member is far away, so much is asked for.
HEADER, EXTRA = 30, 1024


def stop_of(member: Member) -> int:
    """One past the last byte to ask for: where the next member begins, if that is near; else with room for extras."""
    return min(member.end, member.offset + HEADER + len(member.name.encode()) + EXTRA + member.stored)


def plan(members: Sequence[Member], connections: int) -> Iterator[list[Member]]:
    """Groups of members (in the order of their bytes), each of which one range brings.

    The smallest gaps between wanted members are bridged first, as long as all bridged bytes together stay under WASTE
    of the wanted bytes: no other choice of as few bytes saves more requests.
    """
    bridge = _bridge(members)
    share = sum(member.stored for member in members) // (2 * connections)
    longest = min(max(share, SHORTEST), LONGEST)
    group: list[Member] = []
    for member in members:
        if group:
            gap = member.offset - stop_of(group[-1])
            if gap > bridge or stop_of(member) - group[0].offset > longest:
                yield group
                group = []
        group.append(member)
    if group:
        yield group


def _bridge(members: Sequence[Member]) -> int:
    """The widest gap to bridge."""
    left = WASTE * sum(member.stored for member in members)
    widest = 0
    for gap in sorted(after.offset - stop_of(before) for before, after in pairwise(members)):
        left -= max(gap, 0)
        if left < 0:
            break
        widest = gap
    return widest
