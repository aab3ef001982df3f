/*
 * Reserved words: all of data/reserved-words, in any case, as a name alone and within a path; nothing else.
 */
#include "engine/expr/selection.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { WORDS = 573, MEMORY = 1 << 20 };

static enum ddb_code select_text(const char *text, bool literals, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_scope scope;
	const struct ddb_selection *selection;
	ddb_arena_init(&arena, MEMORY);
	assert_int_equal(ddb_scope_init(&scope, &arena, NULL, NULL, literals, err), DDB_OK);
	return ddb_selection_parse(&scope, text, strlen(text), &selection, err);
}

static void check_reserved(const char *text, const char *word)
{
	char wanted[200];
	struct ddb_error err = {0};
	assert_int_equal(select_text(text, false, &err), DDB_VALIDATION);
	snprintf(wanted, sizeof wanted,
		"Invalid ProjectionExpression: Attribute name is a reserved keyword; reserved keyword: %s",
		word);
	assert_string_equal(err.message, wanted);
	assert_int_equal(select_text(text, true, &err), DDB_OK);
}

static void check_free(const char *text)
{
	struct ddb_error err = {0};
	if (select_text(text, false, &err))
		fail_msg("%s: %s", text, err.message);
}

static FILE *open_words(void)
{
	char path[PATH_MAX];
	const char *root = getenv("MESON_SOURCE_ROOT");
	snprintf(path, sizeof path, "%s/tests/unit/data/reserved-words", root ? root : ".");
	FILE *words = fopen(path, "r");
	assert_non_null(words);
	return words;
}

static bool next_word(FILE *words, char word[100])
{
	if (!fgets(word, 100, words))
		return false;
	word[strcspn(word, "\n")] = '\0';
	return true;
}

static bool is_word(const char *wanted)
{
	FILE *words = open_words();
	char word[100];
	bool found = false;
	while (next_word(words, word))
		found |= !strcmp(word, wanted);
	fclose(words);
	return found;
}

static void lower(char *text)
{
	for (; *text; text++)
		*text = (char)(*text | 0x20);
}

static void test_words(void **state)
{
	(void)state;
	FILE *words = open_words();
	char word[100], text[200];
	unsigned count = 0;
	for (; next_word(words, word); count++) {
		check_reserved(word, word);
		snprintf(text, sizeof text, "a[0].%s.b", word);
		check_reserved(text, word);
		lower(word + 1);
		check_reserved(word, word);
		lower(word);
		check_reserved(word, word);
	}
	assert_int_equal(count, WORDS);
	fclose(words);
}

/* One letter more or less, unless that is another word. */
static void test_neighbours(void **state)
{
	(void)state;
	FILE *words = open_words();
	char word[100], text[200];
	while (next_word(words, word)) {
		snprintf(text, sizeof text, "%sQ", word);
		if (!is_word(text))
			check_free(text);
		snprintf(text, sizeof text, "%.*s", (int)strlen(word) - 1, word);
		if (*text && !is_word(text))
			check_free(text);
		snprintf(text, sizeof text, "%s_", word);
		check_free(text);
	}
	fclose(words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_neighbours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
