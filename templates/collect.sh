#!/bin/sh
# Gathers what `xenassign` reads of a board into one tar, which its commands take as HOST:
#
#     sh collect.sh [FILE]            writes FILE (board.tar), or to standard output for -
#
# Run it on the board, as root, under Linux without Xen or in dom0. It only reads. What cannot be
# read is in the file MISSING of the tar, with the reason, and fails nothing.

umask 077
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin
out=${1:-board.tar}
work=${TMPDIR:-/tmp}/xenassign.$$
folder=$work/xenassign-board
mkdir "$work" "$folder" || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
: >"$folder/MISSING"

root=
[ "$(id -u)" = 0 ] || root='; run as root'

# missing NAME REASON
missing() {
    rm -f "$folder/$1"
    printf '%s: %s\n' "$1" "$2" >>"$folder/MISSING"
}

# copy NAME FILE [ADVICE]: a file of the running kernel. Its size is not known before it is read.
copy() {
    if cat "$2" >"$folder/$1" 2>"$work/error"; then
        [ -s "$folder/$1" ] || missing "$1" "$2 is empty$root"
    else
        missing "$1" "$(sed -n 's/^cat: //;1p' "$work/error")${root:-$3}"
    fi
}

# output NAME COMMAND ...: what a command prints
output() {
    name=$1
    shift
    if ! command -v "$1" >"$work/error" 2>&1; then
        missing "$name" "there is no $1"
    elif ! "$@" >"$folder/$name" 2>"$work/error"; then
        missing "$name" "$*: $(sed -n 1p "$work/error")$root"
    fi
}

debugfs='; mount -t debugfs none /sys/kernel/debug'
tree=/proc/device-tree

copy fdt /sys/firmware/fdt
if [ ! -e "$folder/fdt" ]; then
    mkdir "$folder/device-tree"
    if ! (cd "$tree/" && tar cf - .) 2>"$work/error" |
        (cd "$folder/device-tree" && tar xf -) 2>>"$work/error" ||
        [ ! -e "$folder/device-tree/compatible" ]; then
        rm -rf "$folder/device-tree"
        missing device-tree "$tree: $(sed -n 1p "$work/error")$root"
    fi
fi
copy clk_summary /sys/kernel/debug/clk/clk_summary "$debugfs"
copy regulator_summary /sys/kernel/debug/regulator/regulator_summary "$debugfs"
copy iomem /proc/iomem
copy interrupts /proc/interrupts
copy cmdline /proc/cmdline
output iommu_groups find /sys/kernel/iommu_groups -type l
output xl_info xl info
output xl_dmesg xl dmesg
output uname uname -a

if [ "$out" = - ]; then
    (cd "$work" && tar cf - xenassign-board)
else
    (cd "$work" && tar cf - xenassign-board) >"$out" && echo "wrote $out" >&2
fi || exit 1
if [ -s "$folder/MISSING" ]; then
    echo 'missing:' >&2
    sed 's/^/  /' "$folder/MISSING" >&2
fi
exit 0
