# The command line: help and manual, exit statuses, messages, options, and all ways to mount.
. "$TESTS/lib.sh" || exit 1

manual=$TESTS/../../docs/dynamount.1
commands="mount import export api check rekey trigger"

# try ARGUMENT…: $status, $work/out, $work/err
try() {
  "$DYNAMOUNT" "$@" >"$work/out" 2>"$work/err" </dev/null
  status=$?
}
# ends WHAT STATUS ARGUMENT…: with a message on stderr only, or with success in silence
ends() {
  local what=$1 expected=$2
  shift 2
  try "$@"
  same "$what: exit" "$expected" "$status"
  if [ "$expected" = 0 ]; then
    same "$what: stderr" "" "$(cat "$work/err")"
  else
    check "$what: a message" grep -q "^dynamount: ." "$work/err"
    same "$what: stdout" "" "$(cat "$work/out")"
  fi
}
# says WHAT TEXT: the last message has the text
says() {
  grep -qF -- "$2" "$work/err" || fail "$1: expected '$2' in: $(cat "$work/err")"
}

# ---- Help and manual ----

ends "--version" 0 --version
same "--version" 1 "$(grep -cE '^dynamount [0-9]+\.[0-9]+\.[0-9]+$' "$work/out")"
for help in --help -h; do
  ends "$help" 0 "$help"
  same "$help lists the commands" "$commands" "$(sed -n 's/^  \([a-z]*\)  .*/\1/p' "$work/out" | xargs)"
done
same "and so does the manual" "$commands" "$(sed -n 's/^\.Ss dynamount //p' "$manual" | xargs)"
same "mandoc" "" "$(mandoc -Tlint -Wwarning "$manual" 2>&1)"

# Options as "-k --key" and "keyfile=FILE", in the help and in a section of the manual
help_options() {
  "$DYNAMOUNT" "$1" --help | sed '/^Mount options:/,$d' | grep -oE '^  -[-a-z, ]*[a-z]' |
    tr -d , | tr ' ' '\n' | grep '^-' | grep -vx -e -h -e --help | sort
}
manual_section() {
  awk -v title="$1" '/^\.S[sh] /{on = substr($0, 5) == title} on' "$manual"
}
manual_options() {
  manual_section "dynamount $1" | sed -n 's/^\.It \(Fl.*\)/\1/p' | grep -oE 'Fl [-a-z]+' | sed 's/Fl /-/' | sort
}
for command in $commands; do
  for help in --help -h; do
    ends "$command $help" 0 "$command" "$help"
    check "$command $help: usage" grep -q "^Usage: dynamount $command " "$work/out"
  done
  check "$command has options" test -n "$(help_options "$command")"
  same "$command: help in one column" "" \
    "$("$DYNAMOUNT" "$command" --help | grep '^  [-a-z]' | grep -vE '^  .{26} [^ ]')"
  same "$command: options in help and manual" "$(help_options "$command")" "$(manual_options "$command")"
done
same "mount options in help and manual" \
  "$("$DYNAMOUNT" mount --help | sed -n '/^Mount options:/,/^$/s/^  \([a-z_]*\(=[A-Z]*\)\{0,1\}\) .*/\1/p')" \
  "$(manual_section "MOUNT OPTIONS" | sed -n 's/^\.It Cm //p' | sed 's/ Ns = Ns Ar /=/')"

# ---- Usage ----

ends_usage() {
  local what=$1
  shift
  try "$@"
  same "$what: exit" 2 "$status"
  same "$what: stdout" "" "$(cat "$work/out")"
  check "$what: where to read" grep -q -e "--help" "$work/err"
}
ends_usage "no arguments"
ends_usage "no command" nonsense
ends_usage "no mountpoint" mount "$store"
ends_usage "three arguments" "$store" "$mnt" "$mnt"
ends_usage "import without a file" import "$store" Users
ends_usage "two ways to make a table" import "$store" Users --key id --table x -
ends_usage "a key of no type" import "$store" Users --key id:X -
ends_usage "a key without a name" import "$store" Users --key ,id -
ends_usage "export without a table" export "$store"
ends_usage "a format" export "$store" Users --format xml
ends_usage "check without a store" check
ends_usage "check of two" check "$store" "$store"
ends_usage "rekey without a store" rekey
ends_usage "rekey of two" rekey "$store" "$store"
ends_usage "a key to be made nowhere" rekey "$store" --make
ends_usage "a key in two places" rekey "$store" --in-store --new-keyfile "$work/new"
ends_usage "a key in no place" rekey "$store" --keyfile "$work/old"
ends_usage "trigger without a command" trigger "$mnt" Users
ends_usage "retries of what is never given up" trigger --retries 3 "$mnt" Users -- true
for option in batch-size=0 batch-size=10001 batch-size=1.5 batch-size=x parallel=0 parallel=65 retries=-1 window=301 \
  window=1e2 window=-1 window=. window=nan backoff=3601 grace= grace=1s; do
  ends_usage "--$option" trigger "--$option" "$mnt" Users -- true
