/*
 * The matrix of tampering: every kind of record, and everything that can be done to one by somebody who can
 * write to the data file and has no key. Whatever breaks a seal is found by the check, never read as data,
 * and repaired; what no seal can tell (an older value of the same record, a missing one) is found or not as
 * the table says. A kind without a row fails.
 */
#include "tamper_world.h"

enum { SAMPLES = 3 }; /* records of a kind */

/* What the check makes of it, of each record that it was done to. */
enum finding { FOUND, UNNOTICED, NEVER /* there is no such record */ };

static const struct row {
	enum local_kind kind;
	const char *what;
	enum finding deleted; /* UNNOTICED: some record of the kind can be missing, or be as it was before */
	enum finding older;
	bool stays; /* --repair leaves what is damaged */
	bool one;   /* there is only one */
} rows[] = {
	{LOCAL_ALIAS, "aliases", FOUND, NEVER, .stays = false},
	{LOCAL_BLOCK, "blocks of scratch files", UNNOTICED, UNNOTICED, .stays = false},
	{LOCAL_COUNTERS, "counters", FOUND, UNNOTICED, .stays = false},
	{LOCAL_TOMBSTONE, "notes of what is to be purged", UNNOTICED, NEVER, .stays = false},
	{LOCAL_ENTRY_ALIAS, "aliases of entries", FOUND, NEVER, .stays = false},
	{LOCAL_SCRATCH, "scratch files", UNNOTICED, UNNOTICED, .stays = false},
	{LOCAL_COLLECTION, "sizes of item collections", FOUND, FOUND, .stays = false},
	{LOCAL_ITEM, "items", FOUND, UNNOTICED, .stays = false},
	{LOCAL_PROGRESS, "progress of indexes", UNNOTICED, NEVER, .stays = false},
	{LOCAL_TOTALS, "totals", FOUND, FOUND, .stays = false, .one = true},
	{LOCAL_STREAM, "streams", FOUND, NEVER, .stays = false},
	{LOCAL_STREAM_RECORD, "stream records", UNNOTICED, NEVER, .stays = false},
	{LOCAL_TABLE, "tables", FOUND, FOUND, .stays = true},
	{LOCAL_EXPIRY, "expiries", FOUND, NEVER, .stays = false},
	{LOCAL_ENTRY, "entries of indexes", FOUND, FOUND, .stays = false},
	{LOCAL_TOKEN, "tokens", UNNOTICED, NEVER, .stays = false},
};

/* The compiler tells of a kind that is missing here (-Wswitch-enum), and the test of one that has no row. */
static bool has_row(enum local_kind kind)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].kind == kind)
			return true;
	return false;
}

static bool is_known(uint8_t byte)
{
	switch ((enum local_kind)byte) {
	case LOCAL_ALIAS:
	case LOCAL_BLOCK:
	case LOCAL_COUNTERS:
	case LOCAL_TOMBSTONE:
	case LOCAL_ENTRY_ALIAS:
	case LOCAL_SCRATCH:
	case LOCAL_COLLECTION:
	case LOCAL_ITEM:
	case LOCAL_PROGRESS:
	case LOCAL_TOTALS:
	case LOCAL_STREAM:
	case LOCAL_STREAM_RECORD:
	case LOCAL_TABLE:
	case LOCAL_EXPIRY:
	case LOCAL_ENTRY:
	case LOCAL_TOKEN:
		return true;
	default:
		return false;
	}
}

/* ---- The world ---- */

static struct {
	struct fixture *f;
	struct image image;
	struct raws now, before; /* of all kinds */
	struct showing pristine;
	unsigned stayed; /* stores that could not be repaired */
	bool loud;
} world;

static void open_engine(bool read_only)
{
	engine_open_with(world.f, (struct ddb_local_options){.read_only = read_only, .must_exist = true});
}

static int make_world(void **state)
{
	if (world_set_up(state))
		return -1;
	struct fixture *f = world.f = *state;
	world.loud = getenv("TAMPER_LOUD") != NULL;
	world_make(f);
	engine_close(f);
	raw_read(f, 0, &world.before);
	engine_open(f);
	world_fill(f, 1);
	world_begin_moment(f);
	engine_close(f);
	image_take(f, &world.image);
	raw_read(f, 0, &world.now);
	open_engine(true);
	assert_sound(f);
	show_all(f, &world.pristine);
	for (size_t i = 0; i < world.pristine.count; i++)
		if (world.pristine.all[i].code)
			fail_msg("%s: code %d", world.pristine.all[i].what, world.pristine.all[i].code);
	engine_close(f);
	return 0;
}

