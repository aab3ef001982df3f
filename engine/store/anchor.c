/*
 * The anchor file and LMDB's meta pages. A slot: magic | version | flags | sequence | txn | page size | boot
 * id | both metas | mount numbers | BLAKE2b-256 of all that; numbers are little-endian, a slot has a sector
 * group of its own.
 */
#include "engine/store/anchor.h"
#include "engine/store/fault.h"
#include "engine/store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	SLOT_BYTES = 4096,
	SLOTS = 2,
	ANCHOR_VERSION = 1,
	FLAG_CLEAN = 1,
	CHECKSUM_BYTES = 32,
	AT_VERSION = 8,
	AT_FLAGS = 12,
	AT_SEQUENCE = 16,
	AT_TXN = 24,
	AT_PAGE_BYTES = 32,
	AT_BOOT_ID = 40,
	AT_METAS = AT_BOOT_ID + STORE_BOOT_ID_MAX,
	AT_MOUNT_ROOT = AT_METAS + 2 * STORE_META_BYTES,
	AT_MOUNT_OWN = AT_MOUNT_ROOT + 8,
	AT_CHECKSUM = SLOT_BYTES - CHECKSUM_BYTES,
	PAGE_BYTES_MIN = 512,
	PAGE_BYTES_MAX = 65536,
};
static const char magic[AT_VERSION] = "ddbanchr";

/*
 * What is lost in a power loss had numbers; the next ones start far above, so that no number means two
 * things. Even, since LMDB tells the two meta pages by the number's lowest bit.
 */
static const uint64_t number_gap = UINT64_C(1) << 28;

/* ---- LMDB's meta page (0.9) ---- */

struct lmdb_page_header {
	size_t number;
	uint16_t pad, flags;
	uint32_t pages;
};

struct lmdb_tree {
	uint32_t pad; /* the first tree's: page size */
	uint16_t flags, depth;
	size_t branch_pages, leaf_pages, overflow_pages, entries, root;
};

struct lmdb_meta {
	uint32_t magic, version;
	void *address;
	size_t map_bytes;
	struct lmdb_tree trees[2];
	size_t last_page;
	size_t txn;
};

static const uint32_t lmdb_magic = 0xBEEFC0DE, lmdb_version = 1;

_Static_assert(sizeof(struct lmdb_page_header) + sizeof(struct lmdb_meta) <= STORE_META_BYTES, "meta page");

static bool meta_parse(const uint8_t page[STORE_META_BYTES], struct lmdb_meta *ret)
{
	memcpy(ret, page + sizeof(struct lmdb_page_header), sizeof *ret);
	uint32_t size = ret->trees[0].pad;
	return ret->magic == lmdb_magic && ret->version == lmdb_version && size >= PAGE_BYTES_MIN &&
	       size <= PAGE_BYTES_MAX && !(size & (size - 1)) && ret->last_page < STORE_MAP_BYTES / size;
}

static void meta_set_txn(uint8_t page[STORE_META_BYTES], uint64_t txn)
{
	size_t number = (size_t)txn;
	memcpy(page + sizeof(struct lmdb_page_header) + offsetof(struct lmdb_meta, txn), &number,
		sizeof number);
}

/* The page size can be told from the first page, or, when that is torn, by trying. */
static bool metas_read(int data, struct store_state *ret)
{
	struct lmdb_meta meta;
	memset(ret->metas, 0, sizeof ret->metas); /* one may not be there to be read */
	bool first = store_file_read_at(data, ret->metas[0], STORE_META_BYTES, 0) == STORE_META_BYTES &&
		     meta_parse(ret->metas[0], &meta);
	uint32_t from = first ? meta.trees[0].pad : PAGE_BYTES_MIN;
	uint32_t to = first ? from : PAGE_BYTES_MAX;
	for (ret->page_bytes = from; ret->page_bytes <= to; ret->page_bytes *= 2)
		if (store_file_read_at(data, ret->metas[1], STORE_META_BYTES, ret->page_bytes) ==
				STORE_META_BYTES &&
			meta_parse(ret->metas[1], &meta) && meta.trees[0].pad == ret->page_bytes)
			return true;
	ret->page_bytes = from;
	return first;
}

/* The newest of the metas that can be read. */
static bool newest_meta(const struct store_state *state, struct lmdb_meta *ret)
{
	struct lmdb_meta metas[2];
	bool valid[2];
	for (int i = 0; i < 2; i++)
		valid[i] =
			meta_parse(state->metas[i], &metas[i]) && metas[i].trees[0].pad == state->page_bytes;
	if (!valid[0] && !valid[1])
		return false;
	*ret = metas[valid[1] && (!valid[0] || metas[1].txn > metas[0].txn)];
	return true;
}

enum ddb_code store_state_capture(int data, uint64_t txn, struct store_state *ret, struct ddb_error *err)
{
	struct lmdb_meta meta;
	if (!metas_read(data, ret) || !newest_meta(ret, &meta) || meta.txn != txn)
		return ddb_fail(
			err, DDB_INTERNAL, "the data file's meta pages are not as LMDB 0.9 writes them");
	ret->txn = txn;
	ret->clean = false;
	return DDB_OK;
}

