"""What is to be judged of the files that are given: overlays with their base, or not at all.

An overlay of a partial device tree is judged as the tree that results when it is applied to its
base. Overlays of the host's tree mark nodes, or add domains or devices; what has only marks is part
of a host, and nothing of a guest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.overlay import OverlayFragment, fragments
from xenassign.devicetree.tree import Node, Tree
from xenassign.errors import InputError, NothingToJudgeError
from xenassign.findings import ROUTES
from xenassign.linting.documents import ConfigFile, Document, Layer, TreeFile
from xenassign.linting.verdict.domain import is_compatible
from xenassign.xen.releases import PASSTHROUGH_PROPERTIES

if TYPE_CHECKING:
    from xenassign.devicetree.overlay_apply import Applied

MARKS, DOMAINS, DEVICES, PIECE, OTHER = "marks", "domains", "devices", "piece", "other"
#: What the boot loader applies to the host's tree. `xl dt-overlay` adds devices after the boot.
_AT_BOOT = (DOMAINS, MARKS, OTHER)

#: The header of a section as the first statement of a text (pre_parse of xen/common/efi/boot.c).
_SECTION = r"(?:[ \t\r]*(?:[#;].*)?\n)*[ \t]*\["
#: An assignment to a variable that only ImageBuilder reads.
_VARIABLE = (
    r"(?m)^[ \t]*(?:export[ \t]+)?(?:NUM_DOMUS|DOMU_\w+|DOM0_KERNEL|UBOOT_SOURCE)(?:\[[^\]\n]*\])?="
)

#: Applies an overlay to a host's tree.
_Apply = Callable[[Tree | None, TreeFile], Tree | None]

_ROOT = Tree(Node(""), "an empty tree")
_MARK = "xen,passthrough"


def kind_of(overlay: Tree, host: Tree | None) -> str:
    """What an overlay is for. ``host``: the board's tree, if it is known.

    ``PIECE``: a partial device tree; ``DOMAINS``: /chosen of the host, with domains; ``DEVICES``:
    the host, which gets new nodes with marks, as those of `xl dt-overlay`; ``MARKS``: the host, of
    which it marks nodes, with or without new ones; ``OTHER``: it is not known.
    """
    contents = list(fragments(overlay, host))
    nodes = [(part, node) for part in contents for node in part.content.walk()]
    if any(is_compatible(node, "xen,domain") for _, node in nodes):
        return DOMAINS
    if any(_of_partial(part, node) for part, node in nodes):
        return PIECE
    if not any(node.has(_MARK) for _, node in nodes):
        return OTHER
    new = any(_is_new(node) and node is not part.content for part, node in nodes)
    marks = any(part.content.has(_MARK) for part in contents)
    return DEVICES if new and not marks else MARKS


def _of_partial(fragment: OverlayFragment, node: Node) -> bool:
    path = fragment.path(node, target="/").lower()
    in_passthrough = path.lstrip("/").split("/")[0] == "passthrough"  # an alias has no slash
    return in_passthrough or any(node.has(name) for name in PASSTHROUGH_PROPERTIES)


def _is_new(node: Node) -> bool:
    return node.has("compatible") or node.has("reg")


def with_host_overlays(overlays: Iterable[TreeFile], host: Tree | None) -> Tree | None:
    """The host's tree, if it is known, with what the boot loader applies to it, in order.

    Raises InputError for an overlay that no boot loader can apply.
    """
    return _remembered(host, overlays, _with_host_overlay)


def _with_host_overlay(host: Tree | None, overlay: TreeFile) -> Tree | None:
    tree = overlay.tree
    if tree is None:
        return host
    if not overlay.overlay:
        fix = "give an overlay (.dtbo, .dtso), or the file as one to judge"
        raise InputError(f"{overlay.file}: is not an overlay of the host; {fix}")
    kind = kind_of(tree, host)
    if host is None or kind == DEVICES:
        return host
    fix = "correct it, or give the board's tree that it is for as --host"
    blob = _apply(host, overlay, fix).blob
    return read_blob(blob, host.file) if kind in _AT_BOOT else host


#: Of a tree: the bytes of the overlay that was last applied to it, and the tree that resulted. A
#: process that judges again and again, such as the language server, has both again.
_BOOTED: WeakKeyDictionary[Tree, tuple[_Apply, bytes, Tree]] = WeakKeyDictionary()


def _remembered(host: Tree | None, overlays: Iterable[TreeFile], apply: _Apply) -> Tree | None:
    """The host's tree with overlays, as ``apply`` applies each."""
    for overlay in overlays:
        last = _BOOTED.get(host) if host is not None else None
        if last is not None and last[:2] == (apply, overlay.blob) and overlay.overlay:
            host = last[2]
            continue
        base, host = host, apply(host, overlay)
        if base is not None and host is not None and host is not base:  # else it would keep itself
            _BOOTED[base] = apply, overlay.blob, host
    return host


def booted(host: Tree | None, overlays: Iterable[TreeFile]) -> Tree | None:
    """The host's tree with the overlays among the files that the boot loader applies to it.

    One that does not fit is left out: what it says of domains can be judged anyway.
    """
    return _remembered(host, overlays, _booted)


def _booted(host: Tree | None, overlay: TreeFile) -> Tree | None:
    tree = overlay.tree
    if host is not None and tree is not None and kind_of(tree, host) in _AT_BOOT:
        from xenassign.devicetree.overlay_apply import MisfitError, apply_overlay

        with suppress(MisfitError):
            return read_blob(apply_overlay(host, tree).blob, host.file)
    return host


