/* Plain documents. */
#include "tests/fuzz/documents.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	fuzz_document(DDB_RENDER_PLAIN, (const char *)bytes, size);
	return 0;
}