done
for command in $commands; do
  ends "$command: an unknown option" 2 "$command" --nonsense "$store" "$mnt" x
  says "$command: an unknown option" nonsense
  ends "$command: an unknown letter" 2 "$command" -Z "$store" "$mnt" x
done
ends "an option without its argument" 2 export "$store" Users --format
ends "mount: an unknown option" 2 "$store" "$mnt" --nonsense
check "no store was made" test ! -e "$store"

for option in nonsense uid uid= uid=root uid=-1 uid=4294967296 gid=x umask=8 umask=1000 ro=1 sync=yes allow_other=1 \
  keyfile keyfile= trace= nodes=0 nodes=1x scratch=0 scratch=1T scratch=K scratch=99999999999G \
  snapshot_max=0 snapshot_max=1d snapshot_max=h snapshot_max=9999999h txn_max_items=0 txn_max_items=1k ro,,nonsense; do
  ends "-o $option" 2 "$store" "$mnt" -o "$option"
  says "-o $option" "mount option '"
done

# ---- What cannot be mounted ----

touch "$work/file"
ends "a mountpoint that is a file" 1 "$store" "$work/file"
says "a mountpoint that is a file" "not a directory"
ends "a mountpoint that is not there" 1 "$store" "$work/absent"
says "a mountpoint that is not there" "No such file"
ends "a store below the mountpoint" 1 "$mnt/store" "$mnt"
says "a store below the mountpoint" "below the mountpoint"
ends "a store that is the mountpoint" 1 "$mnt" "$mnt"
ends "a store where there is no directory" 1 "$work/no/where" "$mnt"
ends "a store without a name" 1 "" "$mnt"
ends "a store that is a file" 1 "$work/file" "$mnt"
ends "an endpoint" 1 https://localhost "$mnt"
check "nothing came to be" test ! -e "$store" -a -z "$(ls -A "$mnt")"
for command in "export $store Users" "check $store" "rekey $store" "import $store Users -"; do
  # shellcheck disable=SC2086
  ends "no store for ${command%% *}" 1 $command
  says "no store for ${command%% *}" "no store"
done

