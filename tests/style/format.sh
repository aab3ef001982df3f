# Names the files that clang-format would change, and does not fail: tables by hand may be better than its own.
set -eu

if ! command -v clang-format >/dev/null; then
  echo "clang-format is not installed"
  exit 77
fi
find engine mapping fs tools tests -name '*.[ch]' -exec clang-format --style=file --dry-run {} + 2>&1 |
  sed -n 's/^\([^ :]*\):[0-9]*:[0-9]*: warning: code should be clang-formatted.*/\1/p' | sort | uniq -c
