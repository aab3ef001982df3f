# The API as files: the cases of tests/api through /.api, and what only a mount can show: handles that write
# pieces, refusals as errno, and that the tree sees at once what a request has changed, whatever the kernel
# remembered.
. "$(dirname "$0")/lib.sh"

call() { "$DYNAMOUNT" api "$mnt" "$@"; }
key() { printf '{"TableName":"%s","Key":{"p":{"S":"%s"},"s":{"S":"%s"}}}' "$@"; }
item() { printf '{"TableName":"%s","Item":{"p":{"S":"%s"},"s":{"S":"%s"},"v":{"N":"%s"}}}' "$@"; }
table() {
  printf '{"TableName":"%s","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"p",' "$1"
  printf '"AttributeType":"S"},{"AttributeName":"s","AttributeType":"S"}],"KeySchema":[{"AttributeName":"p",'
  printf '"KeyType":"HASH"},{"AttributeName":"s","KeyType":"RANGE"}]}'
}

# Every case, as it is answered without a mount
for cases in "$API_CASES"/*.txt; do
  rm -rf "$store"
  start
  check "${cases##*/}" "$API_PLAYER" --mount "$mnt" "$cases" >"$work/played"
  stop
done
rm -rf "$store"

start
api=$mnt/.api

# The directory lists the operations; it is itself not listed
check 'PutItem is listed' grep -qx PutItem <(ls "$api")
same 'listed in order' "$(ls "$api")" "$(LC_ALL=C ls "$api" | LC_ALL=C sort)"
same 'not listed' '' "$(ls -A "$mnt")"
same 'an unknown operation' 'No such file or directory' "$(cat "$api/Nothing" 2>&1 | sed 's/.*: //')"
refused 'a new operation' touch "$api/Nothing"
refused 'removing one' rm -f "$api/PutItem"
same 'inode numbers differ' "$(ls "$api" | wc -l)" "$(stat -c %i "$api"/* | sort -u | wc -l)"

# One handle: a request, its response to the end, then another one
exec 3<>"$api/ListTables"
printf '{}' >&3
same 'the response' '{"TableNames":[]}' "$(cat <&3)"
same 'only once' '' "$(cat <&3)"
call CreateTable "$(table Tab)" >"$work/made" || fail 'CreateTable'
same 'the table is there' 'Tab' "$(ls "$mnt")"
echo '{"Limit":1}' >&3
same 'the next one' '{"TableNames":["Tab"]}' "$(cat <&3)"
# In pieces, with the shell's closing of copies between them
printf '  {"Lim' >&3 2>/dev/null
printf 'it":' >&3 2>/dev/null
printf '0}\n' >&3
same 'a refusal is the body' '"ValidationException"' "$(cat <&3 | jq '.__type | split("#")[1]')"
printf '{"Limit":' >&3 2>/dev/null
same 'an unfinished one' '"SerializationException"' "$(cat <&3 | jq '.__type | split("#")[1]')"
printf '{} x' >&3
same 'text behind it' '"SerializationException"' "$(cat <&3 | jq '.__type | split("#")[1]')"
printf '\n' >&3
same 'a newline alone is no request' '' "$(cat <&3)"
exec 3>&-

same 'a command without a request' '"SerializationException"' "$(call ListTables </dev/null | jq '.__type | split("#")[1]')"

# Write-only: the errno of the write, and a line in .errors
same 'write-only' '' "$(item Tab a one 1 >"$api/PutItem")"
same 'the item' 1 "$(jq .v "$mnt/Tab/a/one.json")"
errno() { { printf '%s' "$2" >"$api/$1"; } 2>&1 | sed 's/.*: //'; }
same 'EINVAL' 'Invalid argument' "$(errno PutItem '{"TableName":"Tab"}')"
same 'why' 'ValidationException' "$(last_error .type)"
same 'ENOENT' 'No such file or directory' "$(errno GetItem "$(key None a b)")"
same 'ECANCELED' 'Operation canceled' "$(errno PutItem \
  '{"TableName":"Tab","Item":{"p":{"S":"a"},"s":{"S":"one"}},"ConditionExpression":"attribute_not_exists(p)"}')"
same 'EBUSY' 'Device or resource busy' "$(errno CreateTable "$(table Tab)")"
refused 'an unfinished one at close' dd if=/dev/stdin of="$api/ListTables" conv=notrunc status=none <<<'{"Limit"'
same 'nothing changed' 1 "$(jq .v "$mnt/Tab/a/one.json")"

# The command: through a mount, and its exit status
same 'exit 0' 0 "$(call GetItem "$(key Tab a one)" >/dev/null; echo $?)"
same 'exit 1' 1 "$(call GetItem '{}' >/dev/null; echo $?)"
same 'from stdin' '{"N":"1"}' "$(key Tab a one | call GetItem | jq -c .Item.v)"
same 'no operation' 1 "$(call Nothing '{}' >/dev/null; echo $?)"

