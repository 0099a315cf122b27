"""What bash makes of a configuration that is sourced: the judge of what we read and write."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from .missing import skip_or_fail

_SCRIPT = """
set -e
source "$1" >/dev/null
for name in "${@:2}"; do
    declare -n what=$name
    for at in "${!what[@]}"; do printf '%s\\0%s\\0%s\\0' "$name" "$at" "${what[$at]}"; done
done
"""

Values = dict[tuple[str, int], bytes]


def sourced(config: bytes, folder: Path, *names: str) -> Values:
    """The values of those names, by name and place, of a bash with nothing in its environment."""
    bash = shutil.which("bash")
    if bash is None:
        skip_or_fail("bash is not here; install it")
    path = folder / "sourced.cfg"
    path.write_bytes(config)
    subprocess.run([bash, "-n", path], check=True, capture_output=True)
    done = subprocess.run(
        [bash, "--norc", "--noprofile", "-c", _SCRIPT, "bash", path, *names],
        env={},
        check=True,
        capture_output=True,
    )
    parts = done.stdout.split(b"\0")[:-1]
    return {
        (parts[at].decode(), int(parts[at + 1])): parts[at + 2] for at in range(0, len(parts), 3)
    }
