/*
 * Several threads on the engine itself, each with a lane of its own (steps.h), under the recorder. Every step
 * is marked in the log before it begins and when it is done. The lanes go on where the log leaves them.
 * Usage: engine_load STORE LOG BOOT STEPS SYNC END
 *   STEPS of each lane; SYNC 0: nobody asks for durability, 1: the engine makes every write durable, N: every
 *   N-th step is followed by a sync; END close: the store is closed, die: the process ends.
 */
#include "tests/crash/boot.h"
#include "tests/crash/disk.h"
#include "tests/crash/steps.h"
#include "tests/crash/tree.h"

#include "engine/local/local.h"
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LANES = 5, MARK_MAX = 2048, PAUSE_MAX_NS = 3000000, ARENA_MAX = 1 << 20 };
static const char shared_table[] = "Lanes", own_table[] = "Table";

static struct ddb_engine *engine;
static int log_file;
static unsigned steps, sync_every;

static void __attribute__((format(printf, 1, 2))) mark(const char *format, ...)
{
	char line[MARK_MAX];
	struct timespec now;
	va_list arguments;
	clock_gettime(CLOCK_MONOTONIC, &now);
	int length = snprintf(line, sizeof line, "%lld ", (long long)now.tv_sec * 1000000000 + now.tv_nsec);
	va_start(arguments, format);
	length += vsnprintf(line + length, sizeof line - (size_t)length, format, arguments);
	va_end(arguments);
	line[length++] = '\n';
	if (write(log_file, line, (size_t)length) != length)
		err(2, "log");
}

static void must(const char *what, enum ddb_code code, const struct ddb_error *error)
{
	if (code)
		errx(2, "%s: %s", what, error->message);
}

/* ---- Items ---- */

static struct ddb_attribute attribute(struct ddb_arena *arena, const char *name, const char *text)
{
	size_t length = strlen(text);
	char *copy = ddb_arena_copy(arena, text, length);
	if (!copy)
		errx(2, "no memory");
	return (struct ddb_attribute){name, (uint32_t)strlen(name), ddb_string(copy, length)};
}

/* Another time for each value, so that each write moves the record of it; none comes. */
static struct ddb_attribute expiry(struct ddb_arena *arena, uint64_t value)
{
	struct ddb_number number;
	ddb_number_from_int((int64_t)(4000000000 + value % 1000000), &number);
	return (struct ddb_attribute){
		"ttl", 3, ddb_number_value(ddb_arena_copy(arena, &number, sizeof number))};
}

/* Its key, and with a value all of it. */
static struct ddb_value item(
	struct ddb_arena *arena, const struct lane_state *lane, unsigned number, uint64_t value)
{
	char name[8], text[TREE_TEXT_MAX], partition[2] = {lane->name};
	struct ddb_attribute attributes[4];
	uint32_t count = 0;
	snprintf(name, sizeof name, "k%02u", number);
	if (lane->name != STEPS_TABLE_LANE) {
		attributes[count++] = attribute(arena, "pk", partition);
		attributes[count++] = attribute(arena, "sk", name);
	} else {
		attributes[count++] = attribute(arena, lane->defined ? "pk" : DDB_PROVISIONAL_HASH, name);
	}
	if (value) {
		tree_text(value, text);
		attributes[count++] = attribute(arena, "v", text);
		attributes[count++] = expiry(arena, value);
	}
	struct ddb_value map = {.type = DDB_M,
		.count = count,
		.attributes = ddb_arena_copy(arena, attributes, count * sizeof *attributes)};
	if (ddb_map_sort(&map, NULL))
		errx(2, "an item");
	return map;
}

static struct ddb_value attributes_of(struct ddb_arena *arena, uint64_t value)
{
	char text[TREE_TEXT_MAX];
	tree_text(value, text);
	const struct ddb_attribute set[] = {expiry(arena, value), attribute(arena, "v", text)};
	return (struct ddb_value){
		.type = DDB_M, .count = 2, .attributes = ddb_arena_copy(arena, set, sizeof set)};
}

