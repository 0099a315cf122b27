"""Keys that are added to a xenassign.toml: of each of its tables, as the reference has them."""

from __future__ import annotations

import json
from random import Random

from tests.fuzz.hostile import PLAIN_NUMBERS, TEXTS
from tests.fuzz.seeds import Board
from xenassign.escape import toml_key
from xenassign.request.keys import domain_devices, domain_section, whole_file

#: The tables, and the line that their keys come after. The frequent ones are there twice.
SECTIONS = (
    (whole_file.TOP, ""),
    (domain_section.DOMAIN, "[[domain]]\n"),
    (domain_section.DOMAIN, "[[domain]]\n"),
    (domain_devices.DEVICE, "[[domain.device]]\n"),
    (domain_devices.DEVICE, "[[domain.device]]\n"),
    (domain_section.DOM0LESS, "[domain.dom0less]\n"),
    (domain_section.SHARED_MEMORY, "[[domain.shared-memory]]\n"),
    (domain_section.EVENT_CHANNEL, "[[domain.event-channel]]\n"),
    (domain_devices.LINE, "[[domain.line]]\n"),
    (domain_devices.PAGE, "[[domain.page]]\n"),
    (whole_file.CPU_POOL, "[[cpu-pool]]\n"),
    (whole_file.SCI, "[sci]\n"),
    (whole_file.AGENT, "[[sci.agent]]\n"),
    (whole_file.BOOT, "[boot]\n"),
    (whole_file.LINT, "[lint]\n"),
    (whole_file.ALLOW, "[[allow]]\n"),
    (whole_file.FORBID, "[[forbid]]\n"),
    (whole_file.REQUIRE, "[[require]]\n"),
)
_CHANNEL = ("smc-id = 0x82000004\n", "shmem = 0x47ff1000\n")
_AGENT = ("[[sci.agent]]\n", "id = 2\n", *_CHANNEL)
#: The other keys of a table that has required ones.
REQUIRED = {
    "[[domain.shared-memory]]\n": ('id = "ring"\n', 'role = "owner"\n'),
    "[[domain.event-channel]]\n": ('to = "second"\n',),
    "[[domain.line]]\n": ("interrupt = 200\n", 'trigger = "level-high"\n', 'reason = "x"\n'),
    "[[domain.page]]\n": ("address = 0xf0000000\n", 'size = "4K"\n', 'reason = "x"\n'),
    "[[cpu-pool]]\n": ('name = "rt"\n', 'cpus = "0"\n'),
    "[sci]\n": ("smc-id = 0x82000003\n", "shmem = 0x47ff0000\n", *_AGENT),
    "[[sci.agent]]\n": _AGENT[1:],
    "[[allow]]\n": ('code = "XA003"\n', 'nodes = ["/a", "/b"]\n', 'reason = "x"\n'),
    "[[forbid]]\n": ('kind = "ethernet"\n', 'reason = "x"\n'),
    "[[require]]\n": ("protected = true\n", 'reason = "x"\n'),
}


def add_key(lines: list[str], random: Random, board: Board) -> None:
    """Adds a key to a xenassign.toml, with its example or another value; or changes it."""
    section, header = random.choice(SECTIONS)
    key = random.choice(section.keys)
    value = key.example or "1"
    if random.random() < 0.25:
        text = random.choice(TEXTS).encode("utf-8", "replace").decode()
        value = random.choice(
            (random.choice(PLAIN_NUMBERS), json.dumps(text), "true", "[]", f"[{value}]", "{}")
        )
    elif random.random() < 0.3:
        value = json.dumps(random.choice((board.device, *board.paths)))
    line = f"{toml_key(key.name)} = {value}\n"
    same = [at for at, text in enumerate(lines) if text.startswith(f"{toml_key(key.name)} = ")]
    if same:
        lines[random.choice(same)] = line
        return
    if header and header not in lines:
        lines += [header, *REQUIRED.get(header, ())]
    lines.insert(lines.index(header) + 1 if header else 0, line)
