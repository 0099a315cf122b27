/*
 * Reset and exception vectors of the firmware at EL3. It lies at address 0, in the flash of QEMU's
 * virt board with secure=on; Xen is loaded by QEMU. Only the first processor runs.
 */

#define STACK_TOP	0x0e080000	/* in the board's secure RAM */
#define XEN_ADDRESS	0x40200000	/* XEN_ADDRESS of test_scmi.py */
#define TREE_ADDRESS	0x40000000	/* where QEMU puts the tree when it has a -bios */

#define ICC_SRE_EL3	S3_6_C12_C12_5
#define ICC_IGRPEN1_EL3	S3_6_C12_C12_7

#define SCR_NS		(1 << 0)	/* the lower levels are not secure */
#define SCR_RES1	(3 << 4)
#define SCR_HCE		(1 << 8)	/* HVC works */
#define SCR_RW		(1 << 10)	/* EL2 is AArch64 */
#define SRE_ALL		0xf		/* system registers for the GIC, at the lower levels too */
#define SPSR_EL2H	(0xf << 6 | 9)	/* EL2 with its own stack pointer, all interrupts masked */

#define FRAME_SIZE	160

	.section .text.start
	.global _start
_start:
	mrs	x0, mpidr_el1
	and	x0, x0, #0xffff
	cbnz	x0, park

	ldr	x0, =STACK_TOP
	mov	sp, x0
	adr	x0, vectors
	msr	vbar_el3, x0
	mov	x0, #(SCR_NS | SCR_RES1 | SCR_HCE | SCR_RW)
	msr	scr_el3, x0
	msr	cptr_el3, xzr
	msr	mdcr_el3, xzr
	mov	x0, #SRE_ALL
	msr	ICC_SRE_EL3, x0
	isb
	mov	x0, #1
	msr	ICC_IGRPEN1_EL3, x0
	bl	set_up

	/* Linux' boot protocol: x0 is the tree's address, x1 to x3 are zero. */
	ldr	x0, =XEN_ADDRESS
	msr	elr_el3, x0
	mov	x0, #SPSR_EL2H
	msr	spsr_el3, x0
	ldr	x0, =TREE_ADDRESS
	mov	x1, xzr
	mov	x2, xzr
	mov	x3, xzr
	isb
	eret

park:
	wfi
	b	park

/* Sixteen vectors of 128 bytes; all but the ninth stop here. */
	.balign	2048
vectors:
	.rept	8
	.balign	128
	b	.
	.endr

/* A synchronous exception of a lower level with AArch64: an SMC. */
	.balign	128
	sub	sp, sp, #FRAME_SIZE
	stp	x0, x1, [sp]
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x30, [sp, #144]
	mov	x0, sp
	bl	handle_smc
	b	return

	.rept	7
	.balign	128
	b	.
	.endr

return:
	ldp	x0, x1, [sp]
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	ldp	x18, x30, [sp, #144]
	add	sp, sp, #FRAME_SIZE
	eret
