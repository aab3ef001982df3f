# What can be read in the files of a store without its key: what docs/security.md names as visible, and no other text.
# Keys are in no file, and not where a core dump of the process would have them.
. "$TESTS/lib.sh" || exit 1

key=$work/key
openssl rand -hex 32 >"$key"
start "keyfile=$key,trace=$work/trace"

# Each hidden text begins with Hidden, each visible one with Vis.
mkdir "$mnt/VisTable" "$mnt/VisPairs"
cat >"$mnt/VisTable/.table.json" <<'END'
{"AttributeDefinitions": [{"AttributeName": "HiddenId", "AttributeType": "S"}],
 "KeySchema": [{"AttributeName": "HiddenId", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST",
 "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
 "TimeToLiveSpecification": {"AttributeName": "HiddenExpiry", "Enabled": true}}
END
cat >"$mnt/VisPairs/.table.json" <<'END'
{"AttributeDefinitions": [{"AttributeName": "HiddenPk", "AttributeType": "S"}, {"AttributeName": "HiddenSk", "AttributeType": "S"},
   {"AttributeName": "HiddenColour", "AttributeType": "S"}, {"AttributeName": "HiddenSize", "AttributeType": "S"}],
 "KeySchema": [{"AttributeName": "HiddenPk", "KeyType": "HASH"}, {"AttributeName": "HiddenSk", "KeyType": "RANGE"}],
 "BillingMode": "PAY_PER_REQUEST",
 "LocalSecondaryIndexes": [{"IndexName": "HiddenLocal", "Projection": {"ProjectionType": "ALL"},
   "KeySchema": [{"AttributeName": "HiddenPk", "KeyType": "HASH"}, {"AttributeName": "HiddenSize", "KeyType": "RANGE"}]}],
 "GlobalSecondaryIndexes": [{"IndexName": "HiddenGlobal", "Projection": {"ProjectionType": "ALL"},
   "KeySchema": [{"AttributeName": "HiddenColour", "KeyType": "HASH"}, {"AttributeName": "HiddenSize", "KeyType": "RANGE"}]}],
 "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"}}
END
long=$(printf 'HiddenLong%.0s' {1..30}) # a name that is cut, and found by its digest
for number in 1 2 3; do
  check "put" tee "$mnt/VisTable/HiddenKey$number.json" <<<"{\"HiddenName\": \"HiddenValue$number\", \"HiddenExpiry\": 4000000000}" >/dev/null
  check "append" tee -a "$mnt/VisTable/HiddenKey$number.json" <<<'{"HiddenAdded": "HiddenLater"}' >/dev/null
  check "put" "$DYNAMOUNT" api "$mnt" PutItem "{\"TableName\": \"VisPairs\", \"Item\": {\"HiddenPk\": {\"S\": \"HiddenPartition\"},
    \"HiddenSk\": {\"S\": \"VisSort$number\"}, \"HiddenColour\": {\"S\": \"HiddenRed\"}, \"HiddenSize\": {\"S\": \"VisRange$number\"},
    \"HiddenBytes\": {\"B\": \"$(printf 'HiddenBinary' | base64)\"}, \"HiddenSet\": {\"SS\": [\"HiddenMember\"]}}}" >/dev/null
done
check "a long key" "$DYNAMOUNT" api "$mnt" PutItem "{\"TableName\": \"VisTable\", \"Item\": {\"HiddenId\": {\"S\": \"$long\"}}}" >/dev/null
check "ttl" setfattr -n user.ttl -v +1d "$mnt/VisTable/HiddenKey1.json"
check "delete" rm "$mnt/VisTable/HiddenKey3.json"
check "a scratch file" tee "$mnt/VisTable/.HiddenFile" <<<"HiddenContents" >/dev/null
check "a scratch directory" mkdir "$mnt/.HiddenDirectory"
check "a file in it" tee "$mnt/.HiddenDirectory/HiddenInside" <<<"HiddenDeep" >/dev/null
check "a transaction" mkdir "$mnt/.txn/HiddenOne" "$mnt/.txn/HiddenTwo"
check "staged" tee "$mnt/.txn/HiddenOne/VisTable/HiddenStagedKey.json" <<<'{"HiddenName": "HiddenStaged"}' >/dev/null
check "staged" tee "$mnt/.txn/HiddenTwo/VisTable/HiddenTwoKey.json" <<<'{"HiddenName": "HiddenCommitted"}' >/dev/null
check "committed" mv "$mnt/.txn/HiddenTwo" "$mnt/.txn/committed/HiddenToken"
refused "a refusal" tee "$mnt/VisTable/HiddenBad.json" <<<'{"HiddenName": nothing}'
check "there is a stream" jq -e .StreamSpecification.StreamEnabled "$mnt/VisTable/.status.json" >/dev/null
stream=$mnt/VisTable/.stream/records.jsonl
check "the stream is read" grep -q HiddenValue2 "$stream"
check "with what was committed" grep -q HiddenCommitted "$stream"
same "and the other" 3 "$(grep -c '"Keys":.*HiddenPartition' "$mnt/VisPairs/.stream/records.jsonl")"
check "what is staged is read" grep -q HiddenStaged "$mnt/.txn/HiddenOne/VisTable/HiddenStagedKey.json"
check "a snapshot" mkdir "$mnt/.snapshot/HiddenMoment"
check "which is read" grep -rq HiddenValue1 "$mnt/.snapshot/HiddenMoment"
check "synced" sync "$mnt/VisTable/HiddenKey1.json"

# looks WHEN: no file has a hidden text, and the data file has all that is named as visible
looks() {
  local text
  for file in "$store"/*; do
    grep -aoE 'Hidden[A-Za-z]+' "$file" >"$work/found" && fail "$1: in ${file##*/}: $(sort -u "$work/found" | head -5 | xargs)"
    # the same with a NUL after each byte, in base64, or in hexadecimal: of the values, which are the longest
    for text in "$(printf HiddenValue | base64 | cut -c1-12)" "$(printf HiddenValue | xxd -p)" "$(printf HiddenContents | base64 | cut -c1-12)"; do
      ! grep -aqi "$text" "$file" || fail "$1: $text in ${file##*/}"
    done
  done
  for text in VisTable VisPairs VisSort1 VisSort2 VisRange1 VisRange3; do
    check "$1: $text can be seen" grep -aq "$text" "$store/data.mdb"
  done
}
looks "while mounted"

