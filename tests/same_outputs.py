"""Whether a changed program still writes what it wrote before: the safety net of a redesign.

    python -m tests.same_outputs record DIR --program OLD     # a checkout of the program before
    python -m tests.same_outputs compare DIR                  # this checkout
    python -m tests.same_outputs compare DIR --quick          # the shipped boards only

``record`` runs inspect, generate, plan and lint of seeded devices and options on the shipped
boards, on every 8th board of the corpus (``--boards``, ``--every``), and on the example systems,
and keeps exit status, rule codes and files. ``compare`` runs the same command lines again and
prints each difference; exit status 1 if there is one. What may change in a redesign is left out:
comments, and the texts of messages. All else is compared: bytes of blobs, statements of sources and
configurations, values of JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import gzip
import hashlib
import io
import json
import os
import random
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent
SEED = 20261129
RELEASES = ("4.17", "4.18", "4.19", "4.20", "4.21", "4.22")

#: Keys of JSON whose values are texts for people.
TEXTS = frozenset(
    {"message", "fix", "why", "title", "text", "reason", "forced_reason", "dma_evidence"}
)

#: Where a command's files go, below the folder in which it runs.
OUT = "out"

_CODE = re.compile(r"\[(XA\d+)\]")
_SEVERITY = re.compile(r"^(error|warning|note)\b")


class Subject(NamedTuple):
    """What commands are run on: a board, or the examples where ``board`` is None."""

    key: str
    board: str | None


def subjects(boards: Path | None, every: int) -> list[Subject]:
    """The examples, the shipped boards, and every nth board of the corpus."""
    shipped = sorted((REPOSITORY / "fixtures" / "host_dtbs").glob("*.dtb"))
    chosen = [Subject("examples", None)]
    chosen += [Subject(f"shipped {path.stem}", str(path)) for path in shipped]
    if boards is not None:
        found = sorted(boards.rglob("*.dtb"), key=lambda path: path.relative_to(boards).as_posix())
        if not found:
            raise SystemExit(f"error: {boards}: has no .dtb files; name another directory")
        for path in found[::every]:
            chosen.append(Subject(path.relative_to(boards).as_posix(), str(path)))
    return chosen


def _run(argv: list[str]) -> tuple[int, str, str]:
    """(status, standard output, standard error) of one command line in this process."""
    from xenassign.cli.group import run as main

    out, err = io.StringIO(), io.StringIO()
    status: object = 0
    before = sys.argv
    sys.argv = ["xenassign", *argv]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as error:
        status = error.code
    finally:
        sys.argv = before
    return (status if isinstance(status, int) else 2), out.getvalue(), err.getvalue()


def _without_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_texts(item) for key, item in value.items() if key not in TEXTS}
    if isinstance(value, str) and _SEVERITY.match(value) and _CODE.search(value):
        return _codes(value)
    return [_without_texts(item) for item in value] if isinstance(value, list) else value


def _statements(text: str, comment: str) -> list[str]:
    """The lines of a text without its comments and blank lines."""
    bare = re.sub(comment, "", text, flags=re.DOTALL | re.MULTILINE)
    return [line.rstrip() for line in bare.splitlines() if line.strip()]


def _codes(text: str) -> list[str]:
    """Severity and rule code of each line that states a finding or an error."""
    lines = []
    for line in text.splitlines():
        severity = _SEVERITY.match(line)
        if severity:
            lines.append(" ".join((severity[1], *_CODE.findall(line))))
    return lines


def normalised(name: str, data: bytes) -> list[str]:
    """What of a file must stay as it is, as lines."""
    suffix = Path(name).suffix
    if suffix in (".dtb", ".dtbo"):
        return [hashlib.sha256(data).hexdigest()]
    if suffix == ".scr":  # mkimage's header states time and checksum
        data, suffix = data[72:], ".cmd"
    text = data.decode("utf-8", "replace")
    if suffix in (".json", ".lock"):
        return json.dumps(_without_texts(json.loads(text)), indent=1, sort_keys=True).splitlines()
    comment = r"/\*.*?\*/" if suffix in (".dts", ".dtso") else r"(^|\s)#(?![a-z]+-cells).*?$"
    return _statements(text, comment)


def _record(argv: list[str]) -> dict[str, Any]:
    """One command's exit status, rule codes, and what its files say. Files go to OUT."""
    status, out, err = _run(argv)
    record: dict[str, Any] = {"argv": argv, "status": status, "stderr": _codes(err)}
    if out.startswith("{"):
        record["stdout"] = normalised("stdout.json", out.encode())
    elif argv[0] == "lint":
        record["stdout"] = _codes(out)
    directory = Path(OUT)
    files = (
        sorted(path for path in directory.rglob("*") if path.is_file())
        if directory.exists()
        else []
    )
    record["files"] = {
        path.relative_to(directory).as_posix(): normalised(path.name, path.read_bytes())
        for path in files
    }
    return record


