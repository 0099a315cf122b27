"""What holds for the source of the whole package: sizes, names, keys, imports."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from xenassign.formats.toml_text import parse_toml
from xenassign.outputs.generated import OUTPUTS

MODULE_LINES = 400
FUNCTION_LINES = 60

#: Modules that are tables: they grow by a line for each fact.
TABLES = {
    "xen/releases.py": "the table of releases, a field for each difference",
}

#: Names of several modules: one subject at several layers, or the parallel files of outputs/*/.
SAME_SUBJECT = {
    "address_map": "the address map as data, and as a table",
    "base_cfg": "what is read from the user's dom.cfg, and what is set in it",
    "check": "of each output: its bytes, read again",
    "cpu_pools": "of a plan, and as nodes of /chosen",
    "cpus": "the numbers that Xen gives them, and those of the domains of a system",
    "decide": "of a plan, and of each output",
    "demands": "what xenassign.toml demands, and the judgement about the domains",
    "event_channels": "the ports that are planned, and the rules about nodes",
    "hosts": "several boards: decided, made, shown",
    "interrupts": "specifiers, and the rules about them",
    "intx": "the map of a PCI host, and what a domain gets of it",
    "machine_control": "the table, the judgement about a board, and the rules about files",
    "msi": "the frames of a board, and the judgement about them",
    "options": "the table of options, and click's options made of it",
    "overlay": "fragments that are read, and those that are written for a domain",
    "own_tree": "the user's partial tree: what it states, and the plan with that",
    "plan": "the plan, and the command that shows it",
    "protection": "the judgement, and the rules about files",
    "sci": "what Xen forwards, and what a plan makes of it",
    "sci_agents": "the agents that Xen reads, and what a plan makes of one",
    "scmi": "the firmware of a board, and the rules about its nodes in a guest",
    "shared_memory": "where it is planned, and the rules about its nodes",
    "static_memory": "the judgement, and the reading of a domain's node",
    "waivers": "written as comments, and read",
    "write": "of each output: its files",
}


@pytest.fixture(scope="module")
def modules(repository: Path) -> dict[str, ast.Module]:
    """Every module of the package by its path below xenassign/."""
    root = repository / "xenassign"
    paths = sorted(root.rglob("*.py"))
    assert paths
    return {path.relative_to(root).as_posix(): ast.parse(path.read_text()) for path in paths}


def functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a module, methods and inner ones too."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_nothing_is_keyed_by_id(modules: dict[str, ast.Module]) -> None:
    """A Node is a key itself: mypy checks it, and unlike a number it is not used again."""
    uses = [
        f"{path}:{node.lineno}"
        for path, module in modules.items()
        for node in ast.walk(module)
        if isinstance(node, ast.Name) and node.id == "id" and isinstance(node.ctx, ast.Load)
    ]
    assert not uses


def test_modules_are_short(modules: dict[str, ast.Module], repository: Path) -> None:
    long = set()
    for path in modules:
        count = len((repository / "xenassign" / path).read_text().splitlines())
        if count > MODULE_LINES and path not in TABLES:
            long.add(path)
    assert not long


def test_functions_are_short(modules: dict[str, ast.Module]) -> None:
    long = {
        f"{path} {function.name}"
        for path, module in modules.items()
        for function in functions(module)
        if (function.end_lineno or 0) - function.lineno >= FUNCTION_LINES
    }
    assert not long


def test_no_two_classes_have_one_name(modules: dict[str, ast.Module]) -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path, module in modules.items():
        for node in ast.walk(module):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(path)
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_modules_of_one_name_are_one_subject(modules: dict[str, ast.Module]) -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in modules:
        if Path(path).name != "__init__.py":
            places[Path(path).stem].append(path)
    assert {name for name, paths in places.items() if len(paths) > 1} == set(SAME_SUBJECT)


def test_no_imports_go_in_a_circle(modules: dict[str, ast.Module]) -> None:
    """Neither at import time nor later: an import in a function counts, one for types does not."""
    known = {f"xenassign.{path[:-3].replace('/', '.')}": path for path in modules}
    graph = {path: sorted(_imports(module, known)) for path, module in modules.items()}
    finished: set[str] = set()
    for start, first in graph.items():
        stack: list[tuple[str, Iterator[str]]] = [(start, iter(first))]
        way = [start]
        while stack and start not in finished:
            below = next(stack[-1][1], None)
            if below is None:
                finished.add(way.pop())
                stack.pop()
            elif below in way:
                pytest.fail(" imports ".join([*way[way.index(below) :], below]))
            elif below not in finished:
                way.append(below)
                stack.append((below, iter(graph[below])))


def _imports(module: ast.Module, known: dict[str, str]) -> set[str]:
    """The modules that a module imports, by their paths."""
    for_types = {
        inner
        for node in ast.walk(module)
        if isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    names = set()
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module and node not in for_types:
            inside = {f"{node.module}.{alias.name}" for alias in node.names} & known.keys()
            names |= inside or {node.module}
    return {known[name] for name in names if name in known}


def test_every_output_is_in_the_list(repository: Path) -> None:
    """A folder of outputs/ with a ``decide`` is driven by ``generate``."""
    folders = {path.parent.name for path in (repository / "xenassign/outputs").glob("*/decide.py")}
    assert {output.functions().decide.__module__.split(".")[-2] for output in OUTPUTS} == folders
    names = [name for output in OUTPUTS for name in (*output.endings, *output.names)]
    assert len(names) == len(set(names))


def test_what_is_used_is_declared(modules: dict[str, ast.Module], repository: Path) -> None:
    """An installed xenassign has the packages and the folders of data that its modules ask for."""
    project = parse_toml((repository / "pyproject.toml").read_text(), "pyproject.toml").values
    packages = {Requirement(text).name for text in project["project"]["dependencies"]}
    folders = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    extras = project["project"]["optional-dependencies"]
    server = {Requirement(text).name for text in extras["server"]}
    yaml = {Requirement(text).name.partition(".")[0] for text in extras["domains"]}
    imported, asked = {"markupsafe"}, {"man"}  # comes with jinja2; only of a checkout
    for path, module in modules.items():
        by_module = set()
        for node in ast.walk(module):
            if isinstance(node, ast.Import):
                by_module |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                by_module.add(str(node.module).partition(".")[0])
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "directory":
                asked |= {str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)}
        assert path.startswith("server/") or not by_module & server, path
        assert path == "formats/yaml_text.py" or not by_module & yaml, path
        imported |= by_module
    known = {*packages, *server, *yaml, "xenassign", "markupsafe"}
    assert imported - sys.stdlib_module_names == known
    assert asked == {*folders, "man"}
