#include "tools/trigger/pattern_private.h"

#include <wctype.h>

/* A value of the record that is no object and no array. */
struct leaf {
	const struct pattern *pattern;
	const struct ddb_value *value;
	bool number; /* the text of a number: typed JSON has "N" so */
};

/* ---- Texts ---- */

/* What is left of a text; valid UTF-8. */
struct text {
	const uint8_t *from, *to;
};

static struct text text_of(const struct ddb_value *value)
{
	return (struct text){value->bytes, value->bytes + value->count};
}

/* The first character of a text that is not empty, or the last one. */
static wint_t take_character(struct text *text, bool backward)
{
	const uint8_t *at = text->from, *end = text->to;
	wint_t character;

	if (backward) {
		at = text->to - 1;
		while ((*at & 0xc0) == 0x80)
			at--;
		text->to = at;
	}
	character = *at++;
	if (character >= 0xc0)
		character &= character < 0xe0 ? 0x1f : character < 0xf0 ? 0x0f : 0x07;
	while (at < end && (*at & 0xc0) == 0x80)
		character = character << 6 | (*at++ & 0x3f);
	if (!backward)
		text->from = at;
	return character;
}

static wint_t fold(const struct pattern *pattern, wint_t character)
{
	return towlower_l(towupper_l(character, pattern->letters), pattern->letters);
}

/* Whether `part` is the beginning (or the end) of the leaf's text, or with `whole` all of it. */
static bool folded(const struct leaf *leaf, const struct ddb_value *part, bool backward, bool whole)
{
	struct text text = text_of(leaf->value), rest = text_of(part);

	while (rest.from < rest.to) {
		if (text.from == text.to || fold(leaf->pattern, take_character(&text, backward)) !=
						    fold(leaf->pattern, take_character(&rest, backward)))
			return false;
	}
	return !whole || text.from == text.to;
}

static bool is_text(const struct leaf *leaf)
{
	return leaf->value->type == DDB_S;
}

static bool equals_folded(const struct leaf *leaf, const struct ddb_value *argument)
{
	return is_text(leaf) && folded(leaf, argument, false, true);
}

static bool has_affix(const struct leaf *leaf, const struct ddb_value *argument, bool backward)
{
	const struct ddb_value *value = leaf->value;

	if (!is_text(leaf))
		return false;
	if (argument->type == DDB_M)
		return folded(leaf, &pattern_operator(argument)->value, backward, false);
	return value->count >= argument->count &&
	       !memcmp(value->bytes + (backward ? value->count - argument->count : 0), argument->bytes,
		       argument->count);
}

static bool has_prefix(const struct leaf *leaf, const struct ddb_value *argument)
{
	return has_affix(leaf, argument, false);
}

static bool has_suffix(const struct leaf *leaf, const struct ddb_value *argument)
{
	return has_affix(leaf, argument, true);
}

/* ---- Numbers ---- */

static bool compares(const struct leaf *leaf, enum pattern_comparison how, const struct ddb_value *with)
{
	struct ddb_number number;
	struct ddb_value value = *leaf->value;
	int order;

	if (leaf->number && is_text(leaf)) {
		if (ddb_number_read((const char *)value.bytes, value.count, &number, NULL))
			return false;
		value = ddb_number_value(&number);
	}
	if (value.type != DDB_N)
		return false;
	order = ddb_scalar_compare(&value, with);
	switch (how) {
	case PATTERN_EQUAL:
		return order == 0;
	case PATTERN_LESS:
		return order < 0;
	case PATTERN_LESS_OR_EQUAL:
		return order <= 0;
	case PATTERN_GREATER:
		return order > 0;
	case PATTERN_GREATER_OR_EQUAL:
		return order >= 0;
	case PATTERN_COMPARISONS:
		break;
	}
	return false;
}

static bool is_numeric(const struct leaf *leaf, const struct ddb_value *argument)
{
	for (uint32_t i = 0; i < argument->count; i += 2)
		if (!compares(leaf, pattern_comparison(&argument->elements[i]), &argument->elements[i + 1]))
			return false;
	return true;
}

/* ---- Operators ---- */

typedef bool holding(const struct leaf *leaf, const struct ddb_value *argument);

static bool equals(const struct leaf *leaf, const struct ddb_value *argument)
{
	if (argument->type == DDB_N)
		return compares(leaf, PATTERN_EQUAL, argument);
	return ddb_value_equal(leaf->value, argument);
}

