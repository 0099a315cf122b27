"""ImageBuilder's configuration is read and written as bash does."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.rows import Rows
from tests.wording import Wording
from xenassign.errors import InputError
from xenassign.escape import bash_word
from xenassign.formats.imagebuilder_cfg import (
    BashConfig,
    add_lines,
    parse,
    read_file,
    set_value,
    written,
)
from xenassign.formats.xlcfg import encode
from xenassign.formats.xlcfg_edit import apply

from ..bash import sourced

#: Each run of bash takes some milliseconds.
SLOW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
#: What a word of bash may have: nothing that a terminal does not show.
TEXT = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), max_size=40)

CONFIG = """\
# a comment with a " and NUM_DOMUS=7
MEMORY_START="0x0"   # where RAM begins
\texport  XEN='xen'
NUM_DOMUS=2;
DOMU_KERNEL[0]=Image-domU
DOMU_KERNEL[1]="sub/Image 1"
DOMU_KERNEL[1]=sub/Image
DOMU_CMD[0]="console=ttyAMA0 a=\\"b\\" c=\\$d 'e' #f"
DOMU_CMD[ 1 ]=a\\ b'c d'"e"
DOMU_MEM=512
DOMU_RAMDISK[0]="one \\
line"
XEN_CMD='two
lines'
EMPTY=
if test -z "$BOARD"; then BOARD=zcu102; fi
OUT="$BOARD/out"
DOMU_RAMDISK[1]="$OUT/rd"
LIST=(a
  b)
function f() {
    case "$1" in
    a) true ;;
    (b) XEN_CMD="$(echo "it's ) here")" ;;
    esac
}
for i in 1 2; do
    BITSTREAM=x$i
