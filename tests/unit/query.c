/*
 * The components of a query's path: a row for each rule, with what is asked of the engine for it or why it is
 * refused; then which names are entries, and which entries are there.
 */
#include "tests/unit/tree_fixture.h"

#include "mapping/query/entry.h"
#include "mapping/query/query.h"

static void make_defined(struct fixture *fixture, const char *name, const char *text)
{
	struct ddb_definition *definition;
	check_code(fixture, ddb_definition_read(text, strlen(text), &definition, &fixture->err), __LINE__);
	OP(fixture, create_table, name, definition);
	ddb_definition_unref(definition);
}

#define ATTRIBUTE(name, type) "{\"AttributeName\":\"" name "\",\"AttributeType\":\"" type "\"}"
#define KEY(name, type) "{\"AttributeName\":\"" name "\",\"KeyType\":\"" type "\"}"

static void make_tables(struct fixture *fixture)
{
	make_table(fixture, "Simple", 'S', '\0');
	make_table(fixture, "Numbers", 'N', 'B');
	make_defined(fixture, "Orders",
		"{\"AttributeDefinitions\":[" ATTRIBUTE("h", "S") "," ATTRIBUTE("r", "N") "," ATTRIBUTE(
			"a", "S") "," ATTRIBUTE("b", "N") "," ATTRIBUTE("c", "S") "," ATTRIBUTE("d",
			"N") "," ATTRIBUTE("e",
			"B") "],"
			     "\"KeySchema\":[" KEY("h", "HASH") "," KEY("r",
				     "RANGE") "],"
					      "\"GlobalSecondaryIndexes\":["
					      "{\"IndexName\":\"bare\",\"KeySchema\":[" KEY("a",
						      "HASH") "],"
							      "\"Projection\":{\"ProjectionType\":\"KEYS_"
							      "ONLY\"}},"
							      "{\"IndexName\":\"multi\",\"KeySchema\":[" KEY(
								      "a", "HASH") "," KEY("b",
								      "HASH") "," KEY("c",
								      "RANGE") "," KEY("d",
								      "RANGE") "," KEY("e",
								      "RANGE") "],"
									       "\"Projection\":{"
									       "\"ProjectionType\":"
									       "\"INCLUDE\","
									       "\"NonKeyAttributes\":["
									       "\"note\"]}}],"
									       "\"LocalSecondaryIndexes\":[{"
									       "\"IndexName\":\"near\","
									       "\"KeySchema\":[" KEY("h",
										       "HASH") "," KEY("c",
										       "RANGE") "],"
												"\"Projection"
												"\":{"
												"\"Projection"
												"Type\":"
												"\"KEYS_"
												"ONLY\"}}]}");
	assert_errno(map_mkdir(fixture->map, &me, "New"), 0);
}

/* ---- What a path asks ---- */

static void describe_values(const struct ddb_value *values, unsigned count, struct ddb_buffer *out)
{
	char name[MAP_NAME_MAX + 1];
	map_name_of_keys(values, count, false, name);
	ddb_buffer_add_string(out, name);
}

static void describe_bound(const struct ddb_bound *bound, const char *sign, struct ddb_buffer *out)
{
	if (!bound->given)
		return;
	ddb_buffer_add_format(out, " %s%s", sign, bound->inclusive ? "=" : "");
	describe_values(&bound->value, 1, out);
}

static void describe(const struct map_query *query, struct ddb_buffer *out)
{
	const struct ddb_key_range *range = &query->range;
	char name[MAP_NAME_MAX + 1];
	ddb_buffer_add_string(out, query->has_partition ? "query" : query->nobody ? "nobody" : "scan");
	if (query->has_partition) {
		map_query_partition_name(&range->partition, name);
		ddb_buffer_add_format(out, " %s", name);
	}
	if (range->prefix_count) {
		ddb_buffer_add_string(out, " =");
		describe_values(range->prefix, range->prefix_count, out);
	}
	describe_bound(&range->lower, ">", out);
	describe_bound(&range->upper, "<", out);
	if (range->has_begins_with) {
		ddb_buffer_add_string(out, " ^");
		describe_values(&range->begins_with, 1, out);
	}
	ddb_buffer_add_string(out, query->filter ? " filter" : "");
	ddb_buffer_add_string(out, query->selection ? " select" : "");
	if (query->limit)
		ddb_buffer_add_format(out, " limit %u", query->limit);
	if (query->page)
		ddb_buffer_add_format(out, " page %u", query->page);
	ddb_buffer_add_string(out, query->backward ? " desc" : "");
	ddb_buffer_add_byte(out, '\0');
}

