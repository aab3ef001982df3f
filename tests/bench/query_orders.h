/*
 * The orders themselves: what order i has, the same for every subject.
 */
#ifndef QUERY_ORDERS_H
#define QUERY_ORDERS_H

#include "query_subjects.h"

#include <stdio.h>
#include <string.h>

enum { NOTE_BYTES = 360, AMOUNTS = 5000 };

struct order {
	char customer[16], date[16], kinds[INDEXES_MAX][16], note[NOTE_BYTES];
	uint32_t amount;
};

static inline void order_key(uint32_t i, char customer[16], char date[16])
{
	snprintf(customer, 16, "C%07u", i / ORDERS_EACH % 10000000);
	snprintf(date, 16, "2026-%05u", i % ORDERS_EACH);
}

static inline void order_make(struct order *ret, uint32_t i, uint32_t edition)
{
	order_key(i, ret->customer, ret->date);
	for (uint32_t k = 0; k < INDEXES_MAX; k++)
		snprintf(
			ret->kinds[k], sizeof ret->kinds[k], "kind-%04u", (i * 7 + k * 13 + edition) % KINDS);
	memset(ret->note, 'a' + (char)(i % 26), sizeof ret->note);
	ret->amount = (uint32_t)((uint64_t)i * 7919 % AMOUNTS);
}

#endif
