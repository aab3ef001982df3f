/*
 * The constraints of single members: present where required, within bounds, of the pattern, one of the
 * enumeration's words. All that fail are told in one message, in the service's envelope ("2 validation errors
 * detected: Value … at '…' failed to satisfy constraint: …; …"). What members mean together is
 * definition_rules.c's.
 */
#include "engine/definition_draft.h"
#include "engine/utf8.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	VIOLATIONS_MAX = 10,       /* told of */
	VIOLATION_VALUE_MAX = 300, /* bytes of a value that are shown */
};

struct walk {
	struct draft_path path;
	struct ddb_buffer text;
	unsigned violations;
};

/* ---- Places ---- */

static size_t path_add(struct draft_path *path, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static size_t path_add(struct draft_path *path, const char *format, ...)
{
	size_t before = path->length, room = sizeof path->text - before;
	va_list arguments;
	va_start(arguments, format);
	int added = vsnprintf(path->text + before, room, format, arguments);
	va_end(arguments);
	if (added > 0)
		path->length += (size_t)added < room ? (size_t)added : room - 1;
	return before;
}

size_t draft_path_push(struct draft_path *path, const char *member)
{
	return path_add(path, "%s%c%s", path->length ? "." : "", tolower((unsigned char)*member), member + 1);
}

size_t draft_path_push_element(struct draft_path *path, uint32_t index)
{
	return path_add(path, ".%u.member", (unsigned)index + 1);
}

void draft_path_pop(struct draft_path *path, size_t length)
{
	path->length = length;
	path->text[length] = '\0';
}

/* ---- Telling ---- */

static void add_text(struct ddb_buffer *out, const struct draft_text *text)
{
	size_t shown = text->length;
	if (shown > VIOLATION_VALUE_MAX)
		shown = ddb_utf8_prefix(text->bytes, VIOLATION_VALUE_MAX);
	ddb_buffer_add(out, text->bytes ? text->bytes : "null", text->bytes ? shown : 4);
}

/* KeySchemaElement(attributeName=a, keyType=HASH): all texts of an object. */
static void add_object(struct ddb_buffer *out, const struct draft_type *type, const char *object)
{
	ddb_buffer_add_format(out, "%s(", type->name);
	const char *separator = "";
	for (size_t i = 0; i < type->count; i++) {
		const struct draft_member *row = &type->members[i];
		if (row->kind != DRAFT_TEXT)
			continue;
		ddb_buffer_add_format(
			out, "%s%c%s=", separator, tolower((unsigned char)*row->name), row->name + 1);
		add_text(out, (const struct draft_text *)(object + row->offset));
		separator = ", ";
	}
	ddb_buffer_add_byte(out, ')');
}

static void add_list(struct ddb_buffer *out, const struct draft_member *row, const struct draft_list *list)
{
	size_t start = out->length;
	ddb_buffer_add_byte(out, '[');
	for (uint32_t i = 0; i < list->count && out->length - start < VIOLATION_VALUE_MAX; i++) {
		if (i)
			ddb_buffer_add_string(out, ", ");
		const char *elements = list->elements;
		if (row->type)
			add_object(out, row->type, elements + i * row->type->size);
		else
			add_text(out, (const struct draft_text *)(elements + i * sizeof(struct draft_text)));
	}
	ddb_buffer_add_byte(out, ']');
}

/* Begins one violation; false when enough were told already. */
static bool begin(struct walk *walk)
{
	if (walk->violations++ >= VIOLATIONS_MAX)
		return false;
	ddb_buffer_add_string(&walk->text, walk->violations > 1 ? "; Value " : "Value ");
	return true;
}

static void place(struct walk *walk)
{
	ddb_buffer_add_format(
		&walk->text, " at '%s' failed to satisfy constraint: Member must ", walk->path.text);
}

static bool begin_text(struct walk *walk, const struct draft_text *text)
{
	if (!begin(walk))
		return false;
	ddb_buffer_add_byte(&walk->text, '\'');
	add_text(&walk->text, text);
	ddb_buffer_add_byte(&walk->text, '\'');
	place(walk);
	return true;
}

static void tell_null(struct walk *walk)
{
	if (!begin(walk))
		return;
	ddb_buffer_add_string(&walk->text, "null");
	place(walk);
	ddb_buffer_add_string(&walk->text, "not be null");
}

static void tell_length(struct walk *walk, const char *which, uint32_t bound)
{
	ddb_buffer_add_format(&walk->text, "have length %s than or equal to %u", which, (unsigned)bound);
}

static void tell_words(struct walk *walk, const struct draft_word *words)
{
	ddb_buffer_add_string(&walk->text, "satisfy enum value set: [");
	for (const struct draft_word *word = words; word->name; word++)
		ddb_buffer_add_format(&walk->text, "%s%s", word == words ? "" : ", ", word->name);
	ddb_buffer_add_byte(&walk->text, ']');
}

/* ---- Judging ---- */

static bool name_byte(unsigned char byte)
{
	return (byte < 0x80 && isalnum(byte)) || byte == '_' || byte == '.' || byte == '-';
}

/*
 * \p{L}\p{Z}\p{N} and some signs. Beyond ASCII every character but the C1 controls passes: telling letters
 * from signs there would need Unicode's tables.
 */
static bool tag_byte(unsigned char byte, unsigned char before)
{
	if (byte < 0x80)
		return isalnum(byte) || (byte && strchr(" _.:/=+-@", byte));
	return before != 0xC2 || byte >= 0xA0;
}

static bool matches(enum draft_pattern pattern, const struct draft_text *text)
{
	for (uint32_t i = 0; pattern != DRAFT_ANY && i < text->length; i++) {
		unsigned char byte = (unsigned char)text->bytes[i],
			      before = i ? (unsigned char)text->bytes[i - 1] : 0;
		if (pattern == DRAFT_NAME ? !name_byte(byte) : !tag_byte(byte, before))
			return false;
	}
	return true;
}

static uint32_t text_length(enum draft_pattern pattern, const struct draft_text *text)
{
	uint32_t length = text->length;
	for (uint32_t i = 0; pattern == DRAFT_TAG && i < text->length; i++)
		length -= ((unsigned char)text->bytes[i] & 0xC0) == 0x80;
	return length;
}

static void check_text(struct walk *walk, const struct draft_member *row, const struct draft_text *text)
{
	static const char *const patterns[] = {
		[DRAFT_NAME] = "[a-zA-Z0-9_.-]+",
		[DRAFT_TAG] = "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*",
	};
	if (!text->bytes) {
		if (row->required)
			tell_null(walk);
		return;
	}
	if (row->words && !draft_word_find(row->words, text) && begin_text(walk, text))
		tell_words(walk, row->words);
	uint32_t length = text_length(row->pattern, text);
	if (length < row->least && begin_text(walk, text))
		tell_length(walk, "greater", row->least);
	if (row->most && length > row->most && begin_text(walk, text))
		tell_length(walk, "less", row->most);
	if (!matches(row->pattern, text) && begin_text(walk, text))
		ddb_buffer_add_format(
			&walk->text, "satisfy regular expression pattern: %s", patterns[row->pattern]);
}

static void check_integer(
	struct walk *walk, const struct draft_member *row, const struct draft_integer *integer)
{
	if (!integer->given) {
		if (row->required)
			tell_null(walk);
		return;
	}
	if (integer->value >= (int64_t)row->least || !begin(walk))
		return;
	ddb_buffer_add_format(&walk->text, "'%lld'", (long long)integer->value);
	place(walk);
	ddb_buffer_add_format(&walk->text, "have value greater than or equal to %u", (unsigned)row->least);
}

static void check_object(struct walk *walk, const struct draft_type *type, const void *object);

static void check_elements(struct walk *walk, const struct draft_member *row, const struct draft_list *list)
{
	const char *elements = list->elements;
	for (uint32_t i = 0; i < list->count; i++) {
		size_t length = draft_path_push_element(&walk->path, i);
		if (!row->type)
			check_text(walk, row->element,
				(const struct draft_text *)(elements + i * sizeof(struct draft_text)));
		else if (*(const bool *)(elements + i * row->type->size))
			check_object(walk, row->type, elements + i * row->type->size);
		else
			tell_null(walk);
		draft_path_pop(&walk->path, length);
	}
}

static void check_list(struct walk *walk, const struct draft_member *row, const struct draft_list *list)
{
	if (!list->given) {
		if (row->required)
			tell_null(walk);
		return;
	}
	bool few = list->count < row->least, many = row->most && list->count > row->most;
	if (!few && !many) {
		check_elements(walk, row, list);
		return;
	}
	if (!begin(walk))
		return;
	ddb_buffer_add_byte(&walk->text, '\'');
	add_list(&walk->text, row, list);
	ddb_buffer_add_byte(&walk->text, '\'');
	place(walk);
	tell_length(walk, few ? "greater" : "less", few ? row->least : row->most);
}

static void check_row(struct walk *walk, const struct draft_member *row, const void *member)
{
	switch (row->kind) {
	case DRAFT_TEXT:
		check_text(walk, row, member);
		break;
	case DRAFT_INTEGER:
		check_integer(walk, row, member);
		break;
	case DRAFT_FLAG:
		if (row->required && *(const enum draft_flag *)member == DRAFT_UNSAID)
			tell_null(walk);
		break;
	case DRAFT_OBJECT:
		if (*(const bool *)member)
			check_object(walk, row->type, member);
		else if (row->required)
			tell_null(walk);
		break;
	case DRAFT_LIST:
		check_list(walk, row, member);
		break;
	case DRAFT_TABLE_NAME: /* ddb_table_name_check, by who wants the name */
	case DRAFT_IGNORED:
	case DRAFT_UNSUPPORTED:
		break;
	}
}

static void check_object(struct walk *walk, const struct draft_type *type, const void *object)
{
	for (size_t i = 0; i < type->count; i++) {
		const struct draft_member *row = &type->members[i];
		size_t length = draft_path_push(&walk->path, row->name);
		check_row(walk, row, (const char *)object + row->offset);
		draft_path_pop(&walk->path, length);
	}
}

enum ddb_code draft_check(const struct draft_table *draft, struct ddb_error *err)
{
	struct walk walk = {0};
	ddb_buffer_init(&walk.text, 16384);
	check_object(&walk, &draft_table_type, draft);
	enum ddb_code code = DDB_OK;
	if (walk.violations && !walk.text.bytes)
		code = ddb_fail_memory(err);
	else if (walk.violations)
		code = ddb_fail(err, DDB_VALIDATION, "%u validation error%s detected: %.*s",
			walk.violations > VIOLATIONS_MAX ? VIOLATIONS_MAX : walk.violations,
			walk.violations == 1 ? "" : "s", (int)walk.text.length, walk.text.bytes);
	ddb_buffer_done(&walk.text);
	return code;
}
