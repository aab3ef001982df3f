#include "tools/trigger/pattern_private.h"

#include "engine/json.h"
#include "engine/utf8.h"

#include <stdlib.h>

enum {
	NESTING_MAX = 96, /* 32 levels of typed values take 64, and what is around and below them */
	NODES_MAX = PATTERN_BYTES_MAX,
	MEMORY_MAX = 1 << 20,
};

/* ---- What a record has ---- */

enum level {
	RECORD,
	CHANGE, /* "dynamodb" */
	IDENTITY,
	ATTRIBUTES, /* names to typed values */
	VALUE,      /* a type to what it holds */
	LEAF,
};

static const struct {
	enum level level;
	const char *name; /* NULL: any */
	enum level next;
} members[] = {
	{RECORD, "awsRegion", LEAF},
	{RECORD, "dynamodb", CHANGE},
	{RECORD, "eventID", LEAF},
	{RECORD, "eventName", LEAF},
	{RECORD, "eventSource", LEAF},
	{RECORD, "eventSourceARN", LEAF},
	{RECORD, "eventVersion", LEAF},
	{RECORD, "userIdentity", IDENTITY},
	{CHANGE, "ApproximateCreationDateTime", LEAF},
	{CHANGE, "Keys", ATTRIBUTES},
	{CHANGE, "NewImage", ATTRIBUTES},
	{CHANGE, "OldImage", ATTRIBUTES},
	{CHANGE, "SequenceNumber", LEAF},
	{CHANGE, "SizeBytes", LEAF},
	{CHANGE, "StreamViewType", LEAF},
	{IDENTITY, "principalId", LEAF},
	{IDENTITY, "type", LEAF},
	{ATTRIBUTES, NULL, VALUE},
	{VALUE, "B", LEAF},
	{VALUE, "BOOL", LEAF},
	{VALUE, "BS", LEAF},
	{VALUE, "L", VALUE},
	{VALUE, "M", ATTRIBUTES},
	{VALUE, "N", LEAF},
	{VALUE, "NS", LEAF},
	{VALUE, "NULL", LEAF},
	{VALUE, "S", LEAF},
	{VALUE, "SS", LEAF},
};

/* What an unknown name at a level is told. */
static const char *const missing[] = {
	[RECORD] = "a record has no such member",
	[CHANGE] = "\"dynamodb\" has no such member",
	[IDENTITY] = "\"userIdentity\" has no such member",
	[ATTRIBUTES] = "",
	[VALUE] = "a type is expected here, such as \"S\"",
	[LEAF] = "",
};

/* ---- Refusals ---- */

struct judge {
	char place[256]; /* names joined by dots */
	size_t length;
	bool folds; /* something is compared without regard to case */
	struct ddb_error *err;
};

static size_t enter(struct judge *judge, const struct ddb_attribute *member)
{
	size_t before = judge->length, room = sizeof judge->place - 2 - before, length = member->name_length;

	if (before && room) {
		judge->place[judge->length++] = '.';
		room--;
	}
	if (length > room)
		length = ddb_utf8_prefix(member->name, room);
	memcpy(judge->place + judge->length, member->name, length);
	judge->length += length;
	judge->place[judge->length] = 0;
	return before;
}

static void leave(struct judge *judge, size_t before)
{
	judge->length = before;
	judge->place[before] = 0;
}

static enum ddb_code refuse(struct judge *judge, const char *why)
{
	return ddb_fail(judge->err, DDB_VALIDATION, "%s%s%s", judge->place, judge->length ? ": " : "", why);
}

/* ---- Operators ---- */

typedef enum ddb_code judging(struct judge *judge, const struct ddb_value *argument);

static enum ddb_code judge_text(struct judge *judge, const struct ddb_value *argument)
{
	return argument->type == DDB_S ? DDB_OK : refuse(judge, "a string is expected");
}

static enum ddb_code judge_folded(struct judge *judge, const struct ddb_value *argument)
{
	judge->folds = true;
	return judge_text(judge, argument);
}

static enum ddb_code judge_exists(struct judge *judge, const struct ddb_value *argument)
{
	return argument->type == DDB_BOOL ? DDB_OK : refuse(judge, "true or false is expected");
}