# The kernel has seen all of this, and sees what becomes of it
same 'no such item' '' "$(cat "$mnt/Tab/b/two.json" 2>/dev/null)"
same 'no such table' '' "$(ls "$mnt/Later" 2>/dev/null)"
ls -lR "$mnt" "$mnt/Tab/.typed" >/dev/null
call PutItem "$(item Tab b two 2)" >/dev/null
same 'a new item' 2 "$(jq .v "$mnt/Tab/b/two.json")"
same 'typed, too' '"2"' "$(jq .v.N "$mnt/Tab/.typed/b/two.json")"
same 'its partition' 'a b' "$(echo $(ls "$mnt/Tab"))"
call PutItem "$(item Tab b two 22)" >/dev/null
same 'another text' 22 "$(jq .v "$mnt/Tab/b/two.json")"
same 'another size' "$(wc -c <"$mnt/Tab/b/two.json")" "$(stat -c %s "$mnt/Tab/b/two.json")"
call UpdateItem '{"TableName":"Tab","Key":{"p":{"S":"b"},"s":{"S":"two"}},"UpdateExpression":"ADD v :v",
  "ExpressionAttributeValues":{":v":{"N":"200"}}}' >/dev/null
same 'updated' 222 "$(jq .v "$mnt/Tab/b/two.json")"
call BatchWriteItem '{"RequestItems":{"Tab":[{"PutRequest":{"Item":{"p":{"S":"b"},"s":{"S":"x"}}}},
  {"DeleteRequest":{"Key":{"p":{"S":"a"},"s":{"S":"one"}}}}]}}' >/dev/null
same 'a batch' 'two.json x.json' "$(echo $(ls "$mnt/Tab/b"))"
refused 'deleted' cat "$mnt/Tab/a/one.json"
check 'its partition lingers' test -d "$mnt/Tab/a"
call PutItem "$(item Tab b kept 22)" >/dev/null
# A transaction: all of it is seen at once, and nothing of one that was cancelled
puts() { printf '{"Put":%s}' "$(item "$@")"; }
call TransactWriteItems "{\"TransactItems\":[$(puts Tab t one 1),$(puts Tab t two 2)]}" >/dev/null
same 'by a transaction' '1 2' "$(echo $(jq .v "$mnt/Tab/t/one.json" "$mnt/Tab/t/two.json"))"
cat "$mnt/Tab/t/one.json" "$mnt/Tab/t/two.json" >/dev/null
same 'no third' '' "$(cat "$mnt/Tab/t/three.json" 2>/dev/null)"
change='{"Update":{"TableName":"Tab","Key":{"p":{"S":"t"},"s":{"S":"two"}},"UpdateExpression":"ADD v :v",
  "ExpressionAttributeValues":{":v":{"N":"20000"}}}}'
token='"ClientRequestToken":"once","ReturnConsumedCapacity":"TOTAL"'
request="{$token,\"TransactItems\":[$(puts Tab t one 11),$change,$(puts Tab t three 3),{\"Delete\":$(key Tab u none)}]}"
call TransactWriteItems "$request" >/dev/null
same 'the new texts' '11 20002 3' "$(echo $(jq .v "$mnt"/Tab/t/{one,two,three}.json))"
same 'the new sizes' "$(cat "$mnt"/Tab/t/*.json | wc -c)" "$(stat -c %s "$mnt"/Tab/t/*.json | awk '{ n += $1 } END { print n }')"
check 'deleting nothing makes no partition here' test ! -e "$mnt/Tab/u"
echo '{"v":5}' >"$mnt/Tab/t/one.json"
same 'the same again is read' 'ReadCapacityUnits' \
  "$(call TransactWriteItems "$request" | jq -r '.ConsumedCapacity[0] | keys[] | select(test("Read"))')"
same 'and does nothing' '5 20002' "$(echo $(jq .v "$mnt"/Tab/t/{one,two}.json))"
same 'cancelled' 'None ConditionalCheckFailed' "$(echo $(call TransactWriteItems "{\"TransactItems\":[
  $(puts Tab t one 6),{\"ConditionCheck\":{\"TableName\":\"Tab\",\"Key\":{\"p\":{\"S\":\"t\"},\"s\":{\"S\":\"nine\"}},
  \"ConditionExpression\":\"attribute_exists(p)\"}}]}" | jq -r '.CancellationReasons[].Code'))"
same 'and nothing changed' 5 "$(jq .v "$mnt/Tab/t/one.json")"
same 'its errno' 'Operation canceled' "$(errno TransactWriteItems "{\"TransactItems\":[{\"ConditionCheck\":{\"TableName\":\"Tab\",
  \"Key\":{\"p\":{\"S\":\"t\"},\"s\":{\"S\":\"nine\"}},\"ConditionExpression\":\"attribute_exists(p)\"}}]}")"
