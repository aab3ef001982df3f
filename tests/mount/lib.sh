# For the scripts in this directory: a store and a mountpoint of one's own, assertions, and a clean end.
# The daemon must say nothing on stderr and exit 0, whatever the test does (but for tests that kill it).
set -u
set -o pipefail
export LC_ALL=C.UTF-8

: "${DYNAMOUNT:?the path of the dynamount program}"
iso=/usr/share/iso-codes/json
work=$(mktemp -d "${TMPDIR:-/tmp}/dynamount-test.XXXXXX")
store=$work/store
mnt=$work/mnt
daemon=
mkdir "$mnt"
failures=0

fail() {
  printf 'FAILED line %s: %s\n' "${BASH_LINENO[$((${#BASH_LINENO[@]} - 2))]}" "$*" >&2
  failures=$((failures + 1))
}

# check WHAT COMMAND…: the command succeeds
check() {
  local what=$1
  shift
  "$@" || fail "$what: exit $? from: $*"
}

# refused WHAT COMMAND…: the command fails, with a message on stderr
refused() {
  local what=$1 said
  shift
  if said=$("$@" 2>&1 >/dev/null); then
    fail "$what: succeeded: $*"
  elif [ -z "$said" ]; then
    fail "$what: failed without a word: $*"
  fi
}

# same WHAT EXPECTED GOT
same() {
  [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
}

# poll WHAT COMMAND…: the command comes to succeed within 20 seconds
poll() {
  local what=$1 tries=0
  shift
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ $tries -ge 1000 ]; then
      fail "$what: not within 20 s: $*"
      return 1
    fi
    sleep 0.02
  done
}

# The message of the last refusal in /.errors
last_error() {
  tail -n 1 "$mnt/.errors" | jq -r "${1:-.message}"
}

# Nothing is open but what reads this: the kernel tells of a close after it.
all_closed() { [[ $(<"$mnt/.status") =~ \"handles\":\ ?[01], ]]; }

# start [OPTIONS]: mounts $store on $mnt, in the foreground of a background job, so that its exit status can be had
start() {
  "$DYNAMOUNT" "$store" "$mnt" -f ${1:+-o "$1"} 2>"$work/stderr" &
  daemon=$!
  poll "mount" test -e "$mnt/.status" || { cat "$work/stderr" >&2; finish; }
}

# stop: unmounts; the daemon must end well
stop() {
  umount "$mnt" || fail "umount"
  wait "$daemon" || fail "the daemon's exit status is $?"
  daemon=
  [ ! -s "$work/stderr" ] || fail "the daemon said: $(cat "$work/stderr")"
}

# die: kill -9
die() {
  kill -9 "$daemon"
  wait "$daemon" 2>/dev/null
  daemon=
  umount -l "$mnt" 2>/dev/null
}

cleanup() {
  [ -z "$daemon" ] || kill -9 "$daemon" 2>/dev/null
  umount -l "$mnt" 2>/dev/null
  umount -l "$work/disk" 2>/dev/null
  rm -rf "$work"
}
trap cleanup EXIT

# finish: the end of every script
finish() {
  [ -z "$daemon" ] || stop
  if [ $failures -gt 0 ]; then
    echo "$failures failures" >&2
    exit 1
  fi
  exit 0
}

# The real data: countries (partition key only), languages, and subdivisions (country, code)
countries() { jq -c '.[][]' $iso/iso_3166-1.json; }
languages() { jq -c '.[][]' $iso/iso_639-3.json; }
subdivisions() { jq -c '.[][] | .country = .code[0:2]' $iso/iso_3166-2.json; }
import_real_data() {
  countries | "$DYNAMOUNT" import "$1" Countries --key alpha_2 - >/dev/null &&
    subdivisions | "$DYNAMOUNT" import "$1" Subdivisions --key country,code - >/dev/null
}
