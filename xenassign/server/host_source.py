"""The source of the host's tree, if it is known: where its nodes are written."""

from __future__ import annotations

import os

from xenassign.devicetree.places import Place
from xenassign.devicetree.source.reader import DtsSource, read_source
from xenassign.errors import XenassignError
from xenassign.host.load import is_source, read_file
from xenassign.linting.session import Session
from xenassign.server.open_files import OpenFiles, boards_of


class HostSources:
    """The sources of hosts: the file itself, or the ``.dts`` beside a ``.dtb``."""

    def __init__(self, files: OpenFiles) -> None:
        self._files = files

    def place(self, session: Session, path: str) -> Place | None:
        """The place of a node of the host, by full path; None if it is not known."""
        for host in boards_of(session):
            source = self._source(host.file, session.include)
            if source is not None and source.has(path):
                return source.place(path)
        return None

    def _source(self, file: str, include: tuple[str, ...]) -> DtsSource | None:
        stem, suffix = os.path.splitext(file)
        path = f"{stem}.dts" if suffix == ".dtb" else file
        if not path.endswith(".dts") or not os.path.isfile(path):
            return None

        def read() -> DtsSource | None:
            data = read_file(path, path)
            try:
                return read_source(data, path, include=include) if is_source(path, data) else None
            except XenassignError:  # a source that is not that of the blob
                return None

        return self._files.remember(("host source", path, include), read)
