"""`xenassign server` as a command: what it requires, and how it ends."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from .editor import COMMAND

_WITHOUT = """
import sys
sys.modules["pygls"] = None
sys.argv = ["xenassign", "server"]
from xenassign.cli import main
main()
"""


def test_without_the_extra_one_line_says_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT], input=b"", capture_output=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("error: the language server requires pygls; install it with")
    assert "pip install 'xenassign[server]'" in line


def test_at_a_terminal_it_says_that_an_editor_starts_it() -> None:
    ours, its = pty.openpty()
    done = subprocess.run(COMMAND, stdin=its, capture_output=True, check=False)
    os.close(ours)
    os.close(its)
    assert done.returncode == 2
    assert b"standard input is a terminal" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_what_is_not_the_protocol_ends_without_a_traceback(tmp_path: Path) -> None:
    hostile = (
        b"Content-Length: 5\r\n\r\n[1,2]Content-Length: 2\r\n\r\n{}"
        b"Content-Length: -7\r\n\r\nContent-Length: 3\r\n\r\n\xff\xfe\x00"
        b'Content-Length: 30\r\n\r\n{"jsonrpc":"2.0","method":"x"}'
        b'Content-Length: 66\r\n\r\n{"jsonrpc":"2.0","method":'
        b'"textDocument/didOpen","params":{"a":1}}'
        b"no header at all\n\0\n"
    )
    (tmp_path / "input").write_bytes(hostile)
    with open(tmp_path / "input", "rb") as stdin:
        done = subprocess.run(COMMAND, stdin=stdin, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr


def _message(stream: IO[bytes]) -> dict[str, Any]:
    """The next message of a server."""
    length = 0
    while (line := stream.readline().strip()) or not length:
        name, _, value = line.decode().partition(":")
        length = int(value) if name.lower() == "content-length" else length
    message: dict[str, Any] = json.loads(stream.read(length))
    return message


def _messages(folder: Path, *sent: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a server sends after messages, which it is sent at once."""
    pipe = subprocess.PIPE
    with subprocess.Popen(COMMAND, stdin=pipe, stdout=pipe, cwd=folder) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        for number, message in enumerate(sent):
            text = json.dumps({"jsonrpc": "2.0", "id": number, **message}).encode()
            server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(text), text))
        server.stdin.flush()
        try:
            while True:
                yield _message(server.stdout)
        finally:
            server.kill()


def test_a_request_before_initialize_is_refused(tmp_path: Path) -> None:
    at = {"textDocument": {"uri": "file:///a.dts"}, "position": {"line": 0, "character": 0}}
    early = {"method": "textDocument/hover", "params": at}
    start = {"method": "initialize", "params": {"capabilities": {}}}
    answers = (answer for answer in _messages(tmp_path, early, start) if "id" in answer)
    assert next(answers)["error"]["code"] == -32002
    assert "hoverProvider" in next(answers)["result"]["capabilities"]


def test_the_settings_name_files_of_the_first_folder(project: Path, tmp_path: Path) -> None:
    (project / "xenassign.toml").unlink()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folders = [{"uri": project.as_uri(), "name": "1"}, {"uri": elsewhere.as_uri(), "name": "2"}]
    given = {"workspaceFolders": folders, "initializationOptions": {"host": "bord.dtb"}}
    tree = project / "domu1.dts"
    opened = {"uri": tree.as_uri(), "languageId": "dts", "version": 1, "text": tree.read_text()}
    messages = _messages(
        elsewhere,
        {"method": "initialize", "params": {"capabilities": {}, **given}},
        {"method": "textDocument/didOpen", "params": {"textDocument": opened}},
    )
    shown = next(m["params"]["diagnostics"] for m in messages if "diagnostics" in str(m))
    assert [d["message"].partition(":")[0] for d in shown] == [f"{project}/bord.dtb"]


def test_a_signal_ends_it_though_the_editor_says_nothing() -> None:
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        message = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}'
        server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(message), message))
        server.stdin.flush()
        assert server.stdout.readline().startswith(b"Content-Length")
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=120) == -signal.SIGTERM
