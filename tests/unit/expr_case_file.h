/*
 * Cases of expressions in data files (tests/unit/data/expr): one block of lines a case, one keyword a line.
 * Read here, judged in expr_cases.c. A text may hold \{N:TEXT}, which is TEXT N times. Included once a
 * program, behind cmocka.h. One thread; what fails ends the test.
 */
#ifndef EXPR_CASE_FILE_H
#define EXPR_CASE_FILE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CASE_LINES_MAX = 16 };

struct case_line {
	char *keyword;
	char *text; /* expanded; empty if the keyword stands alone */
};

struct expr_case {
	unsigned line; /* in its file, from 1 */
	size_t count;
	struct case_line lines[CASE_LINES_MAX];
};

struct case_file {
	const char *path;
	FILE *stream;
	unsigned line;
	struct expr_case one;
};

static struct case_file *case_file_open(const char *path)
{
	struct case_file *file = calloc(1, sizeof *file);
	assert_non_null(file);
	file->path = path;
	file->stream = fopen(path, "r");
	assert_non_null(file->stream);
	return file;
}

static void case_clear(struct expr_case *one)
{
	for (size_t i = 0; i < one->count; i++) {
		free(one->lines[i].keyword);
		free(one->lines[i].text);
	}
	one->count = 0;
}

static void case_file_close(struct case_file *file)
{
	case_clear(&file->one);
	fclose(file->stream);
	free(file);
}

/* The text of one \{N:TEXT} again and again; returns what is behind it. */
static const char *case_repeat(const char *at, FILE *out)
{
	char *text;
	unsigned long times = strtoul(at + 2, &text, 10);
	const char *end = strchr(at, '}');
	assert_true(times && *text == ':' && end);
	while (times--)
		fwrite(text + 1, 1, (size_t)(end - text - 1), out);
	return end + 1;
}

static char *case_expand(const char *at)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	assert_non_null(out);
	while (*at) {
		if (at[0] == '\\' && at[1] == '{')
			at = case_repeat(at, out);
		else
			fputc(*at++, out);
	}
	fclose(out);
	return text;
}

static void case_add(struct case_file *file, char *line)
{
	struct expr_case *one = &file->one;
	assert_true(one->count < CASE_LINES_MAX);
	if (!one->count)
		one->line = file->line;
	size_t keyword = strcspn(line, " ");
	one->lines[one->count++] = (struct case_line){
		strndup(line, keyword), case_expand(line[keyword] ? line + keyword + 1 : "")};
}

/* NULL: there is none left. Valid until the next call. */
static const struct expr_case *case_file_next(struct case_file *file)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	case_clear(&file->one);
	while ((length = getline(&line, &room, file->stream)) > 0) {
		file->line++;
		if (line[length - 1] == '\n')
			line[--length] = '\0';
		if (*line == '#')
			continue;
		if (length)
			case_add(file, line);
		else if (file->one.count)
			break;
	}
	free(line);
	return file->one.count ? &file->one : NULL;
}

/* The text of the line with that keyword, or NULL. */
static const char *case_text(const struct expr_case *one, const char *keyword)
{
	for (size_t i = 0; i < one->count; i++) {
		if (!strcmp(one->lines[i].keyword, keyword))
			return one->lines[i].text;
	}
	return NULL;
}

#endif