/* "x", or {"equals-ignore-case": "x"} */
static enum ddb_code judge_affix(struct judge *judge, const struct ddb_value *argument)
{
	if (argument->type != DDB_M)
		return judge_text(judge, argument);
	if (argument->count != 1 || !pattern_is(pattern_operator(argument), "equals-ignore-case"))
		return refuse(judge, "a string or {\"equals-ignore-case\": \"…\"} is expected");
	return judge_folded(judge, &pattern_operator(argument)->value);
}

enum pattern_comparison pattern_comparison(const struct ddb_value *text)
{
	static const char *const names[] = {[PATTERN_EQUAL] = "=",
		[PATTERN_LESS] = "<",
		[PATTERN_LESS_OR_EQUAL] = "<=",
		[PATTERN_GREATER] = ">",
		[PATTERN_GREATER_OR_EQUAL] = ">="};
	unsigned i = 0;

	if (text->type != DDB_S)
		return PATTERN_COMPARISONS;
	while (i < PATTERN_COMPARISONS &&
		(text->count != strlen(names[i]) || memcmp(text->bytes, names[i], text->count) != 0))
		i++;
	return i;
}

/* ["=", n], one bound, or a lower one and behind it an upper one */
static enum ddb_code judge_numeric(struct judge *judge, const struct ddb_value *argument)
{
	const struct ddb_value *parts = argument->elements;
	enum pattern_comparison first, second;

	if (argument->type != DDB_L || (argument->count != 2 && argument->count != 4))
		return refuse(judge, "\"numeric\" takes an array of one or two comparisons, such as "
				     "[\">\", 0, \"<=\", 5]");
	for (uint32_t i = 0; i < argument->count; i += 2) {
		if (pattern_comparison(&parts[i]) == PATTERN_COMPARISONS)
			return refuse(judge, "\"numeric\" knows =, <, <=, > and >=");
		if (parts[i + 1].type != DDB_N)
			return refuse(judge, "\"numeric\" compares with numbers");
	}
	if (argument->count == 2)
		return DDB_OK;
	first = pattern_comparison(&parts[0]);
	second = pattern_comparison(&parts[2]);
	if ((first != PATTERN_GREATER && first != PATTERN_GREATER_OR_EQUAL) ||
		(second != PATTERN_LESS && second != PATTERN_LESS_OR_EQUAL))
		return refuse(judge, "a range of \"numeric\" is a lower bound and behind it an upper one");
	if (ddb_scalar_compare(&parts[1], &parts[3]) >= 0)
		return refuse(judge, "the lower bound of \"numeric\" is not below the upper one");
	return DDB_OK;
}

/* One of a type, or an array of some. */
static enum ddb_code judge_some(struct judge *judge, const struct ddb_value *argument, judging *each)
{
	enum ddb_code code = DDB_OK;

	if (argument->type != DDB_L)
		return each(judge, argument);
	if (!argument->count)
		return refuse(judge, "an empty array");
	for (uint32_t i = 0; i < argument->count && !code; i++)
		code = each(judge, &argument->elements[i]);
	return code;
}

static enum ddb_code judge_number(struct judge *judge, const struct ddb_value *argument)
{
	return argument->type == DDB_N ? DDB_OK : refuse(judge, "a number is expected");
}

static enum ddb_code judge_anything_but(struct judge *judge, const struct ddb_value *argument)
{
	static const struct {
		const char *name;
		judging *each;
	} inner[] = {{"equals-ignore-case", judge_folded}, {"prefix", judge_text}, {"suffix", judge_text}};
	const struct ddb_value *first =
		argument->type == DDB_L && argument->count ? &argument->elements[0] : argument;

	if (first->type == DDB_S)
		return judge_some(judge, argument, judge_text);
	if (first->type == DDB_N)
		return judge_some(judge, argument, judge_number);
	for (size_t i = 0; argument->type == DDB_M && argument->count == 1 && i < 3; i++)
		if (pattern_is(pattern_operator(argument), inner[i].name))
			return judge_some(judge, &pattern_operator(argument)->value, inner[i].each);
	return refuse(judge, "\"anything-but\" takes strings, numbers, or one of prefix, suffix and "
			     "equals-ignore-case");
}

static const struct {
	const char *name;
	judging *judge;
} judges[] = {
	{"anything-but", judge_anything_but},
	{"equals-ignore-case", judge_folded},
	{"exists", judge_exists},
	{"numeric", judge_numeric},
	{"prefix", judge_affix},
	{"suffix", judge_affix},
};

