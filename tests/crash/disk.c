#include "tests/crash/disk.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, SECTOR = 512, OBJECTS_MAX = 4096, NAMES_MAX = 64, PATH_SIZE = 4096 };

/* ---- What there is ---- */

struct change {    /* of a file: a write, or a cut to `offset`; of a directory: a name's object, and another
		      one's */
	size_t at; /* the record's number */
	uint64_t offset, length;
	const uint8_t *bytes; /* NULL: a cut */
	const char *name, *gone;
	struct object *object; /* NULL: the name is gone */
};

struct image {
	uint8_t *bytes; /* zeros beyond the size */
	size_t size, room;
};

struct entry {
	const char *name;
	struct object *object;
};

struct object {
	uint64_t ino;
	bool directory;
	const char *name; /* the last */
	struct image durable;
	size_t entry_count;
	struct entry entries[NAMES_MAX]; /* durable */
	size_t change_count, change_room;
	struct change *changes;
};

struct sync {
	const char *mark;
	struct object *object;
	size_t at;
};

struct disk {
	size_t now; /* records applied */
	size_t object_count, sync_count;
	struct object *objects[OBJECTS_MAX], *root;
	struct sync syncs[64]; /* under way */
};

uint64_t disk_draw(uint64_t *seed, uint64_t below)
{
	uint64_t mixed = *seed += UINT64_C(0x9e3779b97f4a7c15);
	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	return (mixed ^ mixed >> 31) % below;
}

struct disk *disk_new(void)
{
	struct disk *disk = calloc(1, sizeof *disk);
	if (!disk)
		err(2, "disk");
	return disk;
}

/* ---- Images ---- */

static void image_room(struct image *image, size_t size)
{
	if (size <= image->room)
		return;
	size_t room = size + size / 2 + 16 * PAGE;
	image->bytes = realloc(image->bytes, room);
	if (!image->bytes)
		err(2, "image");
	memset(image->bytes + image->room, 0, room - image->room);
	image->room = room;
}

static void image_put(struct image *image, size_t offset, const uint8_t *bytes, size_t length)
{
	image_room(image, offset + length);
	memcpy(image->bytes + offset, bytes, length);
	if (image->size < offset + length)
		image->size = offset + length;
}

static void image_cut(struct image *image, size_t size)
{
	image_room(image, size);
	if (size < image->size)
		memset(image->bytes + size, 0, image->size - size);
	image->size = size;
}

static void image_change(struct image *image, const struct change *change)
{
	if (change->bytes)
		image_put(image, change->offset, change->bytes, change->length);
	else
		image_cut(image, change->offset);
}

static void image_copy(struct image *to, const struct image *from)
{
	image_cut(to, 0);
	if (from->size)
		image_put(to, 0, from->bytes, from->size);
}

/* ---- Records ---- */

static struct object *find(const struct disk *disk, uint64_t ino)
{
	for (size_t i = disk->object_count; i-- > 0;)
		if (disk->objects[i]->ino == ino)
			return disk->objects[i];
	return NULL;
}

static struct object *must_find(const struct disk *disk, uint64_t ino)
{
	struct object *object = find(disk, ino);
	if (!object)
		errx(2, "record %zu is about the unknown file %" PRIu64, disk->now + 1, ino);
	return object;
}

static struct object *add_object(struct disk *disk, uint64_t ino, bool directory, const char *name)
{
	struct object *object = calloc(1, sizeof *object);
	if (!object || disk->object_count == OBJECTS_MAX)
		errx(2, "too many files");
	object->ino = ino;
	object->directory = directory;
	object->name = name;
	return disk->objects[disk->object_count++] = object;
}

/* The root is known from the first that is said of it. */
static struct object *directory_of(struct disk *disk, uint64_t ino)
{
	if (!disk->root)
		disk->root = add_object(disk, ino, true, "");
	return must_find(disk, ino);
}

static struct change *add_change(const struct disk *disk, struct object *object)
{
	if (object->change_count == object->change_room) {
		object->change_room = object->change_room ? 2 * object->change_room : 64;
		object->changes = reallocarray(object->changes, object->change_room, sizeof *object->changes);
		if (!object->changes)
			err(2, "changes");
	}
	struct change *change = &object->changes[object->change_count++];
	*change = (struct change){.at = disk->now};
	return change;
}