/* ---- Steps ---- */

static enum ddb_code convert(void *context, struct ddb_arena *arena, const struct ddb_definition *definition,
	const struct ddb_value *filed, struct ddb_value *ret, struct ddb_error *err)
{
	const struct ddb_value *key = ddb_map_get(filed, DDB_PROVISIONAL_HASH, strlen(DDB_PROVISIONAL_HASH));
	(void)context, (void)err;
	struct ddb_value *made =
		ddb_map_with(arena, filed, definition->hash.name, definition->hash.name_length, key);
	*ret = *ddb_map_with(arena, made, DDB_PROVISIONAL_HASH, strlen(DDB_PROVISIONAL_HASH), NULL);
	return DDB_OK;
}

static struct ddb_definition *definition_of(bool composite)
{
	static const char form[] =
		"{\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"}%s],"
		"\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}%s],"
		"\"TimeToLiveSpecification\":{\"AttributeName\":\"ttl\",\"Enabled\":true}}";
	struct ddb_definition *definition;
	struct ddb_error error;
	char text[500];
	snprintf(text, sizeof text, form,
		composite ? ",{\"AttributeName\":\"sk\",\"AttributeType\":\"S\"}" : "",
		composite ? ",{\"AttributeName\":\"sk\",\"KeyType\":\"RANGE\"}" : "");
	must("definition", ddb_definition_read(text, strlen(text), &definition, &error), &error);
	return definition;
}

static enum ddb_code define(struct ddb_error *error)
{
	struct ddb_definition *definition = definition_of(false);
	struct ddb_define_table request = {.table = own_table, .definition = definition, .convert = convert};
	enum ddb_code code = engine->ops->define_table(engine, &request, error);
	ddb_definition_unref(definition);
	return code;
}

static enum ddb_code put(struct ddb_arena *arena, const struct lane_state *lane, const struct step_plan *plan,
	const struct ddb_scratch_name *consume, struct ddb_error *error)
{
	struct ddb_put_result result;
	struct ddb_put_item request = {.table = plan->kind == STEP_FILE ? own_table : shared_table,
		.item = item(arena, lane, plan->items[0], plan->value),
		.consume = consume};
	return engine->ops->put_item(engine, &request, &result, error);
}

static enum ddb_code put_many(struct ddb_arena *arena, const struct lane_state *lane,
	const struct step_plan *plan, struct ddb_error *error)
{
	struct ddb_value items[STEPS_MANY];
	struct ddb_put_many_result result;
	for (unsigned i = 0; i < plan->item_count; i++)
		items[i] = item(arena, lane, plan->items[i], plan->value);
	struct ddb_put_many request = {.table = shared_table, .items = items, .count = plan->item_count};
	return engine->ops->put_many(engine, &request, &result, error);
}

static enum ddb_code update(struct ddb_arena *arena, const struct lane_state *lane,
	const struct step_plan *plan, struct ddb_error *error)
{
	struct ddb_put_result result;
	struct ddb_value set = attributes_of(arena, plan->value);
	struct ddb_update_item request = {.table = shared_table, .key = item(arena, lane, plan->items[0], 0)};
	enum ddb_code code = ddb_changes_of_map(arena, &set, &request.changes, error);
	return code ? code : engine->ops->update_item(engine, &request, &result, error);
}

static enum ddb_code move(struct ddb_arena *arena, const struct lane_state *lane,
	const struct step_plan *plan, struct ddb_error *error)
{
	struct ddb_move_item request = {.table = shared_table,
		.from = item(arena, lane, plan->items[0], 0),
		.to = item(arena, lane, plan->items[1], 0)};
	return engine->ops->move_item(engine, &request, error);
}

