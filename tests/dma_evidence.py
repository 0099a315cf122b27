"""What shows whether a block masters DMA, independent of knowledge/dma.txt: tests/dma_evidence.txt.

    python -m tests.dma_evidence DTBS... --linux SOURCE...

writes that file from directories of .dtb files and from source trees of Linux (``drivers``,
``sound``, ``include`` and ``Documentation`` of Debian's linux-source packages). The committed one
is made from the boards and the sources of the kernels of Debian trixie (6.12.117) and forky
(7.2.12). It has facts only, one kind at a time, and the `compatible` strings that each is about:

    board PROPERTY          a node on a board has this property of a bus master
    board PROPERTY above X  so has one with a child X, to which the property applies as well
    dma FILE FUNCTION...    a driver that binds to the string calls these functions of the DMA API
    driver FILE             a driver that binds to it calls none, or only for a DMA engine's channel
    beside STRING           no driver binds to it; boards have it in front of such a driver's string
    binding FILE            no driver binds to it; its binding has none of the properties
    nothing                 none of these
    ports SOC               no strings: names of blocks with a port to the memory controller

The kinds ``driver``, ``beside``, ``binding`` and ``nothing`` are listed only for strings that the
table calls "no DMA": those of boards, and where an entry fits no board, others that Linux has.
After a change of the table, run the script again.
"""

from __future__ import annotations

import argparse
import re
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from xenassign.devicetree.blob import read_blob_file
from xenassign.devicetree.tree import Node
from xenassign.host.dma_knowledge import DmaKnowledge, dma_knowledge, dma_table

FILE = Path(__file__).with_suffix(".txt")

#: Properties of a node that states that the block reads or writes memory, or by which path.
MASTER = ("iommus", "iommu-map", "mediatek,larb", "mediatek,larbs", "memory-region")
#: The same; they hold for the nodes below too, so they may be there for a child only.
INHERITED = ("dma-coherent", "dma-noncoherent", "dma-ranges", "interconnects")
#: Strings that say nothing about the block.
GENERIC = frozenset({"simple-bus", "simple-mfd", "syscon", "arm,primecell"})

#: Entries "no DMA" that have a fact of a master: the kind, and why it is not about the block.
JUDGED = {
    "qcom,*-bwmon": ("board interconnects", "the path that it measures"),
    "fsl,imx*-blk-ctrl": ("board interconnects", "the paths of the blocks in its power domains"),
    "ti,j7-rti-wdt": ("board memory-region", "read by the driver: the cause of the last reset"),
    "fsl,*-scfg": ("dma drivers/mmc/host/sdhci-of-esdhc.c", "looked up; it binds to fsl,esdhc"),
    "intel,socfpga-qspi": ("dma drivers/spi/spi-cadence-quadspi.c", "the mask is for Versal"),
    "ti,am654-ospi": ("dma drivers/spi/spi-cadence-quadspi.c", "the mask is for Versal"),
    "ti,k2g-qspi": ("dma drivers/spi/spi-cadence-quadspi.c", "the mask is for Versal"),
}

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_BOUND = re.compile(
    r'\.compatible\s*=\s*"([^"]+)"|\b(?:IRQCHIP_MATCH|[A-Z_]+DECLARE(?:_DRIVER)?)\(([^;)]*)'
)
_LITERAL = re.compile(r'"([\w.,+-]+)"')
_MASK = re.compile(r"\bdma_(?:set_mask|set_coherent_mask|coerce_mask)\w*")
_MEMORY = re.compile(
    r"\bdmam?_(?:alloc_(?:coherent|attrs|noncoherent|noncontiguous|wc|pages)|pool_create)\b"
    r"|\bdma_map_(?:single|page|sg|sgtable|phys)\b|\bvb2_dma_(?:contig|sg)_memops\b"
)
_CHANNEL = re.compile(r"\b\w*dma_request_\w*chan\w*|\b\w*snd_dmaengine_\w+")
_PORT = re.compile(
    r"#define\s+(?:M4U_PORT|IOMMU_PORT|TEGRA\w*?_SID|TEGRA\w*?_MEMORY_CLIENT|TEGRA_SWGROUP)_(\w+)"
)
_SOC = re.compile(r"(mt|tegra)\d+")


def read(path: Path = FILE) -> dict[str, tuple[str, ...]]:
    """The facts of a file: their kind with its details, and the strings or names."""
    facts: dict[str, tuple[str, ...]] = {}
    kind = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):
            facts[kind] += tuple(line.split())
        elif line and not line.startswith("#"):
            kind = line
            facts[kind] = ()
    return facts


def master_facts(node: Node) -> Iterator[str]:
    """The facts of a node that show a bus master."""
    yield from (f"board {name}" for name in MASTER if node.has(name))
    below = sorted({c.compatible[0] for c in node.children.values() if c.compatible})
    for name in filter(node.has, INHERITED):
        if name == "dma-ranges" and "simple-bus" in node.compatible:
            continue
        yield from (f"board {name} above {child}" for child in below)
        if not below:
            yield f"board {name}"


def contradicts(fact: str, entry: DmaKnowledge) -> bool:
    """Whether a fact shows that an entry "no DMA" is wrong."""
    kind, _, child = fact.partition(" above ")
    if kind.split()[0] not in ("board", "dma"):
        return False
    if child and (master := dma_knowledge([child])) is not None and master.master:
        return False
    judged, _ = JUDGED.get(entry.compatible, ("", ""))
    return not judged or not (kind + " ").startswith(judged + " ")


