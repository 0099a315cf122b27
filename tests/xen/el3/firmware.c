/*
 * A firmware at EL3 for QEMU's virt board: as much of PSCI and SMCCC as Xen wants, and an SCMI
 * platform with one agent and six clocks. Numbers are those of the specifications: PSCI (Arm DEN
 * 0022), SMCCC (DEN 0028), SCMI (DEN 0056), GICv3 (IHI 0069).
 */

typedef unsigned int u32;
typedef unsigned long u64;

static volatile u32 *word(u64 address)
{
	return (volatile u32 *)address;
}

/* ------------------------------------------------------------------------------ the GIC */

#define GICD_CTLR	0x08000000
#define GICD_IGROUPR	0x08000080
#define GICD_IGRPMODR	0x08000d00
#define GICR_WAKER	0x080a0014	/* the first processor's */
#define GICR_IGROUPR0	0x080b0080
#define GICR_IGRPMODR0	0x080b0d00

#define CTLR_ARE	(3 << 4)	/* affinity routing, in both worlds */
#define CTLR_GROUP1_NS	(1 << 1)
#define SPI_WORDS	32		/* of 32 interrupts each; the first are SGIs and PPIs */

/* All interrupts are the normal world's. */
static void give_interrupts_away(void)
{
	*word(GICD_CTLR) = CTLR_ARE;
	*word(GICD_CTLR) = CTLR_ARE | CTLR_GROUP1_NS;
	for (u32 i = 1; i < SPI_WORDS; i++) {
		*word(GICD_IGROUPR + 4 * i) = ~0u;
		*word(GICD_IGRPMODR + 4 * i) = 0;
	}
	*word(GICR_WAKER) = 0;
	*word(GICR_IGROUPR0) = ~0u;
	*word(GICR_IGRPMODR0) = 0;
}

/* ------------------------------------------------------------------------------ SCMI */

/* The shared memory of boards/scmi.dtsi, and the offsets in it. */
#define SHARED		0xf8000000UL
#define STATUS		0x04
#define LENGTH		0x14	/* bytes, from the header on */
#define HEADER		0x18
#define PAYLOAD		0x1c	/* of a call: its arguments; of an answer: how it went */
#define VALUES		0x20	/* of an answer, behind that */

#define STATUS_FREE	1
#define HEADER_MESSAGE(header)	((header) & 0xff)
#define HEADER_PROTOCOL(header)	((header) >> 10 & 0xff)

enum protocol { BASE = 0x10, CLOCK = 0x14 };
enum result { SUCCESS = 0, NOT_SUPPORTED = -1, NOT_FOUND = -4 };

/* Messages of every protocol. */
#define PROTOCOL_VERSION		0
#define PROTOCOL_ATTRIBUTES		1
#define PROTOCOL_MESSAGE_ATTRIBUTES	2
/* Messages of BASE. */
#define BASE_DISCOVER_VENDOR		3
#define BASE_DISCOVER_SUB_VENDOR	4
#define BASE_DISCOVER_IMPLEMENTATION	5
#define BASE_DISCOVER_LIST_PROTOCOLS	6
#define BASE_DISCOVER_AGENT		7
/* Messages of CLOCK. */
#define CLOCK_ATTRIBUTES		3
#define CLOCK_DESCRIBE_RATES		4
#define CLOCK_RATE_SET			5
#define CLOCK_RATE_GET			6
#define CLOCK_CONFIG_SET		7

#define BASE_VERSION	0x20000
#define CLOCK_VERSION	0x10000
#define LAST_MESSAGE	7	/* the highest that is known here, of both */

#define CLOCKS		6
#define FIRST_RATE	24000000	/* Hz; each clock has one more than the one before */
#define CLOCK_ENABLED	1
#define NAME_SIZE	16

static void put(u32 offset, u32 value)
{
	*word(SHARED + VALUES + offset) = value;
}

/* The first eight characters of a name as two words, the rest is zero. */
static void put_name(u32 offset, u64 characters)
{
	put(offset, (u32)characters);
	put(offset + 4, (u32)(characters >> 32));
	put(offset + 8, 0);
	put(offset + 12, 0);
}

/* Up to eight characters, the first in the lowest byte. */
static u64 name(const char *text)
{
	u64 characters = 0;

	for (u32 i = 0; i < 8 && text[i]; i++)
		characters |= (u64)text[i] << 8 * i;
	return characters;
}

