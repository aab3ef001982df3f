# What can be read in the files of a store without its key: what docs/security.md names as visible, and no other text.
# Keys are in no file, and not where a core dump of the process would have them.
. "$TESTS/lib.sh" || exit 1

key=$work/key
openssl rand -hex 32 >"$key"
start "keyfile=$key,trace=$work/trace"

# Each hidden text begins with Hid, each visible one with Vis.
mkdir "$mnt/VisTable" "$mnt/VisPairs"
cat >"$mnt/VisTable/.table.json" <<'END'
{"AttributeDefinitions": [{"AttributeName": "HidId", "AttributeType": "S"}],
 "KeySchema": [{"AttributeName": "HidId", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST",
 "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
 "TimeToLiveSpecification": {"AttributeName": "HidExpiry", "Enabled": true}}
END
cat >"$mnt/VisPairs/.table.json" <<'END'
{"AttributeDefinitions": [{"AttributeName": "HidPk", "AttributeType": "S"}, {"AttributeName": "HidSk", "AttributeType": "S"},
   {"AttributeName": "HidColour", "AttributeType": "S"}, {"AttributeName": "HidSize", "AttributeType": "S"}],
 "KeySchema": [{"AttributeName": "HidPk", "KeyType": "HASH"}, {"AttributeName": "HidSk", "KeyType": "RANGE"}],
 "BillingMode": "PAY_PER_REQUEST",
 "LocalSecondaryIndexes": [{"IndexName": "HidLocal", "Projection": {"ProjectionType": "ALL"},
   "KeySchema": [{"AttributeName": "HidPk", "KeyType": "HASH"}, {"AttributeName": "HidSize", "KeyType": "RANGE"}]}],
 "GlobalSecondaryIndexes": [{"IndexName": "HidGlobal", "Projection": {"ProjectionType": "ALL"},
   "KeySchema": [{"AttributeName": "HidColour", "KeyType": "HASH"}, {"AttributeName": "HidSize", "KeyType": "RANGE"}]}],
 "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"}}
END
long=$(printf 'HidLong%.0s' {1..30}) # a name that is cut, and found by its digest
for number in 1 2 3; do
  check "put" tee "$mnt/VisTable/HidKey$number.json" <<<"{\"HidName\": \"HidValue$number\", \"HidExpiry\": 4000000000}" >/dev/null
  check "append" tee -a "$mnt/VisTable/HidKey$number.json" <<<'{"HidAdded": "HidLater"}' >/dev/null
  check "put" "$DYNAMOUNT" api "$mnt" PutItem "{\"TableName\": \"VisPairs\", \"Item\": {\"HidPk\": {\"S\": \"HidPartition\"},
    \"HidSk\": {\"S\": \"VisSort$number\"}, \"HidColour\": {\"S\": \"HidRed\"}, \"HidSize\": {\"S\": \"VisRange$number\"},
    \"HidBytes\": {\"B\": \"$(printf 'HidBinary' | base64)\"}, \"HidSet\": {\"SS\": [\"HidMember\"]}}}" >/dev/null
done
check "a long key" "$DYNAMOUNT" api "$mnt" PutItem "{\"TableName\": \"VisTable\", \"Item\": {\"HidId\": {\"S\": \"$long\"}}}" >/dev/null
check "ttl" setfattr -n user.ttl -v +1d "$mnt/VisTable/HidKey1.json"
check "delete" rm "$mnt/VisTable/HidKey3.json"
check "a scratch file" tee "$mnt/VisTable/.HidFile" <<<"HidContents" >/dev/null
check "a scratch directory" mkdir "$mnt/.HidDirectory"
check "a file in it" tee "$mnt/.HidDirectory/HidInside" <<<"HidDeep" >/dev/null
check "a transaction" mkdir "$mnt/.txn/HidOne" "$mnt/.txn/HidTwo"
check "staged" tee "$mnt/.txn/HidOne/VisTable/HidStagedKey.json" <<<'{"HidName": "HidStaged"}' >/dev/null
check "staged" tee "$mnt/.txn/HidTwo/VisTable/HidTwoKey.json" <<<'{"HidName": "HidCommitted"}' >/dev/null
check "committed" mv "$mnt/.txn/HidTwo" "$mnt/.txn/committed/HidToken"
refused "a refusal" tee "$mnt/VisTable/HidBad.json" <<<'{"HidName": nothing}'
check "there is a stream" jq -e .StreamSpecification.StreamEnabled "$mnt/VisTable/.status.json" >/dev/null
check "synced" sync -f "$mnt"

# looks WHEN: no file has a hidden text, and the data file has all that is named as visible
looks() {
  local text
  for file in "$store"/*; do
    grep -aoE 'Hid[A-Za-z]+' "$file" >"$work/found" && fail "$1: in ${file##*/}: $(sort -u "$work/found" | head -5 | xargs)"
    # the same with a NUL after each byte, in base64, or in hexadecimal: of the values, which are the longest
    for text in "$(printf HidValue | base64)" "$(printf HidValue | xxd -p)" "$(printf HidContents | base64 | cut -c1-12)"; do
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
  check "read" grep -q HidValue1 "$mnt/VisTable/HidKey1.json"
  kill -ABRT "$daemon"
  wait "$daemon" 2>/dev/null
  daemon=
  umount -l "$mnt"
  for core in "$work"/cores/*; do
    [ -s "$core" ] || continue # there was no room for one
    check "the dump is of this process" grep -aq HidName "$core"
    check "keys in a core dump" "$KEYSCAN" "$store" "$key" - "$core"
  done
  cd "$work" || finish
  ulimit -c 0
fi

# What was removed and changed is not in pages that are free either; and all of it is there for who has the key.
start "keyfile=$key"
same "an item" HidValue1 "$(jq -r .HidName "$mnt/VisTable/HidKey1.json")"
same "a scratch file" HidContents "$(cat "$mnt/VisTable/.HidFile")"
same "what was committed" HidCommitted "$(jq -r .HidName "$mnt/VisTable/HidTwoKey.json")"
check "a table goes" rm -r "$mnt/VisTable"
stop
for file in "$store"/*; do
  ! grep -aq Hid "$file" || fail "after a removal: in ${file##*/}"
done
finish
