"""The files of an xl guest as people write them, after Xen's docs/misc/arm/passthrough.txt.

That example's partial tree has neither ``xen,path`` nor ``xen,reg``, and no ``interrupt-parent``:
libxl copies it as it is, and its own root names the GIC.
"""

from __future__ import annotations

import re
from random import Random

from .blob import Blob
from .config import CfgDraft
from .partial import XEN

_PAGES = re.compile(r'"0x([0-9a-f]+),0x([0-9a-f]+)(?:@0x([0-9a-f]+))?"')


def written_by_hand(draft: CfgDraft) -> None:
    """Turns what xenassign wrote into the same by hand: all of it is what xl takes."""
    if draft.partial is not None:
        draft.partial = _documented(draft.partial, draft.random)
    for statement in draft.statements:
        if not isinstance(statement.value, list):
            continue
        if statement.key == "irqs":
            statement.value = [_irq(item, draft.random) for item in statement.value]
        elif statement.key == "iomem":
            statement.value = [_iomem(item, draft.random) for item in statement.value]
        draft.random.shuffle(statement.value)
    draft.random.shuffle(draft.statements)


def _documented(partial: bytes, random: Random) -> bytes:
    """The tree without Xen's properties, and without the phandle of the guest's GIC."""
    blob = Blob.read(partial)
    keeps = random.choice(((), (), ("xen,path",), ("xen,reg",)))
    for place in blob.root.walk():
        for name in XEN:
            if name not in keeps:
                place.node.drop(name)
        place.node.drop("interrupt-parent")
    if random.random() < 0.3:
        blob.root.put("interrupt-parent", b"\0\0\0\1")
    return blob.write()


def _irq(item: str, random: Random) -> str:
    """An INTID in a spelling that xl takes."""
    number = int(item)
    return random.choice((item, item, f'"{number}"', f"'{number}'", f"0{number}", f'" {number}"'))


def _iomem(item: str, random: Random) -> str:
    """A range in a spelling that xl takes; the guest's page is the host's if none is named."""
    match = _PAGES.fullmatch(item)
    assert match is not None, item
    page, count = (int(text, 16) for text in match.groups()[:2])
    guest = int(match[3] or match[1], 16)
    spellings = (
        f"{page:#x},{count:#x}@{guest:#x}",
        f"{page:x},{count:x}@{guest:x}",
        f"0X{page:X},{count:X}@{guest:#x}",
        f"{page:#x},{count}@{guest:#x}" if count < 10 else f"{page:#x},{count:x}@{guest:#x}",
    )
    chosen = random.choice(spellings)
    if guest == page and random.random() < 0.6:
        chosen = chosen.partition("@")[0]
    quote = random.choice("\"'")
    return f"{quote}{chosen}{quote}"