def _commands(subject: Subject) -> Iterator[list[str]]:
    """The command lines of a subject, in order: one may read the files of the one before it."""
    if subject.board is None:
        yield from _examples()
        return
    board, rng = subject.board, random.Random(f"{SEED} {subject.key}")
    status, out, _ = _run(["inspect", board, "--format", "json"])
    yield ["inspect", board, "--format", "json", "--xen", rng.choice(RELEASES)]
    if status != 0:
        return
    devices = json.loads(out)["devices"]
    assignable = [device["path"] for device in devices if device.get("assignable")]
    every = [device["path"] for device in devices]
    count = 8 if subject.key.startswith("shipped") else 3
    for number, path in enumerate(rng.sample(assignable, min(count, len(assignable)))):
        yield ["generate", board, "-d", path, "-o", OUT, *_options(rng, path)]
        if number < 3:
            yield _lint(board, rng)
    for path in rng.sample(every, min(count, len(every))):
        more = rng.sample(every, min(rng.choice((0, 0, 1, 2)), len(every)))
        chosen = [argument for device in (path, *more) for argument in ("-d", device)]
        trust = rng.choice(
            ((), ("--iommu-policy", "trust"), ("--force-assign-without-iommu", path))
        )
        yield ["generate", board, *chosen, "-o", OUT, *trust, *_options(rng, path)]
        yield ["plan", board, *chosen, "--format", "json", *trust, "--map", "auto"]


def _options(rng: random.Random, path: str) -> list[str]:
    """Options of generate, drawn by chance."""
    chosen = ["--xen", rng.choice(RELEASES)]
    chosen += rng.choice(([], ["--allow-shared-page", path]))
    chosen += rng.choice(([], ["--no-vpl011"], ["--keep-host-supplies"]))
    chosen += rng.choice(([], [], ["--memory-region", "map"], ["--memory-region", "drop"]))
    if rng.random() < 0.2:
        return [*chosen, "--static-memory", "0x60000000:256M", "--direct-map"]
    chosen += rng.choice(([], [], ["--route", "dom0less"], ["--route", "xl"]))
    chosen += rng.choice(([], ["--map", "auto"], ["--map", "auto", "--align", "64k"]))
    chosen += rng.choice(([], ["--memory", "512", "--vcpus", "2"], ["--memory", "3072"]))
    return chosen + rng.choice(([], ["--imagebuilder"], ["--attach-overlay"], _BOOT))


_BOOT = [
    "--host-out", f"{OUT}/host.dtb", "--chosen", "--uboot-script", "--memory", "512",
    "--vcpus", "1",
    "--load", "xen=0x50000000:2M", "--load", "host=0x50400000",
    "--load", "dom0-kernel=0x51000000:16M", "--load", "kernel=0x53000000:16M",
    "--load", "dtb=0x54800000",
]  # fmt: skip


def _lint(board: str, rng: random.Random) -> list[str]:
    """The lint of what generate has just written; of nothing if it refused."""
    written = sorted(
        str(path) for pattern in ("*.dts", "*.cfg") for path in Path(OUT).glob(pattern)
    )
    argv = [
        "lint",
        *(written or ["nothing.dts"]),
        "--format",
        "json",
        "--xen",
        rng.choice(RELEASES),
    ]
    overlays = sorted(str(path) for path in Path(OUT).glob("*.host.dtbo"))
    host = ["--host", board, *(f"--host-overlay={path}" for path in overlays)]
    return argv + rng.choice((host, host[:2], []))


