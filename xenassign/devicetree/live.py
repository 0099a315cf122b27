"""Reading a live tree: the directory in which Linux shows the devicetree of the running kernel.

A directory is a node, a file is a property with its raw bytes; /proc/device-tree is a link to the
root, /sys/firmware/devicetree/base. Unlike a blob, the directory does not have:

* The order of nodes and properties. They are sorted, nodes by base name and unit address, and
  ``Tree.ordered`` is False; offsets count nodes in that order.
* The memory reservations and the boot processor.
* A property ``name`` with the node's own name: Linux adds that to every node (populate_properties
  of drivers/of/fdt.c), so it is dropped.
* The names of a property and a child of one node with the same name: sysfs renames the later one
  to ``NAME#1`` (safe_name of drivers/of/kobj.c). The original names are restored.

The directory may also be a copy, or hostile: symbolic links and devices in it are refused, sizes
are limited as those of a blob.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Mapping

from xenassign.devicetree.blob import MAX_DEPTH
from xenassign.devicetree.names import NODE_NAME, NODE_RULE, PROPERTY_NAME, PROPERTY_RULE
from xenassign.devicetree.tree import DevicetreeError, Node, Property, Tree
from xenassign.errors import reason_of
from xenassign.reading import MAX_SIZE

#: Nodes and properties together; the largest boards have some 20,000.
MAX_ENTRIES = 1 << 18

_FORM = "give the directory of a live tree (/proc/device-tree), or a .dtb or .dts file"
_DAMAGED = "a live tree never has this: give the directory that Linux shows"
_RENAMED = r"(.+)#[0-9]+"
#: Values of the root's property `name`, by the version of Linux.
_ROOT_NAMES = (b"", b"\0", b"/\0")


def is_live(path: str) -> bool:
    """Whether a path is a directory, or a link to one."""
    try:
        return os.path.isdir(path)
    except ValueError:  # a NUL in the name
        return False


def read_live(path: str) -> Tree:
    """The tree of a directory. Raises DevicetreeError with the directory's or the file's name."""
    reader = _DirectoryReader(path)
    if not any(os.path.isfile(os.path.join(path, n)) for n in ("compatible", "#address-cells")):
        reader.listed(path)  # raises the reason if the directory cannot be listed
        raise DevicetreeError(f"{path}: a directory that is not a device tree; {_FORM}")
    root = reader.read()
    base = os.path.basename(os.path.realpath(path))
    name_property = root.get("name")
    if name_property is not None and name_property.value == _linux_name(base):
        raise DevicetreeError(
            f"{path}: this is the node {base} of a live tree; give the directory of its root"
        )
    return Tree(root, path, ordered=False)


def read_packed(files: Mapping[str, bytes], file: str) -> Tree:
    """The tree of the files of such a directory, by path in it. ``file``: what they are from.

    Raises DevicetreeError as ``read_live``.
    """
    if "compatible" not in files and "#address-cells" not in files:
        raise DevicetreeError(f"{file}: the root of its device tree is missing; {_FORM}")
    return Tree(_PackedReader(files, file).read(), file, ordered=False)


class _DirectoryReader:
    """The state of one pass: how many nodes, entries and bytes were read."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.entries = 0
        self.nodes = 0
        self.bytes = 0

    def read(self) -> Node:
        root = Node("", offset=0)
        stack: list[tuple[Node, str, int]] = [(root, self.path, 1)]
        while stack:
            node, folder, depth = stack.pop()
            if depth > MAX_DEPTH:
                raise DevicetreeError(f"{folder}: deeper than {MAX_DEPTH} nodes; {_FORM}")
            node.offset = self.nodes
            self.nodes += 1
            names = self.listed(folder)
            self._properties(node, folder, names)
            children = _children(node, folder, names)
            stack += [
                (child, child_folder, depth + 1) for child, child_folder in reversed(children)
            ]
        return root

    def listed(self, folder: str) -> dict[str, bool]:
        """The names in a directory, and whether each is a directory itself."""
        names: dict[str, bool] = {}
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    self._count(folder)
                    path = os.path.join(folder, entry.name)
                    if entry.is_symlink():
                        raise DevicetreeError(f"{path}: a symbolic link; {_DAMAGED}")
                    names[entry.name] = entry.is_dir(follow_symlinks=False)
        except OSError as error:
            raise _unreadable(folder, error) from None
        return names

    def _count(self, folder: str) -> None:
        self.entries += 1
        if self.entries > MAX_ENTRIES:
            raise DevicetreeError(
                f"{folder}: more than {MAX_ENTRIES} nodes and properties; {_FORM}"
            )

    def _properties(self, node: Node, folder: str, names: dict[str, bool]) -> None:
        for file in sorted(name for name, is_node in names.items() if not is_node):
            path = os.path.join(folder, file)
            value = self._value(path)
            name = _own_name(file, names)
            _check(PROPERTY_NAME, name, folder, PROPERTY_RULE)
            if name == "name" and value in _linux_names(node):
                continue
            if name in node.properties:
                raise DevicetreeError(f"{path}: a second property {name!r}; {_DAMAGED}")
            node.properties[name] = Property(name, value, node.offset)

    def _value(self, path: str) -> bytes:
        """The bytes of a property. Anything but a plain file is closed again without reading."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with open(descriptor, "rb") as stream:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise DevicetreeError(f"{path}: neither a file nor a directory; {_DAMAGED}")
                value = stream.read(MAX_SIZE - self.bytes + 1)  # st_size may be wrong
        except OSError as error:
            raise _unreadable(path, error) from None
        self.bytes += len(value)
        if self.bytes > MAX_SIZE:
            raise DevicetreeError(f"{path}: more than {MAX_SIZE >> 20} MiB up to here; {_FORM}")
        return value


class _PackedReader(_DirectoryReader):
    """The same of files in memory, by path."""

    def __init__(self, files: Mapping[str, bytes], file: str) -> None:
        super().__init__(file)
        self._files = {os.path.join(file, path): value for path, value in files.items()}
        self._folders: dict[str, dict[str, bool]] = {}
        for path in files:
            self._add(path)

    def _add(self, path: str) -> None:
        """Adds a file to the folder that it is in, and each folder to the one above."""
        is_folder = False
        while path:
            above, _, name = path.rpartition("/")
            names = self._folders.setdefault(os.path.join(self.path, above).rstrip("/"), {})
            if names.get(name, is_folder) is not is_folder:
                raise DevicetreeError(f"{self.path}: {path} is a file and a directory; {_DAMAGED}")
            if name in names:
                return
            names[name] = is_folder
            self._count(path)
            path, is_folder = above, True

    def listed(self, folder: str) -> dict[str, bool]:
        return self._folders.get(folder, {})

    def _value(self, path: str) -> bytes:
        return self._files[path]


def _children(node: Node, folder: str, names: dict[str, bool]) -> list[tuple[Node, str]]:
    """The child nodes, which are not read yet, with their directories."""
    children: list[tuple[Node, str]] = []
    folders = {file: _own_name(file, names) for file, is_node in names.items() if is_node}
    for file, name in sorted(folders.items(), key=lambda pair: (_sort_key(pair[1]), pair[0])):
        path = os.path.join(folder, file)
        _check(NODE_NAME, name, folder, NODE_RULE)
        if name in node.children:
            raise DevicetreeError(f"{path}: a second node {name!r}; {_DAMAGED}")
        child = node.children[name] = Node(name, node)
        children.append((child, path))
    return children


def _unreadable(path: str, error: OSError) -> DevicetreeError:
    reason = reason_of(error)
    if error.errno in (errno.EACCES, errno.EPERM):
        return DevicetreeError(f"{path}: {reason}; read the live tree as root")
    return DevicetreeError(f"{path}: {reason}; {_FORM}")


def _check(pattern: re.Pattern[str], name: str, folder: str, rule: str) -> None:
    """Raises DevicetreeError for a name that a blob may not have either."""
    if not pattern.fullmatch(name):
        raise DevicetreeError(f"{folder}: {name!r} is not the name of a node or property; {rule}")


def _own_name(file: str, names: dict[str, bool]) -> str:
    """The name of a node or property that sysfs shows as ``file``: without ``#N`` if a property
    or node of the same parent has the name."""
    renamed = re.fullmatch(_RENAMED, file)
    other = names.get(renamed[1]) if renamed else None
    return renamed[1] if renamed and other is not None and other != names[file] else file


def _linux_names(node: Node) -> tuple[bytes, ...]:
    """What Linux writes into ``name``: the node's name up to its last ``@``."""
    if node.parent is None:
        return _ROOT_NAMES
    return (_linux_name(node.name),)


def _linux_name(name: str) -> bytes:
    head, at, _ = name.rpartition("@")
    return os.fsencode(f"{head if at else name}\0")


def _sort_key(name: str) -> tuple[str, int, str]:
    """The order of siblings: by base name, then by unit address (without leading zeros)."""
    base, _, unit = name.partition("@")
    return base, len(unit), unit
