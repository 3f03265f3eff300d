"""Runs that do not depend on each other: in several processes, with progress, and kept so that they can go on later.

A run is a function of its task alone. A line of a file of results is one run: its case, its task and what came of it.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TextIO, TypeVar

import msgspec

PROGRESS_S = 5.0


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


T = TypeVar("T", bound=_Dataclass)
R = TypeVar("R", bound=_Dataclass)


@dataclass(frozen=True, slots=True)
class Runs(Generic[T, R]):
    """What is run: `run` makes a row of a task, both dataclasses."""

    run: Callable[[T], R]
    task: type[T]
    row: type[R]
    case_of: Callable[[T], str]
    """How people name what a task belongs to."""
    noun: str
    """In the plural, as 'markets'."""
    chunk: int = 1
    """Tasks that a process is given at a time."""

    def run_all(self, tasks: Sequence[T], workers: int, keep: Callable[[T, R], None] | None = None) -> list[R]:
        """Run the tasks, each in a process of its own choice, and return their rows in the order of the tasks.

        `keep` is given each row as it comes.
        """
        if not tasks:
            return []
        if workers == 1:
            return self._told(tasks, map(self.run, tasks), keep)
        with multiprocessing.get_context("spawn").Pool(min(workers, len(tasks))) as pool:
            return self._told(tasks, pool.imap(self.run, tasks, self.chunk), keep)

    def _told(self, tasks: Sequence[T], rows: Iterable[R], keep: Callable[[T, R], None] | None) -> list[R]:
        """Take the rows as they come and say now and then how many there are."""
        began = said = time.monotonic()
        found: list[R] = []
        for task, row in zip(tasks, rows, strict=True):
            found.append(row)
            if keep is not None:
                keep(task, row)
            now = time.monotonic()
            if now - said > PROGRESS_S:
                said = now
                left_s = (now - began) / len(found) * (len(tasks) - len(found))
                took = f"{now - began:.0f} s, about {left_s:.0f} s left"
                print(f"{len(found)} of {len(tasks)} {self.noun}, {took}", flush=True)
        return found

    def run_or_take(
        self, tasks: Sequence[T], workers: int, path: Path | None, *, resume: bool
    ) -> tuple[list[R], float]:
        """Return the rows of the tasks and the core seconds of one that was run now; those of an earlier run are taken.

        `path` keeps each row as it comes; with `resume` what it holds is not run again.
        """
        done = self.done(path) if resume and path is not None and path.is_file() else {}
        left = [task for task in tasks if task not in done]
        began = time.monotonic()
        with contextlib.ExitStack() as stack:
            keep = None
            if path is not None:
                file = stack.enter_context(path.open("a" if resume else "w"))

                def keep(task: T, row: R) -> None:
                    self.write(file, task, row)

            run_now = self.run_all(left, workers, keep)
        took_s = (time.monotonic() - began) * workers / max(1, len(left))
        done |= dict(zip(left, run_now, strict=True))
        return [done[task] for task in tasks], took_s

    def write(self, file: TextIO, task: T, row: R) -> None:
        """Add a run's line of JSON and have it on disk: what follows may be broken off."""
        file.write(json.dumps({"case": self.case_of(task), "task": asdict(task), "row": asdict(row)}) + "\n")
        file.flush()

    def done(self, path: Path) -> dict[T, R]:
        """Return what a run that was broken off has written, and cut off a line it did not finish.

        ValueError names a line that does not hold the whole of a run.
        """
        whole, _, unfinished = path.read_text().rpartition("\n")
        if unfinished:
            path.write_text(f"{whole}\n" if whole else "")
        found = {}
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                said = msgspec.json.decode(line, type=_Line)
                task, row = msgspec.json.decode(said.task, type=self.task), msgspec.json.decode(said.row, type=self.row)
            except msgspec.MsgspecError as error:
                raise ValueError(f"{path}, line {number}: not a whole run: {error}") from error
            found[task] = row
        return found


class _Line(msgspec.Struct):
    task: msgspec.Raw
    row: msgspec.Raw
