/*
 * A branch against plain sorted arrays: random jobs of which some fail, reads in both directions, while the
 * base goes on changing; and what has changed there since.
 */
#include "engine/store/branch.h"
#include "tests/unit/key_model.h"

static struct world {
	struct storedir dir;
	struct store *base, *branch;
	struct model now, moment, own; /* of the base; of the branch */
	struct model touched;          /* by the branch: 1 put, 0 deleted */
	struct model before;           /* a job */
} world;

/* ---- Changes ---- */

static void note_touched(const struct model *before, const struct model *after)
{
	size_t i = 0, k = 0;
	while (i < before->count || k < after->count) {
		const struct model_key *was = &before->keys[i], *is = &after->keys[k];
		int order = i == before->count  ? 1
			    : k == after->count ? -1
						: compare(was->bytes, was->length, is->bytes, is->length);
		if (order < 0)
			model_put(&world.touched, was->bytes, was->length, 0);
		if (order > 0 || (!order && was->value != is->value))
			model_put(&world.touched, is->bytes, is->length, 1);
		i += order <= 0;
		k += order >= 0;
	}
}

struct job {
	struct model *model;
	unsigned count;
	bool fails, reads;
};

static enum ddb_code random_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	const struct job *job = context;
	change_randomly(job->model, txn, job->count);
	if (job->reads) {
		check_seeks(job->model, txn, 10);
		check_gets(job->model, txn, 10);
		change_randomly(job->model, txn, job->count);
	}
	return job->fails ? ddb_fail(err, DDB_VALIDATION, "this one fails") : DDB_OK;
}

static void change_base(void)
{
	struct job job = {&world.now, 1 + (unsigned)random_number(6), false, false};
	assert_int_equal(store_write(world.base, random_job, &job, false, NULL), DDB_OK);
}

/* Keys that come and go within one job are touched all the same, so jobs that do not fail are small. */
static void change_branch(void)
{
	struct ddb_error err = {0};
	bool fails = !random_number(3);
	struct job job = {&world.own, fails ? 12 : 1, fails, fails && random_number(2)};
	model_copy(&world.before, &world.own);
	enum ddb_code code = store_write(world.branch, random_job, &job, false, &err);
	assert_int_equal(code, fails ? DDB_VALIDATION : DDB_OK);
	if (fails)
		assert_string_equal(err.message, "this one fails");
	if (fails)
		model_copy(&world.own, &world.before);
	else
		note_touched(&world.before, &world.own);
}

/* ---- Looks ---- */

static void check_view(struct store *store, const struct model *model)
{
	struct store_txn *view;
	assert_int_equal(store_view(store, &view, NULL), DDB_OK);
	check_seeks(model, view, 40);
	check_gets(model, view, 20);
	check_walks(model, view);
	store_view_end(view);
}

static void check_moment(struct store_txn *view)
{
	uint8_t key[STORE_KEY_MAX + 100];
	for (unsigned i = 0; i < 20; i++) {
		struct ddb_arena arena;
		struct store_value value;
		size_t length = near_key(&world.touched, key), at;
		if (length > STORE_KEY_MAX)
			continue;
		at = model_find(&world.moment, key, length);
		ddb_arena_init(&arena, 1 << 16);
		enum ddb_code code = store_branch_get(view, &arena, key, length, true, &value, NULL);
		assert_int_equal(
			code, model_has(&world.moment, at, key, length) ? DDB_OK : DDB_RESOURCE_NOT_FOUND);
		if (!code)
			assert_memory_equal(value.head, &world.moment.keys[at].value, 8);
		ddb_arena_done(&arena);
	}
}

struct span {
	uint8_t from[STORE_KEY_MAX + 100], to[STORE_KEY_MAX + 100];
	size_t from_length, to_length;
	bool open;
};

static void random_span(const struct model *model, struct span *ret)
{
	ret->from_length = random_number(4) ? near_key(model, ret->from) : 0;
	ret->to_length = near_key(model, ret->to);
	ret->open = !random_number(4);
	if (random_number(3) || !ret->from_length || ret->from_length > STORE_KEY_MAX)
		return;
	memcpy(ret->to, ret->from, ret->from_length); /* this key alone */
	ret->to[ret->from_length] = 0;
	ret->to_length = ret->from_length + 1;
	ret->open = false;
}

static size_t span_end(const struct span *span, const struct model *model)
{
	return span->open ? model->count : model_find(model, span->to, span->to_length);
}

/* The first key that differs, or NULL. Of the keys `length` long; 0: of all, and of their values. */
static const struct model_key *model_difference(const struct span *span, size_t length)
{
	size_t i = model_find(&world.moment, span->from, span->from_length);
	size_t k = model_find(&world.now, span->from, span->from_length);
	size_t i_end = span_end(span, &world.moment), k_end = span_end(span, &world.now);
	for (;; i++, k++) {
		while (length && i < i_end && world.moment.keys[i].length != length)
			i++;
		while (length && k < k_end && world.now.keys[k].length != length)
			k++;
		const struct model_key *was = i < i_end ? &world.moment.keys[i] : NULL;
		const struct model_key *is = k < k_end ? &world.now.keys[k] : NULL;
		if (!was || !is)
			return was ? was : is;
		int order = compare(was->bytes, was->length, is->bytes, is->length);
		if (order || (!length && was->value != is->value))
			return order <= 0 ? was : is;
	}
}