static int unmake_world(void **state)
{
	raw_free(&world.now);
	raw_free(&world.before);
	image_restore(world.f, &world.image);
	image_free(&world.image);
	engine_close(world.f);
	return tear_down(state);
}

/* The records of a kind, some of them. */
static size_t samples_of(const struct raws *raws, enum local_kind kind, const struct raw *ret[SAMPLES])
{
	size_t all = 0, count = 0, seen = 0;
	for (size_t i = 0; i < raws->count; i++)
		all += raws->records[i].key[0] == kind;
	size_t step = all > SAMPLES ? all / SAMPLES : 1;
	for (size_t i = 0; i < raws->count && count < SAMPLES; i++)
		if (raws->records[i].key[0] == kind && seen++ % step == 0)
			ret[count++] = &raws->records[i];
	return count;
}

/* ---- What is done to a record ---- */

struct target {
	const struct row *row;
	const struct raw *raw;
	struct store_sealed sealed;
};

static void write_changed(const struct target *target, const uint8_t *value, size_t length)
{
	raw_write(world.f, target->raw->key, target->raw->key_length, value, length);
}

static bool flip_at(const struct target *target, size_t at, bool there)
{
	uint8_t *copy = malloc(target->raw->length);
	if (!there || at >= target->raw->length) {
		free(copy);
		return false;
	}
	memcpy(copy, target->raw->value, target->raw->length);
	copy[at] ^= 0x04;
	write_changed(target, copy, target->raw->length);
	free(copy);
	return true;
}

static bool flip_version(const struct target *target)
{
	return flip_at(target, 0, true);
}

static bool flip_length(const struct target *target)
{
	return flip_at(target, 1, true);
}

static bool flip_high_length(const struct target *target)
{
	return flip_at(target, 2, true);
}

static bool flip_nonce(const struct target *target)
{
	return flip_at(target, 3 + STORE_NONCE_BYTES / 2, true);
}

static bool flip_head(const struct target *target)
{
	return flip_at(target, STORE_SEAL_PREFIX, target->sealed.head_length);
}

static bool flip_head_tag(const struct target *target)
{
	return flip_at(target, STORE_SEAL_PREFIX + target->sealed.head_length, true);
}

static bool flip_body(const struct target *target)
{
	return flip_at(target, STORE_SEAL_PREFIX + target->sealed.head_length + STORE_TAG_BYTES,
		target->sealed.body_length);
}

static bool flip_end(const struct target *target)
{
	return flip_at(target, target->raw->length - 1, true);
}

static bool resize(const struct target *target, size_t length)
{
	uint8_t *copy = calloc(1, length ? length : 1);
	memcpy(copy, target->raw->value, length < target->raw->length ? length : target->raw->length);
	write_changed(target, copy, length);
	free(copy);
	return true;
}

static bool cut_last(const struct target *target)
{
	return resize(target, target->raw->length - 1);
}

static bool cut_body(const struct target *target)
{
	return target->sealed.body_length &&
	       resize(target, STORE_SEAL_PREFIX + target->sealed.head_length + STORE_TAG_BYTES);
}

static bool cut_half(const struct target *target)
{
	return resize(target, target->raw->length / 2);
}

static bool cut_all(const struct target *target)
{
	return resize(target, 0);
}

static bool lengthen(const struct target *target)
{
	return resize(target, target->raw->length + STORE_TAG_BYTES + 1);
}

/* Another record of the kind, of the same length if there is one. */
static const struct raw *find_other(const struct target *target)
{
	const struct raw *other = NULL;
	for (size_t i = 0; i < world.now.count; i++) {
		const struct raw *raw = &world.now.records[i];
		if (raw == target->raw || raw->key[0] != target->raw->key[0])
			continue;
		if (!other || raw->length == target->raw->length)
			other = raw;
	}
	return other;
}

static bool swap_values(const struct target *target)
{
	const struct raw *other = find_other(target);
	if (!other)
		return false;
	write_changed(target, other->value, other->length);
	raw_write(world.f, other->key, other->key_length, target->raw->value, target->raw->length);
	return true;
}

static bool copy_over(const struct target *target)
{
	const struct raw *other = find_other(target);
	if (other)
		raw_write(world.f, other->key, other->key_length, target->raw->value, target->raw->length);
	return other != NULL;
}

