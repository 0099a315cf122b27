"""Writes into pages what their commands print now: ``python -m tests.docs PAGE…``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from .commands import environment, run_page, updated
from .pages import REPOSITORY, copy_repository, text_of

for page in sys.argv[1:]:
    with tempfile.TemporaryDirectory() as folder:
        here = copy_repository(Path(folder, "copy"))
        runs = run_page(page, here, environment(Path(folder, "bin")), update=True)
        (REPOSITORY / page).write_text(updated(text_of(page), runs), encoding="utf-8")
