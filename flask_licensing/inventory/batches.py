"""The rows of an import, in batches that become one transaction each."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import groupby, islice, repeat
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from flask_licensing.inventory.formats import Row
from flask_licensing.license_keys.fields import LICENSE_KEY_RULE, are_plain_license_keys, has_invisible, is_license_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flask_licensing.inventory.formats import Terms
    from flask_licensing.metadata.fields import Entries

MOST_CHARACTERS = 4_000_000
"""After how many characters of metadata a batch ends."""

VALUE_OVERHEAD = 100
"""What a value of metadata counts for beside its characters: about what Python needs for it in memory."""

_WRONG_LICENSE_KEY = f"The license key must be {LICENSE_KEY_RULE}."


class Rejection(NamedTuple):
    """A row that can't be imported, and why."""

    row: Row
    reason: str


@dataclass
class Group:
    """License keys of rows that say the same of their terms, and the lines of these rows.

    The rows themselves are not kept: Python's garbage collector would look at fifty thousand of them again and again,
    which takes longer than reading them.
    """

    license_keys: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    metadata: dict[int, Entries] = field(default_factory=dict)
    """By line, of those rows that have any."""

    def rows(self, said: Terms) -> Iterator[Row]:
        """Yield the rows anew; ``said`` is what they say of their terms."""
        return map(Row, self.lines, self.license_keys, repeat(said))


class Batch(NamedTuple):
    """Rows that hold a license key, grouped by what they say of their terms, and those that do not."""

    groups: Mapping[Terms, Group]
    rejected: Sequence[Rejection]
    invisible: int
    """How many of the license keys have characters that nobody sees, as zero-width and no-break spaces."""

    def __len__(self) -> int:
        return sum(len(group.lines) for group in self.groups.values()) + len(self.rejected)


def _bounded(rows: Iterator[Row], size: int) -> Iterator[Row]:
    """Yield up to ``size`` rows, and fewer where they have much metadata, so that a batch fits in memory."""
    characters = 0
    for row in islice(rows, size):
        yield row
        if row.metadata:
            characters += sum(VALUE_OVERHEAD + len(str(value)) for _, value in row.metadata)
            if characters > MOST_CHARACTERS:
                return


def read_batch(rows: Iterator[Row], size: int) -> Batch:
    """Read up to ``size`` rows."""
    groups: dict[Terms, Group] = defaultdict(Group)
    rejected: list[Rejection] = []
    invisible = 0
    for said, neighbours in groupby(_bounded(rows, size), key=attrgetter("terms")):
        group = groups[said]
        for row in neighbours:
            if row.problem is None:
                group.license_keys.append(row.license_key)
                group.lines.append(row.line)
                if row.metadata:
                    group.metadata[row.line] = row.metadata
            else:
                rejected.append(Rejection(row, row.problem))
    for said, group in groups.items():
        if group.lines and not are_plain_license_keys(group.license_keys):
            checked = list(group.rows(said))
            rejected += [Rejection(row, _WRONG_LICENSE_KEY) for row in checked if not is_license_key(row.license_key)]
            usable = [row for row in checked if is_license_key(row.license_key)]
            invisible += sum(map(has_invisible, (row.license_key for row in usable)))
            groups[said] = Group([row.license_key for row in usable], [row.line for row in usable], group.metadata)
    return Batch({said: group for said, group in groups.items() if group.lines}, rejected, invisible)
