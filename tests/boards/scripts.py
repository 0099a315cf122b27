"""What guests do with devices of kinds that several boards have: text for busybox' sh.

Each script runs in the device's directory of /sys. It prints one line, the device's ``does``, when
the driver has done its job.
"""

from __future__ import annotations

#: ``find_device NODE``: the directory of /sys of the device with a driver whose node has the name.
FUNCTIONS = """
find_device() {
    for device in /sys/bus/*/devices/*; do
        node=$(readlink -f $device/of_node)
        [ "${node##*/}" != "$1" ] || [ ! -e $device/driver ] || return 0
    done
    device=/nonexistent
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

#: A clock with an alarm.
RTC_DOES = "counts seconds; the alarm's interrupt arrives"
RTC = """
cd rtc/rtc*
arrived() { [ "$(awk '/alarm|rtc/ { n += $2 } END { print n + 0 }' /proc/interrupts)" -gt 0 ]; }
first=$(cat since_epoch)
later() { [ $(cat since_epoch) -gt $first ]; }
retry later && printf 'counts seconds; '
echo +2 >wakealarm
retry arrived && echo "the alarm's interrupt arrives"
"""