enum ddb_code store_state_extend(int data, bool read_only, struct ddb_error *err)
{
	struct store_state state;
	struct lmdb_meta meta;
	struct stat now;
	if (!metas_read(data, &state) || !newest_meta(&state, &meta))
		return ddb_fail(err, DDB_DAMAGED, "the store's data file is damaged: it has no meta page");
	if (fstat(data, &now))
		return store_fault(err, errno, "the store's data file cannot be read");
	/* LMDB does not write the last pages of a file when the transaction that took them gave them back. */
	off_t size = (off_t)((meta.last_page + 1) * state.page_bytes);
	if (now.st_size >= size)
		return DDB_OK;
	if (read_only)
		return ddb_fail(err, DDB_DAMAGED, "the store's data file is damaged: it ends early");
	return ftruncate(data, size) ? store_fault(err, errno, "the store's data file cannot be extended")
				     : DDB_OK;
}

/* Only the state's own meta page must be right; the other then holds the same or what came before. */
static enum ddb_code state_restore(int data, const struct store_state *state, struct ddb_error *err)
{
	uint8_t *page = calloc(1, state->page_bytes);
	if (!page)
		return ddb_fail_memory(err);
	int rc = 0;
	for (unsigned i = 0; i < 2 && !rc; i++) {
		struct lmdb_meta meta;
		memcpy(page, state->metas[i], STORE_META_BYTES);
		if (meta_parse(page, &meta))
			meta_set_txn(page, meta.txn + number_gap);
		rc = store_file_write_at(data, page, state->page_bytes, (off_t)i * state->page_bytes);
	}
	free(page);
	if (!rc && fdatasync(data))
		rc = errno;
	return rc ? store_fault(err, rc, "the store cannot be taken back to its last durable state") : DDB_OK;
}

/* ---- The anchor file ---- */

static void put_number(uint8_t *ret, uint64_t number, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		ret[i] = (uint8_t)(number >> 8 * i);
}

static uint64_t get_number(const uint8_t *from, unsigned bytes)
{
	uint64_t number = 0;
	for (unsigned i = 0; i < bytes; i++)
		number |= (uint64_t)from[i] << 8 * i;
	return number;
}

struct slot {
	uint64_t sequence;
	char boot_id[STORE_BOOT_ID_MAX];
	struct store_mountid mount;
	struct store_state state;
};

static void slot_write(const struct slot *slot, uint8_t ret[SLOT_BYTES])
{
	memset(ret, 0, SLOT_BYTES);
	memcpy(ret, magic, sizeof magic);
	put_number(ret + AT_VERSION, ANCHOR_VERSION, 4);
	put_number(ret + AT_FLAGS, slot->state.clean ? FLAG_CLEAN : 0, 4);
	put_number(ret + AT_SEQUENCE, slot->sequence, 8);
	put_number(ret + AT_TXN, slot->state.txn, 8);
	put_number(ret + AT_PAGE_BYTES, slot->state.page_bytes, 4);
	memcpy(ret + AT_BOOT_ID, slot->boot_id, STORE_BOOT_ID_MAX);
	memcpy(ret + AT_METAS, slot->state.metas, sizeof slot->state.metas);
	put_number(ret + AT_MOUNT_ROOT, slot->mount.root, 8);
	put_number(ret + AT_MOUNT_OWN, slot->mount.own, 8);
	crypto_generichash(ret + AT_CHECKSUM, CHECKSUM_BYTES, ret, AT_CHECKSUM, NULL, 0);
}

static bool slot_read(const uint8_t bytes[SLOT_BYTES], struct slot *ret)
{
	uint8_t checksum[CHECKSUM_BYTES];
	struct lmdb_meta meta;
	crypto_generichash(checksum, CHECKSUM_BYTES, bytes, AT_CHECKSUM, NULL, 0);
	if (memcmp(checksum, bytes + AT_CHECKSUM, CHECKSUM_BYTES) || memcmp(bytes, magic, sizeof magic) ||
		get_number(bytes + AT_VERSION, 4) != ANCHOR_VERSION)
		return false;
	ret->sequence = get_number(bytes + AT_SEQUENCE, 8);
	ret->state.clean = get_number(bytes + AT_FLAGS, 4) & FLAG_CLEAN;
	ret->state.txn = get_number(bytes + AT_TXN, 8);
	ret->state.page_bytes = (uint32_t)get_number(bytes + AT_PAGE_BYTES, 4);
	memcpy(ret->boot_id, bytes + AT_BOOT_ID, STORE_BOOT_ID_MAX);
	ret->boot_id[STORE_BOOT_ID_MAX - 1] = '\0';
	memcpy(ret->state.metas, bytes + AT_METAS, sizeof ret->state.metas);
	ret->mount.root = get_number(bytes + AT_MOUNT_ROOT, 8);
	ret->mount.own = get_number(bytes + AT_MOUNT_OWN, 8);
	return newest_meta(&ret->state, &meta) && meta.txn == ret->state.txn;
}

