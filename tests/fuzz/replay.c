/*
 * A fuzz target without libFuzzer: runs it on every file of a directory, then on as many mutations of them as
 * it is told, which are the same in every run. With files for arguments it runs these alone.
 * Usage: TARGET CORPUS MUTATIONS [DICTIONARY] | TARGET FILE…
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	INPUTS_MAX = 4096,
	INPUT_MAX = 1 << 20,
	MUTANT_MAX = 1 << 16,
	WORDS_MAX = 512,
	LONG_FACTOR = 10, /* mutations with DYNAMOUNT_LONG */
};

struct text {
	uint8_t *bytes;
	size_t size;
};
static struct text inputs[INPUTS_MAX], words[WORDS_MAX];
static size_t input_count, word_count;

/* ---- The input that a target dies of ---- */

static const uint8_t *running;
static size_t running_size;

/* Only what a signal handler may do. */
static void show_running(void)
{
	static const char digits[] = "0123456789abcdef", head[] = "the input, in hex (xxd -r -p):\n";
	char text[1024];
	size_t used = 0;
	ssize_t done = write(STDERR_FILENO, head, sizeof head - 1);
	for (size_t i = 0; i < running_size && done >= 0; i++) {
		text[used++] = digits[running[i] >> 4];
		text[used++] = digits[running[i] & 15];
		if (used < sizeof text && i + 1 < running_size)
			continue;
		done = write(STDERR_FILENO, text, used);
		used = 0;
	}
	if (done >= 0)
		done = write(STDERR_FILENO, "\n", 1);
}

static void on_signal(int number)
{
	show_running();
	signal(number, SIG_DFL);
	raise(number);
}

/* There with a sanitizer. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void run(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = fuzz_copy(bytes, size);
	running = copy;
	running_size = size;
	LLVMFuzzerTestOneInput(copy, size);
	running_size = 0;
	free(copy);
}

/* ---- Reading ---- */

static struct text read_file(const char *path)
{
	FILE *file = fopen(path, "re");
	struct text text = {.bytes = malloc(INPUT_MAX)};
	if (!file || !text.bytes) {
		perror(path);
		exit(2);
	}
	text.size = fread(text.bytes, 1, INPUT_MAX, file);
	fclose(file);
	text.bytes = realloc(text.bytes, text.size ? text.size : 1);
	FUZZ_CHECK(text.bytes);
	return text;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void read_inputs(const char *directory)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, is_visible, alphasort);
	if (count < 1 || count > INPUTS_MAX) {
		fprintf(stderr, "%s: no corpus\n", directory);
		exit(2);
	}
	for (int i = 0; i < count; i++) {
		char path[4096];
		snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
		inputs[input_count++] = read_file(path);
		free(entries[i]);
	}
	free(entries);
}

static uint8_t unescape(const char **at)
{
	unsigned byte;
	if (**at != '\\')
		return (uint8_t) * (*at)++;
	if ((*at)[1] == 'x' && sscanf(*at + 2, "%2x", &byte) == 1) {
		*at += 4;
		return (uint8_t)byte;
	}
	*at += 2;
	return (uint8_t)(*at)[-1];
}

/* libFuzzer's form: a line is [name=]"word", with \\, \" and \xHH. */
static void read_words(const char *path)
{
	char line[1024];
	FILE *file = fopen(path, "re");
	if (!file) {
		perror(path);
		exit(2);
	}
	while (word_count < WORDS_MAX && fgets(line, sizeof line, file)) {
		const char *at = strchr(line, '"'), *end = strrchr(line, '"');
		if (*line == '#' || at == end)
			continue;
		struct text word = {.bytes = malloc(sizeof line)};
		FUZZ_CHECK(word.bytes);
		for (at++; at < end;)
			word.bytes[word.size++] = unescape(&at);
		words[word_count++] = word;
	}
	fclose(file);
}

/* ---- Mutating ---- */

/* Replaces `cut` bytes at `at` by others. */
static void splice(struct text *text, size_t at, size_t cut, const uint8_t *bytes, size_t size)
{
	if (text->size - cut + size > MUTANT_MAX)
		return;
	memmove(text->bytes + at + size, text->bytes + at + cut, text->size - at - cut);
	memcpy(text->bytes + at, bytes, size);
	text->size += size - cut;
}

