#include "tests/fuzz/expressions.h"

#include "engine/json.h"
#include "engine/typed.h"
#include <stdlib.h>
#include <string.h>

enum {
	PARSER_BASE = 64 << 10,
	PARSER_EACH = 512, /* bytes of memory a byte of text */
	MAKING = 64 << 20,
	DEPTH_MAX = 3,
};

static const char names[] =
	"{\"#a\":\"a\",\"#b\":\"b\",\"#c\":\"c\",\"#d\":\"d\",\"#e\":\"e\",\"#p\":\"a.b\"}";
static const char values[] =
	"{\":s\":{\"S\":\"text\"},\":t\":{\"S\":\"te\"},\":n\":{\"N\":\"1\"},\":k\":{\"N\":\"2.5\"},"
	"\":z\":{\"N\":\"0\"},\":b\":{\"B\":\"AAEC\"},\":true\":{\"BOOL\":true},\":null\":{\"NULL\":true},"
	"\":l\":{\"L\":[{\"N\":\"1\"},{\"S\":\"te\"}]},\":el\":{\"L\":[]},\":m\":{\"M\":{\"a\":{\"N\":\"1\"}}"
	"},"
	"\":ss\":{\"SS\":[\"te\",\"text\"]},\":ns\":{\"NS\":[\"1\",\"2.5\"]},\":bs\":{\"BS\":[\"AAEC\"]},"
	"\":type\":{\"S\":\"SS\"},\":e\":{\"S\":\"\"}}";

static const struct ddb_value *read_json(struct fuzz_expression *expression, const char *text)
{
	struct ddb_value *json = ddb_arena_alloc(&expression->making, sizeof *json);
	FUZZ_CHECK(json &&
		   !ddb_json_read(&expression->making, &ddb_typed_limits, text, strlen(text), json, NULL));
	return json;
}

void fuzz_expression_again(struct fuzz_expression *expression, size_t length)
{
	ddb_arena_done(&expression->arena);
	ddb_arena_init(&expression->arena, PARSER_BASE + PARSER_EACH * length);
}

void fuzz_expression_init(
	struct fuzz_expression *expression, const uint8_t *bytes, size_t size, bool literals)
{
	struct ddb_value *typed;
	expression->length = size < FUZZ_EXPRESSION_MAX ? size : FUZZ_EXPRESSION_MAX;
	expression->text = fuzz_copy(bytes, expression->length);
	fuzz_dice_init(&expression->dice, bytes, size);
	ddb_arena_init(&expression->making, MAKING);
	ddb_arena_init(&expression->arena, PARSER_BASE + PARSER_EACH * expression->length);
	typed = ddb_arena_alloc(&expression->making, sizeof *typed);
	FUZZ_CHECK(typed);
	FUZZ_CHECK(!ddb_typed_read_item(&expression->making, read_json(expression, values), typed, NULL));
	FUZZ_CHECK(!ddb_scope_init(
		&expression->scope, &expression->arena, read_json(expression, names), typed, literals, NULL));
	/* Outlives the parser's arena, which is made anew. */
	expression->scope.names_used = ddb_arena_alloc(&expression->making, 100);
	expression->scope.values_used = ddb_arena_alloc(&expression->making, 100);
	FUZZ_CHECK(expression->scope.names_used && expression->scope.values_used);
}

void fuzz_expression_done(struct fuzz_expression *expression)
{
	ddb_arena_done(&expression->arena);
	ddb_arena_done(&expression->making);
	free((char *)expression->text);
}

void fuzz_expression_refused(enum ddb_code code, const struct ddb_error *err)
{
	fuzz_check_error(code, err);
	FUZZ_CHECK(code == DDB_VALIDATION);
}

/* ---- Items ---- */

static struct ddb_value make_value(struct fuzz_expression *expression, unsigned depth);

static struct ddb_value make_list(struct fuzz_expression *expression, unsigned depth)
{
	struct ddb_value list = {.type = DDB_L, .count = (uint32_t)fuzz_dice_below(&expression->dice, 4)};
	list.elements = ddb_arena_array(&expression->making, list.count, sizeof *list.elements);
	FUZZ_CHECK(list.elements);
	for (uint32_t i = 0; i < list.count; i++)
		list.elements[i] = make_value(expression, depth + 1);
	return list;
}

static struct ddb_value make_map(struct fuzz_expression *expression, unsigned depth)
{
	static const char letters[] = "abcde";
	struct ddb_value map = {.type = DDB_M};
	map.attributes = ddb_arena_array(&expression->making, 5, sizeof *map.attributes);
	FUZZ_CHECK(map.attributes);
	for (size_t i = 0; i < 5; i++) {
		if (fuzz_dice_below(&expression->dice, 3))
			map.attributes[map.count++] =
				(struct ddb_attribute){&letters[i], 1, make_value(expression, depth + 1)};
	}
	return map;
}

/* One of the scope's values, or a list or map of more. */
static struct ddb_value make_value(struct fuzz_expression *expression, unsigned depth)
{
	const struct ddb_value *some = expression->scope.values;
	size_t choice = fuzz_dice_below(&expression->dice, some->count + 8);
	if (choice < some->count || depth > DEPTH_MAX)
		return some->attributes[choice % some->count].value;
	return choice & 1 ? make_list(expression, depth) : make_map(expression, depth);
}

struct ddb_value fuzz_item(struct fuzz_expression *expression)
{
	return make_map(expression, 0);
}

/* ---- What must hold ---- */

static int compare_names(const struct ddb_attribute *a, const struct ddb_attribute *b)
{
	uint32_t common = a->name_length < b->name_length ? a->name_length : b->name_length;
	int order = memcmp(a->name, b->name, common);
	return order ? order : (a->name_length > b->name_length) - (a->name_length < b->name_length);
}

static void check_map(const struct ddb_value *map)
{
	for (uint32_t i = 0; i < map->count; i++) {
		FUZZ_CHECK(map->attributes[i].name_length);
		FUZZ_CHECK(!i || compare_names(&map->attributes[i - 1], &map->attributes[i]) < 0);
		fuzz_check_canonical(&map->attributes[i].value);
	}
}

static void check_elements(const struct ddb_value *value)
{
	static const uint8_t types[] = {[DDB_SS] = DDB_S, [DDB_NS] = DDB_N, [DDB_BS] = DDB_B};
	FUZZ_CHECK(value->type == DDB_L || value->count);
	for (uint32_t i = 0; i < value->count; i++) {
		fuzz_check_canonical(&value->elements[i]);
		if (value->type == DDB_L)
			continue;
		FUZZ_CHECK(value->elements[i].type == types[value->type]);
		FUZZ_CHECK(!i || ddb_scalar_compare(&value->elements[i - 1], &value->elements[i]) < 0);
	}
}

void fuzz_check_canonical(const struct ddb_value *value)
{
	FUZZ_CHECK(value->type >= DDB_S && value->type <= DDB_BS);
	if (value->type == DDB_M)
		check_map(value);
	else if (value->type == DDB_N)
		FUZZ_CHECK(ddb_number_valid(value->bytes, value->count));
	else if (value->type == DDB_L || value->type >= DDB_SS)
		check_elements(value);
}
