/*
 * Members of requests and definitions: rows say which an object has, of what kind and under which
 * constraints. One reader takes a JSON tree into structs by the rows, one walk judges the constraints and
 * tells of all that fail in one message, in the service's envelope. What members mean together is their
 * users' to say. What is read lives for one request: it points into the JSON tree and into the request's
 * arena. For engine/ alone; no state: any thread.
 */
#ifndef DDB_MEMBERS_H
#define DDB_MEMBERS_H

#include "engine/arena.h"
#include "engine/buffer.h"
#include "engine/value.h"

/* ---- What a member is read into ---- */

struct member_text {
	const char *bytes; /* NULL: not given */
	uint32_t length;
};

struct member_integer {
	bool given;
	int64_t value;
};

enum member_flag { MEMBER_UNSAID, MEMBER_FALSE, MEMBER_TRUE };

struct member_list {
	bool given;
	uint32_t count;
	void *elements; /* what their row says */
};

struct member_map {
	bool given;
	uint32_t count;
	const struct member_text *keys;
	void *elements;
};

struct member_value { /* a typed value, or a map of some */
	bool given;
	struct ddb_value value;
};

/* Every object is a struct that begins with `bool given`: the reader sets it without knowing more. */

/* ---- Rows ---- */

enum member_kind {
	MEMBER_TEXT,
	MEMBER_REFERENCE, /* a text; in CloudFormation also a function, which is passed over */
	MEMBER_INTEGER,   /* 32 bits */
	MEMBER_LONG,
	MEMBER_FLAG,
	MEMBER_OBJECT,
	MEMBER_LIST,
	MEMBER_MAP,
	MEMBER_ITEM,        /* attributes with typed values: member_value, an M */
	MEMBER_VALUES,      /* the same of ExpressionAttributeValues */
	MEMBER_NAMES,       /* a map of strings: member_value, an M of S */
	MEMBER_JSON,        /* as it stands: const struct ddb_value *, an object; NULL: not given */
	MEMBER_IGNORED,     /* known, and without a meaning here */
	MEMBER_UNSUPPORTED, /* known, and passing over it would be a lie: `refusal` says why */
};

enum member_pattern {
	MEMBER_ANY,
	MEMBER_NAME,  /* of tables and indexes */
	MEMBER_TABLE, /* of a table, or its ARN */
	MEMBER_TAG,
};

struct member_word {
	const char *name; /* NULL ends the list */
	int value;
};

struct member_row {
	const char *name;
	enum member_kind kind;
	size_t offset;
	bool required;
	enum member_pattern pattern;
	uint32_t least, most; /* bytes of a text (characters under MEMBER_TAG), elements of a list or map, an
				 integer; most 0: any */
	const struct member_word *words;  /* the values of an enumeration */
	const struct member_type *type;   /* of an object, or of a list's or map's elements */
	const struct member_row *element; /* of a list or map whose elements are no objects */
	const struct member_row *key;     /* of a map: its keys' constraints */
	/* Of a list with more than `most` elements: in place of the constraint's text. Of typed values that
	 * break a rule: before what is said of it. */
	const char *refusal;
};

struct member_type {
	const char *name; /* the service's */
	size_t size;
	size_t count;
	const struct member_row *members;
};

#define MEMBER_ROW(kind_, struct_, name_, field_)                                                            \
	.name = name_, .kind = kind_, .offset = offsetof(struct struct_, field_)
#define MEMBER_TYPE(name_, struct_, rows_)                                                                   \
	{                                                                                                    \
		.name = name_, .size = sizeof(struct struct_), .count = sizeof(rows_) / sizeof *(rows_),     \
		.members = rows_                                                                             \
	}

/* The row of a text in an enumeration, or NULL; its value, of a text that the walk has passed; its name. */
const struct member_word *member_word_find(const struct member_word *words, const struct member_text *text);
int member_word_value(const struct member_word *words, const struct member_text *text);
const char *member_word_name(const struct member_word *words, int value);

/* The name in a table's ARN; what is no such ARN, as it stands. */
struct member_text member_table_name(const struct member_text *text);

/* ---- Places, as the service's messages name them: keySchema.1.member.keyType ---- */

struct member_path {
	char text[512];
	size_t length;
};
/* These return the length to give back to member_path_pop. */
size_t member_path_push(struct member_path *path, const char *member);
size_t member_path_push_element(struct member_path *path, uint32_t index /* from 0 */);
size_t member_path_push_key(struct member_path *path, const struct member_text *key);
void member_path_pop(struct member_path *path, size_t length);

/* ---- Reading ---- */

struct member_reading {
	struct ddb_arena *arena;
	struct member_path path;
	bool service;        /* as the service does: what is not known is passed over, texts name no place */
	bool strings;        /* texts become C strings: U+0000 is refused */
	bool cloudformation; /* whose numbers and booleans may be strings */
	/* The first typed value that broke a rule of the model. The service tells of it after the
	 * constraints, so whoever reads such members looks here then. */
	struct ddb_error broken;
	struct ddb_error *err;
};

/*
 * Only the JSON's shape is judged: DDB_SERIALIZATION with the service's texts; DDB_VALIDATION for an unknown
 * member (unless `service`) and for what is MEMBER_UNSUPPORTED. A null stands for an absent member. *ret is
 * zeroed memory of the type's size.
 */
DDB_MUST_CHECK enum ddb_code members_read(struct member_reading *reading, const struct member_type *type,
	const struct ddb_value *json, void *ret);

/* ---- Constraints ---- */

/* DDB_VALIDATION naming each constraint that does not hold. */
DDB_MUST_CHECK enum ddb_code members_check(
	const struct member_type *type, const void *object, struct ddb_error *err);

#endif
