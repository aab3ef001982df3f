#include "engine/engine.h"

#include <string.h>

/* Other ids of directories are digests: one that begins like this is as likely as any other accident of 64
 * bits. */
static const uint8_t mark[8] = {'s', 'c', 'r', 'a', 't', 'c', 'h', '/'};

void ddb_scratch_inside(const struct ddb_scratch_meta *directory, uint8_t ret[DDB_DIRECTORY_ID_BYTES])
{
	memcpy(ret, mark, sizeof mark);
	for (unsigned i = 0; i < 8; i++)
		ret[sizeof mark + i] = (uint8_t)(directory->id >> (8 * (7 - i)));
}

uint64_t ddb_scratch_number(const uint8_t directory[DDB_DIRECTORY_ID_BYTES])
{
	uint64_t id = 0;
	if (memcmp(directory, mark, sizeof mark) != 0)
		return 0;
	for (unsigned i = 0; i < 8; i++)
		id = id << 8 | directory[sizeof mark + i];
	return id;
}