mkdir "$work/foreign"
echo precious >"$work/foreign/letter"
touch -d 2001-01-01 "$work/foreign/letter" "$work/foreign"
before=$(stat -c '%n %Y %i %s' "$work/foreign" "$work/foreign"/*)
ends "a directory of somebody else's" 1 "$work/foreign" "$mnt"
says "a directory of somebody else's" "not a store"
ends "import into it" 1 import "$work/foreign" Users --key id -
same "which stays as it is" "$before" "$(stat -c '%n %Y %i %s' "$work/foreign" "$work/foreign"/*)"

# ---- The background ----

gone() {
  ! kill -0 "$1" 2>/dev/null
}
# away: unmounts, and waits for the process
away() {
  local pid
  pid=$(jq .pid "$mnt/.status")
  check "umount" umount "$mnt"
  poll "the process ends" gone "$pid"
}

cd "$work" || finish
head -c 32 /dev/urandom >key
owner=12 group=34
[ "$(id -u)" = 0 ] || owner=$(id -u) group=$(id -g)
ends "background" 0 store mnt/ -o "keyfile=key,umask=027,uid=$owner,gid=$group,x-test,nofail,noauto"
same "it answers at once" "$mnt" "$(jq -r .mountpoint "$mnt/.status")"
check "no key in the store" test ! -e store/master.key
mkdir "$mnt/Users"
echo '{"name":"Ada"}' >"$mnt/Users/ada.json"
same "owner and mode" "$owner $group 640" "$(stat -c '%u %g %a' "$mnt/Users/ada.json")"
same "of a directory" "$owner $group 750" "$(stat -c '%u %g %a' "$mnt/Users")"
mkdir other
ends "a second mount" 1 "$store" other -o keyfile=key
says "it names the process" "process $(jq .pid "$mnt/.status"),"
says "and the mountpoint" "mounted at $mnt"
cd / || finish
away

ends "without the key" 1 "$store" "$mnt"
says "without the key" "master key"
ends "with an absent one" 1 "$store" "$mnt" -o keyfile="$work/no/key"
ends "with an absent one" 1 "$store" "$mnt" -o keyfile="$work/nokey"
says "with an absent one" "nokey"
head -c 32 /dev/urandom >"$work/key2"
ends "with another one" 1 "$store" "$mnt" -o keyfile="$work/key2"
says "with another one" "master key"
head -c 31 /dev/urandom >"$work/key3"
ends "with what is none" 1 check "$store" --keyfile "$work/key3"
ends "with its own" 0 check "$store" --keyfile "$work/key"
ends "a new store whose key is absent" 1 "$work/store2" "$mnt" -o keyfile="$work/nokey"
check "is not made" test ! -e "$work/store2"

format=$(cat "$store/format")
echo "dynamount store 99" >"$store/format"
ends "another format" 1 "$store" "$mnt" -o keyfile="$work/key"
says "another format" "format 99"
echo "$format" >"$store/format"

# A place with a space in its name, and a dead mount on it
mounts() { grep -cF "$work/a\\040b" /proc/self/mounts; }
mkdir "$work/a b"
mnt="$work/a b"
ends "a space" 0 "$store" "$mnt" -o keyfile="$work/key"
same "a space" "$mnt" "$(jq -r .mountpoint "$mnt/.status")"
SECONDS=0
ends "a second mount" 1 "$store" "$work/other" -o keyfile="$work/key"
check "is refused without waiting" test "$SECONDS" -lt 5
pid=$(jq .pid "$mnt/.status")
kill -9 "$pid"
poll "killed" gone "$pid"
refused "what it leaves" ls "$mnt"
ends "is detached" 0 "$store" "$mnt" -o keyfile="$work/key,ro"
same "what was closed is there" Ada "$(jq -r .name "$mnt/Users/ada.json")"
refused "ro" touch "$mnt/Users/bob.json"
same "mounted once" 1 "$(mounts)"

# It dies while it is asked whether it is dead. A thread may still answer a moment after the signal.
is_stopped() { ! grep -h ^State: "/proc/$1/task"/*/status | grep -qv 'T (stopped)'; }
pid=$(jq .pid "$mnt/.status")
kill -STOP "$pid"
poll "stopped" is_stopped "$pid"
"$DYNAMOUNT" "$store" "$mnt" -o keyfile="$work/key" 2>"$work/err" &
sleep 0.3
kill -9 "$pid"
check "dying is dead" wait $!
same "dying is dead" "" "$(cat "$work/err")"
same "mounted once again" 1 "$(mounts)"
away
mnt=$work/mnt

# ---- Waiting for a store that is just being closed ----

for _ in 1 2 3; do
  ends "at once again" 0 "$store" "$mnt" -o keyfile="$work/key"
  check "umount" umount "$mnt"
done
ends "and checked" 0 check "$store" --keyfile "$work/key"

# ---- mount(8) and fstab ----

# mount(8) looks for dynamount in the usual places only, so one of them is lent in a namespace of mounts of its own.
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
  mkdir "$work/bin"
  ln -s "$DYNAMOUNT" "$work/bin/dynamount"
  echo "$store $mnt fuse.dynamount ro,noatime,users,noauto,nofail,_netdev,x-systemd.automount,keyfile=$work/key 0 0" \
    >"$work/fstab"
  export store mnt work
  # within COMMAND: what it prints there
  within() {
    unshare -m bash -c "mount --bind '$work/bin' /usr/local/bin && $1" 2>&1
  }
  # shellcheck disable=SC2016
  show='jq -r .name "$mnt/Users/ada.json"; findmnt -no FSTYPE,SOURCE "$mnt" | xargs; jq .read_only "$mnt/.status"; umount "$mnt"'
  # shellcheck disable=SC2016
  same "mount -t" "Ada fuse.dynamount $store false" \
    "$(within 'mount -t fuse.dynamount -o "noatime,keyfile=$work/key" "$store" "$mnt" && '"$show" | xargs)"
  # shellcheck disable=SC2016
  same "fstab" "Ada fuse.dynamount $store true" "$(within 'mount -T "$work/fstab" "$mnt" && '"$show" | xargs)"
fi

# ---- -d ----

"$DYNAMOUNT" "$store" "$mnt" -d -o "keyfile=$work/key,trace=$work/trace" 2>"$work/debug" &
daemon=$!
poll "-d" test -e "$mnt/.status"
check "reading" cat "$mnt/Users/ada.json" >/dev/null
umount "$mnt"
wait "$daemon" || fail "-d: exit $?"
daemon=
check "requests are shown" grep -q LOOKUP "$work/debug"
check "calls are traced" grep -q '"operation":"GetItem"' "$work/trace"
finish
