/*
 * Time to live in the tree: who is told of what has expired, which directories linger, and listings in which
 * whole pages are hidden.
 */
#include "tree_fixture.h"

#include "engine/local/ttl/expiry.h"
#include "engine/local/local_private.h"

enum { NOW = 1700000000, MANY = 1500 };

static void make_expiring(struct fixture *fixture, const char *name, bool range)
{
	char text[400];
	struct ddb_definition *definition;
	snprintf(text, sizeof text,
		"{\"AttributeDefinitions\":[{\"AttributeName\":\"h\",\"AttributeType\":\"S\"}%s],"
		"\"KeySchema\":["
		"{\"AttributeName\":\"h\",\"KeyType\":\"HASH\"}%s],"
		"\"TimeToLiveSpecification\":{\"AttributeName\":\"ttl\",\"Enabled\":true}}",
		range ? ",{\"AttributeName\":\"r\",\"AttributeType\":\"N\"}" : "",
		range ? ",{\"AttributeName\":\"r\",\"KeyType\":\"RANGE\"}" : "");
	check_code(fixture, ddb_definition_read(text, strlen(text), &definition, &fixture->err), __LINE__);
	OP(fixture, create_table, name, definition);
	ddb_definition_unref(definition);
}

static void sweep(struct fixture *fixture)
{
	struct local_engine *engine = local_of(fixture->engine);
	engine->expiry_now = NOW;
	fixture->told_count = 0;
	assert_true(local_sweep(engine));
}

static void what_expires_is_told(void **state)
{
	struct fixture *fixture = *state;
	make_expiring(fixture, "Simple", false);
	make_expiring(fixture, "Both", true);
	map_watch(fixture->map, true);
	put(fixture, "Simple", "{\"h\":\"a/b\",\"ttl\":1700000000}");
	put(fixture, "Simple", "{\"h\":\"c\",\"ttl\":1700000001}");
	put(fixture, "Both", "{\"h\":\"p\",\"r\":1,\"ttl\":1700000000}");
	put(fixture, "Both", "{\"h\":\"p\",\"r\":2,\"ttl\":1700000001}");
	put(fixture, "Both", "{\"h\":\"q\",\"r\":1,\"ttl\":1700000000}");
	sweep(fixture);
	assert_int_equal(fixture->told_count, 6);
	assert_told(fixture, "Simple/a%2Fb.json", 0);
	assert_told(fixture, "Simple/.typed/a%2Fb.json", 0);
	assert_told(fixture, "Both/p/1.json", 0);
	assert_told(fixture, "Both/.typed/p/1.json", 0);
	assert_told(fixture, "Both/q/1.json", 0);
	assert_told(fixture, "Both/.typed/q/1.json", 0);
	assert_list(fixture, "Both", ".table.json\np\nq\n"); /* the directory lingers */
	assert_list(fixture, "Both/q", "");
	map_tick_at(fixture->map, map_now_ns() + (MAP_LINGER_SECONDS + 1) * INT64_C(1000000000));
	assert_list(fixture, "Both", ".table.json\np\n");
	assert_list(fixture, "Both/p", "2.json\n");
	assert_list(fixture, "Simple", ".table.json\nc.json\n");
	map_watch(fixture->map, false);
	put(fixture, "Simple", "{\"h\":\"a\",\"ttl\":1700000000}");
	sweep(fixture);
	assert_int_equal(fixture->told_count, 0);
}

static void scratch_outlives_the_last_item(void **state)
{
	struct fixture *fixture = *state;
	make_expiring(fixture, "Both", true);
	map_watch(fixture->map, true);
	put(fixture, "Both", "{\"h\":\"p\",\"r\":1,\"ttl\":1700000000}");
	make_scratch(fixture, "Both/p/.note", "text");
	sweep(fixture);
	assert_list(fixture, "Both/p", ".note\n");
	map_watch(fixture->map, false);
	close_map(fixture); /* also the next mount knows the directory */
	open_map(fixture, false);
	assert_list(fixture, "Both", ".table.json\np\n");
	assert_text(fixture, "Both/p/.note", "text");
}

static void whole_pages_are_hidden(void **state)
{
	struct fixture *fixture = *state;
	make_expiring(fixture, "Both", true);
	make_expiring(fixture, "Simple", false);
	for (unsigned i = 0; i < MANY; i++) {
		char item[100];
		unsigned ttl = i % 700 == 650 ? NOW + 1 : NOW;
		snprintf(item, sizeof item, "{\"h\":\"p\",\"r\":%u,\"ttl\":%u}", i, ttl);
		put(fixture, "Both", item);
		snprintf(item, sizeof item, "{\"h\":\"%u\",\"ttl\":%u}", i, ttl);
		put(fixture, "Simple", item);
	}
	local_of(fixture->engine)->expiry_now = NOW;
	local_of(fixture->engine)->hide_expired = true;
	assert_list(fixture, "Both/p", "650.json\n1350.json\n");
	assert_list(fixture, "Both/.query/pk=p", "p~650.json\np~1350.json\n");
	char *names = names_of(fixture, "Simple");
	assert_true(strstr(names, "\n650.json\n") && strstr(names, "\n1350.json\n"));
	assert_int_equal(strlen(names), strlen(".table.json\n650.json\n1350.json\n"));
	free(names);
	struct map_attr attr;
	assert_errno(stat_of(fixture, "Both/p/649.json", &attr), ENOENT);
	assert_errno(stat_of(fixture, "Both/p/650.json", &attr), 0);
	assert_int_equal(attr.expires, NOW + 1);
	local_of(fixture->engine)->hide_expired = false;
	assert_errno(stat_of(fixture, "Both/p/649.json", &attr), 0);
	assert_int_equal(attr.expires, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_expires_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(scratch_outlives_the_last_item, set_up, tear_down),
		cmocka_unit_test_setup_teardown(whole_pages_are_hidden, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
