/*
 * What a power loss goes back to. Commits are written without waiting for the disk, so after a power loss the
 * data file may hold newer meta pages than data. The file `anchor` keeps the meta pages of the last state
 * that is known to be whole on the disk; sync.c sees to it that the pages of that state are not reused. Only
 * this file knows LMDB's meta page.
 *
 * The anchor has two slots, each checksummed and written in turn, so a torn one leaves the one before. A slot
 * names the boot of the machine that it was written in, and the mounting of the disk: in the same ones the
 * page cache has everything that was committed, and the data file is taken as it is, as after a clean close.
 * Not for threads.
 */
#ifndef DDB_STORE_ANCHOR_H
#define DDB_STORE_ANCHOR_H

#include "engine/error.h"
#include "engine/store/mountid.h"
#include "engine/store/owner.h"
#include <stdbool.h>
#include <stdint.h>

#define STORE_ANCHOR_NAME "anchor"

/* The most that a data file can have, set where it is mapped. */
#define STORE_MAP_BYTES ((size_t)1 << 40)

enum {
	STORE_META_BYTES = 512, /* of a meta page: LMDB's part is shorter */
};

/* A state of the data file. */
struct store_state {
	uint64_t txn; /* LMDB's number of the transaction that made it */
	uint32_t page_bytes;
	bool clean; /* the store was closed in this state */
	uint8_t metas[2][STORE_META_BYTES];
};

struct store_anchor {
	int file;        /* -1: none, as when reading only */
	unsigned newest; /* slot */
	uint64_t sequence;
	char boot_id[STORE_BOOT_ID_MAX];
	struct store_mountid mount;
};

/*
 * The state `txn` as it stands in the data file, while nobody writes. DDB_INTERNAL when the meta pages are
 * not as expected, as with another version of LMDB.
 */
DDB_MUST_CHECK enum ddb_code store_state_capture(
	int data, uint64_t txn, struct store_state *ret, struct ddb_error *err);

/*
 * Makes sure, before LMDB opens the data file, that every page which its state has room for can be mapped:
 * extends a file that ends early, unless `read_only`. DDB_DAMAGED when it is no data file.
 */
DDB_MUST_CHECK enum ddb_code store_state_extend(int data, bool read_only, struct ddb_error *err);

/* A new anchor without a state. */
DDB_MUST_CHECK enum ddb_code store_anchor_make(
	int directory, const char *boot_id, struct store_anchor *ret, struct ddb_error *err);

/*
 * Opens the anchor and takes the data file back to its state if there was a power loss since, or the disk was
 * mounted again without a clean close before. An absent
 * anchor (data file put there by hand) takes the data as it is. DDB_DAMAGED: no slot is valid. Read-only
 * nothing is changed, and a store that has to be taken back is DDB_ACCESS_DENIED.
 */
DDB_MUST_CHECK enum ddb_code store_anchor_open(int directory, int data, const char *boot_id, bool read_only,
	struct store_anchor *ret, struct ddb_error *err);

/*
 * Writes the state, durably, into the older slot. After a failure either state may be on the disk, so the
 * pages of both must be kept until another write succeeds.
 */
DDB_MUST_CHECK enum ddb_code store_anchor_write(
	struct store_anchor *anchor, const struct store_state *state, struct ddb_error *err);
void store_anchor_close(struct store_anchor *anchor);

#endif
