/*
 * The text behind -o: what is refused is named, once; what is accepted means the same however it is divided.
 */
#include "tests/fuzz/fuzz.h"
#include "tools/command.h"
#include "tools/mount_options.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned complaints;

/* In the program this prints. */
int command_failed(const char *format, ...)
{
	char text[8192];
	va_list args;
	va_start(args, format);
	FUZZ_CHECK(vsnprintf(text, sizeof text, format, args) > 0);
	va_end(args);
	complaints++;
	return EXIT_FAILED;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static void check_same(const struct mount_options *a, const struct mount_options *b)
{
	FUZZ_CHECK(same_text(a->keyfile, b->keyfile) && same_text(a->trace, b->trace));
	FUZZ_CHECK(a->uid == b->uid && a->gid == b->gid && a->umask == b->umask);
	FUZZ_CHECK(a->allow_other == b->allow_other && a->read_only == b->read_only && a->sync == b->sync);
	FUZZ_CHECK(a->nodes == b->nodes && a->scratch == b->scratch && !strcmp(a->kernel, b->kernel));
}

static void check_values(const struct mount_options *options)
{
	FUZZ_CHECK(options->umask <= 0777);
	FUZZ_CHECK(options->uid != UINT32_MAX && options->gid != UINT32_MAX); /* "nobody given" to chown(2) */
	FUZZ_CHECK(options->nodes <= INT64_MAX && options->scratch <= INT64_MAX);
	FUZZ_CHECK(!options->keyfile || *options->keyfile);
	FUZZ_CHECK(!options->trace || *options->trace);
	FUZZ_CHECK(strnlen(options->kernel, sizeof options->kernel) < sizeof options->kernel);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct mount_options options = {0}, again = {0};
	char *text = malloc(size + 1), *other = malloc(size + 1), *at, *part;
	FUZZ_CHECK(text && other);
	memcpy(text, bytes, size);
	text[size] = '\0';
	strcpy(other, text);
	complaints = 0;
	bool accepted = mount_options_read(&options, text);
	FUZZ_CHECK(complaints == !accepted);
	check_values(&options);
	bool accepted_again = true;
	for (at = other; accepted_again && (part = strsep(&at, ","));)
		accepted_again = mount_options_read(&again, part);
	FUZZ_CHECK(accepted == accepted_again);
	check_same(&options, &again);
	free(text);
	free(other);
	return 0;
}
