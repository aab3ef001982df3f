/*
 * The constraints of single members: present where required, within bounds, of the pattern, one of the
 * enumeration's words. All that fail are told in one message, in the service's envelope ("2 validation errors
 * detected: Value … at '…' failed to satisfy constraint: …; …"). No state: any thread.
 */
#include "engine/members.h"
#include "engine/utf8.h"

#include <ctype.h>
#include <string.h>

enum {
	VIOLATIONS_MAX = 10,       /* told of */
	VIOLATION_VALUE_MAX = 300, /* bytes of a value that are shown */
};

struct walk {
	struct member_path path;
	struct ddb_buffer text;
	unsigned violations;
};

/* ---- Telling ---- */

static void add_text(struct ddb_buffer *out, const struct member_text *text)
{
	size_t shown = text->length;
	if (shown > VIOLATION_VALUE_MAX)
		shown = ddb_utf8_prefix(text->bytes, VIOLATION_VALUE_MAX);
	ddb_buffer_add(out, text->bytes ? text->bytes : "null", text->bytes ? shown : 4);
}

static void add_list(struct ddb_buffer *out, const struct member_row *row, const struct member_list *list);

/* {pk, sk}: the values would be long. */
static void add_names(struct ddb_buffer *out, const struct member_value *item)
{
	ddb_buffer_add_byte(out, '{');
	for (uint32_t i = 0; i < item->value.count; i++) {
		const struct ddb_attribute *attribute = &item->value.attributes[i];
		const struct member_text name = {attribute->name, attribute->name_length};
		ddb_buffer_add_string(out, i ? ", " : "");
		add_text(out, &name);
	}
	ddb_buffer_add_byte(out, '}');
}

/* KeySchemaElement(attributeName=a, keyType=HASH): all texts of an object. */
static void add_object(struct ddb_buffer *out, const struct member_type *type, const char *object)
{
	ddb_buffer_add_format(out, "%s(", type->name);
	const char *separator = "";
	for (size_t i = 0; i < type->count; i++) {
		const struct member_row *row = &type->members[i];
		if (row->kind != MEMBER_TEXT)
			continue;
		ddb_buffer_add_format(
			out, "%s%c%s=", separator, tolower((unsigned char)*row->name), row->name + 1);
		add_text(out, (const struct member_text *)(object + row->offset));
		separator = ", ";
	}
	ddb_buffer_add_byte(out, ')');
}

static void add_element(
	struct ddb_buffer *out, const struct member_row *row, const char *elements, uint32_t i)
{
	if (row->type)
		add_object(out, row->type, elements + i * row->type->size);
	else if (row->element->kind == MEMBER_TEXT)
		add_text(out, (const struct member_text *)elements + i);
	else if (row->element->kind == MEMBER_ITEM)
		add_names(out, (const struct member_value *)elements + i);
	else if (row->element->kind == MEMBER_LIST)
		add_list(out, row->element, (const struct member_list *)elements + i);
}

static void add_list(struct ddb_buffer *out, const struct member_row *row, const struct member_list *list)
{
	size_t start = out->length;
	ddb_buffer_add_byte(out, '[');
	for (uint32_t i = 0; i < list->count && out->length - start < VIOLATION_VALUE_MAX; i++) {
		ddb_buffer_add_string(out, i ? ", " : "");
		add_element(out, row, list->elements, i);
	}
	ddb_buffer_add_byte(out, ']');
}