#define X100                                                                                                 \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"xx"

/* `wanted`: what is asked, or an errno and what the message has. */
static const struct row {
	const char *path;
	int number;
	const char *wanted;
} rows[] = {
	/* one component each */
	{"Orders/.query/pk=alice", 0, "query alice"},
	{"Orders/.query/sk=5", 0, "scan =5"},
	{"Orders/.query/sk.lt=5", 0, "scan <5"},
	{"Orders/.query/sk.le=5", 0, "scan <=5"},
	{"Orders/.query/sk.gt=5", 0, "scan >5"},
	{"Orders/.query/sk.ge=5", 0, "scan >=5"},
	{"Orders/.query/filter=x > 3", 0, "scan filter"},
	{"Orders/.query/select=a,b.c[0]", 0, "scan select"},
	{"Orders/.query/limit=7", 0, "scan limit 7"},
	{"Orders/.query/page=4294967295", 0, "scan page 4294967295"},
	{"Orders/.query/desc", 0, "scan desc"},
	{"Orders/.index/multi/.query/sk.begins_with=ab", 0, "scan ^ab"},
	/* any order */
	{"Orders/.query/pk=alice/sk.ge=-1/sk.lt=2.5/limit=3/page=9/desc/filter=x = 'y'/select=x", 0,
		"query alice >=-1 <2.5 filter select limit 3 page 9 desc"},
	{"Orders/.query/select=x/filter=x = 'y'/desc/page=9/limit=3/sk.lt=2.5/sk.ge=-1/pk=alice", 0,
		"query alice >=-1 <2.5 filter select limit 3 page 9 desc"},
	{"Orders/.typed/.query/pk=alice", 0, "query alice"},
	/* values are names of keys */
	{"Orders/.query/pk=a%2Fb%25c%7Ed%0A", 0, "query a%2Fb%25c%7Ed%0A"},
	{"Orders/.query/pk=%2Ea.b", 0, "query %2Ea.b"},
	{"Orders/.query/pk=a=b", 0, "query a=b"},
	{"Numbers/.query/pk=-0.5/sk=QUJD", 0, "query -0.5 =QUJD"},
	{"Numbers/.query/pk=1/sk.begins_with=QUI", 0, "query 1 ^QUI"},
	{"Numbers/.query/pk=042", EINVAL, "not the name of a partition key"},
	{"Numbers/.query/pk=1e3", EINVAL, "not the name of a partition key"},
	{"Numbers/.query/pk=x", EINVAL, "not the name of a partition key"},
	{"Numbers/.query/sk=QUJ=", EINVAL, "not the name of a sort key"},
	{"Orders/.query/pk=", EINVAL, "not the name of a partition key"},
	{"Orders/.query/pk=.a", EINVAL, "not the name of a partition key"},
	{"Orders/.query/pk=a%2fb", EINVAL, "not the name of a partition key"},
	{"Orders/.query/pk=%41", EINVAL, "not the name of a partition key"},
	{"Orders/.query/pk=a%", EINVAL, "not the name of a partition key"},
	{"Orders/.query/pk=\xff", EINVAL, "not the name of a partition key"},
	{"Orders/.query/pk=a~b", EINVAL, "not the name of a partition key"},
	{"Orders/.query/sk=five", EINVAL, "not the name of a sort key"},
	{"Orders/.query/sk=1~2", EINVAL, "fewer attributes"},
	{"Simple/.query/sk=1", EINVAL, "no sort key"},
	{"Orders/.index/bare/.query/sk.gt=1", EINVAL, "no sort key"},
	{"Orders/.query/sk.begins_with=1", EINVAL, "begins_with takes no number"},
	/* long ones: whole, or the long form, which nobody has */
	{"Simple/.query/pk=" X100 X100 X100, 0, "query " X100 X100 "~~ltp7rnwxcrnoil2nvp3j4kmrmc4m46rq"},
	{"Simple/.query/pk=" X100 X100 "~~aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0, "nobody"},
	{"Simple/.query/pk=" X100 "~~aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", EINVAL,
		"not the name of a partition key"},
	/* several key attributes */
	{"Orders/.index/multi/.query/pk=x~1", 0, "query x~1"},
	{"Orders/.index/multi/.query/pk=x", EINVAL, "not the name of a partition key"},
	{"Orders/.index/multi/.query/pk=x~1~2", EINVAL, "not the name of a partition key"},
	{"Orders/.index/multi/.query/pk=x~y", EINVAL, "not the name of a partition key"},
	{"Orders/.index/multi/.query/sk=c", 0, "scan =c"},
	{"Orders/.index/multi/.query/sk=c~1", 0, "scan =c~1"},
	{"Orders/.index/multi/.query/sk=c~1~QQ", 0, "scan =c~1~QQ"},
	{"Orders/.index/multi/.query/sk=c~1~QQ~x", EINVAL, "fewer attributes"},
	{"Orders/.index/multi/.query/sk.ge=c~1", 0, "scan =c >=1"},
	{"Orders/.index/multi/.query/sk=c/sk.ge=c~1/sk.lt=c~9", 0, "scan =c >=1 <9"},
	{"Orders/.index/multi/.query/sk=c/sk.ge=c~1~QQ", 0, "scan =c~1 >=QQ"},
	{"Orders/.index/multi/.query/sk.begins_with=c~1~QQ", 0, "scan =c~1 ^QQ"},
	{"Orders/.index/multi/.query/sk.begins_with=c~1", EINVAL, "begins_with takes no number"},
	/* contradictions */
	{"Orders/.query/pk=a/pk=b", EINVAL, "only once: pk"},
	{"Orders/.query/desc/desc", EINVAL, "only once: desc"},
	{"Orders/.query/limit=1/limit=1", EINVAL, "only once: limit"},
	{"Orders/.query/sk=1/sk.ge=1", EINVAL, "contradict each other"},
	{"Orders/.query/sk.ge=1/sk.gt=0", EINVAL, "contradict each other"},
	{"Orders/.query/sk.le=1/sk.lt=5", EINVAL, "contradict each other"},
	{"Orders/.query/sk.gt=5/sk.lt=3", EINVAL, "contradict each other"},
	{"Orders/.query/sk.ge=5/sk.lt=5", EINVAL, "contradict each other"},
	{"Orders/.query/sk.ge=5/sk.le=5", 0, "scan >=5 <=5"},
	{"Orders/.index/multi/.query/sk.begins_with=a/sk.ge=a", EINVAL, "contradict each other"},
	{"Orders/.index/multi/.query/sk.ge=c~1/sk.lt=d~2", EINVAL, "contradict each other"},
	{"Orders/.index/multi/.query/sk.ge=c~1/sk.lt=c", EINVAL, "contradict each other"},
	{"Orders/.index/multi/.query/sk=d/sk.ge=c~1", EINVAL, "contradict each other"},
	/* counts */
	{"Orders/.query/limit=0", EINVAL, "from 1 to 4294967295: limit"},
	{"Orders/.query/limit=", EINVAL, "from 1 to 4294967295: limit"},
	{"Orders/.query/limit=01", EINVAL, "from 1 to 4294967295: limit"},
	{"Orders/.query/limit=1x", EINVAL, "from 1 to 4294967295: limit"},
	{"Orders/.query/page=4294967296", EINVAL, "from 1 to 4294967295: page"},
	{"Orders/.query/page=-1", EINVAL, "from 1 to 4294967295: page"},
	/* expressions */
	{"Orders/.query/filter=x = 'a%2Fb%25c%7Ed'", 0, "scan filter"},
	{"Orders/.query/filter=size = 1 and `a b` <> null", 0, "scan filter"},
	{"Orders/.query/filter=", EINVAL, "The expression can not be empty;"},
	{"Orders/.query/filter=x >", EINVAL, "Invalid FilterExpression: Syntax error;"},
	{"Orders/.query/filter=x = 'a~b'", EINVAL, "written %XX"},
	{"Orders/.query/filter=x = '%41'", EINVAL, "written %XX"},
	{"Orders/.query/filter=x = :v", EINVAL, ":v"},
	{"Orders/.query/filter=((x = 1))", EINVAL, "redundant parentheses"},
	{"Orders/.query/filter=begins_with(x, 1)", EINVAL, "begins_with"},
	{"Orders/.query/select=", EINVAL, "The expression can not be empty;"},
	{"Orders/.query/select=a,a", EINVAL, "overlap"},
	{"Orders/.query/select=a,", EINVAL, "Syntax error"},
	/* DynamoDB's rules for the whole */
	{"Orders/.query/filter=h = 'x'", 0, "scan filter"},
	{"Orders/.query/pk=a/filter=r > 1", EINVAL,
		"Filter Expression can only contain non-primary key attributes: Primary key attribute: r"},
	{"Orders/.query/filter=h = 'x'/pk=a", EINVAL,
		"Filter Expression can only contain non-primary key attributes: Primary key attribute: h"},
	{"Orders/.index/bare/.query/pk=a/filter=h = 'x'", 0, "query a filter"},
	{"Orders/.index/bare/.query/pk=a/filter=a = 'x'", EINVAL, "Primary key attribute: a"},
	{"Orders/.index/multi/.query/select=note,a,h,r,e", 0, "scan select"},
	{"Orders/.index/multi/.query/select=other", EINVAL, "does not project [other]"},
	{"Orders/.index/near/.query/select=other", 0, "scan select"},
	/* what is no component */
	{"Orders/.query/what=1", ENOENT, "no such directory: what=1"},
	{"Orders/.query/pk", ENOENT, ""},
	{"Orders/.query/desc=1", ENOENT, ""},
	{"Orders/.query/PK=1", ENOENT, ""},
	{"Orders/.query/sk.eq=1", ENOENT, ""},
	{"Orders/.query/=", ENOENT, ""},
	{"Orders/.query/count", ENOENT, ""},
	{"Orders/.query/items.jsonl", ENOENT, ""},
	{"Orders/.index/none/.query", ENOENT, ""},
	{"New/.query/pk=a", EINVAL, "A table without a definition cannot be queried: New"},
};

/* Both of the last component and of one on the way. */
static void check_row(struct fixture *fixture, const struct row *row)
{
	DDB_ARENA_AUTO struct ddb_arena arena;
	DDB_BUFFER_AUTO struct ddb_buffer text;
	struct map_place place;
	ddb_arena_init(&arena, 1 << 20);
	ddb_buffer_init(&text, 1 << 16);
	fixture->err.message[0] = '\0';
	int number = map_resolve_directory(fixture->map, &arena, row->path, &place, &fixture->err);
	if (number != row->number)
		fail_msg("%s: %s (%s)", row->path, number ? map_errno_name(number) : "0",
			fixture->err.message);
	if (number) {
		if (number == EINVAL && !strstr(fixture->err.message, row->wanted))
			fail_msg("%s: %s", row->path, fixture->err.message);
		assert_stat(fixture, row->path, number);
		assert_true(number == ENOENT || is_recorded(fixture, row->wanted));
		return;
	}
	describe(place.query, &text);
	map_place_done(&place);
	if (strcmp(text.bytes, row->wanted))
		fail_msg("%s: %s", row->path, text.bytes);
	assert_stat(fixture, row->path, 0);
}

static void test_components(void **state)
{
	struct fixture *fixture = *state;
	make_tables(fixture);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		check_row(fixture, &rows[i]);
}

static void test_component_length(void **state)
{
	struct fixture *fixture = *state;
	char path[2000];
	make_tables(fixture);
	int length = snprintf(path, sizeof(path), "Simple/.query/");
	snprintf(path + length, sizeof(path) - (size_t)length, "pk=%01021d", 0);
	assert_stat(fixture, path, 0);
	strcat(path, "0");
	assert_stat(fixture, path, ENAMETOOLONG);
	path[length + MAP_COMPONENT_MAX] = '\0';
	strcat(path, "/count");
	assert_text(fixture, path, "0\n");
}

/* ---- Entries ---- */

static void put_orders(struct fixture *fixture)
{
	put(fixture, "Orders",
		"{\"h\":\"alice\",\"r\":1,\"a\":\"x\",\"b\":2,\"c\":\"k\",\"d\":3,\"e\":{\"$binary\":\"QQ=="
		"\"},"
		"\"note\":\"n\",\"other\":true}");
	put(fixture, "Orders", "{\"h\":\"alice\",\"r\":2,\"a\":\"x\",\"other\":7}");
	put(fixture, "Orders", "{\"h\":\"bob\",\"r\":-1,\"other\":9}");
}

static void test_listings(void **state)
{
	struct fixture *fixture = *state;
	make_tables(fixture);
	put_orders(fixture);
	assert_list(fixture, "Orders/.query", "");
	assert_list(fixture, "Orders/.query/pk=alice", "alice~1.json\nalice~2.json\n");
	assert_list(fixture, "Orders/.query/pk=alice/desc", "alice~2.json\nalice~1.json\n");
	assert_list(fixture, "Orders/.query/pk=alice/desc/limit=1", "alice~2.json\n");
	assert_list(fixture, "Orders/.query/pk=alice/page=1", "alice~1.json\nalice~2.json\n");
	assert_list(fixture, "Orders/.query/pk=alice/filter=other = 7", "alice~2.json\n");
	assert_list(fixture, "Orders/.query/sk.lt=0", "bob~-1.json\n");
	assert_list(fixture, "Orders/.query/pk=nobody", "");
	assert_list(fixture, "Orders/.query/pk=alice/select=other", "alice~1.json\nalice~2.json\n");
	assert_list(fixture, "Orders/.query/sk.lt=0/select=none/limit=5", "bob~-1.json\n");
	assert_list(fixture, "Orders/.index", "near\nbare\nmulti\n");
	assert_list(fixture, "Orders/.index/bare", "x\n");
	assert_list(fixture, "Orders/.index/bare/x", "alice~1.json\nalice~2.json\n");
	assert_list(fixture, "Orders/.index/multi", "x~2\n");
	assert_list(fixture, "Orders/.index/multi/x~2", "k~3~QQ~alice~1.json\n");
	assert_list(fixture, "Orders/.index/near", "alice\n");
	assert_list(fixture, "Orders/.index/near/.query/pk=alice", "k~alice~1.json\n");
	assert_list(fixture, "Orders/.index/near/.query/pk=alice/select=other", "k~alice~1.json\n");
	assert_list(fixture, "Orders/.index/multi/.scan", "items.jsonl\n");
	assert_list(fixture, "Orders/.typed/.index/multi/x~2", "k~3~QQ~alice~1.json\n");
}

static void test_documents(void **state)
{
	struct fixture *fixture = *state;
	make_tables(fixture);
	put_orders(fixture);
	assert_text(fixture, "Orders/.query/pk=bob/bob~-1.json",
		"{\n  \"h\": \"bob\",\n  \"r\": -1,\n  \"other\": 9\n}\n");
	assert_text(fixture, "Orders/.query/select=other/bob~-1.json", "{\n  \"other\": 9\n}\n");
	assert_text(fixture, "Orders/.query/select=none/bob~-1.json", "{}\n");
	assert_text(fixture, "Orders/.typed/.query/select=other/bob~-1.json",
		"{\n  \"other\": {\n    \"N\": \"9\"\n  }\n}\n");
	assert_text(fixture, "Orders/.index/bare/x/alice~2.json",
		"{\n  \"h\": \"alice\",\n  \"r\": 2,\n  \"a\": \"x\"\n}\n");
	assert_text(fixture, "Orders/.index/near/.query/pk=alice/select=other/k~alice~1.json",
		"{\n  \"other\": true\n}\n");
	assert_text(fixture, "Orders/.query/pk=alice/items.jsonl",
		"{\"h\":\"alice\",\"r\":1,\"a\":\"x\",\"b\":2,\"c\":\"k\",\"d\":3,\"e\":{\"$binary\":\"QQ=="
		"\"},\"note\":\"n\",\"other\":true}\n"
		"{\"h\":\"alice\",\"r\":2,\"a\":\"x\",\"other\":7}\n");
	assert_text(fixture, "Orders/.query/pk=alice/desc/select=r/items.jsonl", "{\"r\":2}\n{\"r\":1}\n");
	assert_text(fixture, "Orders/.query/pk=alice/desc/select=r/limit=1/items.jsonl", "{\"r\":2}\n");
	assert_text(fixture, "Orders/.index/bare/.scan/items.jsonl",
		"{\"h\":\"alice\",\"r\":1,\"a\":\"x\"}\n{\"h\":\"alice\",\"r\":2,\"a\":\"x\"}\n");
	/* the filter sees what the index has, or all where all is fetched: in each of its files */
	assert_list(fixture, "Orders/.index/near/.query/pk=alice/filter=attribute_exists(other)", "");
	assert_text(
		fixture, "Orders/.index/near/.query/pk=alice/filter=attribute_exists(other)/count", "0\n");
	assert_stat(fixture,
		"Orders/.index/near/.query/pk=alice/filter=attribute_exists(other)/k~alice~1.json", ENOENT);
	assert_list(fixture, "Orders/.index/near/.query/select=other/filter=attribute_exists(other)",
		"k~alice~1.json\n");
	assert_text(fixture, "Orders/.index/near/.query/select=other/filter=attribute_exists(other)/count",
		"1\n");
	assert_text(fixture,
		"Orders/.index/near/.query/select=other/sk.ge=k/filter=attribute_exists(other)/count", "1\n");
	assert_text(fixture,
		"Orders/.index/near/.query/select=other/filter=attribute_exists(other)/items.jsonl",
		"{\"other\":true}\n");
	assert_stat(fixture,
		"Orders/.index/near/.query/select=other/filter=attribute_exists(other)/k~alice~1.json", 0);
	assert_text(fixture, "Orders/.query/pk=alice/count", "2\n");
	assert_text(fixture, "Orders/.query/sk.ge=2/count", "1\n");
	assert_text(fixture, "Orders/.index/bare/x/count", "2\n");
	assert_text(fixture, "Orders/.query/pk=alice/filter=other = 7/explain",
		"{\n  \"operation\": \"Query\",\n  \"index\": null,\n  \"examined\": 2,\n  \"returned\": "
		"1,\n  \"capacity\": 1\n}\n");
	assert_text(fixture, "Orders/.index/bare/.query/filter=attribute_exists(other)/explain",
		"{\n  \"operation\": \"Scan\",\n  \"index\": \"bare\",\n  \"examined\": 2,\n  \"returned\": "
		"0,\n  \"capacity\": 0.5\n}\n");
}

/* An entry is there if its item is and meets the conditions. */
static void test_entries(void **state)
{
	static const struct {
		const char *path;
		int number;
	} entries[] = {
		{"Orders/.query/pk=alice/alice~1.json", 0},
		{"Orders/.query/pk=alice/limit=1/alice~2.json", 0},
		{"Orders/.query/pk=alice/alice~3.json", ENOENT},
		{"Orders/.query/pk=alice/bob~-1.json", ENOENT},
		{"Orders/.query/pk=alice/alice~01.json", ENOENT},
		{"Orders/.query/pk=alice/alice.json", ENOENT},
		{"Orders/.query/pk=alice/alice~1", ENOENT},
		{"Orders/.query/pk=alice/1.json", ENOENT},
		{"Orders/.query/pk=alice/sk.gt=1/alice~1.json", ENOENT},
		{"Orders/.query/pk=alice/sk.gt=1/alice~2.json", 0},
		{"Orders/.query/filter=other = 7/alice~2.json", 0},
		{"Orders/.query/filter=other = 7/alice~1.json", ENOENT},
		{"Orders/.query/filter=other = 7/alice~2.json/x", ENOTDIR},
		{"Orders/.query/alice~1.json", ENOENT},
		{"Orders/.index/bare/x/alice~1.json", 0},
		{"Orders/.index/bare/y", ENOENT},
		{"Orders/.index/bare/y/alice~1.json", ENOENT},
		{"Orders/.index/bare/x/bob~-1.json", ENOENT},
		{"Orders/.index/multi/x~2/k~3~QQ~alice~1.json", 0},
		{"Orders/.index/multi/x~2/k~3~QR~alice~1.json", ENOENT},
		{"Orders/.index/multi/x~2/k~4~QQ~alice~1.json", ENOENT},
		{"Orders/.index/multi/.query/sk.ge=k~3/k~3~QQ~alice~1.json", 0},
		{"Orders/.index/multi/.query/sk.gt=k~3/k~3~QQ~alice~1.json", ENOENT},
		{"Orders/.index/near/.query/limit=9/k~alice~1.json", 0},
		{"Orders/.index/near/.query/limit=9/k~alice~2.json", ENOENT},
	};
	struct fixture *fixture = *state;
	make_tables(fixture);
	put_orders(fixture);
	for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++)
		assert_stat(fixture, entries[i].path, entries[i].number);
}