static struct tally {
	unsigned same, different, keys_same, keys_different, touched;
} tally;

static void check_same(struct store_txn *view, struct store_txn *txn)
{
	static const size_t lengths[] = {1, 2, 3, 8, STORE_CHUNK, STORE_KEY_MAX};
	struct span span;
	bool same = false, keys_same = false;
	size_t length = lengths[random_number(sizeof lengths / sizeof *lengths)];
	random_span(&world.now, &span);
	const void *to = span.open ? NULL : span.to;
	struct store_difference first;
	const struct model_key *difference = model_difference(&span, 0);
	assert_int_equal(store_branch_unchanged(view, txn, span.from, span.from_length, to, span.to_length,
				 &same, &first, NULL),
		DDB_OK);
	assert_int_equal(same, !difference);
	if (difference)
		assert_int_equal(compare(first.key, first.length, difference->bytes, difference->length), 0);
	assert_int_equal(store_branch_same_keys(view, txn, span.from, span.from_length, to, span.to_length,
				 length, &keys_same, NULL),
		DDB_OK);
	assert_int_equal(keys_same, !model_difference(&span, length));
	tally.same += same;
	tally.different += !same;
	tally.keys_same += keys_same;
	tally.keys_different += !keys_same;
}

static enum ddb_code same_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	struct job job = {&world.now, (unsigned)random_number(2), false, false};
	check_same(context, txn);
	enum ddb_code code = random_job(txn, &job, err);
	for (unsigned i = 0; i < 10; i++)
		check_same(context, txn);
	return code;
}

struct walk {
	size_t at, count;
};

static enum ddb_code visit(void *context, struct store_txn *view, const uint8_t *key, size_t length,
	bool deleted, struct ddb_error *err)
{
	struct walk *walk = context;
	struct ddb_arena arena;
	struct store_value value;
	(void)err;
	assert_true(model_has(&world.touched, walk->at, key, length));
	const struct model_key *touched = &world.touched.keys[walk->at];
	assert_int_equal(deleted, touched->value == 0);
	ddb_arena_init(&arena, 1 << 16);
	assert_int_equal(store_get(view, &arena, key, length, true, &value, NULL),
		deleted ? DDB_RESOURCE_NOT_FOUND : DDB_OK);
	ddb_arena_done(&arena);
	walk->at++;
	walk->count++;
	return DDB_OK;
}

static void check_changes(struct store_txn *view)
{
	struct span span;
	random_span(&world.touched, &span);
	struct walk walk = {model_find(&world.touched, span.from, span.from_length), 0};
	size_t end = span_end(&span, &world.touched);
	size_t expected = end > walk.at ? end - walk.at : 0;
	assert_int_equal(store_branch_changes(view, span.from, span.from_length, span.open ? NULL : span.to,
				 span.to_length, visit, &walk, NULL),
		DDB_OK);
	assert_int_equal(walk.count, expected);
	tally.touched += walk.count > 0;
}

/* ---- Rounds ---- */

static void begin_branch(void)
{
	const struct store_branch_options options = {.memory_max = 16 << 20};
	assert_int_equal(store_branch_open(world.base, &options, &world.branch, NULL), DDB_OK);
	model_copy(&world.moment, &world.now);
	model_copy(&world.own, &world.now);
	model_clear(&world.touched);
}

static void check_all(void)
{
	struct store_txn *view, *now;
	check_view(world.branch, &world.own);
	check_view(world.base, &world.now);
	assert_int_equal(store_view(world.branch, &view, NULL), DDB_OK);
	check_moment(view);
	for (unsigned i = 0; i < 5; i++)
		check_changes(view);
	assert_int_equal(store_view(world.base, &now, NULL), DDB_OK);
	for (unsigned i = 0; i < 10; i++)
		check_same(view, now);
	store_view_end(now);
	assert_int_equal(store_write(world.base, same_job, view, false, NULL), DDB_OK);
	store_view_end(view);
}

static void test_random(void **state)
{
	const char *rounds = getenv("DDB_BRANCH_ROUNDS");
	(void)state;
	storedir_make(&world.dir);
	world.base = storedir_open(world.dir.store);
	for (unsigned i = 0; i < 30; i++)
		change_base();
	for (unsigned round = rounds ? (unsigned)strtoul(rounds, NULL, 10) : 25; round; round--) {
		begin_branch();
		for (uint64_t step = random_number(12); step; step--) {
			if (random_number(2))
				change_branch();
			else if (random_number(2))
				change_base();
			if (!random_number(3))
				check_all();
		}
		check_all();
		store_close(world.branch);
	}
	assert_true(tally.same && tally.different && tally.keys_same && tally.keys_different);
	assert_true(tally.touched);
	assert_int_equal(storedir_verify(world.base)->count, 0);
	store_close(world.base);
	struct model *models[] = {&world.now, &world.moment, &world.own, &world.touched, &world.before};
	for (size_t i = 0; i < sizeof models / sizeof *models; i++)
		model_clear(models[i]);
	storedir_done(&world.dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
	model_start(UINT64_C(0x243f6a8885a308d3));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
