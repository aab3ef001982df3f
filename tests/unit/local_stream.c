/*
 * Streams of the local engine: which records a change leaves, in every way an item can change.
 */
#include "local_stream_fixture.h"

#include "engine/expr/changes.h"

#define ID_A "{\"id\":{\"S\":\"a\"}}"
#define ID_B "{\"id\":{\"S\":\"b\"}}"
#define A(n) "{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"" n "\"}}"
#define B(n) "{\"id\":{\"S\":\"b\"},\"n\":{\"N\":\"" n "\"}}"

/* ---- Put, delete ---- */

static void test_views(void **state)
{
	F;
	static const struct {
		const char *view, *wanted;
	} rows[] = {
		{"KEYS_ONLY", "INSERT " ID_A " 3\nMODIFY " ID_A " 3\nREMOVE " ID_A " 3\n"},
		{"NEW_IMAGE",
			"INSERT " ID_A " +" A("1") " 9\nMODIFY " ID_A " +" A("2") " 9\nREMOVE " ID_A " 3\n"},
		{"OLD_IMAGE",
			"INSERT " ID_A " 3\nMODIFY " ID_A " -" A("1") " 9\nREMOVE " ID_A " -" A("2") " 9\n"},
		{"NEW_AND_OLD_IMAGES", "INSERT " ID_A " +" A("1") " 9\nMODIFY " ID_A " -" A("1") " +" A(
					       "2") " 15\nREMOVE " ID_A " -" A("2") " 9\n"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		create_streamed(f, rows[i].view, false, rows[i].view);
		put(f, rows[i].view, MAP("id=S:a", "n=N:1"));
		put(f, rows[i].view, MAP("id=S:a", "n=N:2"));
		delete (f, rows[i].view, MAP("id=S:a"));
		assert_string_equal(told(f, rows[i].view), rows[i].wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_views, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
