"""A run's results as they are committed: small, and all that the table and the plot are made from.

Times are milliseconds, of pods that were started in the end; how often they were refused before
is counted apart.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.numbers import middle, quantile


@dataclass(frozen=True)
class Batch:
    """One arm at one concurrency in one round. Seconds, of each ADD and of all together.

    `refused` are the errors of ADDs that were tried again, `failed` the pods given up in the end.
    """

    arm: str
    concurrency: int
    adds: tuple[float, ...]
    failed: int
    refused: tuple[str, ...]
    wall: float
    cpu: float
    dels: tuple[float, ...]
    busy_before: float


@dataclass(frozen=True)
class Cell:
    """One arm at one concurrency, all rounds together.

    `samples` pods were started, `failed` were not; `refused` ADDs came before those that worked.
    `round_medians` and `rates` (successful ADDs a second) have one entry for each round, None
    where nothing succeeded. `cpu` is what the plugins' processes used for one pod; the API
    server's, the daemons' and the kernel threads' share is not in it.
    """

    arm: str
    concurrency: int
    samples: int
    failed: int
    refused: int
    errors: tuple[str, ...]
    median: float | None
    p99: float | None
    largest: float | None
    delete: float | None
    cpu: float
    round_medians: tuple[float | None, ...]
    rates: tuple[float, ...]


@dataclass(frozen=True)
class Run:
    """When and where it was measured, how, and what came out."""

    date: str
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    setting: Mapping[str, str]
    rounds: int
    pods: int
    seed: int
    busy_before: float
    cells: tuple[Cell, ...]

    def cell(self, arm: str, concurrency: int) -> Cell | None:
        """None where that was not measured."""
        wanted = (arm, concurrency)
        return next((one for one in self.cells if (one.arm, one.concurrency) == wanted), None)

    @property
    def concurrencies(self) -> tuple[int, ...]:
        return tuple(sorted({one.concurrency for one in self.cells}))

    def text(self) -> str:
        """The committed form: one line for each cell, so that a diff can be read."""
        fields = asdict(self)
        cells = [json.dumps(cell) for cell in fields.pop("cells")]
        head = json.dumps(fields, indent=2, sort_keys=True).removesuffix("\n}")
        return head + ',\n  "cells": [\n    ' + ",\n    ".join(cells) + "\n  ]\n}\n"

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls.parse(path.read_text(encoding="utf-8"))

    @classmethod
    def parse(cls, text: str) -> Self:
        fields: dict[str, Any] = json.loads(text)
        cells = tuple(
            Cell(**{key: _frozen(value) for key, value in cell.items()})
            for cell in fields.pop("cells")
        )
        return cls(**fields, cells=cells)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def cells(batches: Sequence[Batch]) -> tuple[Cell, ...]:
    """The batches of all rounds, put together arm by arm, in the order of the first round."""
    keys = dict.fromkeys((batch.arm, batch.concurrency) for batch in batches)
    return tuple(
        _cell([one for one in batches if (one.arm, one.concurrency) == key]) for key in keys
    )


def _cell(batches: Sequence[Batch]) -> Cell:
    adds = [seconds for batch in batches for seconds in batch.adds]
    dels = [seconds for batch in batches for seconds in batch.dels]
    errors = [error for batch in batches for error in batch.refused]
    failed = sum(batch.failed for batch in batches)
    return Cell(
        arm=batches[0].arm,
        concurrency=batches[0].concurrency,
        samples=len(adds),
        failed=failed,
        refused=len(errors),
        errors=tuple(error for error, _ in Counter(errors).most_common(3)),
        median=_ms(middle(adds)) if adds else None,
        p99=_ms(quantile(adds, 0.99)) if adds else None,
        largest=_ms(max(adds)) if adds else None,
        delete=_ms(middle(dels)) if dels else None,
        cpu=_ms(sum(batch.cpu for batch in batches) / (len(adds) + failed)),
        round_medians=tuple(_ms(middle(b.adds)) if b.adds else None for b in batches),
        rates=tuple(round(len(batch.adds) / batch.wall, 2) for batch in batches),
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
