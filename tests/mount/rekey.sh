# dynamount rekey: the old key no longer opens the store, the new one does; who has it open is named.
. "$TESTS/lib.sh" || exit 1

# says WHAT TEXT COMMAND…: the command fails with status 1 and says that
says() {
  local what=$1 text=$2
  shift 2
  "$@" >"$work/out" 2>"$work/err" </dev/null
  same "$what: exit" 1 "$?"
  grep -qF -- "$text" "$work/err" || fail "$what: expected '$text' in: $(cat "$work/err")"
}
# changed WHAT ARGUMENT…: without a word
changed() {
  local what=$1
  shift
  same "$what" "" "$("$DYNAMOUNT" rekey "$store" "$@" 2>&1)"
  check "$what: sound" "$DYNAMOUNT" check "$store" ${key:+--keyfile "$key"}
}
reads() {
  start "${key:+keyfile=$key}"
  same "$1" 7 "$(jq .n "$mnt/Tab/a.json")"
  stop
}
old=$work/old
new=$work/new
key=

start
mkdir "$mnt/Tab"
echo '{"n": 7}' >"$mnt/Tab/a.json"
says "mounted" "in use by process $daemon, mounted at $mnt" "$DYNAMOUNT" rekey "$store"
stop

cp "$store/master.key" "$old"
changed "in the store"
check "another key" test "$(cat "$store/master.key")" != "$(cat "$old")"
reads "with the new key"
says "the old key" "not that of store" "$DYNAMOUNT" "$store" "$mnt" -f -o "keyfile=$old"
says "the old key, to change it" "not that of store" "$DYNAMOUNT" rekey "$store" --keyfile "$old" --new-keyfile "$new" --make
check "no key was made" test ! -e "$new"

key=$new
changed "out of the store" --new-keyfile "$new" --make
same "its mode" 600 "$(stat -c %a "$new")"
check "none is left" test ! -e "$store/master.key" -a ! -e "$store/master.key.new"
reads "with the key outside"
says "without it" "master.key" "$DYNAMOUNT" "$store" "$mnt" -f

says "a key that is there" "is there already" "$DYNAMOUNT" rekey "$store" --keyfile "$new" --new-keyfile "$old" --make
says "a key that is not there" "cannot be read" "$DYNAMOUNT" rekey "$store" --keyfile "$new" --new-keyfile "$work/absent"
says "the same key" "is the present one" "$DYNAMOUNT" rekey "$store" --keyfile "$new" --new-keyfile "$new"
before=$(cat "$old" "$new")
reads "after what was refused"
same "keys are only read" "$before" "$(cat "$old" "$new")"

# From a pipe, as a password store gives it, into the store
key=
changed "into the store" --keyfile <(cat "$new") --in-store
reads "with the key inside"
says "the key that was outside" "not that of store" "$DYNAMOUNT" check "$store" --keyfile "$new"

# What a kill -9 between the change and the key's new name leaves
cp "$store/master.key" "$store/master.key.new"
cp "$old" "$store/master.key"
check "read only" "$DYNAMOUNT" check "$store"
check "as it was" test -e "$store/master.key.new"
reads "with the key beside"
check "it has its name" test ! -e "$store/master.key.new"
finish
