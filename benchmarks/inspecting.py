"""Boards that are inspected in one process: ``python benchmarks/inspecting.py BOARD...``.

Prints the processor's seconds of each board and the devices of all as JSON. It is run with the code
of PYTHONPATH, which may be an older one.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from xenassign.advice.assess import assess
from xenassign.devicetree.blob import read_blob
from xenassign.host.platform import read_platform
from xenassign.outputs.report.plan_json import inspect
from xenassign.xen.releases import DEFAULT, release


def main() -> None:
    """The script."""
    seconds = []
    devices = 0
    for name in sys.argv[1:]:
        blob = Path(name).read_bytes()
        start = time.process_time()
        document = inspect(assess(read_platform(read_blob(blob, name)), release(DEFAULT)))
        seconds.append(time.process_time() - start)
        devices += len(document["devices"])
    print(json.dumps({"seconds": seconds, "devices": devices}))


if __name__ == "__main__":
    main()