static void set_entry(struct entry *entries, size_t *count, const char *name, struct object *object)
{
	size_t i = 0;
	while (i < *count && strcmp(entries[i].name, name))
		i++;
	if (i == NAMES_MAX)
		errx(2, "too many names");
	if (i == *count)
		(*count)++;
	entries[i] = (struct entry){name, object};
	if (!object)
		entries[i] = entries[--*count];
}

static void change_entries(struct entry *entries, size_t *count, const struct change *change)
{
	if (change->gone)
		set_entry(entries, count, change->gone, NULL);
	set_entry(entries, count, change->name, change->object);
}

static struct object *named(const struct object *directory, const char *name)
{
	struct entry entries[NAMES_MAX];
	size_t count = directory->entry_count;
	memcpy(entries, directory->entries, sizeof entries);
	for (size_t i = 0; i < directory->change_count; i++)
		change_entries(entries, &count, &directory->changes[i]);
	for (size_t i = 0; i < count; i++)
		if (!strcmp(entries[i].name, name))
			return entries[i].object;
	errx(2, "there is no %s to rename", name);
}

static void settle(struct object *object, size_t before)
{
	size_t done = 0;
	for (; done < object->change_count && object->changes[done].at < before; done++)
		if (object->directory)
			change_entries(object->entries, &object->entry_count, &object->changes[done]);
		else
			image_change(&object->durable, &object->changes[done]);
	object->change_count -= done;
	memmove(object->changes, object->changes + done, object->change_count * sizeof *object->changes);
}

static void sync_ended(struct disk *disk, const char *mark)
{
	for (size_t i = 0; i < disk->sync_count; i++) {
		struct sync *sync = &disk->syncs[i];
		if (strcmp(sync->mark, mark))
			continue;
		settle(sync->object, sync->at);
		*sync = disk->syncs[--disk->sync_count];
		return;
	}
	errx(2, "sync %s ends without a beginning", mark);
}

static void apply_name(struct disk *disk, const struct record *record)
{
	struct object *directory = directory_of(disk, record->parent), *object = NULL;
	if (record->kind == RECORD_MOVE)
		(object = named(directory, record->name))->name = record->new_name;
	else if (record->kind != RECORD_DROP)
		object = add_object(disk, record->ino, record->kind == RECORD_DIR, record->name);
	struct change *change = add_change(disk, directory);
	change->name = record->kind == RECORD_MOVE ? record->new_name : record->name;
	change->gone = record->kind == RECORD_MOVE ? record->name : NULL;
	change->object = object;
}

void disk_apply(struct disk *disk, const struct record *record)
{
	struct change *change;
	switch (record->kind) {
	case RECORD_DIR:
	case RECORD_NEW:
	case RECORD_DROP:
	case RECORD_MOVE:
		apply_name(disk, record);
		break;
	case RECORD_PUT:
		change = add_change(disk, must_find(disk, record->ino));
		change->offset = record->offset;
		change->length = record->length;
		change->bytes = record->bytes;
		break;
	case RECORD_CUT:
		change = add_change(disk, must_find(disk, record->ino));
		change->offset = record->length;
		break;
	case RECORD_SYNC:
		if (disk->sync_count == sizeof disk->syncs / sizeof *disk->syncs)
			errx(2, "too many syncs");
		disk->syncs[disk->sync_count++] =
			(struct sync){record->name, directory_of(disk, record->ino), disk->now};
		break;
	case RECORD_SYNCED:
		sync_ended(disk, record->name);
		break;
	case RECORD_BEGIN:
	case RECORD_DONE:
	case RECORD_DURABLE:
	default:
		break;
	}
	disk->now++;
}

const char *disk_name(const struct disk *disk, uint64_t ino)
{
	const struct object *object = find(disk, ino);
	return object ? object->name : "";
}

/* ---- Losses ---- */

/* How many of the changes to each unit (page or sector) have reached the disk, and which of the sizes. */
struct draw {
	uint64_t seed;
	enum disk_fate fate;
	size_t unit, units;
	uint32_t *changes, *kept; /* by unit */
};

static size_t unit_end(const struct draw *draw, const struct change *change)
{
	return change->bytes ? (change->offset + change->length + draw->unit - 1) / draw->unit : draw->units;
}

/* A cut changes all that lies behind it. */
static void count_changes(struct draw *draw, const struct object *object)
{
	for (size_t i = 0; i < object->change_count; i++) {
		const struct change *change = &object->changes[i];
		for (size_t unit = change->offset / draw->unit; unit < unit_end(draw, change); unit++)
			draw->changes[unit]++;
	}
}

