/*
 * Plays files of requests and what they are answered, each on a store of its own: through ddb_wire_call, or,
 * with --mount DIRECTORY, through the files under .api of a mount. A case is a few lines, and an empty one
 * behind it:
 *
 *	Operation {request}
 *	= {response}            exactly this one; the string "*" stands for any value
 *	~ {part}                at least these members
 *	! Type: message         a refusal; a message that ends in * is the beginning of one
 *	+ {part}                behind a refusal: what else its body holds
 *	-                       an empty response
 *	> name Member.0.Member  keeps that string of the response
 *
 * @{N*text} stands for N times the text, @{name} for what was kept under that name. Lines that begin with #
 *are comments. Whatever is refused must have changed nothing: without --mount that is looked at after every
 *refusal.
 */
#include "engine/json.h"
#include "engine/local/local.h"
#include "engine/wire/wire.h"
#include "mapping/api/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 64 << 20 };

struct kept {
	char name[32], text[4096];
};
struct player {
	const char *file, *mountpoint;
	struct map_api_engine api;
	unsigned line, cases, failures;
	struct ddb_buffer request, response, state;
	char operation[64];
	bool refused;
	unsigned kept_count;
	struct kept kept[16];
};

__attribute__((format(printf, 2, 3))) static void complain(struct player *player, const char *format, ...)
{
	va_list arguments;
	player->failures++;
	fprintf(stderr, "%s:%u: %s: ", player->file, player->line, player->operation);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "\n    answered: %.*s\n", (int)player->response.length, player->response.bytes);
}

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(2);
}

/* ---- Asking ---- */

static void ask_mount(struct player *player)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/.api/%s", player->mountpoint, player->operation);
	int file = open(path, O_RDWR | O_CLOEXEC);
	if (file < 0 && errno == ENOENT) { /* what is no operation has no file */
		ddb_buffer_add_string(&player->response, "{\"__type\":\"com.amazon.coral.service#"
							 "UnknownOperationException\",\"Message\":\"There is "
							 "no operation of that name\"}");
		return;
	}
	if (file < 0)
		give_up(path);
	for (size_t done = 0; done < player->request.length;) {
		ssize_t length = write(file, player->request.bytes + done, player->request.length - done);
		if (length < 0)
			give_up(path);
		done += (size_t)length;
	}
	for (ssize_t length = 1; length > 0;) {
		char *room = ddb_buffer_reserve(&player->response, 65536);
		length = read(file, room, 65536);
		if (length < 0)
			give_up(path);
		player->response.length += (size_t)length;
	}
	close(file);
}

static void ask(struct player *player)
{
	struct ddb_error err;
	ddb_buffer_clear(&player->response);
	if (player->mountpoint)
		ask_mount(player);
	else
		(void)ddb_wire_call(&player->api.engine, player->operation, player->request.bytes,
			player->request.length, &player->response, &err);
}

/* ---- The state of a store, as requests show it ---- */

/* Definition and items; not what an index's making changes meanwhile. */
static void add_table(struct player *player, const char *name, struct ddb_buffer *out)
{
	DDB_TABLE_AUTO struct ddb_table *table = NULL;
	struct ddb_engine *engine = &player->api.engine;
	struct ddb_json_out json;
	struct ddb_error err;
	char request[512];
	if (engine->ops->describe_table(engine, name, &table, &err))
		give_up(err.message);
	ddb_json_out_init(&json, out, false);
	ddb_definition_write(table->definition, &json);
	snprintf(request, sizeof request, "{\"TableName\":\"%s\"}", name);
	if (ddb_wire_call(engine, "Scan", request, strlen(request), out, &err))
		give_up(err.message);
}

static void read_state(struct player *player, struct ddb_buffer *out)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_engine *engine = &player->api.engine;
	struct ddb_table_names names;
	struct ddb_error err;
	ddb_arena_init(&arena, 1 << 20);
	ddb_buffer_clear(out);
	if (engine->ops->list_tables(engine, &arena, NULL, 1000, &names, &err))
		give_up(err.message);
	for (size_t i = 0; i < names.count; i++)
		add_table(player, names.names[i], out);
}

static void check_state(struct player *player)
{
	DDB_BUFFER_AUTO struct ddb_buffer now = {0};
	if (player->mountpoint)
		return;
	ddb_buffer_init(&now, TEXT_MAX);
	read_state(player, &now);
	if (player->refused && (now.length != player->state.length ||
				       memcmp(now.bytes, player->state.bytes, now.length) != 0))
		complain(player, "refused, and yet something has changed");
	ddb_buffer_clear(&player->state);
	ddb_buffer_add(&player->state, now.bytes, now.length);
}

