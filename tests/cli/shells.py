"""Shells that complete a line for a test, as they do for a user at a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from ..missing import skip_or_fail

COMPLETIONS = Path(__file__).resolve().parents[2] / "completions"
_PROMPT = "READY> "
#: Octal, for the terminal shows what is typed, too, and zsh over and over.
_RESULT = r"\74\74\74%s\76\76\76"
_FOUND = re.compile(r"<<<(.*?)>>>.*READY> $", re.DOTALL)
_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_TAB, _TO_THE_BEGINNING, _TO_THE_END = "\t", "\x01", "\x05"
#: How a shell is started without the user's settings, and made to complete xenassign.
_SHELLS = {
    "bash": (("--norc", "--noprofile", "-i"), "set -o emacs; source '{folder}/xenassign.bash'"),
    "zsh": (
        ("-f", "-i"),
        "bindkey -e; fpath=('{folder}' $fpath); autoload -U compinit; compinit -u -D",
    ),
}


def find(shell: str) -> str:
    """The path of a shell; skips without."""
    path = shutil.which(shell)
    if path is None:
        skip_or_fail(f"{shell} is missing: apt-get install {shell}")
    return path


def command(folder: Path) -> dict[str, str]:
    """The environment in which ``xenassign`` is a command, of the interpreter of the tests."""
    script = folder / "xenassign"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m xenassign "$@"\n')
    script.chmod(0o755)
    root = str(COMPLETIONS.parent)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": root}


class Terminal:
    """A shell at a terminal of its own."""

    def __init__(self, shell: str, environment: Mapping[str, str]) -> None:
        flags, setup = _SHELLS[shell]
        path = find(shell)
        pid, self._terminal = pty.fork()
        if pid == 0:
            settings = {"TERM": "dumb", "LC_ALL": "C.UTF-8", "PS1": "", "COLUMNS": "500"}
            os.execve(path, (path, *flags), {**environment, **settings})
        self._process = pid
        self._write(f"stty cols 500; {setup.format(folder=COMPLETIONS)}; PS1='READY'\\>\\ \r")
        self._read(re.compile(_PROMPT + "$"))

    def complete(self, line: str) -> str:
        """What a line without quotes is after the key Tab."""
        self._write(
            f"{line}{_TAB}'{_TO_THE_BEGINNING}printf '{_RESULT}' '{_TO_THE_END}\r",
        )
        return self._read(_FOUND)[1]

    def close(self) -> None:
        os.close(self._terminal)
        os.waitpid(self._process, 0)

    def _write(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def _read(self, until: re.Pattern[str]) -> re.Match[str]:
        text, end = "", time.monotonic() + 30
        while (found := until.search(_SEQUENCE.sub("", text))) is None:
            left = end - time.monotonic()
            assert left > 0, f"no {until.pattern!r} in {text!r}"
            if select.select([self._terminal], [], [], left)[0]:
                text += os.read(self._terminal, 65536).decode(errors="replace")
        return found


def bash_offers(environment: Mapping[str, str], line: str) -> list[str]:
    """COMPREPLY of the function that bash calls, for a line whose words have nothing special."""
    script = (
        'source "$1"; COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDS=($2)\n'
        '[[ $2 == *" " ]] && COMP_WORDS+=("")\n'
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
        '_xenassign_completion xenassign "${COMP_WORDS[COMP_CWORD]}"\n'
        "printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    told = [find("bash"), "--norc", "-c", script, "-", str(COMPLETIONS / "xenassign.bash"), line]
    done = subprocess.run(told, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def fish_offers(environment: Mapping[str, str], line: str) -> dict[str, str]:
    """What fish shows for a line, and what it says beside each."""
    script = f"source '{COMPLETIONS / 'xenassign.fish'}'; complete -C \"$argv[1]\""
    told = [find("fish"), "--no-config", "-c", script, line]
    done = subprocess.run(told, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return {word: what for word, _, what in map(_parts, done.stdout.splitlines())}


def _parts(line: str) -> tuple[str, str, str]:
    return line.partition("\t")
