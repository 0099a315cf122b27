"""The kinds of inputs: what is mutated, and which commands read it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

from tests.devicetree.dts_maker import Maker
from tests.devicetree.dts_maker import damaged as damaged_source
from tests.fuzz import seeds, texts, trees
from tests.fuzz.cases import (
    OF_BOOT,
    OF_PROJECT,
    command,
    damaged,
    damaged_text,
    line_of,
    lint,
    values_of,
    with_board,
)
from tests.fuzz.draw import OPTIONS, Draw
from tests.fuzz.execute import Case
from tests.fuzz.hostile import CELLS, MARK, NUMBERS, TEXTS, without_nul
from tests.fuzz.options import HOSTILE, PROFILES, drawn
from tests.fuzz.running import collected, summary
from tests.fuzz.sections import add_key
from xenassign.linting.catalogue import rules
from xenassign.request import options as tables


def board_tree(draw: Draw) -> Case:
    """A board whose nodes and properties were changed."""
    if draw.chance(0.3):
        made = seeds.made(draw.random)
        files = {**made.files, "board.dtb": damaged(draw, made.board.data)}
        return with_board(draw, files, "board.dtb", made.board, b"")
    board = seeds.board(draw.random)
    return with_board(draw, {"board.dtb": damaged(draw, board.data)}, "board.dtb", board, b"")


def board_bytes(draw: Draw) -> Case:
    """A board whose bytes were changed; rarely on standard input."""
    board = seeds.board(draw.random)
    data, other = board.data, seeds.board(draw.random).data
    for random in draw.steps():
        data = trees.bytes_of(random, data, other)
    if draw.chance(0.1):
        return with_board(draw, {}, "-", board, data)
    return with_board(draw, {"board.dtb": data}, "board.dtb", board, b"")


def board_source(draw: Draw) -> Case:
    """A board's source whose text was changed, or one by chance."""
    random = draw.random
    board = seeds.board(random)
    if draw.chance(0.2):
        text = Maker(random, wild=draw.chance(0.2)).source()
        for step in draw.steps(OPTIONS):
            text = damaged_source(step, text)
        line = (random.choice(("inspect", "lint", "init")), "board.dts")
        return Case({"board.dts": text.encode("utf-8", "surrogateescape")}, (line,))
    text = trees.source(board.blob().root)
    text = damaged_text(draw, text, "dts")
    files = {"board.dts": texts.encoded(text, random), "board.dtsi": b"/ { added; };\n"}
    return with_board(draw, files, "board.dts", board, b"")


def live_tree(draw: Draw) -> Case:
    """A directory of a live tree, sometimes dom0's, whose nodes and properties were changed."""
    board = seeds.board(draw.random)
    blob = board.blob()
    if draw.chance(0.3):
        trees.as_dom0(blob, draw.random)
    for random in draw.steps():
        trees.mutate(blob, random)
    files = dict(trees.directory(blob.root, "live/"))
    return with_board(draw, files, "live", board, b"")


def partial_tree(draw: Draw) -> Case:
    """A partial device tree, as a blob or source, with its configuration and its board."""
    random = draw.random
    made = seeds.made(random)
    files = {name: made.files[name] for name in ("domu1.cfg", "domu1.host.dtbo")}
    files["board.dtb"] = made.board.data
    if draw.chance(0.6):
        name = "domu1.dtb"
        files[name] = damaged(draw, made.files[name])
    else:
        name = "domu1.dts"
        text = random.choice((made.files[name].decode(), *seeds.texts("domu1.dts")))
        other = made.files["domu1.dom0less.dtso"].decode()
        text = damaged_text(draw, text, "dts", other)
        files[name] = texts.encoded(text, random)
    return lint(draw, made.board, files, [name, *(["domu1.cfg"] if draw.chance(0.4) else [])])


def domains(draw: Draw) -> Case:
    """An overlay with dom0less domains, or the marks of the host."""
    random = draw.random
    made = seeds.made(random)
    files = {"board.dtb": made.board.data, "domu1.dtb": made.files["domu1.dtb"]}
    files["domu1.host.dtbo"] = made.files["domu1.host.dtbo"]
    if draw.chance(0.4):
        files["domu1.host.dtbo"] = damaged(draw, made.files["domu1.host.dtbo"])
        names = ["domu1.host.dtbo", "domu1.dtb"] if draw.chance(0.5) else ["domu1.dtb"]
        return lint(draw, made.board, files, names)
    text = random.choice((made.files["domu1.dom0less.dtso"].decode(), *seeds.texts("domain.dts")))
    text = damaged_text(draw, text, "dts", made.files["domu1.dts"].decode())
    files["domain.dts"] = texts.encoded(text, random)
    return lint(draw, made.board, files, ["domain.dts", "domu1.dtb"][: random.choice((1, 2))])