/* Replaces some of a text by a range of a text: its own, or another input's. */
static void graft(struct text *text, const struct text *from, struct fuzz_dice *dice)
{
	uint8_t range[256];
	size_t begin = fuzz_dice_below(dice, from->size + 1);
	size_t size = from->size - begin < sizeof range ? from->size - begin : sizeof range;
	size = fuzz_dice_below(dice, size + 1);
	memcpy(range, from->bytes + begin, size);
	size_t at = fuzz_dice_below(dice, text->size + 1), left = text->size - at;
	size_t cut = fuzz_dice_below(dice, 2) ? 0 : fuzz_dice_below(dice, (left < size ? left : size) + 1);
	splice(text, at, cut, range, size);
}

static void change_byte(struct text *text, struct fuzz_dice *dice)
{
	static const uint8_t interesting[] = "\0\xff\x7f\x80\x20\n\"\\/%~.,:{}[]0919eE+-=_AZaz";
	if (!text->size)
		return;
	uint8_t *byte = &text->bytes[fuzz_dice_below(dice, text->size)];
	switch (fuzz_dice_below(dice, 4)) {
	case 0:
		*byte = (uint8_t)(*byte ^ 1u << fuzz_dice_below(dice, 8));
		return;
	case 1:
		*byte = (uint8_t)fuzz_dice_below(dice, 256);
		return;
	case 2:
		*byte = (uint8_t)(*byte + (fuzz_dice_below(dice, 2) ? 1 : -1));
		return;
	default:
		*byte = interesting[fuzz_dice_below(dice, sizeof interesting - 1)];
		return;
	}
}

static void mutate(struct text *text, struct fuzz_dice *dice)
{
	size_t at = fuzz_dice_below(dice, text->size + 1), left = text->size - at;
	const struct text *word;
	uint8_t byte;
	switch (fuzz_dice_below(dice, 8)) {
	case 0:
		splice(text, at, fuzz_dice_below(dice, (left < 32 ? left : 32) + 1), &byte, 0);
		return;
	case 1:
		byte = (uint8_t)fuzz_dice_below(dice, 256);
		splice(text, at, 0, &byte, 1);
		return;
	case 2:
	case 3:
		if (!word_count)
			return;
		word = &words[fuzz_dice_below(dice, word_count)];
		splice(text, at, 0, word->bytes, word->size);
		return;
	case 4:
		graft(text, text, dice);
		return;
	case 5:
		graft(text, &inputs[fuzz_dice_below(dice, input_count)], dice);
		return;
	default:
		change_byte(text, dice);
		return;
	}
}

static void run_mutants(size_t count)
{
	struct fuzz_dice dice = {.state = 1};
	struct text mutant = {.bytes = malloc(MUTANT_MAX)};
	FUZZ_CHECK(mutant.bytes);
	for (size_t i = 0; i < count; i++) {
		const struct text *input = &inputs[fuzz_dice_below(&dice, input_count)];
		mutant.size = input->size < MUTANT_MAX ? input->size : MUTANT_MAX;
		memcpy(mutant.bytes, input->bytes, mutant.size);
		for (size_t changes = 1 + fuzz_dice_below(&dice, 6); changes; changes--)
			mutate(&mutant, &dice);
		run(mutant.bytes, mutant.size);
	}
	free(mutant.bytes);
}

static void free_texts(struct text *texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(texts[i].bytes);
}

/* ---- */

static int run_corpus(const char *directory, size_t mutants, const char *dictionary)
{
	const char *whole = getenv("DYNAMOUNT_LONG");
	read_inputs(directory);
	if (dictionary)
		read_words(dictionary);
	for (size_t i = 0; i < input_count; i++)
		run(inputs[i].bytes, inputs[i].size);
	if (whole && *whole)
		mutants *= LONG_FACTOR;
	run_mutants(mutants);
	printf("%zu files, %zu mutations\n", input_count, mutants);
	free_texts(inputs, input_count);
	free_texts(words, word_count);
	return 0;
}

int main(int argc, char **argv)
{
	static const int fatal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTERM};
	struct stat st;
	if (argc < 2) {
		fprintf(stderr, "usage: %s CORPUS MUTATIONS [DICTIONARY] | %s FILE...\n", argv[0], argv[0]);
		return 2;
	}
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(show_running);
	else
		for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
			signal(fatal[i], on_signal);
	if (!stat(argv[1], &st) && S_ISDIR(st.st_mode))
		return run_corpus(
			argv[1], argc > 2 ? strtoul(argv[2], NULL, 10) : 0, argc > 3 ? argv[3] : NULL);
	for (int i = 1; i < argc; i++) {
		struct text text = read_file(argv[i]);
		run(text.bytes, text.size);
		free(text.bytes);
	}
	return 0;
}
