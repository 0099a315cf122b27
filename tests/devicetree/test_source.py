"""Reading source: what dtc accepts and refuses, places, included files, the preprocessor."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.rows import Rows
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.source import preprocessor
from xenassign.devicetree.source.lexer import MAX_DEPTH, MAX_FILES
from xenassign.devicetree.source.reader import DtsSource, read_source
from xenassign.devicetree.tree import DevicetreeError

from .dts_cases import ACCEPTED, REFUSED, V1, value
from .dts_judge import Crashed, by_dtc, by_us, disagreement, dtc_version
from .trees import needs_dtc

BOARDS = sorted(Path(__file__).parents[2].joinpath("fixtures", "host_dtbs").glob("*.dts"))


def read(text: str, file: str = "a.dts", **options: object) -> DtsSource:
    return read_source(text.encode(), file, **options)  # type: ignore[arg-type]


def complaint(text: str, file: str = "a.dts") -> str:
    with pytest.raises(DevicetreeError) as caught:
        read(text, file)
    message = str(caught.value)
    assert "\n" not in message
    return message


# --- as dtc ---


@needs_dtc
def test_what_dtc_accepts(rows: Rows) -> None:
    for text in ACCEPTED:
        for symbols in [False, True]:
            with rows(text, symbols):
                assert by_dtc(text.encode()) is not None
                assert disagreement(text.encode(), symbols=symbols) is None


@needs_dtc
def test_what_dtc_refuses(rows: Rows) -> None:
    for text in REFUSED:
        with rows(text):
            with suppress(Crashed):  # it refuses too, in its way: an assertion of its own fails
                assert disagreement(text.encode()) is None
            assert by_us(text.encode())[0] is None


@needs_dtc
@pytest.mark.parametrize("symbols", [False, True], ids=["", "-@"])
@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_boards(path: Path, symbols: bool) -> None:
    assert disagreement(path.read_bytes(), symbols=symbols) is None


@needs_dtc
@pytest.mark.parametrize("text", ["&{l/m}", "<&{l/m}>", "&{l}", "&{l/}", "<&{l//m/}>"])
def test_paths_below_labels_since_1_7(text: str) -> None:
    source = f"{V1} / {{ l: n {{ a = {text}; m {{ }}; }}; }};"
    ours = by_us(source.encode())[0]
    assert ours is not None
    assert by_dtc(source.encode()) == (ours if dtc_version() >= (1, 7) else None)


def test_a_value_that_does_not_fit_is_refused() -> None:
    """dtc refused it before 1.7 and cuts it off since, with a warning."""
    assert complaint(value("<0x1 (1 << 32)>")) == (
        "a.dts:1:31: the value 0x100000000 does not fit 32 bits;"
        " write smaller numbers, or /bits/ 64"
    )


def test_an_overlay_cannot_fix_up_a_path() -> None:
    """dtc made a fixup that nothing can apply before 1.7, and refuses since."""
    message = complaint("/dts-v1/; /plugin/; &l { a = <&{/n}>; };")
    assert message.startswith("a.dts:1:31: the node /n is not part of the overlay")


@pytest.mark.parametrize("text", ["/delete-node/ &{/};", "/omit-if-no-ref/ &{/};"])
def test_a_tree_needs_a_root(text: str) -> None:
    """dtc writes a blob without one, which nobody can read."""
    assert "a tree requires one" in complaint(f"{V1} / {{ }}; {text}")


@pytest.mark.parametrize("rest", ["\0", "\0 rubbish", "é", "é rubbish"])
def test_what_dtc_takes_for_the_end(rest: str) -> None:
    assert "syntax error" in complaint(f"{V1} / {{ }}; {rest}")


def test_the_blob_reads_back() -> None:
    text = f"{V1} /memreserve/ 1 2; / {{ cpus {{ cpu@0 {{ reg = <256>; }}; }}; }};"
    tree = read_blob(read(text).blob)
    assert (tree.reservations, tree.boot_cpu) == (((1, 2),), 256)


# --- what is there besides the tree ---


def test_labels_of_deleted_nodes_go() -> None:
    text = f"{V1} / {{ l: k: n {{ m: o {{ }}; }}; }}; j: &m {{ }}; /delete-node/ &m;"
    assert read_blob(read(text, symbols=True).blob).labels == {"l": "/n", "k": "/n"}


def test_places() -> None:
    text = '/ {\n\tl: n@1 {\n\t\tk: reg = <0x1 (1 +\n 2)>, "x";\n\t};\n};\n&l { };'
    source = read(f"{V1}\n{text}")
    node = source.nodes["/n@1"]
    assert node.name == ("a.dts", 3, 5, 3, 8)
    assert node.opened == (node.name, ("a.dts", 8, 1, 8, 3))
    prop = node.properties["reg"]
    assert prop.name == ("a.dts", 4, 6, 4, 9)
    assert prop.statement == ("a.dts", 4, 3, 5, 11)
    assert prop.elements == (
        (0, 4, ("a.dts", 4, 13, 4, 16), "0x1"),
        (4, 4, ("a.dts", 4, 17, 5, 4), "(1 +\n 2)"),
        (8, 2, ("a.dts", 5, 7, 5, 10), '"x"'),
    )


def test_offsets_of_elements() -> None:
    text = 'a = &l, <&l>, [00 1122], /bits/ 8 <1>, /bits/ 64 <2>, l9: "é", <3>;'
    source = read(f"{V1} / {{ l: n {{ {text} }}; }};")
    elements = source.nodes["/n"].properties["a"].elements
    told = [(element.offset, element.size, element.text) for element in elements]
    assert told == [
        (0, 3, "&l"),
        (3, 4, "&l"),
        (7, 1, "00"),
        (8, 1, "11"),
        (9, 1, "22"),
        (10, 1, "1"),
        (11, 8, "2"),
        (19, 3, '"é"'),
        (22, 4, "3"),
    ]


#: Values that are one token, and between them what is not: references to nothing, octal numbers …
WHOLE = ("<1 0x2>", "<>", "< 1\n\t010 >", "<&l 1 2 &l 3>", '"a", "b\\n"', "[00 1f]", "<0xffffffff>")


@pytest.mark.parametrize("text", [*WHOLE, ", ".join(WHOLE), ", ".join(["<1>"] * 1100)])
def test_a_value_is_the_same_in_one_token_and_in_many(text: str) -> None:
    """A comment is not part of a token."""
    whole = read(f"{V1} / {{ l: n {{ a = {text}; }}; }};")
    parts = read(f"{V1} / {{ l: n {{ /**/ a = {text}/**/; }}; }};")
    assert whole.blob == parts.blob
    one, many = (source.nodes["/n"].properties["a"].elements for source in (whole, parts))
    assert [element[:2] for element in one] == [element[:2] for element in many]
    assert [element.text for element in one] == [element.text for element in many]
    for element, other in zip(one, many, strict=True):
        first_line = element.place.line == 1
        assert other.place.column == element.place.column + 5 * first_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<1 08>", "a.dts:1:22: bad integer literal '08'"),
        ("<1 0x100000000>", "a.dts:1:22: the value 0x100000000 does not fit 32 bits"),
        ("<1 2a>", "a.dts:1:23: syntax error at 'a'"),
        ("[0 1]", "a.dts:1:20: syntax error at '0'"),
        ('"\\x"', "a.dts:1:19: \\x without hexadecimal digits"),
        ("<1>; b {}; c = <1>", "a.dts:1:30: properties must come before subnodes"),
        ("<1>; }; c = <1", "a.dts:1:27: syntax error at 'c'"),
        ('<1> "b\n c"', "a.dts:1:23: syntax error at '\"b'; write ',' or ';' or label there"),
        ("<'ab\n'>", "a.dts:1:20: the character 'ab is 3 bytes; write one"),
    ],
)
def test_places_of_mistakes_in_values(text: str, expected: str) -> None:
    assert complaint(f"{V1} / {{ a = {text}; }};").startswith(expected)


def test_the_last_value_has_its_place() -> None:
    source = read(f"{V1}\n/ {{ a = <1>; }};\n/ {{ a = <2>; }};")
    assert source.nodes["/"].properties["a"].elements[0].place.line == 3


def test_what_dtc_adds_has_no_place() -> None:
    source = read(f"{V1} / {{ l: n {{ a = <&l>; }}; }};", symbols=True)
    assert set(source.nodes) == {"/", "/n"}
    assert set(source.nodes["/n"].properties) == {"a"}
    assert read_blob(source.blob).labels == {"l": "/n"}


def test_line_markers() -> None:
    source = read(f'{V1}\n# 7 "b.dtsi" 1\n/ {{ a = <1>; }};\n#line 9 "c"\n&{{/}} {{\n b; }};\n')
    assert [str(place) for place in source.nodes["/"].opened] == ["b.dtsi:7:1", "c:9:1"]
    assert str(source.nodes["/"].properties["b"].name) == "c:10:2"
    message = complaint(f'{V1}\n# 7 "b.dtsi"\n/ {{ a = <>>; }};\n')
    assert message.startswith("b.dtsi:7:10: syntax error at '>>'")


def test_comments() -> None:
    source = read(f'/* é\n1 */{V1} // two\n/ {{ a = /**/ "/* no */"; }};')
    told = [(comment.text, str(comment.place)) for comment in source.comments]
    assert told == [("/* é\n1 */", "a.dts:1:1"), ("// two", "a.dts:2:15"), ("/**/", "a.dts:3:9")]


# --- included files ---


def test_included_files(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "far").mkdir()
    (tmp_path / "sub" / "b.dtsi").write_text('/include/ "c.dtsi"\n/ { m { }; };')
    (tmp_path / "sub" / "c.dtsi").write_text('\n\t/include/ "d.dtsi" };')
    (tmp_path / "far" / "d.dtsi").write_text('a = <1 2>; b = /incbin/("e", 1, 2);')
    (tmp_path / "far" / "e").write_bytes(b"1234")
    (tmp_path / "a.dts").write_text(f'{V1} / {{ /include/ "sub/b.dtsi"')
    source = read_source(
        (tmp_path / "a.dts").read_bytes(), str(tmp_path / "a.dts"), include=[str(tmp_path / "far")]
    )
    properties = source.nodes["/"].properties
    assert properties["a"].elements[1].place == (str(tmp_path / "far" / "d.dtsi"), 1, 8, 1, 9)
    assert properties["b"].elements[0][:2] == (0, 2)
    assert read_blob(source.blob).root.properties["b"].value == b"23"
    assert "/m" in source.nodes


@pytest.mark.parametrize("name", ["none", "", ".", "a\\0b", "/dev/zero", "x" * 5000])
def test_files_that_cannot_be_included(name: str) -> None:
    assert complaint(f'{V1}\n/include/ "{name}"').startswith("a.dts:2:1: ")
    assert complaint(value(f'/incbin/("{name}")')).startswith("a.dts:1:26: ")


def test_a_file_that_includes_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.dts"
    path.write_text('/include/ "a.dts"')
    assert f"more than {MAX_FILES} files" in complaint(path.read_text(), str(path))


@needs_dtc
@pytest.mark.parametrize("arguments", ["", ", 1, 2", ", 3, 9", ", 9, 1", ", (1 + 1), 0", ", 0, 4"])
def test_incbin(arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "e").write_bytes(b"\x001234")
    monkeypatch.chdir(tmp_path)
    text = value(f'<1>, /incbin/("\\145"{arguments}), l9: <2>')
    assert disagreement(text.encode()) is None
    assert by_us(text.encode())[0] is not None


# --- the preprocessor ---

CPP = """/dts-v1/;
#include "b.h"
#define ONE 0x1

