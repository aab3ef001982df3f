/*
 * Reads and makes the file of the master key. The text passes through secret memory only.
 */
#include "engine/store/masterkey.h"
#include "engine/store/fault.h"
#include "engine/store/file.h"
#include "engine/store/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

enum { HEX_DIGITS = 2 * STORE_SECRET_BYTES };

static bool is_space(uint8_t byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool key_parse(const uint8_t *text, size_t length, uint8_t ret[STORE_SECRET_BYTES])
{
	size_t start = 0, end = length;
	while (start < end && is_space(text[start]))
		start++;
	while (end > start && is_space(text[end - 1]))
		end--;
	size_t done;
	if (end - start == HEX_DIGITS &&
		!sodium_hex2bin(
			ret, STORE_SECRET_BYTES, (const char *)text + start, HEX_DIGITS, NULL, &done, NULL) &&
		done == STORE_SECRET_BYTES)
		return true;
	if (length != STORE_SECRET_BYTES)
		return false;
	memcpy(ret, text, STORE_SECRET_BYTES);
	return true;
}

static enum ddb_code fail_reading(struct ddb_error *err, const char *path, int rc)
{
	return ddb_fail(err, DDB_ACCESS_DENIED, "the master key %s cannot be read: %s", path, strerror(rc));
}

enum ddb_code store_masterkey_read(
	int directory, const char *path, uint8_t ret[STORE_SECRET_BYTES], struct ddb_error *err)
{
	STORE_SECRET_AUTO uint8_t *text = store_secret_new(STORE_MASTERKEY_MAX + 1, NULL);
	if (!text)
		return ddb_fail_memory(err);
	int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return fail_reading(err, path, errno);
	ssize_t length = store_file_read(fd, text, STORE_MASTERKEY_MAX + 1);
	int failure = errno;
	close(fd);
	if (length < 0)
		return fail_reading(err, path, failure);
	if (length > STORE_MASTERKEY_MAX || !key_parse(text, (size_t)length, ret))
		return ddb_fail(err, DDB_VALIDATION,
			"the master key %s is neither %d hexadecimal digits nor %d bytes", path, HEX_DIGITS,
			STORE_SECRET_BYTES);
	return DDB_OK;
}

enum ddb_code store_masterkey_make(
	int directory, const char *path, uint8_t ret[STORE_SECRET_BYTES], struct ddb_error *err)
{
	STORE_SECRET_AUTO char *text = store_secret_new(HEX_DIGITS + 2, NULL);
	if (!text)
		return ddb_fail_memory(err);
	randombytes_buf(ret, STORE_SECRET_BYTES);
	sodium_bin2hex(text, HEX_DIGITS + 2, ret, STORE_SECRET_BYTES);
	text[HEX_DIGITS] = '\n';
	int rc = store_file_make(directory, path, text, HEX_DIGITS + 1);
	return rc ? store_fault(err, rc, "the master key cannot be written") : DDB_OK;
}
