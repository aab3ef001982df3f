/*
 * The subcommands of dynamount: rows of one table (main.c), from which --help and the man page's check are
 * fed.
 */
#ifndef TOOLS_COMMAND_H
#define TOOLS_COMMAND_H

#include "engine/engine.h"

#include <getopt.h>

enum exit_status { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct option_row {
	char letter;          /* 0: none */
	const char *name;     /* long name, or NULL */
	const char *argument; /* what the help calls it, or NULL */
	const char *help;
};

struct command {
	const char *name;
	const char *arguments; /* of the usage line */
	const char *summary;
	void (*details)(void);            /* prints further help; or NULL */
	const struct option_row *options; /* ended by a row without names; NULL: none but --help */
	int (*run)(const struct command *command, int argc, char **argv);
};

extern const struct command commands[];
extern const size_t command_count;

/* getopt_long over the command's rows: the row's index, -1 at the end of options; usage errors and --help end
 * the program. */
int command_option(const struct command *command, int argc, char **argv, const char **ret_argument);
/* Prints "dynamount: …" on stderr and returns EXIT_USAGE or EXIT_FAILED. */
int command_usage(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int command_failed(const char *format, ...) __attribute__((format(printf, 1, 2)));

int mount_run(const struct command *command, int argc, char **argv);
int import_run(const struct command *command, int argc, char **argv);
int export_run(const struct command *command, int argc, char **argv);
int api_run(const struct command *command, int argc, char **argv);
int check_run(const struct command *command, int argc, char **argv);
int rekey_run(const struct command *command, int argc, char **argv);
int trigger_run(const struct command *command, int argc, char **argv);

extern const struct option_row mount_rows[], import_rows[], export_rows[], api_rows[], check_rows[],
	rekey_rows[], trigger_rows[];
void mount_details(void);
void api_details(void);
void rekey_details(void);
void trigger_details(void);

/* Whether a path is the root of a mounted dynamount. */
bool is_mount(const char *path);
/* Whether it is that of a transaction or snapshot in one. */
bool is_view(const char *path);
/* Whether STORE names a DynamoDB endpoint rather than a directory. */
bool is_endpoint(const char *store);
struct ddb_local_options;
/*
 * Something to be done with a local store. One whose mount was taken away a moment ago is waited for:
 * umount(8) does not wait for the process that still closes it.
 */
typedef enum ddb_code store_attempt(const char *path, void *context, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code try_patiently(
	const char *path, store_attempt *attempt, void *context, struct ddb_error *err);
/* ddb_local_open, so. */
DDB_MUST_CHECK enum ddb_code open_patiently(const char *path, const struct ddb_local_options *options,
	struct ddb_engine **ret, struct ddb_error *err);
/* Opens a local store for a tool; the error is printed. NULL: failed. */
struct ddb_engine *open_store(const char *path, const char *keyfile, bool must_exist, bool read_only);

#endif