def configuration(draw: Draw) -> Case:
    """An xl configuration, for the lint or as --base-cfg."""
    random = draw.random
    made = seeds.made(random)
    text = random.choice((made.files["domu1.cfg"].decode(), *seeds.texts(".cfg")))
    text = damaged_text(draw, text, "cfg", "\n".join(texts.WORDS["cfg"]))
    files = {"domu1.cfg": texts.encoded(text, random), "board.dtb": made.board.data}
    if draw.chance(0.3):
        words = ["generate", "board.dtb", "-d", made.board.device, "--base-cfg", "domu1.cfg"]
        words += ["--iommu-policy", "trust", "--map", "auto", "-o", "out"]
        values = values_of(made.board, files)
        return command(draw, files, words, tables.DOMAIN, values)
    if draw.chance(0.4):
        files["domu1.dtb"] = made.files["domu1.dtb"]
        words = ["complete", "domu1.cfg", "--host", "board.dtb", "-o", "out/completed"]
        words += random.choice(([], ["--route", "dom0less"]))
        return command(draw, files, words, tables.COMPLETED, values_of(made.board, files))
    if draw.chance(0.7):
        files["domu1.dtb"] = made.files["domu1.dtb"]
        files["domu1.host.dtbo"] = made.files["domu1.host.dtbo"]
    names = ["domu1.cfg", *(["domu1.dtb"] if draw.chance(0.3) else [])]
    return lint(draw, made.board, files, [name for name in names if name in files])


def project(draw: Draw) -> Case:
    """A xenassign.toml, for generate, plan and lint."""
    random = draw.random
    made = seeds.made(random)
    whole = draw.chance(0.3)
    start = seeds.system(made.board) if whole else seeds.project(made.board)
    lines = start.splitlines(keepends=True)
    for step in draw.steps(_KEYS):
        add_key(lines, step, made.board)
    text = "".join(lines)
    if not whole and draw.chance(0.4):
        device = random.choice((made.board.device, random.choice(made.board.paths)))
        text += f'\n[[domain]]\nname = "second"\niommu-policy = "trust"\ndevice = ["{device}"]\n'
    if draw.chance(0.15):
        text = text.replace('"board.dtb"', '["board.dtb", "second.dtb"]')
    text = damaged_text(draw, text, "toml", "\n".join(texts.WORDS["toml"]), OPTIONS)
    files = {"xenassign.toml": texts.encoded(text, random), "board.dtb": made.board.data}
    if '"second.dtb"' in text:
        files["second.dtb"] = damaged(draw, made.board.data)
    values = values_of(made.board, files)
    if draw.chance(0.15):
        files["domu1.dts"] = made.files["domu1.dts"]
        files["domu1.host.dtbo"] = made.files["domu1.host.dtbo"]
        return lint(draw, made.board, files, ["domu1.dts"])
    words = [random.choice(("generate", "generate", "plan")), "-c", "xenassign.toml"]
    if words[0] == "generate":
        words += ["-o", "out", *random.choice((*PROFILES, ("--per-host",)))]
        return command(draw, files, words, (*OF_PROJECT, *tables.BOOT), values)
    words += ["--format", random.choice(("table", "json"))]
    return command(draw, files, words, OF_PROJECT, values)


#: How many keys are added to a xenassign.toml.
_KEYS = (3, 5, 4, 3, 1, 1)


def described(draw: Draw) -> Case:
    """A System Device Tree or a domains.yaml, whose text was changed, for ``init``."""
    random = draw.random
    tree = (seeds.DESCRIBED / "system.dts").read_text(encoding="utf-8")
    names = random.choice((("system.dts",), ("domains.yaml",), ("system.dts", "domains.yaml")))
    files = {"system.dts": tree.encode()}
    for name in names:
        text = (seeds.DESCRIBED / name).read_text(encoding="utf-8")
        language = "dts" if name.endswith("dts") else "yaml"
        files[name] = texts.encoded(damaged_text(draw, text, language), random)
    option = ["--from-domains", "domains.yaml"] if "domains.yaml" in names else []
    line = line_of("init", "system.dts", *(option or ["--from-sdt", "system.dts"]), "-o", "x.toml")
    return Case(files, (line, line_of("plan", "-c", "x.toml")))


