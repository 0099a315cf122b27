"""Many inputs, in processes that may die of one."""

from __future__ import annotations

import faulthandler
import json
import mmap
import os
import resource
import struct
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple, NoReturn

from tests.fuzz import seeds
from tests.fuzz.execute import Case, Result, run
from tests.fuzz.kinds import case, kind_of
from tests.fuzz.oracles import Problem, problems

#: Memory that an input may take: resident, and of addresses on top of what the process has.
MEMORY_KIB = 500_000
_ADDRESSES = 800 << 20
#: Seconds after which a process ends that does not come back to Python.
WAIT = 120.0
#: Inputs of one process.
RECYCLED = 4000
_INDEX = struct.Struct("=q")


class Failure(NamedTuple):
    """A problem, the input that shows it, and the steps that it does not need."""

    number: int
    kind: str
    problem: Problem
    skip: tuple[int, ...]


@dataclass
class Summary:
    """What a campaign has seen."""

    ran: int = 0
    cpu: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    first: dict[str, Failure] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)

    def lines(self) -> Iterator[str]:
        """What is printed at the end."""
        speed = self.ran / self.cpu if self.cpu else 0.0
        yield f"{self.ran} inputs, {self.cpu:.0f} CPU s, {speed:.0f} a CPU s"
        for name in ("kinds", "statuses", "files"):
            counts = sorted(getattr(self, name).items())
            yield f"{name}: {', '.join(f'{key} {number}' for key, number in counts)}"
        for key, number in self.failures.most_common():
            first = self.first[key]
            yield f"{number} times {key}: first {first.kind} {first.number}"
        yield f"{sum(self.failures.values())} problems of {len(self.failures)} kinds"


def judged(made: Case) -> tuple[list[Result], list[Problem]]:
    """The results of a case, and what is wrong in them."""
    results = run(made)
    return results, list(problems(made, results))


def campaign(
    seed: int, first: int, count: int, kind: str | None, seconds: float, out: IO[str]
) -> Summary:
    """Runs inputs ``first`` to ``first + count``, as many as there is time for."""
    summary = Summary()
    index, end, until = first, first + count, time.monotonic() + seconds
    current = mmap.mmap(-1, _INDEX.size)
    seeds.warm()
    while index < end and time.monotonic() < until:
        stop = min(index + RECYCLED, end)
        current[:] = _INDEX.pack(index)
        status = _process(seed, range(index, stop), kind, until, current, summary, out)
        (last,) = _INDEX.unpack(current[:])
        if status != 0:
            problem = Problem(f"process dies with status {status}", "no answer, or out of memory")
            _note(summary, Failure(last, kind or kind_of(seed, last), problem, ()), out, seed)
            summary.ran += 1
        index = last + 1
        print(f"-- {index - first} inputs, {summary.cpu:.0f} CPU s", file=out, flush=True)
    return summary


def _note(summary: Summary, failure: Failure, out: IO[str], seed: int) -> None:
    key = failure.problem.key
    summary.failures[key] += 1
    if key in summary.first:
        return
    summary.first[key] = failure
    skip = f" --skip {','.join(map(str, failure.skip))}" if failure.skip else ""
    command = f"python -m tests.fuzz --seed {seed} --only {failure.number} --kind {failure.kind}"
    print(f"== {key}\n{failure.problem.text}\n   {command}{skip}", file=out, flush=True)


