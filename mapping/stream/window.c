#include "mapping/stream/window.h"

#include <string.h>

enum {
	TEXT_MAX = 512 << 20,           /* a page's text: an item may be 400 KB, its line many times that */
	ROOM_MAX = 4 * MAP_WINDOW_KEPT, /* that stays when a page is forgotten */
};

void map_window_init(struct map_window *window)
{
	*window = (struct map_window){.start = 0};
	ddb_buffer_init(&window->text, TEXT_MAX);
}

void map_window_done(struct map_window *window)
{
	ddb_buffer_done(&window->text);
}

void map_window_rewind(struct map_window *window)
{
	ddb_buffer_clear(&window->text);
	window->start = 0;
}

void map_window_forget(struct map_window *window)
{
	struct ddb_buffer *text = &window->text;

	if (text->length <= MAP_WINDOW_KEPT + MAP_WINDOW_KEPT / 4)
		return; /* not for each line */
	size_t old = text->length - MAP_WINDOW_KEPT;
	memmove(text->bytes, text->bytes + old, MAP_WINDOW_KEPT);
	text->length = MAP_WINDOW_KEPT;
	window->start += old;
	if (text->capacity > ROOM_MAX)
		ddb_buffer_shrink(text);
}

uint64_t map_window_end(const struct map_window *window)
{
	return window->start + window->text.length;
}

size_t map_window_copy(const struct map_window *window, uint64_t offset, bool line, char *buffer, size_t size)
{
	const struct ddb_buffer *text = &window->text;
	uint64_t at = offset - window->start;

	if (at >= text->length)
		return 0;
	size_t length = text->length - (size_t)at < size ? text->length - (size_t)at : size;
	const char *bytes = text->bytes + at, *end = line ? memchr(bytes, '\n', length) : NULL;
	if (end)
		length = (size_t)(end - bytes) + 1;
	memcpy(buffer, bytes, length);
	return length;
}