/* Messages of BASE. Returns how it went; size: of the values put, in bytes. */
static int base(u32 message, u32 argument, u32 *size)
{
	*size = 4;
	switch (message) {
	case PROTOCOL_VERSION:
		put(0, BASE_VERSION);
		return SUCCESS;
	case PROTOCOL_ATTRIBUTES:
		put(0, 1 << 8 | 1);	/* one agent, one protocol besides this one */
		return SUCCESS;
	case PROTOCOL_MESSAGE_ATTRIBUTES:
		put(0, 0);
		return argument <= LAST_MESSAGE ? SUCCESS : NOT_FOUND;
	case BASE_DISCOVER_VENDOR:
		put_name(0, name("example"));
		*size = NAME_SIZE;
		return SUCCESS;
	case BASE_DISCOVER_SUB_VENDOR:
		put_name(0, name("el3"));
		*size = NAME_SIZE;
		return SUCCESS;
	case BASE_DISCOVER_IMPLEMENTATION:
		put(0, 1);
		return SUCCESS;
	case BASE_DISCOVER_LIST_PROTOCOLS:
		put(0, argument == 0 ? 1 : 0);	/* how many of them, after so many */
		put(4, CLOCK);
		*size = 8;
		return SUCCESS;
	case BASE_DISCOVER_AGENT:
		put(0, argument);
		put_name(4, name("agent"));
		*size = 4 + NAME_SIZE;
		return SUCCESS;
	default:
		return NOT_SUPPORTED;
	}
}

/* Messages of CLOCK, likewise. */
static int clock(u32 message, u32 argument, u32 *size)
{
	u32 id = argument;

	*size = 4;
	switch (message) {
	case PROTOCOL_VERSION:
		put(0, CLOCK_VERSION);
		return SUCCESS;
	case PROTOCOL_ATTRIBUTES:
		put(0, CLOCKS);
		return SUCCESS;
	case PROTOCOL_MESSAGE_ATTRIBUTES:
		put(0, 0);
		return argument <= LAST_MESSAGE ? SUCCESS : NOT_FOUND;
	case CLOCK_ATTRIBUTES:
		put(0, CLOCK_ENABLED);
		put_name(4, name("clk") | (u64)('0' + id) << 24);
		*size = 4 + NAME_SIZE;
		return id < CLOCKS ? SUCCESS : NOT_FOUND;
	case CLOCK_DESCRIBE_RATES:
		put(0, 1);	/* one rate, and no more of them */
		put(4, FIRST_RATE + id);
		put(8, 0);
		*size = 12;
		return id < CLOCKS ? SUCCESS : NOT_FOUND;
	case CLOCK_RATE_GET:
		put(0, FIRST_RATE + id);
		put(4, 0);
		*size = 8;
		return id < CLOCKS ? SUCCESS : NOT_FOUND;
	case CLOCK_CONFIG_SET:	/* the first argument is the clock here */
		*size = 0;
		return id < CLOCKS ? SUCCESS : NOT_FOUND;
	default:	/* CLOCK_RATE_SET too: the rates are fixed */
		return NOT_SUPPORTED;
	}
}

/* Answers the call that lies in the shared memory. */
static void answer(void)
{
	u32 header = *word(SHARED + HEADER);
	u32 message = HEADER_MESSAGE(header);
	u32 argument = *word(SHARED + PAYLOAD);
	u32 size = 0;
	int result = NOT_SUPPORTED;

	if (HEADER_PROTOCOL(header) == BASE)
		result = base(message, argument, &size);
	if (HEADER_PROTOCOL(header) == CLOCK)
		result = clock(message, argument, &size);

	*word(SHARED + PAYLOAD) = (u32)result;
	*word(SHARED + LENGTH) = VALUES - HEADER + (result == SUCCESS ? size : 0);
	*word(SHARED + STATUS) = STATUS_FREE;
}

/* ------------------------------------------------------------------------------ calls */

#define PSCI_VERSION		0x84000000
#define PSCI_MIGRATE_INFO_TYPE	0x84000006
#define PSCI_SYSTEM_OFF		0x84000008
#define PSCI_SYSTEM_RESET	0x84000009
#define PSCI_FEATURES		0x8400000a
#define SMCCC_VERSION		0x80000000
#define SCMI_CALL		0xc20000fe	/* arm,smc-id of boards/scmi.dtsi */

#define VERSION_1_1		0x10001
#define MIGRATION_NOT_REQUIRED	2
#define UNKNOWN_FUNCTION	(~0UL)

static u64 has_feature(u32 function)
{
	switch (function) {
	case SMCCC_VERSION:
	case PSCI_SYSTEM_OFF:
	case PSCI_SYSTEM_RESET:
		return 0;
	default:
		return UNKNOWN_FUNCTION;
	}
}

/* registers: the caller's x0 and up, which it gets back. */
void handle_smc(u64 *registers)
{
	switch ((u32)registers[0]) {
	case PSCI_VERSION:
	case SMCCC_VERSION:
		registers[0] = VERSION_1_1;
		break;
	case PSCI_FEATURES:
		registers[0] = has_feature((u32)registers[1]);
		break;
	case PSCI_MIGRATE_INFO_TYPE:
		registers[0] = MIGRATION_NOT_REQUIRED;
		break;
	case PSCI_SYSTEM_OFF:
	case PSCI_SYSTEM_RESET:
		for (;;)
			__asm__ volatile("wfi");
	case SCMI_CALL:
		answer();
		registers[0] = 0;
		break;
	default:
		registers[0] = UNKNOWN_FUNCTION;
	}
}

void set_up(void)
{
	give_interrupts_away();
	*word(SHARED + STATUS) = STATUS_FREE;
}
