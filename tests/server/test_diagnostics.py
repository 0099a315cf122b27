"""What a diagnostic says of a finding."""

from __future__ import annotations

from lsprotocol.types import Position, Range

from xenassign.checks.shared_pages import SHARED_PAGE
from xenassign.server.diagnostics import of_finding


def test_the_folder_of_the_file_is_left_out() -> None:
    """Slashes of paths of nodes stay, also if the file has no folder."""
    finding = SHARED_PAGE("/work/net.cfg and /soc/a share a page")
    at = Range(Position(0, 0), Position(0, 1))
    for file, text in (
        ("/work/net.dts", "net.cfg and /soc/a share a page; "),
        ("net.dts", "/work/net.cfg and /soc/a share a page; "),
        (None, "/work/net.cfg and /soc/a share a page; "),
    ):
        assert of_finding(finding._replace(file=file), at, []).message.startswith(text)
