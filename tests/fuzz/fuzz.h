/*
 * What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput: libFuzzer drives it when the
 * compiler is asked to, replay.c in every other build. It is the same function of its input each time; what
 * it rolls dice for comes out of the input. What is wrong ends the process.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "engine/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define FUZZ_CHECK(condition)                                                                                \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			fuzz_fail(__FILE__, __LINE__, #condition);                                           \
	} while (0)
_Noreturn void fuzz_fail(const char *file, int line, const char *what);

/* A refusal has a code, and a message that can be shown: not empty, UTF-8, ended. */
void fuzz_check_error(enum ddb_code code, const struct ddb_error *err);

/* A copy of exactly that size on the heap, so that a sanitizer sees the first byte read beyond it. */
void *fuzz_copy(const void *bytes, size_t size);

/* Dice out of an input. */
struct fuzz_dice {
	uint64_t state;
};
void fuzz_dice_init(struct fuzz_dice *dice, const void *bytes, size_t size);
size_t fuzz_dice_below(struct fuzz_dice *dice, size_t limit); /* limit > 0 */
/* The length of the next piece of `left` bytes: mostly short ones, at least 1 when there is one. */
size_t fuzz_dice_piece(struct fuzz_dice *dice, size_t left);

/* A directory of this process, in memory if there is one; it goes when the process ends in order. */
const char *fuzz_directory(void);
int fuzz_directory_fd(void); /* of the same; not the caller's to close */
/* A file in it, made anew, open for both; the descriptor is the caller's. */
int fuzz_file(const char *name, const void *bytes, size_t size);

#endif