def _examples() -> Iterator[list[str]]:
    examples = REPOSITORY / "docs" / "examples"
    for system in sorted(examples.glob("*/xenassign.toml")):
        shown = [os.path.relpath(system)]
        yield ["generate", "-c", *shown, "-o", OUT, "--lock", f"{OUT}.lock"]
        yield ["plan", "-c", *shown, "--format", "json"]
    hosts = ("", str(REPOSITORY / "fixtures" / "host_dtbs" / "qemu-virt-gicv3.dtb"))
    for path in sorted((examples / "hand-written").iterdir()):
        for host in hosts:
            for release in RELEASES:
                argv = ["lint", str(path), "--format", "json", "--xen", release]
                yield [*argv, *(("--host", host) if host else ())]


class _Work(NamedTuple):
    """One subject's task for a process."""

    subject: Subject
    program: str
    before: list[dict[str, Any]] | None


def _worker(work: _Work) -> tuple[str, list[dict[str, Any]]]:
    """Records a subject: its own commands, or those of the record before."""
    if work.program not in sys.path:
        sys.path.insert(0, work.program)
    records: list[dict[str, Any]] = []
    back = Path.cwd()
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        try:
            commands: Iterator[list[str]]
            if work.before is None:
                commands = _commands(work.subject)
            else:
                commands = iter([record["argv"] for record in work.before])
            for argv in commands:
                if argv[0] == "generate":
                    shutil.rmtree(OUT, ignore_errors=True)
                records.append(_record(argv))
        finally:
            os.chdir(back)
    return work.subject.key, records


def _place(directory: Path, key: str) -> Path:
    return directory / (re.sub(r"[^\w.-]", "_", key) + ".json.gz")


def _load(path: Path) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads(gzip.decompress(path.read_bytes()))
    return records


def _differences(key: str, old: list[dict[str, Any]], new: list[dict[str, Any]]) -> Iterator[str]:
    for before, after in zip(old, new, strict=True):
        if before == after:
            continue
        yield f"== {key}: xenassign {' '.join(before['argv'])}"
        if before["status"] != after["status"]:
            yield f"status {before['status']} -> {after['status']}"
        parts = {"stderr": (before["stderr"], after["stderr"])}
        parts["stdout"] = (before.get("stdout", []), after.get("stdout", []))
        for name in sorted({*before["files"], *after["files"]}):
            parts[name] = (before["files"].get(name, []), after["files"].get(name, []))
        for name, (was, now) in parts.items():
            yield from difflib.unified_diff(was, now, f"old/{name}", f"new/{name}", "", "", 2, "")


def main() -> int:
    """The script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("action", choices=("record", "compare"))
    parser.add_argument("directory", type=Path)
    parser.add_argument("--program", type=Path, default=REPOSITORY, help="the checkout to run")
    parser.add_argument("--boards", type=Path, help="a directory of .dtb files")
    parser.add_argument("--every", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="the shipped boards and examples only")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    directory: Path = arguments.directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    boards = None if arguments.quick or arguments.boards is None else arguments.boards.resolve()
    chosen = subjects(boards, arguments.every)
    recording = arguments.action == "record"
    program = str(arguments.program.resolve())
    work = [
        _Work(s, program, None if recording else _load(_place(directory, s.key))) for s in chosen
    ]
    count = different = 0
    with get_context("spawn").Pool(arguments.jobs) as pool:
        results = pool.imap(_worker, work)
        for task, (key, records) in zip(work, results, strict=True):
            count += len(records)
            if task.before is None:
                text = json.dumps(records).encode()
                _place(directory, key).write_bytes(gzip.compress(text, mtime=0))
                continue
            lines = list(_differences(key, task.before, records))
            different += sum(line.startswith("== ") for line in lines)
            print("\n".join(lines) + "\n" if lines else "", end="")
    verb = "recorded" if recording else f"compared, {different} different"
    print(f"{count} commands on {len(work)} subjects {verb}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