def lock(draw: Draw) -> Case:
    """A lock: its text, or its values."""
    random = draw.random
    data = b""
    while not data:
        made = seeds.made(random)
        data = seeds.lock(made.board)
    text = data.decode()
    values = draw.chance(0.85)
    for step in draw.steps():
        text = _values(step, text) if values else texts.mutate(text, "json", step, text)
    files = {"xenassign.toml": seeds.project(made.board).encode(), "board.dtb": made.board.data}
    files["xenassign.lock"] = texts.encoded(text, random)
    words = random.choice(
        (["generate", "-o", "out"], ["generate", "-o", "out", "--locked"], ["plan"])
    )
    words[1:1] = ["-c", "xenassign.toml"]
    return command(draw, files, words, OF_PROJECT, values_of(made.board, files))


def _values(random: Random, text: str) -> str:
    """JSON with one value replaced; the text as it is if it is no JSON."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return text
    places: list[tuple[Any, Any]] = []
    todo = [data]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            places += [(value, key) for key in value]
            todo += value.values()
        elif isinstance(value, list):
            places += [(value, index) for index in range(len(value))]
            todo += value
    if places:
        holder, key = random.choice(places)
        new: object = random.choice(
            (None, True, -1, 0, 1 << 64, 1.5, float("nan"), "", [], {}, [[]], random.choice(TEXTS))
        )
        old = holder[key]
        if random.random() < 0.7 and isinstance(old, str):
            new = random.choice((*TEXTS, "XA204", old + "x"))
        elif random.random() < 0.8 and isinstance(old, bool):
            new = not old
        elif random.random() < 0.8 and isinstance(old, int):
            new = random.choice((old + 1, old + 4096, *CELLS))
        if random.random() < 0.05 and isinstance(holder, dict):
            del holder[key]
        elif random.random() < 0.05 and isinstance(holder, dict):
            holder[random.choice(TEXTS)] = new
        else:
            holder[key] = new
    return json.dumps(data, indent=2)


def image_builder(draw: Draw) -> Case:
    """A configuration of ImageBuilder as --imagebuilder-base."""
    random = draw.random
    made = seeds.made(random)
    text = made.files.get("imagebuilder.cfg", b"").decode() + random.choice(("", _BASH))
    text = damaged_text(draw, text, "bash", "".join(texts.WORDS["bash"]))
    files = {"image.cfg": texts.encoded(text, random), "board.dtb": made.board.data}
    words = ["generate", "board.dtb", "-d", made.board.device, *seeds.REQUEST]
    words += ["--imagebuilder", "--imagebuilder-base", "image.cfg", "-o", "out"]
    return command(draw, files, words, tables.DOMAIN, values_of(made.board, files))


#: Lines as people have them around the assignments.
_BASH = """
# NUM_DOMUS=7
export XEN='xen'
DOMU_CMD[0]="a=\\"b\\" c=\\$d 'e' #f"
DOMU_MEM=512
DOMU_RAMDISK[0]="one \\
line"
if test -z "$BOARD"; then BOARD=zcu102; fi
LIST=(a
  b)
