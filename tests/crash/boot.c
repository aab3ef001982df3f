#include "tests/crash/boot.h"

#include "engine/store/mountid.h"
#include "engine/store/owner.h"
#include <stdio.h>

void __wrap_store_boot_id(char ret[STORE_BOOT_ID_MAX]);
void __real_store_boot_id(char ret[STORE_BOOT_ID_MAX]);

void __wrap_store_mountid_read(int directory, struct store_mountid *ret);

static const char *boot;

void boot_set(const char *id)
{
	boot = id;
}

void __wrap_store_boot_id(char ret[STORE_BOOT_ID_MAX])
{
	if (boot)
		snprintf(ret, STORE_BOOT_ID_MAX, "%s", boot);
	else
		__real_store_boot_id(ret);
}

/* The store is rebuilt elsewhere, but is believed to be where it was. */
void __wrap_store_mountid_read(int directory, struct store_mountid *ret)
{
	(void)directory;
	*ret = (struct store_mountid){0};
}
