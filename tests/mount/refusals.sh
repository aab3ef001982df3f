# Every refusal: the shell shows an error, the item is as before, /.errors tells why in DynamoDB's words.
. "$TESTS/lib.sh" || exit 1

start
t=$mnt/Users
mkdir "$t"
cat >"$t/.table.json" <<'END'
{"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
 "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]}
END
echo '{"age": 41}' >"$t/alice.json"
before=$(cat "$t/alice.json")

# bad ERRNO MESSAGE DOCUMENT: refused over an item and under a new name
bad() {
  printf '%s' "$3" >"$work/document"
  local target errno path message
  for target in alice new; do
    refused "$3" bash -c "echo \"\$(<$work/document)\" >$t/$target.json"
    IFS=$'\t' read -r errno path message < <(last_error '[.errno, .path, .message] | @tsv')
    same "errno of $3" "$1" "$errno"
    [[ "$message" == *"$2"* ]] || fail "message of $3: $message"
    same "path of $3" "Users/$target.json" "${path#/}"
    same "the old item after $3" "$before" "$(<"$t/alice.json")"
    [ ! -e "$t/new.json" ] || fail "a new item after $3"
  done
}
bad EINVAL "line 1, column 1" 'garbage'
bad EINVAL "line 1" '{"a": tru}'
bad EINVAL "line 1" '{"a"; 1'
bad EINVAL "" '[1]'
bad EINVAL "" '"text"'
bad EINVAL "" '{"a": 1} x'
bad EINVAL "" '{"a": 1}{"b": 2}'
bad EINVAL "" '{"a": 01}'
bad EINVAL "" '{"a": 1,}'
bad EINVAL "" "{'a': 1}"
bad EINVAL "uplicate" '{"a": 1, "a": 2}'
bad EINVAL "" '{"a": "\ud800"}'
bad EINVAL "" "$(printf '{"a": "\xff"}')"
bad EINVAL "" "$(printf '{"a": "\x01"}')"
bad EINVAL "agree" '{"id": "bob"}'
bad EINVAL "" '{"id": 5}'
bad EINVAL "Attempting to store more than 38 significant digits in a Number" '{"a": 123456789012345678901234567890123456789}'
bad EINVAL "Number overflow" '{"a": 1e126}'
bad EINVAL "Number underflow" '{"a": 1e-131}'
bad EINVAL "Number overflow" '{"a": 1e100000000}'
bad EINVAL "An string set  may not be empty" '{"a": {"$ss": []}}'
bad EINVAL "contains duplicates" '{"a": {"$ss": ["x", "x"]}}'
bad EINVAL "contains duplicates" '{"a": {"$ns": [1, 1.0]}}'
bad EINVAL "" '{"a": {"$ns": ["1"]}}'
bad EINVAL "" '{"a": {"$binary": "*"}}'
bad EINVAL "" '{"a": {"$other": 1}}'
bad EINVAL "" '{"": 1}'
deep=$(printf '{"a":%.0s' $(seq 33))1$(printf '}%.0s' $(seq 33))
bad EINVAL "Nesting" "$deep"

# an unfinished document is close's error, once
n=$(wc -l <"$mnt/.errors")
refused "unfinished" bash -c "printf '{\"a\": ' | cat >$t/alice.json"
same "one entry" $((n + 1)) "$(wc -l <"$mnt/.errors")"
same "its operation" close "$(last_error .operation)"
same "as before" "$before" "$(cat "$t/alice.json")"
same "garbage behind, in the same write" 1 "$(python3 - "$t/alice.json" <<'PYTHON'
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_TRUNC)
try:
    os.write(fd, b'{"same": 1} x')
    print(0)
except OSError as error:
    print(int(error.errno == 22))
PYTHON
)"
same "nothing is put" "$before" "$(cat "$t/alice.json")"
same "garbage behind, in a later write" "1" "$(python3 - "$t/alice.json" <<'PYTHON'
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_TRUNC)
os.write(fd, b'{"age": 41}')
os.write(fd, b' \n')
try:
    os.write(fd, b'x')
    print(0)
except OSError as error:
    print(int(error.errno == 22))
PYTHON
)"
same "the put stands" "$before" "$(cat "$t/alice.json")"

# typed documents
refused "typed: a JSON number" bash -c "echo '{\"age\": {\"N\": 41}}' >$t/.typed/alice.json"
same "is SerializationException" SerializationException "$(last_error .type)"
refused "typed: NULL false" bash -c "echo '{\"age\": {\"NULL\": false}}' >$t/.typed/alice.json"
[[ "$(last_error)" == *"Null attribute value types must have the value of true"* ]] || fail "$(last_error)"
check "typed put" bash -c "echo '{\"age\": {\"N\": \"42\"}, \"s\": {\"SS\": [\"b\", \"a\"]}}' >$t/.typed/bob.json"
same "shows plain" '{"id":"bob","age":42,"s":{"$ss":["a","b"]}}' "$(jq -c . "$t/bob.json")"