static uint32_t draw_kept(struct draw *draw, size_t unit)
{
	switch (draw->fate) {
	case DISK_KEPT:
		return draw->changes[unit];
	case DISK_HEADS:
		return unit < 2 ? draw->changes[unit] : 0;
	case DISK_PAGES:
	case DISK_SECTORS:
		return draw->changes[unit] ? (uint32_t)disk_draw(&draw->seed, draw->changes[unit] + 1) : 0;
	case DISK_DROPPED:
	default:
		return 0;
	}
}

static void change_unit(struct image *image, const struct change *change, size_t from, size_t to)
{
	if (!change->bytes) {
		from = from > change->offset ? from : change->offset;
		image_room(image, to);
		if (from < to)
			memset(image->bytes + from, 0, to - from);
		return;
	}
	from = from > change->offset ? from : change->offset;
	to = to < change->offset + change->length ? to : change->offset + change->length;
	image_put(image, from, change->bytes + (from - change->offset), to - from);
}

static void lose_pages(struct draw *draw, const struct object *object, struct image *ret)
{
	for (size_t unit = 0; unit < draw->units; unit++)
		draw->kept[unit] = draw_kept(draw, unit);
	for (size_t i = 0; i < object->change_count; i++) {
		const struct change *change = &object->changes[i];
		for (size_t unit = change->offset / draw->unit; unit < unit_end(draw, change); unit++) {
			if (!draw->kept[unit])
				continue;
			draw->kept[unit]--;
			change_unit(ret, change, unit * draw->unit, (unit + 1) * draw->unit);
		}
	}
}

/* The size after so many changes. */
static size_t size_after(const struct object *object, size_t changes)
{
	size_t size = object->durable.size;
	for (size_t i = 0; i < changes; i++) {
		const struct change *change = &object->changes[i];
		size_t end = change->offset + change->length;
		if (!change->bytes || end > size)
			size = end;
	}
	return size;
}

static size_t draw_size(struct draw *draw, const struct object *object)
{
	size_t changes = object->change_count;
	if (draw->fate == DISK_DROPPED)
		changes = 0;
	else if (draw->fate >= DISK_PAGES)
		changes = disk_draw(&draw->seed, changes + 1);
	return size_after(object, changes);
}

static void image_after(const struct object *object, struct draw *draw, struct image *ret)
{
	size_t end = object->durable.size;
	image_copy(ret, &object->durable);
	if (!object->change_count)
		return;
	for (size_t i = 0; i <= object->change_count; i++) {
		size_t size = size_after(object, i);
		end = end > size ? end : size;
	}
	draw->unit = draw->fate == DISK_SECTORS ? SECTOR : PAGE;
	draw->units = end / draw->unit + 1;
	draw->changes = calloc(draw->units, sizeof *draw->changes);
	draw->kept = calloc(draw->units, sizeof *draw->kept);
	if (!draw->changes || !draw->kept)
		err(2, "image");
	count_changes(draw, object);
	lose_pages(draw, object, ret);
	free(draw->changes);
	free(draw->kept);
	size_t size = draw_size(draw, object);
	ret->size = ret->size > end ? ret->size : end;
	image_cut(ret, size);
}

static size_t entries_after(const struct object *directory, struct draw *draw, struct entry ret[NAMES_MAX])
{
	size_t count = directory->entry_count;
	memcpy(ret, directory->entries, sizeof directory->entries);
	for (size_t i = 0; i < directory->change_count; i++)
		if (draw->fate == DISK_KEPT || (draw->fate != DISK_DROPPED && disk_draw(&draw->seed, 2)))
			change_entries(ret, &count, &directory->changes[i]);
	return count;
}

/* ---- Real directories ---- */

static void write_image(const char *path, const struct image *image)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		err(2, "%s", path);
	for (size_t done = 0; done < image->size;) {
		ssize_t length = pwrite(fd, image->bytes + done, image->size - done, (off_t)done);
		if (length <= 0)
			err(2, "%s", path);
		done += (size_t)length;
	}
	close(fd);
}