static enum ddb_code delete_item(struct ddb_arena *arena, const struct lane_state *lane,
	const struct step_plan *plan, const struct ddb_scratch_name *keep, struct ddb_error *error)
{
	char text[TREE_TEXT_MAX];
	struct ddb_delete_result result;
	struct ddb_delete_item request = {.table = shared_table,
		.key = item(arena, lane, plan->items[0], 0),
		.keep = keep,
		.kept_text = text,
		.kept_length = tree_text(plan->value, text)};
	return engine->ops->delete_item(engine, &request, &result, error);
}

static enum ddb_code run_scratch(
	const struct lane_state *lane, const struct step_plan *plan, struct ddb_error *error)
{
	char names[STEPS_SCRATCH][4], text[TREE_TEXT_MAX];
	struct ddb_scratch_meta meta;
	for (unsigned i = 0; i < STEPS_SCRATCH; i++)
		snprintf(names[i], sizeof names[i], "~%c%u", lane->name, i);
	struct ddb_scratch_name name = tree_scratch(names[plan->scratch]);
	struct ddb_scratch_name other = tree_scratch(names[(plan->scratch + 1) % STEPS_SCRATCH]);
	if (plan->kind == STEP_MAKE)
		return engine->ops->scratch_create(engine, &name, 0644, true, &meta, error);
	if (plan->kind == STEP_WRITE)
		return engine->ops->scratch_write(
			engine, &name, 0, text, tree_text(plan->value, text), error);
	if (plan->kind == STEP_REMOVE)
		return engine->ops->scratch_remove(engine, &name, error);
	return engine->ops->scratch_rename(engine, &name, &other, false, error);
}

static enum ddb_code run_step(struct ddb_arena *arena, const struct lane_state *lane,
	const struct step_plan *plan, struct ddb_error *error)
{
	char name[4];
	snprintf(name, sizeof name, "~%c%u", lane->name, plan->scratch);
	struct ddb_scratch_name scratch = tree_scratch(name);
	switch (plan->kind) {
	case STEP_PUT:
	case STEP_FILE:
		return put(arena, lane, plan, NULL, error);
	case STEP_CONSUME:
		return put(arena, lane, plan, &scratch, error);
	case STEP_MANY:
		return put_many(arena, lane, plan, error);
	case STEP_UPDATE:
		return update(arena, lane, plan, error);
	case STEP_MOVE:
		return move(arena, lane, plan, error);
	case STEP_DELETE:
		return delete_item(arena, lane, plan, NULL, error);
	case STEP_KEEP:
		return delete_item(arena, lane, plan, &scratch, error);
	case STEP_CREATE:
		return engine->ops->create_table(engine, own_table, NULL, error);
	case STEP_SETTLE:
		return engine->ops->settle_table(engine, own_table, DDB_PROVISIONAL_SIMPLE, error);
	case STEP_DEFINE:
		return define(error);
	case STEP_DROP:
		return engine->ops->delete_table(engine, own_table, false, error);
	case STEP_MAKE:
	case STEP_WRITE:
	case STEP_REMOVE:
	case STEP_RENAME:
	default:
		return run_scratch(lane, plan, error);
	}
}

/* ---- Lanes ---- */

static void pause_a_little(uint64_t *seed)
{
	nanosleep(&(struct timespec){.tv_nsec = (long)disk_draw(seed, PAUSE_MAX_NS)}, NULL);
}

static void take_step(struct lane_state *lane, struct ddb_arena *arena)
{
	char effects[MARK_MAX / 2];
	struct ddb_error error = {0};
	struct step_plan plan = steps_next(lane);
	struct lane_state after = *lane;
	steps_apply(&after, &plan);
	steps_effects(lane, &after, effects, sizeof effects);
	mark("begin %c %u%s", lane->name, after.step, effects);
	ddb_arena_reset(arena);
	must("step", run_step(arena, lane, &plan, &error), &error);
	mark("%s %c %u", sync_every == 1 ? "durable" : "done", lane->name, after.step);
	*lane = after;
	if (sync_every > 1 && lane->step % sync_every == 0) {
		must("sync", engine->ops->sync(engine, &error), &error);
		mark("durable %c %u", lane->name, lane->step);
	}
}