function f() {
    case "$1" in
    a) true ;;
    esac
}
"""


def option(draw: Draw) -> Case:
    """A good board, and many options."""
    made = seeds.made(draw.random)
    files = {"board.dtb": made.board.data, "domu1.cfg": made.files["domu1.cfg"], "folder/": b""}
    values = values_of(made.board, files)
    words = [draw.random.choice(("generate", "generate", "plan")), "board.dtb", *seeds.REQUEST]
    for random in draw.steps():
        words += drawn(random, OF_BOOT if words[0] == "generate" else tables.DOMAIN, values)
    device = ["-d", made.board.device]
    output = ["-o", "out"] if words[0] == "generate" else []
    if output and draw.chance(HOSTILE):
        output[1] = f"o{draw.random.choice(TEXTS)}".replace("..", "x")
    return Case(files, (line_of(*words, *device, *output),))


def words(draw: Draw) -> Case:
    """Codes, completion, and command lines that are none."""
    random = draw.random
    board = seeds.board(random)
    hostile = without_nul(random.choice((*TEXTS, *NUMBERS, "XA9", "XA", "xa204")))
    if draw.chance(0.5):
        data = damaged(draw, board.data, OPTIONS)
        files = {"board.dtb": data, "xenassign.toml": seeds.project(board).encode()}
        return Case(files, ((),), environment=_completion(random, hostile))
    if draw.chance(0.3):
        code = random.choice((hostile, *(rule.code for rule in rules())))
        return Case(
            {}, (random.choice((("explain", code), ("explain",), ("lint", "--list-rules"))),)
        )
    name = random.choice((*_COMMANDS, hostile))
    some = [hostile, "board.dtb", "-d", board.device, "-o", "out", "--format", "json", MARK, "-"]
    line = line_of(name, *random.sample(some, random.randrange(6)))
    return Case({"board.dtb": board.data}, (line,))


_COMMANDS = ("inspect", "generate", "plan", "lint", "complete", "explain", "init", "schema")
#: Options whose values are completed by the board or by the system.
_COMPLETED = (
    *("-d", "--map", "--clock-rate", "--memory-region", "--allow-shared-page", "--load", "-o"),
    *("--select", "--name", "--xen", "-c", "--force-assign-without-iommu", "--xen-console"),
)


def _completion(random: Random, hostile: str) -> dict[str, str]:
    """What bash, zsh and fish set when a word is completed."""
    command = random.choice((*_COMMANDS[:4], *_COMMANDS, hostile))
    source = random.choice(("board.dtb", "board.dtb", "-c xenassign.toml", hostile))
    option = random.choice(_COMPLETED)
    word = random.choice(("", "/", "e", f"{option}=", f"{option}=/", hostile))
    line = f"xenassign {command} {source} {option} {word}"
    shell = random.choice(("bash", "zsh", "fish"))
    env = {"_XENASSIGN_COMPLETE": f"{shell}_complete", "COMP_WORDS": line}
    if shell == "bash":
        env["COMP_LINE"] = line
    env["COMP_CWORD"] = word if shell == "fish" else str(len(line.split()) - bool(word.strip()))
    return env


def edited(draw: Draw) -> Case:
    """Texts that an editor has opened beside files, and positions at which it asks."""
    random = draw.random
    made = seeds.made(random)
    toml = seeds.project(made.board)
    names = ("domu1.cfg", "domu1.dts", "domu1.host.dtso", "domu1.dom0less.dtso")
    files = {name: made.files[name] for name in names if draw.chance(0.8)}
    files |= {"board.dtb": made.board.data, "xenassign.toml": toml.encode()}
    opened: dict[str, str] = {}
    for name in random.sample(("xenassign.toml", *names), random.choice((1, 1, 2, 3))):
        text = toml if name.endswith(".toml") else made.files[name].decode()
        suffix = name.rpartition(".")[2]
        language = "dts" if suffix == "dtso" else suffix
        words = "\n".join(texts.WORDS[language])
        opened[name] = damaged_text(draw, text, language, words, _KEYS)
        if draw.chance(0.3):
            hostile = random.choice(TEXTS).replace("\\", r"\\")
            opened[name] = re.sub(r'(?<=path = ")[^"]*', hostile, opened[name])
        if draw.chance(0.15):  # another domain, which is not on disk
            opened[f"second.{suffix}"] = opened[name]
    lines = max(text.count("\n") for text in opened.values())
    at = [[random.randrange(lines + 2), random.randrange(90)] for _ in range(2)]
    if draw.chance(0.1):
        at.append(random.choice([[0, 2**31 - 1], [2**31 - 1, 0], [lines, 2**31 - 1]]))
    return Case(files, (("server",),), json.dumps({"open": opened, "at": at}).encode())


Kind = Callable[[Draw], Case]

KINDS: dict[str, tuple[Kind, int]] = {
    "tree": (board_tree, 27),
    "bytes": (board_bytes, 9),
    "source": (board_source, 7),
    "live": (live_tree, 3),
    "partial": (partial_tree, 16),
    "domains": (domains, 7),
    "cfg": (configuration, 8),
    "toml": (project, 8),
    "described": (described, 3),
    "lock": (lock, 4),
    "imagebuilder": (image_builder, 4),
    "options": (option, 5),
    "words": (words, 5),
    "summary": (summary, 2),
    "collected": (collected, 3),
    "edited": (edited, 1),
}
"""By name: the function, and how often it is drawn."""


def kind_of(seed: int, index: int) -> str:
    """The kind of an input, if none is given."""
    (name,) = Random(f"{seed}/{index}").choices(
        tuple(KINDS), [weight for _, weight in KINDS.values()]
    )
    return name


def case(seed: int, index: int, kind: str, skip: frozenset[int] = frozenset()) -> tuple[Case, int]:
    """Input ``index`` of a seed, and how many steps it has."""
    draw = Draw(seed, index, kind, skip)
    made = KINDS[kind][0](draw)
    return made, draw.count