static void add_map(struct ddb_buffer *out, const struct member_row *row, const struct member_map *map)
{
	size_t start = out->length;
	ddb_buffer_add_byte(out, '{');
	for (uint32_t i = 0; i < map->count && out->length - start < VIOLATION_VALUE_MAX; i++) {
		ddb_buffer_add_string(out, i ? ", " : "");
		add_text(out, &map->keys[i]);
		ddb_buffer_add_byte(out, '=');
		add_element(out, row, map->elements, i);
	}
	ddb_buffer_add_byte(out, '}');
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

static bool begin_list(struct walk *walk, const struct member_row *row, const struct member_list *list)
{
	if (!begin(walk))
		return false;
	ddb_buffer_add_byte(&walk->text, '\'');
	add_list(&walk->text, row, list);
	ddb_buffer_add_byte(&walk->text, '\'');
	place(walk);
	return true;
}

/* What must be is still to be said: it may be the keys or the values that do not. */
static bool begin_map(struct walk *walk, const struct member_row *row, const struct member_map *map)
{
	if (!begin(walk))
		return false;
	ddb_buffer_add_byte(&walk->text, '\'');
	add_map(&walk->text, row, map);
	ddb_buffer_add_format(&walk->text, "' at '%s' failed to satisfy constraint: ", walk->path.text);
	return true;
}

static bool begin_text(struct walk *walk, const struct member_text *text)
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

static void tell_words(struct walk *walk, const struct member_word *words)
{
	ddb_buffer_add_string(&walk->text, "satisfy enum value set: [");
	for (const struct member_word *word = words; word->name; word++)
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

static bool matches(enum member_pattern pattern, const struct member_text *text)
{
	for (uint32_t i = 0; pattern != MEMBER_ANY && i < text->length; i++) {
		unsigned char byte = (unsigned char)text->bytes[i],
			      before = i ? (unsigned char)text->bytes[i - 1] : 0;
		if (pattern == MEMBER_TAG ? !tag_byte(byte, before) : !name_byte(byte))
			return false;
	}
	return pattern != MEMBER_TABLE || text->length;
}

static uint32_t text_length(enum member_pattern pattern, const struct member_text *text)
{
	uint32_t length = text->length;
	for (uint32_t i = 0; pattern == MEMBER_TAG && i < text->length; i++)
		length -= ((unsigned char)text->bytes[i] & 0xC0) == 0x80;
	return length;
}

static const char *const patterns[] = {
	[MEMBER_NAME] = "[a-zA-Z0-9_.-]+",
	[MEMBER_TABLE] = "[a-zA-Z0-9_.-]+",
	[MEMBER_TAG] = "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*",
};

/* What the constraints are about: of an ARN only the table's name. */
static struct member_text judged(enum member_pattern pattern, const struct member_text *text)
{
	return pattern == MEMBER_TABLE ? member_table_name(text) : *text;
}

static bool fits(const struct member_row *row, const struct member_text *given)
{
	const struct member_text text = judged(row->pattern, given);
	uint32_t length = text_length(row->pattern, &text);
	return length >= row->least && (!row->most || length <= row->most) && matches(row->pattern, &text);
}

static void check_text(struct walk *walk, const struct member_row *row, const struct member_text *given)
{
	if (!given->bytes) {
		if (row->required)
			tell_null(walk);
		return;
	}
	const struct member_text judged_text = judged(row->pattern, given), *text = &judged_text;
	if (row->words && !member_word_find(row->words, text) && begin_text(walk, given))
		tell_words(walk, row->words);
	uint32_t length = text_length(row->pattern, text);
	if (length < row->least && begin_text(walk, given))
		tell_length(walk, "greater", row->least);
	if (row->most && length > row->most && begin_text(walk, given))
		tell_length(walk, "less", row->most);
	if (!matches(row->pattern, text) && begin_text(walk, given))
		ddb_buffer_add_format(
			&walk->text, "satisfy regular expression pattern: %s", patterns[row->pattern]);
}

static void tell_bound(struct walk *walk, int64_t value, const char *which, uint32_t bound)
{
	if (!begin(walk))
		return;
	ddb_buffer_add_format(&walk->text, "'%lld'", (long long)value);
	place(walk);
	ddb_buffer_add_format(&walk->text, "have value %s than or equal to %u", which, (unsigned)bound);
}

static void check_integer(
	struct walk *walk, const struct member_row *row, const struct member_integer *integer)
{
	if (!integer->given && row->required)
		tell_null(walk);
	if (!integer->given)
		return;
	if (integer->value < (int64_t)row->least)
		tell_bound(walk, integer->value, "greater", row->least);
	if (row->most && integer->value > (int64_t)row->most)
		tell_bound(walk, integer->value, "less", row->most);
}

static void check_row(struct walk *walk, const struct member_row *row, const void *member);
static void check_object(struct walk *walk, const struct member_type *type, const void *object);

static void check_element(struct walk *walk, const struct member_row *row, const char *elements, uint32_t i)
{
	if (!row->type && row->element->kind == MEMBER_TEXT)
		check_text(walk, row->element, (const struct member_text *)elements + i);
	else if (!row->type && row->element->kind == MEMBER_LIST)
		check_row(walk, row->element, (const struct member_list *)elements + i);
	else if (!row->type)
		check_row(walk, row->element, (const struct member_value *)elements + i);
	else if (*(const bool *)(elements + i * row->type->size))
		check_object(walk, row->type, elements + i * row->type->size);
	else
		tell_null(walk);
}

static void check_list(struct walk *walk, const struct member_row *row, const struct member_list *list)
{
	if (!list->given && row->required)
		tell_null(walk);
	bool few = list->given && list->count < row->least, many = row->most && list->count > row->most;
	if (few || many) {
		if (!begin_list(walk, row, list))
			return;
		tell_length(walk, few ? "greater" : "less", few ? row->least : row->most);
		return;
	}
	for (uint32_t i = 0; i < list->count; i++) {
		size_t length = member_path_push_element(&walk->path, i);
		check_element(walk, row, list->elements, i);
		member_path_pop(&walk->path, length);
	}
}

/* Constraints of keys, and of lists that are values, are told of the map. */
static void check_keys(struct walk *walk, const struct member_row *row, const struct member_map *map)
{
	const struct member_row *key = row->key;
	for (uint32_t i = 0; i < map->count; i++) {
		const struct member_text *text = &map->keys[i];
		if (fits(key, text) || !begin_map(walk, row, map))
			continue;
		ddb_buffer_add_format(&walk->text,
			"Map keys must satisfy constraint: [Member must have length less than or equal to "
			"%u, "
			"Member must have length greater than or equal to %u, Member must satisfy regular "
			"expression pattern: %s]",
			(unsigned)key->most, (unsigned)key->least, patterns[key->pattern]);
		return;
	}
}

static void check_values(struct walk *walk, const struct member_row *row, const struct member_map *map)
{
	const struct member_row *value = row->element;
	const struct member_list *lists = map->elements;
	for (uint32_t i = 0; value && value->kind == MEMBER_LIST && i < map->count; i++) {
		if (lists[i].count >= value->least && lists[i].count <= value->most)
			continue;
		if (!begin_map(walk, row, map))
			return;
		ddb_buffer_add_format(&walk->text,
			"Map value must satisfy constraint: [Member must have length less than or equal to "
			"%u, Member must have length greater than or equal to %u]",
			(unsigned)value->most, (unsigned)value->least);
		return;
	}
	for (uint32_t i = 0; i < map->count; i++) {
		size_t length = member_path_push_key(&walk->path, &map->keys[i]);
		check_element(walk, row, map->elements, i);
		member_path_pop(&walk->path, length);
	}
}

static void check_map(struct walk *walk, const struct member_row *row, const struct member_map *map)
{
	if (!map->given && row->required)
		tell_null(walk);
	if (!map->given)
		return;
	bool few = map->count < row->least;
	if (few || (row->most && map->count > row->most)) {
		if (!begin_map(walk, row, map))
			return;
		ddb_buffer_add_string(&walk->text, "Member must ");
		tell_length(walk, few ? "greater" : "less", few ? row->least : row->most);
		return;
	}
	check_keys(walk, row, map);
	check_values(walk, row, map);
}

static void check_row(struct walk *walk, const struct member_row *row, const void *member)
{
	switch (row->kind) {
	case MEMBER_TEXT:
		check_text(walk, row, member);
		break;
	case MEMBER_INTEGER:
	case MEMBER_LONG:
		check_integer(walk, row, member);
		break;
	case MEMBER_FLAG:
		if (row->required && *(const enum member_flag *)member == MEMBER_UNSAID)
			tell_null(walk);
		break;
	case MEMBER_OBJECT:
		if (*(const bool *)member)
			check_object(walk, row->type, member);
		else if (row->required)
			tell_null(walk);
		break;
	case MEMBER_LIST:
		check_list(walk, row, member);
		break;
	case MEMBER_MAP:
		check_map(walk, row, member);
		break;
	case MEMBER_ITEM:
	case MEMBER_VALUES:
	case MEMBER_NAMES:
		if (row->required && !((const struct member_value *)member)->given)
			tell_null(walk);
		break;
	case MEMBER_JSON:
		if (row->required && !*(const struct ddb_value *const *)member)
			tell_null(walk);
		break;
	case MEMBER_REFERENCE: /* ddb_table_name_check, by who wants the name */
	case MEMBER_IGNORED:
	case MEMBER_UNSUPPORTED:
		break;
	}
}

static void check_object(struct walk *walk, const struct member_type *type, const void *object)
{
	for (size_t i = 0; i < type->count; i++) {
		const struct member_row *row = &type->members[i];
		size_t length = member_path_push(&walk->path, row->name);
		check_row(walk, row, (const char *)object + row->offset);
		member_path_pop(&walk->path, length);
	}
}

enum ddb_code members_check(const struct member_type *type, const void *object, struct ddb_error *err)
{
	struct walk walk = {0};
	ddb_buffer_init(&walk.text, 16384);
	check_object(&walk, type, object);
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