static bool holds_some(const struct leaf *leaf, const struct ddb_value *argument, holding *each)
{
	if (argument->type != DDB_L)
		return each(leaf, argument);
	for (uint32_t i = 0; i < argument->count; i++)
		if (each(leaf, &argument->elements[i]))
			return true;
	return false;
}

static bool exists(const struct leaf *leaf, const struct ddb_value *argument)
{
	(void)leaf;
	return argument->boolean;
}

static holding is_anything_but;
static const struct {
	const char *name;
	holding *holds;
} operators[] = {
	{"anything-but", is_anything_but},
	{"equals-ignore-case", equals_folded},
	{"exists", exists},
	{"numeric", is_numeric},
	{"prefix", has_prefix},
	{"suffix", has_suffix},
};

static holding *find_operator(const struct ddb_attribute *member)
{
	size_t i = 0;

	while (!pattern_is(member, operators[i].name)) /* it was judged: there is one */
		i++;
	return operators[i].holds;
}

static bool is_anything_but(const struct leaf *leaf, const struct ddb_value *argument)
{
	const struct ddb_attribute *inner;

	if (argument->type != DDB_M)
		return !holds_some(leaf, argument, equals);
	inner = pattern_operator(argument);
	return !holds_some(leaf, &inner->value, find_operator(inner));
}

/* ---- Fields ---- */

static bool leaf_matches(const struct leaf *leaf, const struct ddb_value *matchers)
{
	for (uint32_t i = 0; i < matchers->count; i++) {
		const struct ddb_value *matcher = &matchers->elements[i];
		if (matcher->type != DDB_M) {
			if (equals(leaf, matcher))
				return true;
			continue;
		}
		if (find_operator(pattern_operator(matcher))(leaf, &pattern_operator(matcher)->value))
			return true;
	}
	return false;
}

/* Nothing is there: only {"exists": false} says so. */
static bool absence_matches(const struct ddb_value *matchers)
{
	for (uint32_t i = 0; i < matchers->count; i++) {
		const struct ddb_value *matcher = &matchers->elements[i];
		if (matcher->type == DDB_M && pattern_is(pattern_operator(matcher), "exists") &&
			!pattern_operator(matcher)->value.boolean)
			return true;
	}
	return false;
}

/* Any leaf of an array counts. */
static bool some_leaf_matches(
	struct leaf *leaf, const struct ddb_value *value, const struct ddb_value *matchers, bool *found)
{
	bool matches = false;

	if (value->type == DDB_M)
		return false;
	if (value->type != DDB_L) {
		*found = true;
		leaf->value = value;
		return leaf_matches(leaf, matchers);
	}
	for (uint32_t i = 0; i < value->count && !matches; i++)
		matches = some_leaf_matches(leaf, &value->elements[i], matchers, found);
	return matches;
}

static bool fields_match(
	const struct pattern *pattern, const struct ddb_value *fields, const struct ddb_value *value);

static bool member_matches(
	const struct pattern *pattern, const struct ddb_attribute *member, const struct ddb_value *object)
{
	const struct ddb_value *value;
	bool found = false;

	if (pattern_is(member, "$or")) {
		for (uint32_t i = 0; i < member->value.count; i++)
			if (fields_match(pattern, &member->value.elements[i], object))
				return true;
		return false;
	}
	value = object && object->type == DDB_M ? ddb_map_get(object, member->name, member->name_length)
						: NULL;
	if (member->value.type == DDB_M)
		return fields_match(pattern, &member->value, value);
	struct leaf leaf = {pattern, NULL, pattern_is(member, "N") || pattern_is(member, "NS")};
	if (value && some_leaf_matches(&leaf, value, &member->value, &found))
		return true;
	return !found && absence_matches(&member->value);
}

/* `value`: an object, an array of which one element must match, or NULL: nothing is there. */
static bool fields_match(
	const struct pattern *pattern, const struct ddb_value *fields, const struct ddb_value *value)
{
	if (value && value->type == DDB_L && value->count) {
		for (uint32_t i = 0; i < value->count; i++)
			if (fields_match(pattern, fields, &value->elements[i]))
				return true;
		return false;
	}
	for (uint32_t i = 0; i < fields->count; i++)
		if (!member_matches(pattern, &fields->attributes[i], value))
			return false;
	return true;
}

bool pattern_matches(const struct pattern *pattern, const struct ddb_value *record)
{
	return fields_match(pattern, &pattern->fields, record);
}