/* ---- Comparing ---- */

static bool is_any(const struct ddb_value *expected)
{
	return expected->type == DDB_S && expected->count == 1 && expected->bytes[0] == '*';
}

static bool agrees(const struct ddb_value *expected, const struct ddb_value *got, bool part)
{
	if (is_any(expected))
		return true;
	if (expected->type != got->type || (expected->type != DDB_M && expected->type != DDB_L))
		return ddb_value_equal(expected, got);
	if (expected->count != got->count && !(part && expected->type == DDB_M))
		return false;
	for (uint32_t i = 0; i < expected->count; i++) {
		const struct ddb_attribute *member = &expected->attributes[i];
		const struct ddb_value *mine =
			expected->type == DDB_L ? &expected->elements[i] : &member->value;
		const struct ddb_value *other = expected->type == DDB_L
							? &got->elements[i]
							: ddb_map_get(got, member->name, member->name_length);
		if (!other || !agrees(mine, other, part))
			return false;
	}
	return true;
}

static bool read_json(struct ddb_arena *arena, const char *text, size_t length, struct ddb_value *ret)
{
	static const struct ddb_json_limits limits = {.nesting = 128, .nodes = 1 << 20, .object_only = true};
	struct ddb_error err;
	return !ddb_json_read(arena, &limits, text, length, ret, &err);
}

static void compare(struct player *player, const char *text, bool part)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_value expected, got;
	ddb_arena_init(&arena, TEXT_MAX);
	if (!read_json(&arena, text, strlen(text), &expected))
		complain(player, "what is expected is no JSON: %s", text);
	else if (!read_json(&arena, player->response.bytes, player->response.length, &got))
		complain(player, "no JSON object");
	else if (!agrees(&expected, &got, part))
		complain(player, "expected: %s", text);
}

static bool is_message(const char *expected, const struct ddb_value *got)
{
	size_t length = strlen(expected);
	bool open = length && expected[length - 1] == '*';
	length -= open;
	return got && got->type == DDB_S && (open ? got->count >= length : got->count == length) &&
	       !memcmp(got->bytes, expected, length);
}

/* `Type: message` against __type and whichever member has the message. */
static void compare_refusal(struct player *player, char *text)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_value got;
	char *message = strstr(text, ": ");
	ddb_arena_init(&arena, TEXT_MAX);
	player->refused = true;
	if (!message || !read_json(&arena, player->response.bytes, player->response.length, &got)) {
		complain(player, "expected a refusal: %s", text);
		return;
	}
	*message = '\0';
	message += 2;
	const struct ddb_value *type = ddb_map_get(&got, "__type", 6),
			       *said = ddb_map_get(&got, "message", 7);
	const char *hash = type ? memchr(type->bytes, '#', type->count) : NULL;
	size_t length = hash ? type->count - (size_t)(hash + 1 - (const char *)type->bytes) : 0;
	if (!said)
		said = ddb_map_get(&got, "Message", 7);
	if (!hash || length != strlen(text) || memcmp(hash + 1, text, length) != 0)
		complain(player, "expected: %s", text);
	else if (!is_message(message, said))
		complain(player, "expected: %s", message);
}

/* ---- Playing ---- */

/* The member at a path of names and positions, or NULL. */
static const struct ddb_value *find_member(const struct ddb_value *value, const char *path)
{
	while (value && *path) {
		size_t length = strcspn(path, ".");
		size_t position = strtoul(path, NULL, 10);
		if (value->type == DDB_M)
			value = ddb_map_get(value, path, length);
		else
			value = value->type == DDB_L && position < value->count ? &value->elements[position]
										: NULL;
		path += length + (path[length] == '.');
	}
	return value;
}

static void keep(struct player *player, char *text)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_value got;
	char *path = strchr(text, ' ');
	struct kept *kept = &player->kept[player->kept_count];
	ddb_arena_init(&arena, TEXT_MAX);
	if (!path || player->kept_count == sizeof player->kept / sizeof *player->kept)
		give_up("what is to be kept");
	*path = '\0';
	const struct ddb_value *value =
		read_json(&arena, player->response.bytes, player->response.length, &got)
			? find_member(&got, path + 1)
			: NULL;
	if (!value || value->type != DDB_S || value->count >= sizeof kept->text) {
		complain(player, "there is no %s", path + 1);
		return;
	}
	snprintf(kept->name, sizeof kept->name, "%s", text);
	memcpy(kept->text, value->bytes, value->count);
	kept->text[value->count] = '\0';
	player->kept_count++;
}

