/*
 * The hypercalls of `xl dt-overlay`, for releases of Xen that Debian's xl does not talk to.
 *
 *     overlay add VERSION - FILE
 *     overlay attach VERSION DOMID FILE
 *
 * VERSION is XEN_SYSCTL_INTERFACE_VERSION, or XEN_DOMCTL_INTERFACE_VERSION for attach. The layout is
 * that of xen/include/public/sysctl.h and domctl.h: command, version, [domain,] and the union, which
 * holds the address of the overlay, its size in bytes, and the operation. Prints what xl prints of
 * the error.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

enum { PAGE = 4096, MOST = 1 << 20, SYSCTL = 35, DOMCTL = 36, ADD_OR_REMOVE = 30, ATTACH = 87 };

struct hypercall {
	uint64_t number, arguments[5];
};

struct overlay {
	uint64_t address;
	uint32_t size;
	uint8_t operation, pad[3];
};

/* Linux' IOCTL_PRIVCMD_HYPERCALL. */
#define HYPERCALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct hypercall))

int main(int count, char **words)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE;
	uint8_t *memory = mmap(NULL, MOST, PROT_READ | PROT_WRITE, flags, -1, 0);
	int privcmd = open("/proc/xen/privcmd", O_RDWR);
	FILE *file = count == 5 ? fopen(words[4], "rb") : NULL;

	if (memory == MAP_FAILED || privcmd < 0 || file == NULL)
		return 2;
	memset(memory, 0, MOST); /* present and written to: Xen copies from it */

	int attach = strcmp(words[1], "attach") == 0;
	uint32_t *control = (uint32_t *)memory;
	struct overlay *overlay = (struct overlay *)(memory + (attach ? 16 : 8));

	control[0] = attach ? ATTACH : ADD_OR_REMOVE;
	control[1] = strtoul(words[2], NULL, 0);
	if (attach)
		*(uint16_t *)(memory + 8) = strtoul(words[3], NULL, 0);
	overlay->address = (uint64_t)(memory + PAGE);
	overlay->size = fread(memory + PAGE, 1, MOST - PAGE, file);
	overlay->operation = 1;

	struct hypercall call = { attach ? DOMCTL : SYSCTL, { (uint64_t)memory } };

	if (ioctl(privcmd, HYPERCALL, &call) >= 0)
		return 0;
	printf("(%d = %s)\n", errno, strerror(errno));
	return 1;
}
