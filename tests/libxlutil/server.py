"""Asks libxlutil what configurations say: one JSON line in, one out. A process of its own.

    python server.py LIBXLUTIL

Alone, for two reasons: libxlutil aborts on some texts, and the C library of its Debian release may
be newer than that of this system (tests/libxlutil/judge.py starts Python with the newer one then).
For that, nothing but Python's own library is imported.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from typing import Any

_STRING = 0  # enum XLU_ConfigValueType: XLU_STRING, XLU_LIST
_POINTERS = ("xlu_cfg_init", "xlu_cfg_get_listitem2")


class Library:
    """libxlutil's functions, and a FILE* that its messages go to."""

    def __init__(self, path: str) -> None:
        self.c = ctypes.CDLL(None)
        self.xlu = ctypes.CDLL(path)
        for name in _POINTERS:
            getattr(self.xlu, name).restype = ctypes.c_void_p
        self.xlu.xlu_cfg_get_listitem.restype = ctypes.c_char_p
        self.c.fdopen.restype = ctypes.c_void_p
        self.messages = os.memfd_create("messages")
        self.report = ctypes.c_void_p(self.c.fdopen(self.messages, b"w+"))

    def said(self) -> str:
        """What was reported since the last call."""
        self.c.fflush(self.report)
        size = os.lseek(self.messages, 0, os.SEEK_CUR)
        text = os.pread(self.messages, size, 0)
        os.lseek(self.messages, 0, os.SEEK_SET)
        os.ftruncate(self.messages, 0)
        return text.decode("latin-1")

    def read(self, data: bytes, names: list[str]) -> dict[str, Any]:
        """The status, the messages, and what the names have for values."""
        config = ctypes.c_void_p(self.xlu.xlu_cfg_init(self.report, b"f"))
        status = self.xlu.xlu_cfg_readdata(config, data, len(data))
        answer: dict[str, Any] = {"status": status, "said": self.said()}
        if status == 0:  # xl looks no further otherwise
            answer["values"] = {name: self._entry(config, name.encode()) for name in names}
            self.said()
        self.xlu.xlu_cfg_destroy(config)
        return answer

    def _entry(self, config: ctypes.c_void_p, name: bytes) -> dict[str, Any]:
        entry: dict[str, Any] = {}
        text, number = ctypes.c_char_p(), ctypes.c_long()
        if self.xlu.xlu_cfg_get_string(config, name, ctypes.byref(text), 1) == 0:
            entry["string"] = _text(text.value)
            copy = ctypes.c_void_p()
            self.xlu.xlu_cfg_replace_string(config, name, ctypes.byref(copy), 1)
            entry["replaced"] = _text(ctypes.cast(copy, ctypes.c_char_p).value)
            self.c.free(copy)
        if self.xlu.xlu_cfg_get_long(config, name, ctypes.byref(number), 1) == 0:
            entry["long"] = number.value
        items, count = ctypes.c_void_p(), ctypes.c_int()
        arguments = (config, name, ctypes.byref(items), ctypes.byref(count), 1)
        if self.xlu.xlu_cfg_get_list(*arguments) == 0:
            entry["list"] = self._values(config, items, count.value)
            found = (self.xlu.xlu_cfg_get_listitem(items, i) for i in range(count.value))
            entry["items"] = [_text(item) for item in found]
            entry["strings"] = self._strings(config, name)
        return entry

    def _item(self, items: ctypes.c_void_p, index: int) -> ctypes.c_void_p:
        return ctypes.c_void_p(self.xlu.xlu_cfg_get_listitem2(items, index))

    def _values(self, config: ctypes.c_void_p, items: ctypes.c_void_p, count: int) -> list[str]:
        """A list's values, one behind the other: "[", "]", and strings behind a "=".

        So that neither this walk nor JSON goes deep where lists are nested thousandfold.
        """
        out = []
        stack: list[ctypes.c_void_p | None] = []
        stack += [self._item(items, i) for i in reversed(range(count))]
        while stack:
            one = stack.pop()
            if one is None:
                out.append("]")
            elif self.xlu.xlu_cfg_value_type(one) == _STRING:
                text = ctypes.c_char_p()
                self.xlu.xlu_cfg_value_get_string(config, one, ctypes.byref(text), 1)
                out.append("=" + _text(text.value))
            else:
                inner = ctypes.c_void_p()
                self.xlu.xlu_cfg_value_get_list(config, one, ctypes.byref(inner), 1)
                out.append("[")
                found: list[ctypes.c_void_p | None] = []
                while (item := self._item(inner, len(found))).value:
                    found.append(item)
                stack += [None, *reversed(found)]
        return out

    def _strings(self, config: ctypes.c_void_p, name: bytes) -> list[str]:
        """xlu_cfg_get_list_as_string_list: a NULL where a list is ends it."""
        found = ctypes.POINTER(ctypes.c_void_p)()
        self.xlu.xlu_cfg_get_list_as_string_list(config, name, ctypes.byref(found), 1)
        texts: list[Any] = []
        while (pointer := found[len(texts)]) is not None:
            texts.append(_text(ctypes.cast(pointer, ctypes.c_char_p).value))
            self.c.free(ctypes.c_void_p(pointer))
        self.c.free(found)
        return texts


def _text(value: bytes | None) -> Any:
    return None if value is None else value.decode("latin-1")


def main() -> None:
    library = Library(sys.argv[1])
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        answer = library.read(asked["text"].encode("latin-1"), asked["names"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