/* The end of @{name}, if that stands there; its text is added. The latest of a name counts. */
static const char *expand_kept(const struct player *player, struct ddb_buffer *out, const char *text)
{
	const char *end = text[0] == '@' && text[1] == '{' ? strchr(text, '}') : NULL;
	for (unsigned i = player->kept_count; end && i-- > 0;) {
		const struct kept *kept = &player->kept[i];
		if (strlen(kept->name) != (size_t)(end - text) - 2 ||
			memcmp(kept->name, text + 2, strlen(kept->name)) != 0)
			continue;
		ddb_buffer_add_string(out, kept->text);
		return end + 1;
	}
	return NULL;
}

/* @{N*text}, @{name} */
static void expand(const struct player *player, struct ddb_buffer *out, const char *text)
{
	ddb_buffer_clear(out);
	while (*text) {
		const char *behind = expand_kept(player, out, text);
		if (behind) {
			text = behind;
			continue;
		}
		char *times = NULL;
		unsigned long count = text[0] == '@' && text[1] == '{' ? strtoul(text + 2, &times, 10) : 0;
		const char *end = times ? strchr(times, '}') : NULL;
		if (!count || *times != '*' || !end) {
			ddb_buffer_add_byte(out, *text++);
			continue;
		}
		for (unsigned long i = 0; i < count; i++)
			ddb_buffer_add(out, times + 1, (size_t)(end - times) - 1);
		text = end + 1;
	}
	if (out->failed)
		give_up("a line is too long");
}

static void begin_case(struct player *player, char *line)
{
	size_t length = strcspn(line, " ");
	if (length >= sizeof player->operation) {
		complain(player, "no operation: %s", line);
		return;
	}
	memcpy(player->operation, line, length);
	player->operation[length] = '\0';
	expand(player, &player->request, line[length] ? line + length + 1 : "");
	player->cases++;
	player->refused = false;
	ask(player);
}

static void play_line(struct player *player, char *line)
{
	DDB_BUFFER_AUTO struct ddb_buffer text = {0};
	ddb_buffer_init(&text, TEXT_MAX);
	bool judges = *line && strchr("=~!+->", *line);
	expand(player, &text, judges && line[1] ? line + 2 : "");
	ddb_buffer_add_byte(&text, '\0');
	switch (*line) {
	case '#':
	case '\0':
		return;
	case '=':
	case '~':
	case '+':
		compare(player, text.bytes, *line != '=');
		break;
	case '!':
		compare_refusal(player, text.bytes);
		break;
	case '-':
		if (player->response.length)
			complain(player, "expected an empty response");
		break;
	case '>':
		keep(player, text.bytes);
		return;
	default:
		begin_case(player, line);
		return;
	}
	if (*line != '+')
		check_state(player);
}

static void play(struct player *player)
{
	FILE *file = fopen(player->file, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	if (!file)
		give_up(player->file);
	while ((length = getline(&line, &room, file)) > 0) {
		player->line++;
		line[length - (line[length - 1] == '\n')] = '\0';
		play_line(player, line);
	}
	free(line);
	fclose(file);
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
	(void)st, (void)flag, (void)walk;
	return remove(path);
}

static void play_on_store(struct player *player)
{
	char store[] = "/tmp/dynamount-api.XXXXXX";
	const struct ddb_local_options options = {.hooks = &map_rendering_hooks};
	struct ddb_engine *engine;
	struct ddb_error err;
	if (!mkdtemp(store))
		give_up("a directory for the store");
	if (ddb_local_open(store, &options, &engine, &err))
		give_up(err.message);
	map_api_engine_init(&player->api, engine, NULL, NULL);
	play(player);
	engine->ops->close(engine);
	nftw(store, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int main(int argc, char **argv)
{
	bool mount = argc > 2 && !strcmp(argv[1], "--mount");
	unsigned failures = 0, cases = 0;
	for (int i = mount ? 3 : 1; i < argc; i++) {
		struct player player = {.file = argv[i], .mountpoint = mount ? argv[2] : NULL};
		ddb_buffer_init(&player.request, TEXT_MAX);
		ddb_buffer_init(&player.response, TEXT_MAX);
		ddb_buffer_init(&player.state, TEXT_MAX);
		(mount ? play : play_on_store)(&player);
		failures += player.failures;
		cases += player.cases;
		ddb_buffer_done(&player.request);
		ddb_buffer_done(&player.response);
		ddb_buffer_done(&player.state);
	}
	printf("%u requests, %u failures\n", cases, failures);
	return failures || !cases;
}