cp "$mnt/.status" "$work/status"
cp "$mnt/.errors" "$work/errors"
if [ "$SANITIZED" = none ]; then
  "$KEYSCAN" "$store" "$key" "$daemon" "$work/status" "$work/errors" "$work/trace" >"$work/said" 2>"$work/why"
  case $? in
    0) ;;
    2) grep -q "the process cannot be read" "$work/why" && [ "$(id -u)" != 0 ] || fail "keyscan: $(cat "$work/why")" ;;
    *) fail "$(cat "$work/said")" ;;
  esac
fi
same "locked" true "$(jq .keys_locked "$work/status")"
stop

looks "unmounted"
check "keys in the store's files" "$KEYSCAN" "$store" "$key" - "$store"/* "$work/trace"
"$KEYSCAN" "$store" "$key" - "$key" >"$work/said"
same "a key is found where it is" 1 "$?"

# A real core dump, where the system writes one into the directory of the process.
pattern=$(cat /proc/sys/kernel/core_pattern)
if [ "$SANITIZED" = none ] && [[ $pattern != *[/\|]* ]] && ulimit -c unlimited 2>/dev/null; then
  mkdir "$work/cores"
  cd "$work/cores" || finish
  start "keyfile=$key"
  check "read" grep -q HiddenValue1 "$mnt/VisTable/HiddenKey1.json"
  kill -ABRT "$daemon"
  wait "$daemon" 2>/dev/null
  daemon=
  umount -l "$mnt"
  for core in "$work"/cores/*; do
    [ -s "$core" ] || continue # there was no room for one
    check "the dump is of this process" grep -aqF "$mnt" "$core"
    check "keys in a core dump" "$KEYSCAN" "$store" "$key" - "$core"
  done
  cd "$work" || finish
  ulimit -c 0
fi

# What was removed and changed is not in pages that are free either; and all of it is there for who has the key.
start "keyfile=$key"
same "an item" HiddenValue1 "$(jq -r .HiddenName "$mnt/VisTable/HiddenKey1.json")"
same "a scratch file" HiddenContents "$(cat "$mnt/VisTable/.HiddenFile")"
same "what was committed" HiddenCommitted "$(jq -r .HiddenName "$mnt/VisTable/HiddenTwoKey.json")"
check "a table goes" rm -r "$mnt/VisTable"
stop
for file in "$store"/*; do
  ! grep -aq Hidden "$file" || fail "after a removal: in ${file##*/}"
done
finish
