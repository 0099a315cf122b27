"""The verdict on a device alone, which ``inspect`` shows for each device of a board."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from xenassign.advice import verdict
from xenassign.advice.assess import assess
from xenassign.devicetree.tree import Tree
from xenassign.host.platform import read_platform
from xenassign.planning.decide import Judgement, judge_request
from xenassign.request.resolve import Resolved
from xenassign.xen.board import Board
from xenassign.xen.releases import release

ENGINE = """/dts-v1/;
/ {
    #address-cells = <1>; #size-cells = <1>; interrupt-parent = <&gic>;
    gic: gic@8000000 { compatible = "arm,gic-v3"; reg = <0x8000000 0x10000>, <0x80a0000 0xf60000>;
        interrupt-controller; #interrupt-cells = <3>; };
    queue@2000 { compatible = "acme,queue"; reg = <0x2000 0x1000>; interrupts = <0 7 4>; };
    engine@100000 { compatible = "acme,engine"; reg = <0x100000 0x100000>; interrupts = <0 7 4>;
        ranges = <0 0x100000 0x100000>; #address-cells = <1>; #size-cells = <1>;
        PARTS
    };
};
"""


def test_the_parts_of_a_device_are_judged_with_it_once(
    compiled: Callable[[str], Tree], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part shares the interrupt of the engine, so that all are proposed together."""
    parts = (
        f'port@{n}000 {{ compatible = "acme,port"; reg = <0x{n}000 4096>; interrupts = <0 7 4>; }};'
        for n in range(1, 6)
    )
    platform = read_platform(compiled(ENGINE.replace("PARTS", " ".join(parts))))
    judged: Counter[object] = Counter()

    def counting(board: Board, resolved: Resolved) -> Judgement:
        answer = judge_request(board, resolved)
        members = frozenset(node.path for node in answer.scope.members)
        request = resolved.request
        if len(request.devices) > 1:
            judged[members, replace(request, devices=("any",))] += 1
        return answer

    monkeypatch.setattr(verdict, "judge_request", counting)
    assess(platform, release("4.20"))
    assert judged
    assert max(judged.values()) == 1
