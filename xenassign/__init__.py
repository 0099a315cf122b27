"""xenassign: device assignment for Xen on Arm.

The public API: what ``__all__`` lists, and :mod:`xenassign.devicetree`, a reader of device trees
that stands alone. docs/api.md describes both. All else is private and may change in any version;
docs/model.md says how it is laid out.

``import xenassign`` imports nothing more; each name is imported when it is used.
"""

TYPE_CHECKING = False  # that of typing, which need not be imported
__version__ = "0.1.0"

__all__ = [
    "RELEASES",
    "Accepted",
    "ClockRate",
    "Finding",
    "MapOption",
    "MemoryOption",
    "Request",
    "XenassignError",
    "generate",
    "lint",
    "plan",
    "read_host",
]

if TYPE_CHECKING:
    from xenassign.api import generate, lint, plan
    from xenassign.errors import XenassignError
    from xenassign.findings import Finding
    from xenassign.host.load import read_host
    from xenassign.request.request import Accepted, ClockRate, MapOption, MemoryOption, Request
    from xenassign.xen.releases import RELEASES
else:
    _MODULES = {
        "api": ("generate", "lint", "plan"),
        "errors": ("XenassignError",),
        "findings": ("Finding",),
        "host.load": ("read_host",),
        "request.request": ("Accepted", "ClockRate", "MapOption", "MemoryOption", "Request"),
        "xen.releases": ("RELEASES",),
    }
    _PLACES = {name: module for module, names in _MODULES.items() for name in names}

    def __getattr__(name):
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
        globals()[name] = value
        return value

    def __dir__():
        return sorted({*globals(), *__all__})
