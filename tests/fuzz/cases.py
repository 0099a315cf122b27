"""What several kinds of inputs have: damaged trees and texts, and command lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from tests.fuzz import texts, trees
from tests.fuzz.draw import MUTATIONS, OPTIONS, Draw
from tests.fuzz.execute import Case
from tests.fuzz.hostile import without_nul
from tests.fuzz.options import PROFILES, Values, drawn
from tests.fuzz.seeds import Board
from tests.xen.mutants.blob import Blob
from xenassign.linting.formats import FORMATS
from xenassign.linting.options import LINT
from xenassign.request import options as tables
from xenassign.request.options import Option

_OF_INSPECT = (tables.XEN, tables.IOMMU_DRIVER)
OF_BOOT = (*tables.DOMAIN, *tables.BOOT)
#: Options that a xenassign.toml leaves to the command line.
OF_PROJECT = tuple(o for o in tables.DOMAIN if o.field not in {"devices", "base"})

Words = list[str]


def damaged(draw: Draw, data: bytes, weights: Sequence[int] = MUTATIONS) -> bytes:
    """A blob with structural damage."""
    blob = Blob.read(data)
    for random in draw.steps(weights):
        trees.mutate(blob, random)
    return blob.write()


def damaged_text(
    draw: Draw,
    text: str,
    language: str,
    other: str | None = None,
    weights: Sequence[int] = MUTATIONS,
) -> str:
    """A text with other lines, words and values. ``other``: one to take lines from, else itself."""
    for random in draw.steps(weights):
        text = texts.mutate(text, language, random, text if other is None else other)
    return text


def values_of(board: Board, files: Mapping[str, bytes]) -> Values:
    """What options about the device of a board are drawn from."""
    return Values(board.device, board.paths, files)


def line_of(*words: str) -> tuple[str, ...]:
    """A command line as the system can pass it on."""
    return tuple(map(without_nul, words))


def command(
    draw: Draw,
    files: Mapping[str, bytes],
    words: Words,
    table: Sequence[Option],
    values: Values,
    stdin: bytes = b"",
) -> Case:
    """A case of one command line: its words, and a few options of a table, each a step."""
    return Case(files, (_with_options(draw, words, table, values),), stdin)


def _with_options(
    draw: Draw, words: Words, table: Sequence[Option], values: Values
) -> tuple[str, ...]:
    options = [word for random in draw.steps(OPTIONS) for word in drawn(random, table, values)]
    return line_of(*words, *options)


def with_board(draw: Draw, files: dict[str, bytes], host: str, board: Board, stdin: bytes) -> Case:
    """A case of the commands that read a board."""
    random = draw.random
    values = values_of(board, files)
    device = without_nul(values.path(random) if draw.chance(0.3) else board.device)
    how = random.random()
    if how < 0.15:
        paths = [values.path(random)] if draw.chance(0.4) else []
        flags = [f for f in ("--scmi", "--assignable") if draw.chance(0.2)]
        form = random.choice(("table", "json"))
        words = ["inspect", host, *paths, "--format", form, *flags]
        return command(draw, files, words, _OF_INSPECT, values, stdin)
    if how < 0.2:
        target = random.choice(([], ["-o", "out/x.toml"], ["-o", "new.toml"]))
        return Case(files, (line_of("init", host, *target),), stdin)
    if draw.chance(0.12) and host != "-":
        files = {**files, "second.dtb": damaged(draw, board.data)}
        more = ["--host", "second.dtb"]
    else:
        more = []
    policy = random.choice((["--iommu-policy", "trust"], ["--allow-shared-page", device], []))
    request = ["-d", device, *policy, *more]
    if how < 0.28:
        form = random.choice(("table", "json"))
        words = ["plan", host, *request, "--format", form]
        return command(draw, files, words, tables.DOMAIN, values, stdin)
    if how < 0.36 and len(files) > 1:
        overlays = [name for name in files if name.endswith(".dtbo")]
        marks = [word for name in overlays for word in ("--host-overlay", name)]
        words = ["lint", *_partials(files, random), "--host", host, *marks, *_form(random)]
        return command(draw, files, words, LINT, values, stdin)
    words = ["generate", host, *request, *random.choice(PROFILES), "-o", "out"]
    lines = [_with_options(draw, words, OF_BOOT, values)]
    if draw.chance(0.15):
        check = ["lint", "out/domu1.dts", "out/domu1.cfg", "--host", host, *_form(random)]
        lines.append(line_of(*check, "--host-overlay", "out/domu1.host.dtbo"))
    elif draw.chance(0.05):
        lines.append((*lines[0], "--overwrite"))
    return Case(files, tuple(lines), stdin)


def _form(random: Random) -> Words:
    return ["--format", random.choice(tuple(FORMATS))]


def _partials(files: dict[str, bytes], random: Random) -> Words:
    names = [name for name in files if name.startswith("domu1.") and "host" not in name]
    return [random.choice(names or [*files])]


def lint(draw: Draw, board: Board, files: dict[str, bytes], names: Words) -> Case:
    """A case of lint, mostly with the board."""
    random = draw.random
    host = ["--host", "board.dtb"] if draw.chance(0.6) else []
    if host and draw.chance(0.5):
        host += ["--host-overlay", "domu1.host.dtbo"]
    change = random.choice(([], [], [], ["--diff"], ["--fix"]))
    words = ["lint", *names, *host, *_form(random), *change]
    return command(draw, files, words, LINT, values_of(board, files))