done
test "$NUM_DOMUS" = 2
"""


def test_bash_reads_the_same(tmp_path: Path) -> None:
    config = parse(CONFIG)
    names = sorted({one.name for one in config.assignments if one.literal})
    said = sourced(CONFIG.encode(), tmp_path, *names)
    for (name, number), value in said.items():
        found = config.get(name, number)
        assert found is not None
        assert found.value.encode() == value or not found.literal
    known = {(one.name, one.at) for one in config.assignments if one.name in names}
    assert said.keys() == known
    assert [one.value for one in config.assignments if not one.literal] == ["$BOARD/out", "$OUT/rd"]
    assert {one.name for one in config.assignments} >= {"NUM_DOMUS", "DOMU_CMD", "XEN", "EMPTY"}
    assert not {one.name for one in config.assignments} & {"LIST", "BITSTREAM", "BOARD"}


@pytest.mark.parametrize(
    "text",
    [
        "DOMU_CMD=a:~/b\n",
        'DOMU_CMD="`echo \\`echo 1\\``"\nDOMU_MEM=5\n',
        'DOMU_MEM=${X:-5}\nDOMU_CMD="NUM_DOMUS=3"\n',
    ],
)
def test_what_bash_expands_is_not_taken_for_known(tmp_path: Path, text: str) -> None:
    config = parse(text)
    said = sourced(text.encode(), tmp_path, "DOMU_CMD", "DOMU_MEM", "NUM_DOMUS")
    assert {(one.name, one.at) for one in config.assignments} == said.keys()
    for (name, number), value in said.items():
        found = config.get(name, number)
        assert found is not None
        assert not found.literal or found.value.encode() == value
    assert not config.assignments[0].literal


def test_where_things_stand() -> None:
    config = parse(CONFIG, "my.cfg")
    lines = CONFIG.split("\n")
    for one in config.assignments:
        assert lines[one.line - 1].lstrip().removeprefix("export").lstrip().startswith(one.name)
        assert one.start <= one.end < one.stop
    kernel = config.get("DOMU_KERNEL", 1)
    assert config.where(kernel) == "my.cfg:7"
    assert (config.value("DOMU_KERNEL", 1), config.value("DOMU_KERNEL", 2)) == ("sub/Image", "")


#: Pieces of words that both read, in any order.
PIECE = st.sampled_from(
    [
        *("a", "'b c'", '"d e"', '"\\""', '"\\$x"', "\\ ", "\\'", "''", '""', '"\'"', "'\"'", "#"),
        *("=", "é", '"\\a"', '"\\\\"', "\\\n", '"\\\n"', "'\n'", "!", "{", "}", "[", "]", "*", "?"),
    ]
)


@SLOW
@given(st.lists(PIECE, max_size=8))
def test_any_word_is_read_as_bash_does(tmp_path: Path, pieces: list[str]) -> None:
    text = f"DOMU_CMD[3]={''.join(pieces)} # end\n"
    (found,) = parse(text).assignments
    assert sourced(text.encode(), tmp_path, "DOMU_CMD") == {("DOMU_CMD", 3): found.value.encode()}
    assert found.literal


@SLOW
@given(TEXT)
def test_any_value_is_written_so_that_bash_reads_it(tmp_path: Path, value: str) -> None:
    text = written("DOMU_CMD", 1, value) + "\n"
    assert sourced(text.encode(), tmp_path, "DOMU_CMD") == {("DOMU_CMD", 1): value.encode()}
    (found,) = parse(text).assignments
    assert (found.value, found.literal) == (value, True)


@SLOW
@given(TEXT, st.sampled_from(["NUM_DOMUS", "DOMU_MEM", "DOMU_KERNEL"]))
def test_a_value_is_set_and_the_rest_stays(tmp_path: Path, value: str, name: str) -> None:
    config = parse(CONFIG)
    changed = apply(CONFIG, set_value(config, name, None, value))
    before, after = (
        sourced(text.encode(), tmp_path, "NUM_DOMUS", "DOMU_MEM", "DOMU_KERNEL", "XEN_CMD")
        for text in (CONFIG, changed.replace('test "$NUM_DOMUS" = 2', ""))
    )
    assert after == {**before, (name, 0): value.encode()}
    found = config.get(name)
    assert found is not None
    assert changed == CONFIG[: found.start] + bash_word(value) + CONFIG[found.end :] or (
        changed == CONFIG and found.value == value
    )


def test_a_value_that_is_right_keeps_its_form() -> None:
    config = parse("DOMU_MEM[1]='512'\n")
    assert set_value(config, "DOMU_MEM", 1, "512") == []


def test_lines_are_added() -> None:
    text = "NUM_DOMUS=1\nDOMU_MEM=5 # c\nXEN=xen"
    config = parse(text)
    edits = add_lines(config, ["DOMU_CMD=a"], config.get("DOMU_MEM"))
    edits += add_lines(config, ["FIT=b"], None)
    assert apply(text, edits) == "NUM_DOMUS=1\nDOMU_MEM=5 # c\nDOMU_CMD=a\nXEN=xen\nFIT=b\n"
    assert add_lines(config, [], None) == []


NOT_FOLLOWED: tuple[tuple[str, str], ...] = (
    ("XEN=x\nDOMU_MEM[$i]=5\n", "2: DOMU_MEM is set by more than a plain line"),
    ("DOMU_MEM[08]=5\n", "1: DOMU_MEM is set"),
    ("DOMU_MEM=(5 6)\n", "1: DOMU_MEM is set"),
    ("DOMU_MEM+=5\n", "1: DOMU_MEM is set"),
    ("DOMU_MEM[0]+=5\n", "1: DOMU_MEM is set"),
    ("NUM_DOMUS=1 DOMU_MEM=3\n", "1: NUM_DOMUS is set"),
    ("XEN=x; NUM_DOMUS=1\n", "1: NUM_DOMUS is set"),
    ("NUM_DOMUS=1 true\n", "1: NUM_DOMUS is set"),
    ("declare NUM_DOMUS=1\n", "1: NUM_DOMUS is set"),
    ("unset NUM_DOMUS\n", "1: NUM_DOMUS is set"),
    ("unset 'DOMU_MEM[0]'\n", "1: DOMU_MEM is set"),
    ("read NUM_DOMUS\n", "1: NUM_DOMUS is set"),
    ("(( NUM_DOMUS++ ))\n", "1: NUM_DOMUS is set"),
    ('let "NUM_DOMUS += 1"\n', "1: NUM_DOMUS is set"),
    ('eval "NUM_DOMUS=1"\n', "1: NUM_DOMUS is set"),
    ("if true\nthen\n\nNUM_DOMUS=1\nfi\n", "4: NUM_DOMUS is set"),
    ("if true; then\nDOMU_MEM[0]=1\nfi\n", "2: DOMU_MEM is set"),
    ("for i in 0 1; do\nDOMU_MEM[$i]=1\ndone\n", "2: DOMU_MEM is set"),
    ("f() {\nLOPPER_PATH=x\n}\n", "2: LOPPER_PATH is set"),
    ("(\nNUM_DOMUS=1\n)\n", "2: NUM_DOMUS is set"),
    ("case a in\na) true;;\nb)\nNUM_DOMUS=1\nesac\n", "4: NUM_DOMUS is set"),
    ("cat <<E\nNUM_DOMUS=1\nE\n", "1: a here-document is not supported"),
    ('XEN="x\n\n', '1: a " is never closed'),
    ("XEN='x\n", "1: a ' is never closed"),
    ("XEN=$(x\n", "1: a ( is never closed"),
    ("XEN=${x\n", "1: a { is never closed"),
    ("XEN=`x\n", "1: a ` is never closed"),
    ("XEN=$'x\\'\n", "1: a ' is never closed"),
    ("if true\nthen\n", "2: a if is never closed"),
    ("function f {\nif true; then\n:\nfi\nNUM_DOMUS=1\n}\n", "5: NUM_DOMUS is set"),
    ("f ()\n{\nNUM_DOMUS=1\n}\n", "3: NUM_DOMUS is set"),
    ('XEN=x\n: "${NUM_DOMUS:=1}"\n', "2: NUM_DOMUS is set"),
    ("XEN=${DOMU_MEM[0]=9}\n", "1: DOMU_MEM is set"),
    ("XEN=$((NUM_DOMUS=7))\n", "1: NUM_DOMUS is set"),
    ('XEN="$((++NUM_DOMUS))"\n', "1: NUM_DOMUS is set"),
    ("((--NUM_DOMUS))\n", "1: NUM_DOMUS is set"),
    ("f() {\nXEN=$((NUM_DOMUS=7))\n}\n", "2: NUM_DOMUS is set"),
    ("XEN=x\nreturn 0\nNUM_DOMUS=1\n", "2: bash does not read on after return"),
    ("DOMU_MEM=5\\", "1: DOMU_MEM is set"),
    ("XEN=x\r\nNUM_DOMUS=1\r\n", "1: the line ends are those of Windows"),
    ("XEN=x\nNUM\0\n", "2: a NUL byte"),
)


def test_what_cannot_be_followed_is_refused(wording: Wording, rows: Rows) -> None:
    for text, what in NOT_FOLLOWED:
        with rows(text, what):
            with wording.raises(InputError) as error:
                parse(text, "my.cfg")
            assert str(error.value).startswith(f"my.cfg:{what}")
            assert "; " in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "source other.cfg\nNUM_DOMUS=1\n",
        "if true; then :; fi\nNUM_DOMUS=1\n",
        "if true; then\n if true; then XEN=a; fi\nfi\nNUM_DOMUS=1\n",
        "while false; do :; done; { :; }; ( : )\nNUM_DOMUS=1\n",
        "case a in a) : ;; esac\nNUM_DOMUS=1\n",
        "function f { :; }\ng() { :; }\nfor (( i=0; i<2; i++ )); do :; done\nNUM_DOMUS=1\n",
        "[[ a && ( b || c ) ]]; if ! false; then time true; fi\nNUM_DOMUS=1\n",
        "echo if; echo done\nNUM_DOMUS=1\n",
        "grep x <<<NUM || echo '\"' >/dev/null\nNUM_DOMUS=1\n",
        'echo "$(echo "a b" | cat)" ${X:-"}"} `echo a` $\'\\\'\' \\\n  more\nNUM_DOMUS=1\n',
        "\n\n  # c 'x\nX=a#b # it's\nNUM_DOMUS=1",
    ],
)
def test_what_can_be_followed(text: str, tmp_path: Path) -> None:
    (tmp_path / "other.cfg").touch()
    text = text.replace("other.cfg", str(tmp_path / "other.cfg"))
    config = parse(text)
    assert config.value("NUM_DOMUS") == "1"
    assert sourced(text.encode(), tmp_path, "NUM_DOMUS") == {("NUM_DOMUS", 0): b"1"}


@given(st.binary(max_size=80) | st.text("ab'\"\\\n `$(){};=#[]0NUM_DOMUS", max_size=60))
def test_nothing_else_is_raised(data: bytes | str) -> None:
    text = data if isinstance(data, str) else data.decode("utf-8", "surrogateescape")
    with suppress(InputError):
        assert isinstance(parse(text), BashConfig)


def test_a_file_is_read_byte_for_byte(tmp_path: Path, wording: Wording) -> None:
    path = tmp_path / "c"
    path.write_bytes(b"# \xff\nXEN=x\n")
    assert encode(read_file(str(path)).text) == b"# \xff\nXEN=x\n"
    with wording.raises(InputError):
        read_file(str(tmp_path / "none"))