static bool copy_beside(const struct target *target)
{
	uint8_t key[512];
	memcpy(key, target->raw->key, target->raw->key_length);
	key[target->raw->key_length - 1] ^= 1;
	if (target->row->one)
		return false;
	raw_write(world.f, key, target->raw->key_length, target->raw->value, target->raw->length);
	return true;
}

static bool copy_behind(const struct target *target)
{
	uint8_t key[512];
	memcpy(key, target->raw->key, target->raw->key_length);
	key[target->raw->key_length] = 'x';
	raw_write(world.f, key, target->raw->key_length + 1, target->raw->value, target->raw->length);
	return true;
}

/* To where the same kind of another table is. */
static bool copy_to_space(const struct target *target)
{
	static const char unspaced[] = {
		LOCAL_BLOCK, LOCAL_SCRATCH, LOCAL_TABLE, LOCAL_TOTALS, LOCAL_TOKEN, 0};
	uint8_t key[512];
	if (strchr(unspaced, target->raw->key[0]))
		return false;
	for (size_t i = 0; i < world.now.count; i++) {
		const struct raw *raw = &world.now.records[i];
		if (raw->key[0] != target->raw->key[0] ||
			!memcmp(raw->key, target->raw->key, LOCAL_SPACE_BYTES))
			continue;
		memcpy(key, raw->key, LOCAL_SPACE_BYTES);
		memcpy(key + LOCAL_SPACE_BYTES, target->raw->key + LOCAL_SPACE_BYTES,
			target->raw->key_length - LOCAL_SPACE_BYTES);
		raw_write(world.f, key, target->raw->key_length, target->raw->value, target->raw->length);
		return true;
	}
	return false;
}

static bool copy_to_kind(const struct target *target)
{
	uint8_t key[512];
	memcpy(key, target->raw->key, target->raw->key_length);
	key[0] = target->raw->key[0] == LOCAL_ITEM ? LOCAL_ALIAS : LOCAL_ITEM;
	raw_write(world.f, key, target->raw->key_length, target->raw->value, target->raw->length);
	return true;
}

static const struct tampering {
	const char *what;
	bool (*apply)(const struct target *target); /* false: there is nothing to do it to */
} tamperings[] = {
	{"a bit of the version", flip_version},
	{"a bit of the head's length", flip_length},
	{"a high bit of the head's length", flip_high_length},
	{"a bit of the nonce", flip_nonce},
	{"a bit of the head", flip_head},
	{"a bit of the head's tag", flip_head_tag},
	{"a bit of the body", flip_body},
	{"a bit at the end", flip_end},
	{"the last byte cut off", cut_last},
	{"the body cut off", cut_body},
	{"the half cut off", cut_half},
	{"all cut off", cut_all},
	{"made longer", lengthen},
	{"values of two records exchanged", swap_values},
	{"copied over another", copy_over},
	{"copied beside itself", copy_beside},
	{"copied behind itself", copy_behind},
	{"copied into another table", copy_to_space},
	{"copied as another kind", copy_to_kind},
};

/* ---- What must come of it ---- */

static void report(void *context, const char *line)
{
	(void)context;
	if (world.loud)
		print_message("check: %s\n", line);
}

static uint64_t problems(bool repair)
{
	const struct ddb_check_options options = {.repair = repair, .report = report};
	struct ddb_check_result result;
	assert_ok(world.f, ddb_local_check(world.f->engine, &options, &result, &world.f->err));
	return result.problems;
}

static void forget(void)
{
	engine_close(world.f);
	image_restore(world.f, &world.image);
	ddb_arena_reset(&world.f->arena);
}

/*
 * Everything is as it was, or cannot be read. A table whose record is damaged is listed by its name, which is
 * the record's key, so that the others can be listed.
 */
static void assert_never_data(const struct row *row, const char *what)
{
	static struct showing showing;
	show_all(world.f, &showing);
	assert_int_equal(showing.count, world.pristine.count);
	for (size_t i = 0; i < showing.count; i++) {
		const struct shown *is = &showing.all[i], *was = &world.pristine.all[i];
		if (row->kind == LOCAL_TABLE && !strcmp(is->what, "list of tables"))
			continue;
		if (is->code != DDB_DAMAGED && (is->code || is->digest != was->digest))
			fail_msg("%s, %s: %s reads differently (code %d)", row->what, what, is->what,
				is->code);
	}
}