/ {
\t#address-cells = <ONE>;
\ta   =  <0   BIG(1)  /* here */  ONE>;  // there
};
"""


def test_source_with_directives(tmp_path: Path) -> None:
    (tmp_path / "b.h").write_text("#define BIG(x) ((x) << \\\n 4)\n/ { from; };\n")
    path = tmp_path / "a.dts"
    path.write_text(CPP)
    source = read_source(path.read_bytes(), str(path))
    root = source.nodes["/"]
    assert str(root.name) == f"{tmp_path}/b.h:3:1"
    assert root.opened[1] == (str(path), 5, 1, 5, 2)
    prop = root.properties["a"]
    assert prop.statement == (str(path), 7, 2, 7, 39)
    assert [(one.text, one.place.column) for one in prop.elements] == [
        ("0", 10),
        ("BIG(1)", 14),
        ("ONE", 34),
    ]
    assert read_blob(source.blob).root.cells("a") == (0, 16, 1)
    texts = [(comment.text, comment.place.column) for comment in source.comments]
    assert texts == [("/* here */", 22), ("// there", 41)]


def test_columns_of_a_line_that_became_long(tmp_path: Path) -> None:
    """Between the equal ends of the two lines is one macro, or more than are compared."""
    path = tmp_path / "a.dts"
    macros = "#define A 1 2 3 4 5 6 7 8 9 10\n#define B A A A A A A A A A A\n#define C 7\n"
    path.write_text(f"{V1}\n{macros}/ {{ a = <5 B C>, <6>; }}; / {{ b = <C {'B ' * 5}B>, <8>; }};")
    properties = read_source(path.read_bytes(), str(path)).nodes["/"].properties

    def columns(name: str) -> list[tuple[str, int]]:
        elements = properties[name].elements
        return list(dict.fromkeys((each.text, each.place.column) for each in elements))

    line = path.read_text().split("\n")[4]
    assert columns("a")[0] == ("5", line.index("5") + 1)
    assert columns("b")[-1] == ("8", line.index("8") + 1)
    assert len(properties["b"].elements) == 602


def test_directives_from_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "b.h").write_text("#define BIG(x) (x)\n")
    monkeypatch.chdir(tmp_path)
    source = read(CPP, "-")
    assert source.nodes["/"].properties["a"].name.file == "<stdin>"
    (tmp_path / "b.h").rename(tmp_path / "c.h")
    message = complaint(CPP, "-")
    assert (
        message
        == "<stdin>:2:10: b.h: No such file or directory; give the folder that has it with -I"
    )


def test_directives_without_cpp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert complaint(CPP).startswith("a.dts:2:1: this is a preprocessor directive, and there is no")
    read(f'{V1} / {{ #include-cells = <1>; a = "\n#include <x>"; }}; /*\n#if 1\n*/\n')


def test_cpp_that_waits_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that comes from a macro is known to cpp only. cpp starts cc1, which opens the FIFO."""
    monkeypatch.setattr(preprocessor, "_SECONDS", 1)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    message = complaint(f'{V1}\n#define X "{pipe}"\n#include X\n/ {{ }};')
    assert message == "a.dts:2:1: cpp does not end within 1 seconds; fix the source"
    with pytest.raises(OSError, match="No such device or address"):  # nobody reads the FIFO
        os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)


