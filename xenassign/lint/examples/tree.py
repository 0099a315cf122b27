"""Examples of XA8: what Xen and the guest read of the partial device tree."""

from __future__ import annotations

from xenassign.lint.examples import Example

_ROOT = """\
/ {
	#address-cells = <2>;
	#size-cells = <2>;

	passthrough {"""

_HEAD = """\
	passthrough {
		compatible = "simple-bus";
		#address-cells = <2>;
		#size-cells = <2>;
		ranges;"""

_BUS = """\
		bus {
			compatible = "simple-bus";
			ranges = <0x0 0x0 0x0 0x0 0x10000000>;
			#address-cells = <2>;
			#size-cells = <1>;

			rtc@9010000 {"""

_CELLS = "\t\t\t#address-cells = <2>;\n\t\t\t#size-cells = <1>;\n\n"

_RTC = """\
		rtc: rtc@9010000 {
			compatible = "arm,pl031", "arm,primecell";
			interrupts = <0 2 4>;"""

_COMPATIBLE = '\t\t\tcompatible = "arm,pl031", "arm,primecell";\n'

EXAMPLES: dict[str, Example] = {
    "XA801": Example("bare", right=_ROOT, wrong=_ROOT.replace("passthrough", "pass-through")),
    "XA802": Example("bare", right=_ROOT, wrong=_ROOT.replace("passthrough", "passthrough@0")),
    "XA803": Example(
        "partial",
        right="\t\t};\n\n\t\tgpio: gpio@9030000 {",
        wrong="\t\t};\n\t};\n\n\tdevices {\n\t\tgpio: gpio@9030000 {",
    ),
    "XA805": Example(
        "partial",
        right='compatible = "arm,pl031", "arm,primecell";',
        wrong='compatible = "arm,pl031", "arm,primecell";\n\t\t\tstatus = "disabled";',
    ),
    "XA806": Example(
        "partial", right=_HEAD, wrong=_HEAD.replace('\t\tcompatible = "simple-bus";\n', "")
    ),
    "XA807": Example("partial", right=_HEAD, wrong=_HEAD.removesuffix("\n\t\tranges;")),
    "XA808": Example("partial", right="rtc0 = &rtc;", wrong='rtc0 = "/pl031@9010000";'),
    "XA809": Example(
        "partial",
        right='xen,path = "/pl031@9010000";',
        wrong='xen,path = "/pl031@9010000";\n\t\t\txen,passthrough;',
    ),
    "XA810": Example("partial", right=_RTC, wrong=_RTC.replace(_COMPATIBLE, "")),
    "XA811": Example(
        "partial",
        right='compatible = "arm,pl031", "arm,primecell";',
        wrong='compatible = "arm,pl031\\\\0arm,primecell";',
    ),
    "XA812": Example("nested", right=_BUS, wrong=_BUS.replace(_CELLS, "")),
    "XA813": Example(
        "partial",
        right='xen,path = "/pl031@9010000";',
        wrong='xen,path = "/pl031@9010000", "/fw-cfg@9020000";',
    ),
    "XA814": Example(
        "partial",
        right='"arm,pl031", "arm,primecell"',
        wrong=r'"arm,pl031\0arm,primecell"',
    ),
}