# read-only things
for path in .status .errors; do refused "writing $path" bash -c "echo x >$mnt/$path"; done
refused "writing .status.json" bash -c "echo x >$t/.status.json"
refused "writing a scan" bash -c "echo x >$t/.scan/items.jsonl"
refused "removing .status.json" rm -f "$t/.status.json"
refused "removing .scan" rmdir "$t/.scan"
refused "a hard link" ln "$t/alice.json" "$t/link.json"
refused "a symbolic link" ln -s alice.json "$t/link.json"
same "xattr that is not there" "" "$(getfattr --only-values -n user.nothing "$t/alice.json" 2>/dev/null)"
refused "setting user.size" setfattr -n user.size -v 1 "$t/alice.json"

# definitions
definition=$(cat "$t/.table.json")
refused "another key" bash -c "sed 's/\"id\"/\"uid\"/' $t/.table.json | cat >$work/d; cat $work/d >$t/.table.json"
refused "a definition that is none" bash -c "echo '{\"a\": 1}' >$t/.table.json"
refused "an unfinished definition" bash -c "printf '{\"KeySchema\":' | cat >$t/.table.json"
same "as it was" "$definition" "$(cat "$t/.table.json")"
check "an equal one" bash -c "printf '%s' '$definition' >$t/.table.json"
check "protected" bash -c "jq '.DeletionProtectionEnabled = true' $t/.table.json >$work/d && cat $work/d >$t/.table.json"
same "shown" true "$(jq .DeletionProtectionEnabled "$t/.table.json")"
mkdir "$mnt/Empty"
cp "$t/.table.json" "$mnt/Empty/"
refused "rmdir of a protected table" rmdir "$mnt/Empty"
same "why" "EPERM Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first." \
  "$(last_error '"\(.errno) \(.message)"')"
jq 'del(.DeletionProtectionEnabled)' "$mnt/Empty/.table.json" >"$work/d" && cat "$work/d" >"$mnt/Empty/.table.json"
check "unprotected" rmdir "$mnt/Empty"

# a provisional table of one kind refuses the other, and a definition that its files do not fit
mkdir "$mnt/Soon"
echo '{"x": 1}' >"$mnt/Soon/a.json"
echo '{"uid": 7}' >"$mnt/Soon/b.json"
refused "a partition beside items" mkdir "$mnt/Soon/d"
refused "a definition with a sort key" bash -c "echo '{\"KeySchema\":[{\"AttributeName\":\"p\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"s\",\"KeyType\":\"RANGE\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"p\",\"AttributeType\":\"S\"},{\"AttributeName\":\"s\",\"AttributeType\":\"S\"}]}' >$mnt/Soon/.table.json"
refused "a definition that does not fit" bash -c "echo '{\"KeySchema\":[{\"AttributeName\":\"uid\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"uid\",\"AttributeType\":\"N\"}]}' >$mnt/Soon/.table.json"
same "the offenders are named" "Soon/a.json Soon/b.json" \
  "$(grep -o '"path":"/*Soon/[ab].json"' "$mnt/.errors" | sed 's/.*"\/*\(Soon[^"]*\)"/\1/' | sort -u | xargs)"
same "nothing changed" '{"pk":"a","x":1}' "$(jq -c . "$mnt/Soon/a.json")"
stop
start
same "provisional across remounts" '{"pk":"a","x":1}' "$(jq -c . "$mnt/Soon/a.json")"

# each sees their own refusals; root sees all
chmod 711 "$work"
stop
start allow_other
refused "root's" bash -c "echo garbage >$mnt/Users/alice.json"
setpriv --reuid 65534 --regid 65534 --clear-groups sh -c "echo garbage >$mnt/Users/alice.json" 2>/dev/null && fail "somebody else may write"
same "another user sees nothing of it" "" "$(setpriv --reuid 65534 --regid 65534 --clear-groups cat "$mnt/.errors")"
[ -n "$(cat "$mnt/.errors")" ] || fail "root sees it"
stop

# read-only
start ro
for call in "touch $mnt/Users/x.json" "rm -f $mnt/Users/alice.json" "mkdir $mnt/New" "mv $mnt/Users/alice.json $mnt/Users/eve.json"; do
  refused "$call" $call
done
same "readable" 41 "$(jq .age "$mnt/Users/alice.json")"
finish