def test_cpp_that_takes_all_memory() -> None:
    message = complaint(f'{V1}\n#define X "/dev/zero"\n#include X\n/ {{ }};')
    assert message.startswith("a.dts:2:1: cpp fails: ")
    assert "memory" in message


def test_macros_that_grow_without_end() -> None:
    macros = "".join(f"#define A{n + 1} A{n} A{n}\n" for n in range(15))
    text = "a" * 1000
    message = complaint(f'{V1}\n#define A0 "{text}"\n{macros}/ {{ a = A15; }};')
    assert message == "a.dts:2:1: cpp writes more than 16 MiB; fix the source"


@pytest.mark.parametrize("directive", ["", "#define X 1\n"])
def test_a_file_of_a_line_marker_is_not_waited_for(directive: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = f'{V1}\n{directive}# 1 "{pipe}"\n/ {{ a = <oops>; }};'
    assert complaint(text).startswith(f"{pipe}:1:")


def test_source_larger_than_any_board(tmp_path: Path) -> None:
    text = f"{V1} / {{ }}; //"
    assert complaint(text + " " * (16 << 20)) == "a.dts: larger than 16 MiB; give the .dtb"
    (tmp_path / "a.dtsi").write_text(" " * (9 << 20))
    (tmp_path / "b.dtsi").write_text('#include "a.dtsi"\n/* ' + " " * (9 << 20) + "*/")
    included = f'\n/include/ "{tmp_path}/a.dtsi"\n'
    message = f"with {tmp_path}/a.dtsi the source has more than 16 MiB; fix the source"
    assert complaint(f"{V1} / {{ }};" + 2 * included) == f"a.dts:4:1: {message}"
    assert complaint(f'{V1}\n#include "{tmp_path}/b.dtsi"\n/ {{ }};') == f"a.dts: {message}"


def test_an_error_behind_directives(tmp_path: Path) -> None:
    text = f"{V1}\n#define X <\n/ {{\n  a = X  oops>;\n}};\n"
    assert complaint(text).startswith("a.dts:4:10: syntax error at 'oops'")


# --- bounds ---


def test_deep_nesting() -> None:
    inside = MAX_DEPTH - 1
    read(V1 + " / {" + "n {" * inside + "};" * inside + "};")
    assert "deeper than" in complaint(V1 + " / {" + "n {" * 100000)
    twice = " / {" + "n {" * inside + "};" * inside + "};"
    read(V1 + twice + twice + "/delete-node/ &{/n};")


def test_long_values() -> None:
    count = 20000
    read(value("<" + "(" * count + "1" + ")" * count + ">"))
    read(value("<(" + "1+" * count + "1)>"))
    read(value(",".join(["<1>"] * count)))
    read(f"{V1} / {{ {' '.join(f'n{i} {{ }};' for i in range(count))} }};")


@pytest.mark.parametrize(
    "text",
    [
        "\0" * 1000,
        "\xff" * 1000,
        '"' * 100000,
        "'" * 100000,
        '"' + '\\"' * 100000,
        "/*" * 100000,
        "/" + "*" * 100000,
        "/ {" * 1000,
        V1 * 50000,
        f"{V1} / {{ a = <{'9' * 100000}>; }};",
        f"{V1} / {{ a = <0x{'f' * 100000}>; }};",
        f"{V1} / {{ {'a' * 100000}",
        f"{V1} / {{ {'l:' * 20000}",
        f'{V1}\n# {"9" * 10000} "x"\n x',
        "#include <" + "x" * 100000,
    ],
)
def test_rubbish(text: str) -> None:
    assert complaint(text)


def test_bytes_that_are_no_text() -> None:
    text = V1.encode() + b' / { a = "\xff"; /* \xfe */ };'
    assert read_blob(read_source(text, "a").blob).root.properties["a"].value == b"\xff\0"
    with pytest.raises(DevicetreeError) as caught:
        read_source(V1.encode() + b"\xff\xfe", "a")
    assert str(caught.value).encode("ascii")


@needs_dtc
def test_dtc_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(subprocess, "Popen", run)
    read(BOARDS[0].read_text())


@pytest.mark.parametrize(
    "leaf",
    [
        "a { };",
        "a{x;y=<1 0x2>;};",
        'a@1 { x = "{ }; y", "\\"z\\";", [00 ff]; \\y ; z = < > ; };',
        "l: a { x = <&l 010 0xffffffffffffffff>; };",
        "/omit-if-no-ref/ a { x; };",
    ],
)
def test_a_node_that_is_one_token_is_what_it_is_as_several(leaf: str) -> None:
    """A comment before its last brace makes several of it, and moves nothing before it."""
    before = f"{V1}\n/ {{ p = <&{{/b}}>; b {{ }};\n{leaf.removesuffix('};')}"
    sources = [read(f"{before}{end} }};") for end in ("};", "/**/};")]
    assert sources[0].blob == sources[1].blob
    places = [
        [
            (path, name, prop.name, prop.statement, prop.elements)
            for path, node in source.nodes.items()
            for name, prop in node.properties.items()
        ]
        for source in sources
    ]
    assert places[0] == places[1]
    assert [node.opened for node in sources[0].nodes.values()] == [
        node.opened for node in sources[1].nodes.values()
    ]


def test_a_node_that_is_one_token_is_nested_as_deep_as_any_other() -> None:
    text = f"{V1} / {{ {'n { ' * (MAX_DEPTH - 1)} leaf {{ }}; {'}; ' * MAX_DEPTH}"
    assert f"nodes are nested deeper than {MAX_DEPTH}" in complaint(text)


def test_a_node_at_the_top_is_refused_by_its_name() -> None:
    assert complaint(f"{V1}\n/ {{ }};\nleaf {{ x; }};").startswith(
        "a.dts:3:1: syntax error at 'leaf'"
    )