/* A key may look like a component: where it is a result, its name is an entry's. */
static void test_component_or_entry(void **state)
{
	struct fixture *fixture = *state;
	struct map_attr attr;
	make_tables(fixture);
	put(fixture, "Simple", "{\"h\":\"pk=a\"}");
	assert_list(fixture, "Simple/.query/limit=5", "pk=a.json\n");
	assert_errno(stat_of(fixture, "Simple/.query/limit=5/pk=a.json", &attr), 0);
	assert_false(attr.directory);
	assert_errno(stat_of(fixture, "Simple/.query/limit=5/pk=b.json", &attr), 0);
	assert_true(attr.directory);
	assert_errno(stat_of(fixture, "Simple/.query/pk=a.json", &attr), 0);
	assert_true(attr.directory);
	assert_list(fixture, "Simple/.query/pk=pk=a", "pk=a.json\n");
	assert_text(fixture, "Simple/.query/pk=pk=a/pk=a.json", "{\n  \"h\": \"pk=a\"\n}\n");
}

/* A scan cannot go backward: not once it is to be read. */
static void test_order_of_scan(void **state)
{
	struct fixture *fixture = *state;
	struct map_file *file;
	struct map_attr attr;
	struct map_dirent entry;
	make_tables(fixture);
	struct map_dir *dir = open_dir(fixture, "Orders/.query/desc");
	assert_errno(map_dir_entry(dir, 0, &entry), EINVAL);
	map_dir_free(dir);
	assert_errno(map_open(fixture->map, &me, "Orders/.query/desc/count", O_RDONLY, &file, &attr), EINVAL);
	assert_errno(map_open(fixture->map, &me, "Orders/.query/desc/items.jsonl", O_RDONLY, &file, &attr),
		EINVAL);
	assert_true(is_recorded(fixture, "A scan has no order"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_components),
		TEST(test_component_length),
		TEST(test_listings),
		TEST(test_documents),
		TEST(test_entries),
		TEST(test_component_or_entry),
		TEST(test_order_of_scan),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
