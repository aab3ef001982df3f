/*
 * The words that DynamoDB keeps for itself: no bare attribute name in an expression. Constant data: any
 * thread.
 */
#ifndef DDB_EXPR_RESERVED_H
#define DDB_EXPR_RESERVED_H

#include <stdbool.h>
#include <stddef.h>

enum { EXPR_RESERVED_COUNT = 573 };

/* Whatever the case of its letters. */
bool expr_reserved(const char *word, size_t length);

#endif
