/*
 * What must hold of the text of a document, in either rendering.
 */
#ifndef FUZZ_DOCUMENTS_H
#define FUZZ_DOCUMENTS_H

#include "mapping/document/document.h"

void fuzz_document(enum ddb_rendering rendering, const char *text, size_t length);

#endif
