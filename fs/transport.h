/*
 * What passes between us and /dev/fuse, as bytes: requests are counted by their opcode, and the reply to INIT
 * gets the flags that libfuse 3.14 knows but does not send (and one that it does not know), of those that the
 * kernel offered.
 */
#ifndef FS_TRANSPORT_H
#define FS_TRANSPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fuse_session;
struct ddb_json_out;
struct fs;

enum { FS_OPCODES = 64 };

struct fs_counts {
	atomic_uint_fast64_t requests[FS_OPCODES];
	uint64_t offered;     /* INIT flags of the kernel */
	uint64_t init_unique; /* the INIT request under way; 0: none */
};

/* Installs itself between the mounted session and its file descriptor. False: not possible, with a message on
 * stderr. */
bool fs_transport_install(struct fs *fs);
/* A message that answers no request: its code (as in linux/fuse.h), its body, and what follows the body.
 * False: the kernel would not have it. */
bool fs_transport_notify(struct fs *fs, int code, void *body, size_t body_size, void *data, size_t size);
/* "requests": {"LOOKUP": 3, …} */
void fs_transport_status(const struct fs_counts *counts, struct ddb_json_out *json);

#endif