def _boards(directories: Iterable[Path]) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """The facts of boards, and which strings follow a string in ``compatible``."""
    facts: dict[str, set[str]] = defaultdict(set)
    followers: dict[str, set[str]] = defaultdict(set)
    for path in sorted(path for directory in directories for path in directory.rglob("*.dtb")):
        for node in read_blob_file(path).nodes():
            strings = node.compatible
            for fact in master_facts(node) if strings else ():
                facts[fact].update(set(strings) - GENERIC)
            for position, string in enumerate(strings):
                followers[string].update(strings[position + 1 :])
    return facts, followers


def _drivers(sources: Iterable[Path]) -> dict[str, dict[str, set[str]]]:
    """For each string that a driver binds to, the files, with their functions of the DMA API."""
    drivers: dict[str, dict[str, set[str]]] = defaultdict(dict)
    for source in sources:
        for part in ("drivers", "sound"):
            for path in sorted((source / part).rglob("*.c")):
                text = path.read_text(encoding="utf-8", errors="replace")
                if '"' not in text or not ("compatible" in text or "DECLARE" in text):
                    continue
                text = _COMMENT.sub(" ", text)
                name, functions = path.relative_to(source).as_posix(), _dma_functions(text)
                for bound, declared in _BOUND.findall(text):
                    for string in [bound] if bound else _LITERAL.findall(declared):
                        drivers[string].setdefault(name, set()).update(functions)
    return drivers


def _dma_functions(text: str) -> set[str]:
    """Functions of the DMA API that a file calls for the device itself."""
    functions = set(_MASK.findall(text))
    if functions or not _CHANNEL.search(text):
        functions.update(_MEMORY.findall(text))
    return functions


def _bindings(sources: Iterable[Path]) -> dict[str, set[str]]:
    """For each string, the bindings that name it and have no property of a bus master."""
    properties = re.compile(rf"^  (?:{'|'.join(MASTER + INHERITED)}):", re.MULTILINE)
    bindings: dict[str, set[str]] = defaultdict(set)
    for source in sources:
        directory = source / "Documentation" / "devicetree" / "bindings"
        for path in sorted([*directory.rglob("*.yaml"), *directory.rglob("*.txt")]):
            text = path.read_text(encoding="utf-8", errors="replace")
            if not properties.search(text):
                for string in re.findall(r"[\w.+-]+,[\w.+-]+\w", text):
                    bindings[string].add(path.relative_to(directory).as_posix())
    return bindings


def _ports(sources: Iterable[Path]) -> dict[str, set[str]]:
    """The names of the ports of memory controllers, without their numbers, by SoC."""
    ports: dict[str, set[str]] = defaultdict(set)
    for source in sources:
        for path in sorted((source / "include" / "dt-bindings" / "memory").glob("*.h")):
            soc = _SOC.search(path.name)
            if soc is None:
                continue
            for name in _PORT.findall(path.read_text(encoding="utf-8")):
                plain = re.sub(r"^L\d+[A-C]?_|\d+(?=_|$)|_EXT$|_MDP$|_DISP$", "", name)
                ports[f"ports {soc[0]}"].add(plain)
    return ports


@cache
def _no_dma(string: str) -> str | None:
    """The entry of the table that calls a string "no DMA", or None."""
    fact = dma_knowledge([string])
    return fact.compatible if fact is not None and not fact.master else None


def gather(boards: list[Path], sources: list[Path]) -> dict[str, set[str]]:
    """All facts. ``boards``: directories of .dtb files; ``sources``: source trees of Linux."""
    facts, followers = _boards(boards)
    drivers, bindings = _drivers(sources), _bindings(sources)
    exact = {entry.compatible for entry in dma_table().all() if "*" not in entry.compatible}
    plain = {string for string in drivers if not any(drivers[string].values())} | {"syscon"}
    of_boards = {_no_dma(string) for string in followers}
    for string in sorted(drivers.keys() | followers.keys() | bindings.keys() | exact):
        files, entry = drivers.get(string, {}), _no_dma(string)
        masters = {f"dma {name} {' '.join(sorted(f))}" for name, f in files.items() if f}
        if masters and (string in followers or entry):
            for kind in masters:
                facts[kind].add(string)
        elif entry and (string in followers or string in exact or entry not in of_boards):
            beside = followers.get(string, set()) & plain
            facts[_support(files, beside, bindings.get(string, ()))].add(string)
    return facts | _ports(sources)


def _support(files: Iterable[str], beside: Iterable[str], bindings: Iterable[str]) -> str:
    """The fact that best shows that a block without facts of a master does no DMA."""
    kinds = [f"driver {name}" for name in files]
    kinds = kinds or [f"beside {string}" for string in beside]
    kinds = kinds or [f"binding {name}" for name in bindings]
    return min(kinds, default="nothing")


def text(facts: Mapping[str, Iterable[str]]) -> str:
    """The file with these facts."""
    parts = ["# Made by python -m tests.dma_evidence, which says what the lines mean.\n"]
    for kind, names in sorted(facts.items()):
        lines = textwrap.wrap(
            " ".join(sorted(names)), 98, break_long_words=False, break_on_hyphens=False
        )
        parts.append("\n".join([kind, *(f"  {line}" for line in lines)]) + "\n")
    return "".join(parts)


def main() -> None:
    """The script."""
    parser = argparse.ArgumentParser(description="Write tests/dma_evidence.txt.")
    parser.add_argument("boards", nargs="+", type=Path, help="directories of .dtb files")
    parser.add_argument("--linux", nargs="+", type=Path, required=True, help="source trees")
    arguments = parser.parse_args()
    FILE.write_text(text(gather(arguments.boards, arguments.linux)), encoding="utf-8")


if __name__ == "__main__":
    main()
