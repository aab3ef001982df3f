# Every text of ours: at most 1,200 lines, a newline at the end, no white space at the end of a line.
set -eu

find README.md meson.build .ci docs engine mapping fs tools tests -type f ! -path '*/corpora/*' ! -name '*.pyc' | sort | {
  files=0
  failures=0
  complain() {
    echo "$1"
    failures=$((failures + 1))
  }
  while IFS= read -r file; do
    files=$((files + 1))
    lines=$(wc -l <"$file")
    [ "$lines" -le 1200 ] || complain "$file: $lines lines: divide it"
    if [ -s "$file" ] && [ "$(tail -c 1 "$file" | wc -l)" = 0 ]; then
      complain "$file: no newline at the end"
    fi
    if grep -nE '[[:space:]]$' "$file" /dev/null; then # carriage returns, too
      complain "$file: white space at the end of a line"
    fi
  done
  [ "$files" -gt 100 ] || complain "only $files files: is this the top directory?"
  [ "$failures" = 0 ]
}
