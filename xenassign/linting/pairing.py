"""Which files belong to one domain: its configuration, partial device tree, node in /chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from xenassign.findings import ROUTES
from xenassign.formats.xlcfg import tree_beside
from xenassign.linting.documents import ConfigFile, Document, TreeFile, read_tree_file
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.domain import DomainNode, context_of

if TYPE_CHECKING:
    from xenassign.linting.folder import DomainFacts

#: What follows a domain's name in the files of ``generate``, without the last suffix.
_ENDINGS = (".dom0less", ".attach", ".host")


def domain_name(file: str) -> str:
    """The name of the domain that a file is called after: that of net.dom0less.dtso is net."""
    stem = PurePath(file).stem
    for ending in _ENDINGS:
        stem = stem.removesuffix(ending)
    return stem


def partial_trees(
    documents: Sequence[Document], partial: TreeFile | None
) -> dict[str, TreeFile | None]:
    """The partial device tree of each configuration with device_tree, by the configuration's file.

    That is ``partial``, a given file of the same name without suffix, the file that device_tree
    names, or one of that name beside the configuration, since device_tree is the path in dom0; None
    if none exists.
    """
    given = [document for document in documents if isinstance(document, TreeFile)]
    trees: dict[str, TreeFile | None] = {}
    for document in documents:
        name = document.device_tree if isinstance(document, ConfigFile) else None
        if name is None:
            continue
        stem = PurePath(name).stem
        same_name = [tree for tree in given if PurePath(tree.file).stem == stem]
        if partial is not None:
            trees[document.file] = partial
        elif same_name:
            trees[document.file] = same_name[0]
        else:
            trees[document.file] = _beside(document.file, name)
    return trees


def _beside(config: str, name: str) -> TreeFile | None:
    """The file that a configuration's device_tree names, or the file or source of that name."""
    path = tree_beside(config, name)
    return read_tree_file(path) if path is not None else None


class Pairs:
    """The domains of a run, and the contexts in which their partial device trees are judged.

    ``domains``: with the file of each, None for the host's tree. ``facts``: of domains, by name.
    """

    def __init__(
        self,
        trees: Sequence[TreeFile],
        domains: Sequence[tuple[TreeFile | None, DomainNode]],
        facts: Mapping[str, DomainFacts],
    ) -> None:
        self._facts = facts
        self._named: dict[str, DomainNode] = {}
        for file, domain in domains:
            self._named.setdefault(domain.name, domain)
            if file is not None and file.overlay:
                self._named.setdefault(domain_name(file.file), domain)
        names = {domain_name(tree.file) for tree in trees if not tree.overlay}
        alone = domains[0][1] if len(domains) == 1 else None
        #: The domain of every tree, if there is one only and no tree is called after it.
        self._only = alone if alone is not None and not names & {*self._named} else None

    def context(self, tree: TreeFile, base: Context) -> Context:
        """The context of a partial device tree: the values of its domain's node, or of its plan."""
        name = domain_name(tree.file)
        facts, domain = self._facts.get(name), self._named.get(name, self._only)
        if facts is not None:
            base = base._replace(
                vcpus=facts.vcpus or base.vcpus,
                memory=facts.memory * 1024 if facts.memory is not None else base.memory,
            )
        return context_of(domain, base) if domain is not None else base

    def routes(self, file: str) -> tuple[str, ...]:
        """The routes that a domain's files are for."""
        facts = self._facts.get(domain_name(file))
        return facts.routes if facts is not None and facts.routes else ROUTES