static void anchor_init(struct store_anchor *anchor, int directory, int file, const char *boot_id)
{
	memset(anchor, 0, sizeof *anchor);
	anchor->file = file;
	memcpy(anchor->boot_id, boot_id, strnlen(boot_id, STORE_BOOT_ID_MAX - 1));
	store_mountid_read(directory, &anchor->mount);
}

enum ddb_code store_anchor_make(
	int directory, const char *boot_id, struct store_anchor *ret, struct ddb_error *err)
{
	int file = openat(directory, STORE_ANCHOR_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file < 0)
		return store_fault(err, errno, "the store's anchor cannot be made");
	static const uint8_t
		zeros[SLOTS * SLOT_BYTES]; /* its room is taken now: a full disk must not stop it */
	int rc = store_file_write_at(file, zeros, sizeof zeros, 0);
	if (rc) {
		close(file);
		return store_fault(err, rc, "the store's anchor cannot be written");
	}
	anchor_init(ret, directory, file, boot_id);
	return DDB_OK;
}

/* A new anchor's, whose first state was never written: nothing was, then, to the data file. */
static bool is_blank(int file)
{
	uint8_t bytes[SLOTS * SLOT_BYTES];
	ssize_t length = store_file_read_at(file, bytes, sizeof bytes, 0);
	return length >= 0 && sodium_is_zero(bytes, (size_t)length);
}

/* The newest valid slot's index, or SLOTS. */
static unsigned find_newest(int file, struct slot *ret)
{
	unsigned newest = SLOTS;
	for (unsigned i = 0; i < SLOTS; i++) {
		uint8_t bytes[SLOT_BYTES];
		struct slot slot;
		if (store_file_read_at(file, bytes, SLOT_BYTES, (off_t)i * SLOT_BYTES) != SLOT_BYTES ||
			!slot_read(bytes, &slot) || (newest < SLOTS && slot.sequence < ret->sequence))
			continue;
		*ret = slot;
		newest = i;
	}
	return newest;
}

/* Whether the page cache has kept all that was written since. */
static bool is_unbroken(const struct store_anchor *anchor, const struct slot *slot)
{
	return *anchor->boot_id && !strcmp(slot->boot_id, anchor->boot_id) &&
	       !store_mountid_again(&slot->mount, &anchor->mount);
}

static enum ddb_code anchor_take(struct store_anchor *anchor, int data, bool read_only, struct ddb_error *err)
{
	struct slot slot;
	if (is_blank(anchor->file))
		return DDB_OK;
	anchor->newest = find_newest(anchor->file, &slot);
	if (anchor->newest == SLOTS)
		return ddb_fail(err, DDB_DAMAGED,
			"the store's anchor is damaged; without the file the data would be taken as it is");
	anchor->sequence = slot.sequence;
	if (slot.state.clean || is_unbroken(anchor, &slot))
		return DDB_OK;
	if (read_only)
		return ddb_fail(err, DDB_ACCESS_DENIED,
			"the store was in use when the power failed or its disk went: "
			"it must be opened for writing once");
	return state_restore(data, &slot.state, err);
}

enum ddb_code store_anchor_open(int directory, int data, const char *boot_id, bool read_only,
	struct store_anchor *ret, struct ddb_error *err)
{
	int flags = (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW;
	int file = openat(directory, STORE_ANCHOR_NAME, flags);
	if (file < 0 && errno != ENOENT)
		return store_fault(err, errno, "the store's anchor cannot be opened");
	if (file < 0 && !read_only)
		return store_anchor_make(directory, boot_id, ret, err);
	anchor_init(ret, directory, file, boot_id);
	if (file < 0)
		return DDB_OK;
	enum ddb_code code = anchor_take(ret, data, read_only, err);
	if (code || read_only)
		store_anchor_close(ret);
	return code;
}

enum ddb_code store_anchor_write(
	struct store_anchor *anchor, const struct store_state *state, struct ddb_error *err)
{
	uint8_t bytes[SLOT_BYTES];
	struct slot slot = {.sequence = anchor->sequence + 1, .state = *state};
	unsigned older = (anchor->newest + 1) % SLOTS;
	memcpy(slot.boot_id, anchor->boot_id, STORE_BOOT_ID_MAX);
	slot.mount = anchor->mount;
	slot_write(&slot, bytes);
	int rc = store_file_write_at(anchor->file, bytes, SLOT_BYTES, (off_t)older * SLOT_BYTES);
	if (!rc && fdatasync(anchor->file))
		rc = errno;
	if (rc)
		return store_fault(err, rc, "the store's anchor cannot be written");
	anchor->newest = older;
	anchor->sequence++;
	return DDB_OK;
}

void store_anchor_close(struct store_anchor *anchor)
{
	if (anchor->file >= 0)
		close(anchor->file);
	anchor->file = -1;
}
