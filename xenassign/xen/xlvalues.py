"""The values of irqs, iomem and arm_sci as xl reads them (parse_config_data in xl_parse.c)."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from xenassign.devicetree.spans import Span

#: Numbers as strtoul reads them in base 10, and sscanf in base 16.
_DECIMAL = r"[ \t\n\v\f\r]*([+-]?)0*([0-9]+)"
_NUMBER = r"[ \t\n\v\f\r]*([+-]?(?:0[xX][0-9a-fA-F]*|[0-9a-fA-F]+))"
_IOMEM = f"{_NUMBER},{_NUMBER}(?:@{_NUMBER})?"
#: The memory type comes after the guest page, never without one (AMD's parse_config_data).
_TYPED_IOMEM = f"{_NUMBER},{_NUMBER}(?:@{_NUMBER}(?:,[ \\t\\n\\v\\f\\r]*(memory|devmem))?)?"
_U64 = (1 << 64) - 1


class IomemRange(NamedTuple):
    """An entry of iomem in pages: first of the host, count, first of the guest.

    ``normal``: it is Normal memory, not device memory (``Release.normal_mappings``).
    """

    mfn: int
    pages: int
    gfn: int
    normal: bool = False

    @property
    def text(self) -> str:
        """The entry in the form of dom.cfg, in hexadecimal."""
        if self.normal:
            return f"{self.mfn:#x},{self.pages:#x}@{self.gfn:#x},memory"
        moved = f"@{self.gfn:#x}" if self.gfn != self.mfn else ""
        return f"{self.mfn:#x},{self.pages:#x}{moved}"

    @property
    def host(self) -> Span:
        """The pages of the host."""
        return Span.sized(self.mfn, self.pages)

    def covers(self, other: IomemRange) -> bool:
        """Whether it maps every page of the other, to the same guest pages and as that memory."""
        alike = self.gfn - self.mfn == other.gfn - other.mfn and self.normal == other.normal
        return alike and self.host.covers(other.host)


def intid(text: str) -> int | None:
    """An entry of irqs as strtoul reads it: an INTID; None if xl refuses it."""
    match = re.fullmatch(_DECIMAL, text)
    if match is None or len(match[2]) > 20:  # Python refuses to convert thousands of digits
        return None
    value = int(match[1] + match[2])
    value = value & _U64 if abs(value) <= _U64 else _U64
    return value if value < 0xFFFFFFFF else None


def page_range(text: str, typed: bool = False) -> IomemRange | None:
    """An entry of iomem as sscanf reads it; None if xl refuses it.

    ``typed``: whether this xl knows memory types (``Release.normal_mappings``).
    """
    match = re.fullmatch(_TYPED_IOMEM if typed else _IOMEM, text)
    if match is None:
        return None
    mfn, count, gfn = (_hexadecimal(text) if text else _U64 for text in match.groups()[:3])
    normal = typed and match[4] == "memory"
    return IomemRange(mfn, count, mfn if gfn == _U64 else gfn, normal)


def _hexadecimal(text: str) -> int:
    """A number as glibc's sscanf reads it: "0x" alone is 0, a sign wraps, too large is all ones."""
    value = int(text + "0", 16) >> 4 if text[-1] in "xX" else int(text, 16)
    return value & _U64 if abs(value) <= _U64 else _U64


def sci_types(text: str) -> list[str]:
    """The types that arm_sci names, in order: the last one counts, and any other part is ignored.

    Source: parse_arm_sci_config. The names are compared without regard to case.
    """
    return [part[5:].lower() for part in text.split(",") if part.startswith("type=")]


def sci_agent(text: str) -> int | None:
    """The agent of SCMI that arm_sci names, as the patches for agents read it; None without one."""
    parts = [part[9:] for part in text.split(",") if part.startswith("agent_id=")]
    return int(parts[-1]) if parts and re.fullmatch(r"[0-9]{1,3}", parts[-1]) else None


#: How xl reads the keys that are not strings. Source: xl_parse.c, of 4.17 to 4.22: the calls of
#: xlu_cfg_get_list, xlu_cfg_get_long and xlu_cfg_get_defbool.
_LISTS = """
    channel disk dtdev iomem ioports irqs llc_colors mca_caps p9 pci pvcalls usbctrl usbdev vdispl
    vfb vif vif2 virtio vkb vnuma vsnd vtpm xenstore_quota
"""
_LISTS_OR_STRINGS = """
    bootloader_args cpuid cpus cpus_soft device_model_args device_model_args_hvm
    device_model_args_pv serial usbdevice viridian
"""
_NUMBERS = """
    acpi acpi_laptop_slate acpi_s3 acpi_s4 altp2mhvm apic cap cpu_weight
    device_model_stubdomain_override dm_restrict driver_domain e820_host extratime hap hpet latency
    localtime max_event_channels max_grant_frames max_grant_version max_maptrack_frames maxmem
    maxvcpus memory mmio_hole msr_relaxed nestedhvm nographic nomigrate nr_spis nx oos opengl pae
    pci_msitranslate pci_permissive pci_power_mgmt pci_seize period pvshim rdm_mem_boundary
    rtc_timeoffset sdl shadow_memory slice spice spice_clipboard_sharing spiceagent_mouse
    spicedisable_ticketing spiceport spicetls_port spiceusbredirection spicevdagent stdvga
    stubdomain_memory trap_unmapped_accesses usb usbversion vcpus videoram vkb_device
    vmtrace_buf_kb vnc vncdisplay vncunused vncviewer vpmu vpt_align xen_platform_pci
    xend_suspend_evtchn_compat
"""
_NUMBERS_OR_STRINGS = "altp2m cpus cpus_soft gfx_passthru sve timer_mode tsc_mode viridian"
_LONG = r"[+-]?(?:0[xX][0-9a-fA-F]+|[0-9]+)"


@cache
def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def fits_xl_key(key: str, value: str | None) -> bool:
    """Whether a value has the form of those of a key: a list (None), a number or a string."""
    lists = key in _words(_LISTS)
    if value is None or lists:
        return value is None and (lists or key in _words(_LISTS_OR_STRINGS))
    number = re.fullmatch(_LONG, value) is not None
    return key in _words(_NUMBERS_OR_STRINGS) or number == (key in _words(_NUMBERS))
