"""How a page is read: marks, commands, what is left out of an output, anchors."""

from __future__ import annotations

import pytest

from .pages import as_shown, blocks_of

PAGE = """# A page

<!-- setup: cp a b -->

1. In a list:

   <!-- setup:
   one
   two
   -->
   <!-- shows, fails 1 -->
   ```console
   $ first "a" \\
         b
   out

   more
   $ second
   ```

<!-- file: dir/a.toml -->
```toml
x = 1
```

<!-- not run: a board's -->
```sh
reboot
```

```sh
unmarked
```

<!-- runs -->
```bash
a typing error
```
"""


def test_blocks() -> None:
    first, second, shown, file, board, unmarked, wrong = blocks_of("page.md", PAGE)
    assert (first.text, first.is_run) == ("cp a b", True)
    assert second.commands() == [("one\n   two", [])]
    assert (shown.line, shown.is_run, shown.shows, shown.status) == (12, True, True, 1)
    assert shown.commands() == [
        ('first "a" \\\n      b', ["out", "", "more"]),
        ("second", []),
    ]
    assert (file.file, file.is_run, file.text) == ("dir/a.toml", False, "x = 1")
    assert board.parsed is not None
    assert not board.is_run
    assert unmarked.parsed is None
    assert wrong.parsed is None


@pytest.mark.parametrize(
    ("printed", "shown", "same"),
    [
        ("a  \nb\n\n", ["a", "b"], True),
        ("a\nb\n", ["a"], False),
        ("a\n", ["a", "b"], False),
        ("a.b\n", ["axb"], False),
        ("a\nx\ny\nb\n", ["a", "…", "b"], True),
        ("a\nb\n", ["a", "…", "b"], True),
        ("a\nx\nc\n", ["a", "…", "b"], False),
        ("a\nx\ny\n", ["a", "…"], True),
        ("a long line\nb\n", ["a long…", "b"], True),
        ("a short line\nb\n", ["a long…", "b"], False),
    ],
)
def test_what_is_shown(printed: str, shown: list[str], same: bool) -> None:
    assert as_shown(printed, shown) is same
