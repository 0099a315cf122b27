"""What guests do with devices of kinds that several boards have: text for busybox' sh.

Each script runs in the device's directory of /sys. It prints one line, the device's ``does``, when
the driver has done its job.
"""

from __future__ import annotations

import hashlib

#: ``find_device NODE``: the directory of /sys of the device with a driver whose node has the name.
FUNCTIONS = """
find_device() {
    for device in /sys/bus/*/devices/*; do
        node=$(readlink -f "$device/of_node")
        [ "${node##*/}" != "$1" ] || [ ! -e "$device/driver" ] || return 0
    done
    device=/nonexistent
}
# ticks FILE: whether the seconds in the file go on
ticks() {
    first=$(cat "$1")
    later() { [ $(cat "$1") -gt $first ]; }
    retry later "$1"
}
# retry COMMAND: until it succeeds, for ten seconds at most
retry() {
    for tenth in $(seq 100); do
        "$@" && return
        sleep 0.1
    done
    return 1
}
"""

#: A UART that leads to serial.py: a line comes back with the speed that the driver programmed.
UART_DOES = "sends a line and receives it: hello at 115200"
UART = """
tty=/dev/$(basename $(find . -name 'tty[A-Z]*' | head -n 1))
stty -F $tty 115200 raw -echo clocal
exec 3<>$tty
echo hello >&3
read -t 30 answer <&3
echo "sends a line and receives it: $answer"
"""

#: A clock without an alarm.
CLOCK_DOES = "counts seconds"
CLOCK = """
cd rtc/rtc*
ticks since_epoch && echo 'counts seconds'
"""

#: A clock with an alarm.
RTC_DOES = "counts seconds; the alarm's interrupt arrives"
RTC = """
cd rtc/rtc*
arrived() { [ "$(awk '/alarm|rtc/ { n += $2 } END { print n + 0 }' /proc/interrupts)" -gt 0 ]; }
ticks since_epoch && printf 'counts seconds; '
echo +2 >wakealarm
retry arrived && echo "the alarm's interrupt arrives"
"""

#: The first line of a GPIO controller, which no driver uses.
GPIO_DOES = "drives its first line and reads it back: high 1, low 0"
GPIO = """
pin=$(cat gpio/gpiochip*/base)
echo $pin >/sys/class/gpio/export
cd /sys/class/gpio/gpio$pin
printf "drives its first line and reads it back:"
echo high >direction
printf " high $(cat value),"
echo low >direction
echo " low $(cat value)"
"""

#: A watchdog of Linux' core, which the magic character V stops.
WATCHDOG_DOES = "armed: active; stopped: inactive"
WATCHDOG = """
cd watchdog/watchdog*
exec 3>/dev/$(basename $PWD)
printf "armed: $(cat state); "
printf V >&3
exec 3>&-
echo "stopped: $(cat state)"
"""

#: Before those of CAN controllers: all are switched on.
CAN_UP = """
for can in /sys/class/net/can*; do
    ip link set ${can##*/} type can bitrate 500000
    ip link set ${can##*/} up
done
"""
#: One of two CAN controllers of a guest, with the other on its bus.
CAN_DOES = "the other controller receives its frame 123#DEADBEEF"
CAN = """
own=$(basename net/can*)
for can in /sys/class/net/can*; do
    [ ${can##*/} = $own ] || other=${can##*/}
done
candump -L -n 1 $other >/frame &
sends() { cansend $own 123#DEADBEEF; [ -s /frame ]; }
retry sends
echo "the other controller receives its frame $(cut -d ' ' -f 3 /frame)"
"""

#: The disk of a run. A card has a power of two of bytes.
DISK = b"".join(number.to_bytes(8, "big") for number in range(1 << 19))
#: Of its first 64 KiB.
DISK_SUM = hashlib.md5(DISK[: 16 * 4096]).hexdigest()

#: A controller with a card that has these bytes.
CARD_DOES = "reads 64 KiB of a card, and they are right"
CARD = f"""
block=$(retry ls -d mmc_host/mmc*/mmc*/block/* 2>/dev/null)
sum=$(dd if=/dev/${{block##*/}} bs=4096 count=16 2>/dev/null | md5sum)
[ "${{sum%% *}}" = {DISK_SUM} ] &&
    echo "reads 64 KiB of a card, and they are right"
"""

#: A controller with a disk that has these bytes.
DISK_DOES = "finds a disk on the bus and reads 64 KiB of it, and they are right"
DISK_READ = f"""
find_disk() {{ disk=$(find . -path '*/block/*' -name sda); [ -n "$disk" ]; }}
retry find_disk || retry find_disk
sum=$(dd if=/dev/${{disk##*/}} bs=4096 count=16 2>/dev/null | md5sum)
[ "${{sum%% *}}" = {DISK_SUM} ] &&
    echo "finds a disk on the bus and reads 64 KiB of it, and they are right"
"""

#: An Ethernet controller on QEMU's user network, which hands out the folder of the disk by TFTP.
NETWORK_DOES = "gets a lease by DHCP and fetches 4 MiB by TFTP, and they are right"
NETWORK = f"""
nic=$(basename net/*)
echo '#!/bin/sh' >/lease
echo '[ "$1" != bound ] || ifconfig $interface $ip netmask $subnet' >>/lease
chmod +x /lease
ifconfig $nic up
udhcpc -i $nic -s /lease -n -q -t 10 >/dev/null 2>&1 && printf 'gets a lease by DHCP and '
tftp -g -b 1428 -r disk -l /fetched 10.0.2.2 2>/dev/null
sum=$(md5sum </fetched)
[ "${{sum%% *}}" = {hashlib.md5(DISK).hexdigest()} ] &&
    echo "fetches 4 MiB by TFTP, and they are right"
"""
