"""The table of supplier kinds against the properties that name suppliers."""

from __future__ import annotations

from xenassign.devicetree.phandle_properties import phandle_properties
from xenassign.host.supplier_kinds import SUPPLIER_KINDS, HostDuty, supplier_kind


def test_every_kind_is_one_of_a_phandle_property() -> None:
    assert set(SUPPLIER_KINDS) <= {rule.kind for rule in phandle_properties().all()}


def test_only_what_is_to_be_kept_on_has_an_option() -> None:
    kept = {name for name, kind in SUPPLIER_KINDS.items() if kind.keep_option is not None}
    duties = {n for n, kind in SUPPLIER_KINDS.items() if kind.duty is HostDuty.KEEP_ON}
    assert kept == duties == {"clock", "power-domain", "regulator"}


def test_a_kind_that_is_not_listed_stays_with_the_host() -> None:
    assert "fpga" not in SUPPLIER_KINDS
    assert supplier_kind("fpga").dropped.format("/fpga") == "/fpga stays with the host"
