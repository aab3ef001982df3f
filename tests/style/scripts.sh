# Every shell script can be parsed by the shell that it is for, and what begins with #! can be run.
set -eu

find .ci tools tests -type f \( -name '*.sh' -o ! -name '*.*' \) ! -path '*/corpora/*' | sort | {
  scripts=0
  failures=0
  complain() {
    echo "$1"
    failures=$((failures + 1))
  }
  while IFS= read -r file; do
    interpreter=$(sed -n '1s/^#! *\(.*\)/\1/p' "$file")
    [ -z "$interpreter" ] || [ -x "$file" ] || complain "$file: not executable"
    case $interpreter:$file in
      /bin/sh:* | :tests/style/*.sh) shell=sh ;;
      */bash:* | "/usr/bin/env bash":* | :*.sh) shell=bash ;;
      *) continue ;;
    esac
    scripts=$((scripts + 1))
    "$shell" -n "$file" || complain "$file: not for $shell"
  done
  [ "$scripts" -gt 10 ] || complain "only $scripts scripts: is this the top directory?"
  [ "$failures" = 0 ]
}