def judged(
    documents: Sequence[Document], bases: Sequence[TreeFile], host: Tree | None
) -> tuple[Document, ...]:
    """The documents, each overlay of a partial device tree as the tree that results.

    Raises InputError if the base of an overlay is not known, if it does not fit its base, and if
    nothing of the documents can be judged.
    """
    base = _composed(bases)
    for document in documents:
        if is_of_imagebuilder(document):
            raise InputError(
                f"{document.file}: nothing here to judge: it is a configuration of ImageBuilder;"
                " give the partial device trees of its DOMU_PASSTHROUGH_DTB"
            )
        if is_of_efi_loader(document):
            raise InputError(
                f"{document.file}: nothing here to judge: it is the configuration of Xen's EFI"
                " loader; give the device tree of its dtb="
            )
    result = tuple(_judged(document, base, host) for document in documents)
    if result and not any(routes_of(document, host) for document in result):
        raise _nothing(result[0], host)
    return result


def needs_base(document: Document, host: Tree | None, given: bool) -> bool:
    """Whether a document is an overlay of a partial device tree, and not a whole tree itself.

    ``given``: whether a base is given, so that one of which it is not known counts too.
    """
    if isinstance(document, ConfigFile) or document.tree is None or not document.overlay:
        return False
    kind = kind_of(document.tree, host)
    return (kind == PIECE and not _is_whole(document.tree)) or (given and kind == OTHER)


def _is_whole(overlay: Tree) -> bool:
    return all(fragment.target == "/" for fragment in fragments(overlay))


def is_of_another_program(document: Document) -> bool:
    """Whether a configuration is ImageBuilder's or that of Xen's EFI loader, not xl's."""
    return is_of_imagebuilder(document) or is_of_efi_loader(document)


def is_of_imagebuilder(document: Document) -> bool:
    """Whether a configuration is ImageBuilder's, not xl's."""
    return isinstance(document, ConfigFile) and re.search(_VARIABLE, document.text) is not None


def is_of_efi_loader(document: Document) -> bool:
    """Whether a configuration is that of Xen's EFI loader: xl has no sections."""
    return isinstance(document, ConfigFile) and re.match(_SECTION, document.text) is not None


def routes_of(document: Document, host: Tree | None) -> tuple[str, ...]:
    """The routes for which a document of :func:`judged` can be judged."""
    if isinstance(document, ConfigFile):
        return ("xl",)
    if document.overlay and document.tree is not None:
        return ("dom0less",) if kind_of(document.tree, host) == DOMAINS else ()
    return ("dom0less",) if document.has_domains else ROUTES


def _judged(document: Document, base: TreeFile | None, host: Tree | None) -> Document:
    if isinstance(document, ConfigFile) or document.tree is None or not document.overlay:
        return document
    kind = kind_of(document.tree, host)
    if kind == OTHER and base is not None:
        kind = PIECE
    if kind != PIECE:
        return document
    if base is not None:
        return _applied(base, document)
    if _is_whole(document.tree):
        return _applied(TreeFile(_ROOT.file, b""), document, _ROOT)
    raise InputError(
        f"{document.file}: nothing here to judge: it is an overlay of a partial device tree, whose"
        " base is not given; give the base with --base FILE"
    )


def _nothing(document: Document, host: Tree | None) -> NothingToJudgeError:
    assert isinstance(document, TreeFile)
    assert document.tree is not None
    kind = kind_of(document.tree, host)
    if kind == DEVICES:
        problem = "it adds devices to the host's tree, as `xl dt-overlay` does"
        fix = "give the partial device tree of the guest that gets them"
    elif kind == MARKS:
        problem = "it marks nodes of the host's tree, which a guest does not have"
        fix = "give it as --host-overlay, beside the files of a domain"
    else:
        problem = "it is an overlay without domains, marks or devices of a guest"
        fix = "give the partial device tree that it is for with --base FILE"
    return NothingToJudgeError(f"{document.file}: nothing here to judge: {problem}; {fix}")


def _composed(bases: Sequence[TreeFile]) -> TreeFile | None:
    """The base: the first of the files, with the others applied in order. Raises InputError."""
    if not bases:
        return None
    first = bases[0]
    tree = first.tree
    if tree is None:
        raise InputError(f"{first.file}: {first.problem}")
    if first.overlay:
        fix = "give the tree that it is for as a --base before it"
        raise InputError(f"{first.file}: is an overlay, to which no other can be applied; {fix}")
    for overlay in bases[1:]:
        if not overlay.overlay:
            problem = overlay.problem or "is not an overlay; only the first --base is a tree"
            raise InputError(f"{overlay.file}: {problem}")
        first = _applied(first, overlay)
    return first


def _applied(base: TreeFile, overlay: TreeFile, tree: Tree | None = None) -> TreeFile:
    """The tree that results, under the overlay's name. ``tree``: that of the base, if empty."""
    tree = tree or base.tree
    assert tree is not None
    fix = "correct it, or give the tree that it is for with --base"
    blob, paths = _apply(tree, overlay, fix)
    inner = {path: written for written, path in paths.items()}
    own = tuple(Layer(layer.source, inner) for layer in overlay.sources)
    return TreeFile(overlay.file, blob, layers=(*own, *base.sources))


def _apply(tree: Tree, overlay: TreeFile, fix: str) -> Applied:
    """Applies an overlay. Raises InputError with the place of what does not fit."""
    from xenassign.devicetree.overlay_apply import MisfitError, apply_overlay

    assert overlay.tree is not None
    try:
        return apply_overlay(tree, overlay.tree)
    except MisfitError as error:
        place = overlay.place(error.node)
        at = f"{place.file}:{place.line}:{place.column}" if place is not None else overlay.file
        raise InputError(f"{at}: cannot be applied: {error.problem}; {fix}") from None