def _process(
    seed: int,
    indices: range,
    kind: str | None,
    until: float,
    current: mmap.mmap,
    summary: Summary,
    out: IO[str],
) -> int:
    """Runs inputs in a process of its own, and gives its status."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            with os.fdopen(writing, "w") as stream:
                _child(seed, indices, kind, until, current, frozenset(summary.first), stream)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(70)
    os.close(writing)
    with os.fdopen(reading) as stream:
        for line in stream:
            _take(summary, json.loads(line), out, seed)
    _, status, usage = os.wait4(child, 0)
    summary.cpu += usage.ru_utime + usage.ru_stime
    return status


def _take(summary: Summary, message: dict[str, Any], out: IO[str], seed: int) -> None:
    if "ran" in message:
        summary.ran += message["ran"]
        for name in ("kinds", "statuses", "files"):
            getattr(summary, name).update(message[name])
    else:
        problem = Problem(message["key"], message["text"])
        failure = Failure(message["index"], message["kind"], problem, tuple(message["skip"]))
        _note(summary, failure, out, seed)


def _child(
    seed: int,
    indices: range,
    kind: str | None,
    until: float,
    current: mmap.mmap,
    known: frozenset[str],
    stream: IO[str],
) -> NoReturn:
    """The process of some inputs: a line of JSON for each problem, and one at the end."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + _ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    keys = set(known)
    counts = Summary()
    for index in indices:
        if time.monotonic() > until:
            break
        current[:] = _INDEX.pack(index)
        faulthandler.dump_traceback_later(WAIT, exit=True)
        name = kind or kind_of(seed, index)
        made, _ = case(seed, index, name)
        results, seen = judged(made)
        counts.ran += 1
        counts.kinds[name] += 1
        for result in results:
            command = result.argv[0] if result.argv[:1] else "completion"
            counts.statuses[
                f"{command[:12] if command.isalpha() else 'other'} {result.status}"
            ] += 1
            counts.files.update(map(_ending, result.written))
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if used > MEMORY_KIB:
            seen.append(Problem("memory", f"{used} KiB"))
        for problem in seen:
            skip: tuple[int, ...] = ()
            if problem.key not in keys and not problem.key.startswith(("hang", "memory")):
                keys.add(problem.key)
                faulthandler.dump_traceback_later(10 * WAIT, exit=True)
                skip = unneeded(seed, index, name, problem.key)
            message = {"index": index, "kind": name, "skip": skip, **problem._asdict()}
            print(json.dumps(message), file=stream, flush=True)
        if used > MEMORY_KIB:
            break
    done = {name: getattr(counts, name) for name in ("ran", "kinds", "statuses", "files")}
    print(json.dumps(done), file=stream, flush=True)
    os._exit(0)


def _ending(name: str) -> str:
    """What a file is, by the end of its name."""
    base = name.rpartition("/")[2]
    return base if base in _WHOLE else "." + base.partition(".")[2]


_WHOLE = frozenset({"boot.cmd", "boot.scr", "imagebuilder.cfg", "imagebuilder.cmds", "host.dtb"})


def unneeded(seed: int, index: int, kind: str, key: str) -> tuple[int, ...]:
    """The steps of an input without which the problem is still there."""
    _, count = case(seed, index, kind)
    skip: frozenset[int] = frozenset()
    for step in range(count):
        made, _ = case(seed, index, kind, skip | {step})
        if any(problem.key == key for problem in judged(made)[1]):
            skip |= {step}
    return tuple(sorted(skip))


def only(seed: int, index: int, kind: str | None, skip: frozenset[int], keep: Path | None) -> int:
    """Runs one input in this process, prints what it does, and keeps its files."""
    import shlex

    from tests.fuzz.execute import lay_out

    made, count = case(seed, index, kind or kind_of(seed, index), skip)
    results, seen = judged(made)
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        lay_out(made, keep)
    for result in results:
        environment = "".join(f"{k}={shlex.quote(v)} " for k, v in made.environment.items())
        print(
            f"$ {environment}xenassign {shlex.join(result.argv)}".encode(
                "utf-8", "backslashreplace"
            ).decode()
        )
        print(f"status {result.status}, {count} steps, wrote {sorted(result.written)}")
        for text in (result.out, result.err):
            print(repr(text.decode("utf-8", "backslashreplace"))[:2000])
    for problem in seen:
        print(f"== {problem.key}\n{problem.text}")
    return 1 if seen else 0