static void *run_lane(void *context)
{
	struct lane_state *lane = context;
	struct ddb_arena arena;
	uint64_t seed = (uint64_t)lane->name << 32 | lane->step;
	ddb_arena_init(&arena, ARENA_MAX);
	for (unsigned i = 0; i < steps; i++) {
		take_step(lane, &arena);
		pause_a_little(&seed);
	}
	ddb_arena_done(&arena);
	return NULL;
}

/* What the log says was done: the lane goes on behind it. */
static void resume(struct lane_state *lane, char name, const struct recording *recording)
{
	unsigned last = 0;
	for (size_t i = 0; i < recording->count; i++)
		if (recording->records[i].kind == RECORD_BEGIN && recording->records[i].lane == name)
			last = recording->records[i].step;
	*lane = (struct lane_state){.name = name};
	while (lane->step < last) {
		struct step_plan plan = steps_next(lane);
		steps_apply(lane, &plan);
	}
}

static void make_shared_table(void)
{
	struct ddb_error error = {0};
	struct ddb_definition *definition = definition_of(true);
	mark("begin p 1 Lanes=1 Lanes/.table.json=1");
	must("create", engine->ops->create_table(engine, shared_table, definition, &error), &error);
	mark("done p 1");
	ddb_definition_unref(definition);
}

static void run_lanes(const struct recording *recording)
{
	struct lane_state lanes[LANES];
	pthread_t threads[LANES];
	bool made = false;
	for (size_t i = 0; i < recording->count; i++)
		made = made ||
		       (recording->records[i].kind == RECORD_BEGIN && recording->records[i].lane == 'p');
	if (!made)
		make_shared_table();
	for (unsigned i = 0; i < LANES; i++) {
		resume(&lanes[i], (char)('a' + i), recording);
		if (pthread_create(&threads[i], NULL, run_lane, &lanes[i]))
			errx(2, "no thread");
	}
	for (unsigned i = 0; i < LANES; i++)
		pthread_join(threads[i], NULL);
}

/* A key file that is not there is made, as the recording has to know it. */
static void change_key(const char *store, const char *keyfile, const char *new_keyfile)
{
	struct ddb_error error = {0};
	const struct ddb_rekey_options options = {.keyfile = keyfile,
		.new_keyfile = new_keyfile,
		.make = new_keyfile && access(new_keyfile, F_OK)};
	must("rekey", ddb_local_rekey(store, &options, &error), &error);
}

static const char *optional(int argc, char **argv, int number)
{
	return argc > number && *argv[number] ? argv[number] : NULL;
}

int main(int argc, char **argv)
{
	struct recording recording;
	struct ddb_error error = {0};
	if (argc < 7 || argc > 9)
		errx(2, "usage: engine_load STORE LOG BOOT STEPS SYNC END [KEYFILE [NEW-KEYFILE]]");
	recording_read(&recording, argv[2]);
	log_file = open(argv[2], O_WRONLY | O_APPEND | O_CLOEXEC);
	if (log_file < 0)
		err(2, "%s", argv[2]);
	boot_set(argv[3]);
	steps = (unsigned)strtoul(argv[4], NULL, 10);
	sync_every = (unsigned)strtoul(argv[5], NULL, 10);
	const char *keyfile = optional(argc, argv, 7);
	struct ddb_local_options options = {
		.keyfile = keyfile, .hooks = &map_rendering_hooks, .sync = sync_every == 1};
	must("open", ddb_local_open(argv[1], &options, &engine, &error), &error);
	run_lanes(&recording);
	if (!strcmp(argv[6], "die"))
		_exit(0);
	engine->ops->close(engine);
	if (!strcmp(argv[6], "rekey"))
		change_key(argv[1], keyfile, optional(argc, argv, 8));
	return 0;
}