same 'another token' 'File exists' "$(errno TransactWriteItems \
  "{\"ClientRequestToken\":\"once\",\"TransactItems\":[$(puts Tab t one 7)]}")"
call TransactWriteItems "{\"TransactItems\":[{\"Delete\":$(key Tab t one)},{\"Delete\":$(key Tab t two)},
  {\"Delete\":$(key Tab t three)}]}" >/dev/null
refused 'deleted by a transaction' cat "$mnt/Tab/t/one.json"
check 'that partition lingers, too' test -d "$mnt/Tab/t"
same 'and is empty' '' "$(ls "$mnt/Tab/t")"
rmdir "$mnt/Tab/t"
same 'of one moment' '[{},{"Item":{"v":{"N":"22"}}}]' "$(call TransactGetItems "{\"TransactItems\":[
  {\"Get\":$(key Tab t one)},{\"Get\":{\"TableName\":\"Tab\",\"Key\":{\"p\":{\"S\":\"b\"},\"s\":{\"S\":\"kept\"}},
  \"ProjectionExpression\":\"v\"}}]}" | jq -c .Responses)"
call DeleteItem "$(key Tab b kept)" >/dev/null
call DeleteItem "$(key Tab b two)" >/dev/null
same 'deleted, too' 'x.json' "$(ls "$mnt/Tab/b")"
call DeleteItem "$(key Tab nobody two)" >/dev/null
check 'deleting nothing makes no partition' test ! -e "$mnt/Tab/nobody"
call UpdateTable '{"TableName":"Tab","DeletionProtectionEnabled":true}' >/dev/null
same 'the definition' true "$(jq .DeletionProtectionEnabled "$mnt/Tab/.table.json")"
call DeleteTable '{"TableName":"Tab"}' >"$work/refused" && fail 'it was protected'
call UpdateTable '{"TableName":"Tab","DeletionProtectionEnabled":false}' >/dev/null
same 'the definition again' null "$(jq .DeletionProtectionEnabled "$mnt/Tab/.table.json")"
echo x >"$mnt/Tab/b/.note"
echo x >"$mnt/Tab/.note"
call DeleteTable '{"TableName":"Tab"}' >"$work/refused" && fail 'scratch files were lost'
rm "$mnt/Tab/b/.note" "$mnt/Tab/.note"
call DeleteTable '{"TableName":"Tab"}' >/dev/null
same 'no table' '' "$(ls "$mnt")"
call CreateTable "$(table Later)" >/dev/null
check 'the table that was not there' test -d "$mnt/Later"

# A provisional table: read, it is not there; written, it has the key that its files are named by
mkdir "$mnt/Prov"
call PutItem '{"TableName":"Prov","Item":{"pk":{"S":"x"}}}' >"$work/refused" && fail 'kindless'
echo '{"v":1}' >"$mnt/Prov/a.json"
same 'not to be read' '"ResourceNotFoundException"' \
  "$(call GetItem '{"TableName":"Prov","Key":{"pk":{"S":"a"}}}' | jq '.__type | split("#")[1]')"
same 'described' '"CREATING"' "$(call DescribeTable '{"TableName":"Prov"}' | jq .Table.TableStatus)"
check 'no definition yet' test ! -e "$mnt/Prov/.table.json"
call PutItem '{"TableName":"Prov","Item":{"pk":{"S":"b"},"v":{"N":"2"}}}' >/dev/null
same 'both items' '1 2' "$(echo $(jq .v "$mnt/Prov/a.json" "$mnt/Prov/b.json"))"
same 'defined' '"pk"' "$(jq .KeySchema[0].AttributeName "$mnt/Prov/.table.json")"
same 'to be read' '{"pk":{"S":"a"},"v":{"N":"1"}}' \
  "$(call GetItem '{"TableName":"Prov","Key":{"pk":{"S":"a"}}}' | jq -c .Item)"
mkdir -p "$mnt/Prov2/d"
echo '{"v":1}' >"$mnt/Prov2/d/a.json"
call TagResource '{"ResourceArn":"arn:aws:dynamodb:local:000000000000:table/Prov2",
  "Tags":[{"Key":"k","Value":"v"}]}' >/dev/null
same 'altering defines it' '"sk"' "$(jq .KeySchema[1].AttributeName "$mnt/Prov2/.table.json")"
same 'the tag' '"v"' "$(jq .Tags[0].Value "$mnt/Prov2/.table.json")"
same 'the item' '{"pk":"d","sk":"a","v":1}' "$(jq -c . "$mnt/Prov2/d/a.json")"
stop

# The command on the store itself
same 'without a mount' 2 "$("$DYNAMOUNT" api "$store" GetItem \
  '{"TableName":"Prov","Key":{"pk":{"S":"b"}}}' | jq -r .Item.v.N)"
refused 'no store' "$DYNAMOUNT" api "$work/none" ListTables '{}'
check 'it was not made' test ! -e "$work/none"
finish