static enum ddb_code judge_operator(struct judge *judge, const struct ddb_value *matcher)
{
	if (matcher->count != 1)
		return refuse(judge, "an object in an array holds one operator");
	for (size_t i = 0; i < sizeof judges / sizeof *judges; i++)
		if (pattern_is(pattern_operator(matcher), judges[i].name))
			return judges[i].judge(judge, &pattern_operator(matcher)->value);
	enter(judge, pattern_operator(matcher));
	return refuse(judge, "no such operator");
}

/* ---- Fields ---- */

static enum ddb_code judge_leaf(struct judge *judge, const struct ddb_value *matchers)
{
	enum ddb_code code = DDB_OK;

	if (matchers->type != DDB_L)
		return refuse(judge, "an array of what it may be is expected");
	if (!matchers->count)
		return refuse(judge, "an empty array");
	for (uint32_t i = 0; i < matchers->count && !code; i++) {
		if (matchers->elements[i].type == DDB_M)
			code = judge_operator(judge, &matchers->elements[i]);
		else if (matchers->elements[i].type == DDB_L)
			code = refuse(judge, "an array within an array");
	}
	return code;
}

static enum ddb_code judge_fields(struct judge *judge, enum level level, const struct ddb_value *fields);

static enum ddb_code judge_alternatives(
	struct judge *judge, enum level level, const struct ddb_value *alternatives)
{
	enum ddb_code code = DDB_OK;

	if (alternatives->type != DDB_L || !alternatives->count)
		return refuse(judge, "an array of patterns is expected");
	for (uint32_t i = 0; i < alternatives->count && !code; i++)
		code = judge_fields(judge, level, &alternatives->elements[i]);
	return code;
}

static enum ddb_code judge_member(struct judge *judge, enum level level, const struct ddb_attribute *member)
{
	if (pattern_is(member, "$or"))
		return judge_alternatives(judge, level, &member->value);
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		if (members[i].level != level || (members[i].name && !pattern_is(member, members[i].name)))
			continue;
		if (members[i].next == LEAF)
			return judge_leaf(judge, &member->value);
		return judge_fields(judge, members[i].next, &member->value);
	}
	return refuse(judge, missing[level]);
}

/* Its nesting is bounded by the reader. */
static enum ddb_code judge_fields(struct judge *judge, enum level level, const struct ddb_value *fields)
{
	enum ddb_code code = DDB_OK;

	if (fields->type != DDB_M)
		return refuse(judge, "an object is expected");
	if (!fields->count)
		return refuse(judge, "an empty object");
	for (uint32_t i = 0; i < fields->count && !code; i++) {
		size_t before = enter(judge, &fields->attributes[i]);
		code = judge_member(judge, level, &fields->attributes[i]);
		leave(judge, before);
	}
	return code;
}

/* ---- The whole ---- */

static enum ddb_code read_pattern(
	struct pattern *pattern, const char *text, size_t length, struct ddb_error *err)
{
	static const struct ddb_json_limits limits = {
		.nesting = NESTING_MAX, .nodes = NODES_MAX, .object_only = true};
	struct judge judge = {.err = err};
	enum ddb_code code;

	if (length > PATTERN_BYTES_MAX)
		return ddb_fail(err, DDB_VALIDATION, "a pattern has at most %d bytes", PATTERN_BYTES_MAX);
	code = ddb_json_read(&pattern->arena, &limits, text, length, &pattern->fields, err);
	if (!code)
		code = judge_fields(&judge, RECORD, &pattern->fields);
	if (code || !judge.folds)
		return code;
	pattern->letters = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	return pattern->letters ? DDB_OK
				: ddb_fail(err, DDB_VALIDATION,
					  "equals-ignore-case needs the locale C.UTF-8, which is not here");
}

enum ddb_code pattern_new(const char *text, size_t length, struct pattern **ret, struct ddb_error *err)
{
	struct pattern *pattern = calloc(1, sizeof *pattern);
	enum ddb_code code;

	if (!pattern)
		return ddb_fail_memory(err);
	ddb_arena_init(&pattern->arena, MEMORY_MAX);
	code = read_pattern(pattern, text, length, err);
	if (code)
		pattern_free(pattern);
	else
		*ret = pattern;
	return code;
}

void pattern_free(struct pattern *pattern)
{
	if (!pattern)
		return;
	if (pattern->letters)
		freelocale(pattern->letters);
	ddb_arena_done(&pattern->arena);
	free(pattern);
}
