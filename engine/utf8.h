/*
 * UTF-8 as everything here understands it: to U+10FFFF, without surrogates and overlong forms. Pure.
 */
#ifndef DDB_UTF8_H
#define DDB_UTF8_H

#include <stddef.h>

/* The length of the valid prefix. */
size_t ddb_utf8_prefix(const char *bytes, size_t length);

#endif