static void write_object(const struct object *directory, const struct disk_loss *loss, const char *path)
{
	static struct image image;
	struct entry entries[NAMES_MAX];
	struct draw names = {.seed = loss->seed ^ directory->ino, .fate = loss->names};
	size_t count = entries_after(directory, &names, entries);
	for (size_t i = 0; i < count; i++) {
		const struct object *object = entries[i].object;
		char below[PATH_SIZE];
		snprintf(below, sizeof below, "%s/%s", path, entries[i].name);
		if (object->directory) {
			if (mkdir(below, 0700))
				err(2, "%s", below);
			write_object(object, loss, below);
			continue;
		}
		struct draw data = {.seed = loss->seed + object->ino, .fate = loss->data};
		image_after(object, &data, &image);
		write_image(below, &image);
	}
}

void disk_write(const struct disk *disk, const struct disk_loss *loss, const char *path)
{
	if (disk->root)
		write_object(disk->root, loss, path);
}

static struct image read_image(const char *path)
{
	struct image image = {.bytes = NULL};
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status))
		err(2, "%s", path);
	image_cut(&image, (size_t)status.st_size);
	if (pread(fd, image.bytes, image.size, 0) != (ssize_t)image.size)
		err(2, "%s", path);
	close(fd);
	return image;
}

static bool compare_file(const struct object *object, const char *path)
{
	struct image image = {.bytes = NULL}, real = read_image(path);
	image_after(object, &(struct draw){.fate = DISK_KEPT}, &image);
	size_t differs = 0;
	while (differs < real.size && differs < image.size && real.bytes[differs] == image.bytes[differs])
		differs++;
	bool same = real.size == image.size && differs == real.size;
	if (!same)
		printf("%s: the recording differs from byte %zu on (%zu bytes, recorded %zu)\n", path,
			differs, real.size, image.size);
	free(image.bytes);
	free(real.bytes);
	return same;
}

static size_t count_files(const char *path)
{
	size_t count = 0;
	DIR *files = opendir(path);
	if (!files)
		err(2, "%s", path);
	while (readdir(files))
		count++;
	closedir(files);
	return count - 2;
}

static bool compare_directory(const struct object *directory, const char *path, const char *except)
{
	struct entry entries[NAMES_MAX];
	bool same = true;
	size_t count = entries_after(directory, &(struct draw){.fate = DISK_KEPT}, entries);
	for (size_t i = 0; i < count; i++) {
		char below[PATH_SIZE];
		snprintf(below, sizeof below, "%s/%s", path, entries[i].name);
		if (entries[i].object->directory)
			same = compare_directory(entries[i].object, below, except) && same;
		else if (strcmp(entries[i].name, except))
			same = compare_file(entries[i].object, below) && same;
	}
	if (count == count_files(path))
		return same;
	printf("%s: %zu files, recorded %zu\n", path, count_files(path), count);
	return false;
}

bool disk_compare(const struct disk *disk, const char *path, const char *except)
{
	return disk->root && compare_directory(disk->root, path, except);
}

/* ---- The beginning of another recording ---- */

static void record_synced(FILE *log, unsigned long long ino)
{
	fprintf(log, "0 sync %llu %llu\n0 synced %llu %llu\n", ino, ino, ino, ino);
}

static void record_file(FILE *log, unsigned long long ino, const char *path)
{
	struct image image = read_image(path);
	if (image.size) {
		fprintf(log, "0 put %llu 0 %zu\n", ino, image.size);
		fwrite(image.bytes, 1, image.size, log);
		fputc('\n', log);
		record_synced(log, ino);
	}
	free(image.bytes);
}

static void record_directory(FILE *log, const char *path)
{
	struct stat status;
	DIR *files = opendir(path);
	if (!files || stat(path, &status))
		err(2, "%s", path);
	unsigned long long parent = status.st_ino;
	for (struct dirent *entry = readdir(files); entry; entry = readdir(files)) {
		char below[PATH_SIZE];
		if (*entry->d_name == '.')
			continue;
		snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
		if (stat(below, &status))
			err(2, "%s", below);
		unsigned long long ino = status.st_ino;
		fprintf(log, "0 %s %llu %llu %s\n", S_ISDIR(status.st_mode) ? "dir" : "new", ino, parent,
			entry->d_name);
		if (S_ISDIR(status.st_mode))
			record_directory(log, below);
		else
			record_file(log, ino, below);
	}
	closedir(files);
	record_synced(log, parent);
}

void disk_record(const char *path, const char *log)
{
	FILE *file = fopen(log, "we");
	if (!file)
		err(2, "%s", log);
	record_directory(file, path);
	if (fclose(file))
		err(2, "%s", log);
}