/* What is left reads without an error, takes writes, and is sound. */
static void assert_sound_again(const struct row *row, const char *what)
{
	static struct showing showing;
	open_engine(false);
	problems(true);
	engine_reopen(world.f);
	uint64_t left = problems(false);
	if (left && !row->stays)
		fail_msg("%s, %s: %d problems after the repair", row->what, what, (int)left);
	world.stayed += left > 0;
	if (left)
		return;
	show_all(world.f, &showing);
	for (size_t i = 0; i < showing.count; i++)
		if (showing.all[i].code == DDB_DAMAGED)
			fail_msg("%s, %s: after the repair %s cannot be read", row->what, what,
				showing.all[i].what);
	if (row->kind == LOCAL_TABLE) /* it may be gone */
		return;
	world_fill(world.f, 2);
	left = problems(false);
	if (left)
		fail_msg("%s, %s: %d problems after the repair and writes", row->what, what, (int)left);
}

static void try_tampering(const struct target *target, const struct tampering *tampering, unsigned *done)
{
	if (world.loud)
		print_message("%s: %s\n", target->row->what, tampering->what);
	if (!tampering->apply(target))
		return;
	++*done;
	open_engine(true);
	assert_never_data(target->row, tampering->what);
	if (!problems(false))
		fail_msg("%s, %s: not found", target->row->what, tampering->what);
	engine_close(world.f);
	assert_sound_again(target->row, tampering->what);
	forget();
}

/* ---- The tests ---- */

static void every_kind_has_a_row(void **state)
{
	(void)state;
	for (unsigned byte = 1; byte < 256; byte++)
		if (is_known((uint8_t)byte) != has_row((enum local_kind)byte))
			fail_msg("the kind '%c' has no row, or there is none", (char)byte);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct raw *samples[SAMPLES];
		if (!samples_of(&world.now, rows[i].kind, samples))
			fail_msg("there are no %s to tamper with", rows[i].what);
	}
}

static void broken_seals_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct raw *samples[SAMPLES];
		unsigned done = 0;
		size_t count = samples_of(&world.now, rows[i].kind, samples);
		world.stayed = 0;
		for (size_t k = 0; k < count; k++) {
			struct target target = {&rows[i], samples[k], {NULL, NULL, NULL, 0, 0}};
			assert_true(
				store_sealed_parse(samples[k]->value, samples[k]->length, &target.sealed));
			for (size_t t = 0; t < sizeof tamperings / sizeof *tamperings; t++)
				try_tampering(&target, &tamperings[t], &done);
		}
		assert_true(done >= 10);
		assert_int_equal(world.stayed > 0, rows[i].stays);
	}
}

/* Whether the check finds it, of every record that there is such a one of. */
static enum finding find_all(const struct row *row, bool older)
{
	enum finding finding = NEVER;
	for (size_t i = 0; i < world.now.count; i++) {
		const struct raw *now = &world.now.records[i], *old = NULL;
		if (now->key[0] != row->kind)
			continue;
		for (size_t k = 0; older && k < world.before.count; k++)
			if (world.before.records[k].key_length == now->key_length &&
				!memcmp(world.before.records[k].key, now->key, now->key_length))
				old = &world.before.records[k];
		if (older && (!old || (old->length == now->length &&
					      !memcmp(old->value, now->value, old->length))))
			continue;
		if (world.loud)
			print_message("%s: %s %zu\n", row->what, older ? "older" : "deleted", i);
		raw_write(world.f, now->key, now->key_length, older ? old->value : NULL,
			older ? old->length : 0);
		open_engine(true);
		uint64_t found = problems(false);
		engine_close(world.f);
		if (!found)
			finding = UNNOTICED;
		else if (finding == NEVER)
			finding = FOUND;
		struct row mended = *row;
		mended.stays = false;
		if (found)
			assert_sound_again(&mended, older ? "an older one" : "a missing one");
		forget();
	}
	return finding;
}

static void what_no_seal_tells(void **state)
{
	static const char *const names[] = {"found", "unnoticed", "never"};
	unsigned wrong = 0;
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		enum finding deleted = find_all(&rows[i], false), older = find_all(&rows[i], true);
		if (deleted == rows[i].deleted && older == rows[i].older)
			continue;
		print_message(
			"%s: missing: %s; an older one: %s\n", rows[i].what, names[deleted], names[older]);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_has_a_row),
		cmocka_unit_test(broken_seals_are_found),
		cmocka_unit_test(what_no_seal_tells),
	};
	return cmocka_run_group_tests(tests, make_world, unmake_world);
}
