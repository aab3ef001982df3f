#include "tools/trigger/backlog.h"

#include <stdlib.h>
#include <string.h>

void trigger_backlog_init(struct trigger_backlog *backlog, const struct trigger_position *reached)
{
	*backlog = (struct trigger_backlog){.reached = *reached};
}

static void free_first(struct trigger_backlog *backlog)
{
	struct trigger_record *record = backlog->first;

	backlog->first = record->next;
	if (!backlog->first)
		backlog->last = NULL;
	backlog->count--;
	free(record->text);
	free(record);
}

void trigger_backlog_done(struct trigger_backlog *backlog)
{
	while (backlog->first)
		free_first(backlog);
}

bool trigger_backlog_has_room(const struct trigger_backlog *backlog)
{
	return backlog->bytes < TRIGGER_BACKLOG_BYTES && backlog->count < TRIGGER_BACKLOG_RECORDS;
}

struct trigger_record *trigger_backlog_add(struct trigger_backlog *backlog,
	const struct trigger_position *position, int64_t came, const char *text, size_t length)
{
	struct trigger_record *record = calloc(1, sizeof *record);
	char *copy = malloc(length + 1);

	if (!record || !copy) {
		free(record);
		free(copy);
		return NULL;
	}
	memcpy(copy, text, length);
	*record = (struct trigger_record){
		.position = *position, .through = *position, .came = came, .length = length, .text = copy};
	if (backlog->last)
		backlog->last->next = record;
	else
		backlog->first = record;
	backlog->last = record;
	backlog->count++;
	backlog->bytes += length;
	return record;
}

bool trigger_backlog_pass(struct trigger_backlog *backlog, const struct trigger_position *position)
{
	if (backlog->last)
		backlog->last->through = *position;
	else
		backlog->reached = *position;
	return !backlog->last;
}

bool trigger_backlog_finish(struct trigger_backlog *backlog, struct trigger_record *record)
{
	bool moved = false;

	backlog->bytes -= record->length;
	free(record->text);
	record->text = NULL;
	while (backlog->first && !backlog->first->text) {
		backlog->reached = backlog->first->through;
		free_first(backlog);
		moved = true;
	}
	return moved;
}
