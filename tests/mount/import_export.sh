# Import and export: every form, every key, refusals, round trips; into and out of stores and mounts.
. "$TESTS/lib.sh" || exit 1

into() {
  "$DYNAMOUNT" import "$@" >"$work/out" 2>"$work/err"
}
# imports WHAT COUNT ARGUMENT…
imports() {
  local what=$1 count=$2
  shift 2
  into "$@" || fail "$what: exit $?: $(cat "$work/err")"
  same "$what: says how many" "$count items imported" "$(cat "$work/out")"
  same "$what: stderr" "" "$(cat "$work/err")"
}
# stops WHAT TEXT ARGUMENT…: exit 1, with TEXT on stderr, in one line
stops() {
  local what=$1 text=$2
  shift 2
  into "$@" </dev/null
  same "$what: exit" 1 $?
  check "$what: the message is one line" test "$(wc -l <"$work/err")" = 1
  grep -q "^dynamount: .*$text" "$work/err" || fail "$what: expected '$text' in: $(cat "$work/err")"
}
sorted() {
  jq -cS . "$@" | sort
}
out_of() {
  "$DYNAMOUNT" export "$@"
}

# ---- The data in every form ----

countries >"$work/lines"
count=$(countries | wc -l)
jq -s . "$work/lines" >"$work/array"
jq -cs . "$work/lines" >"$work/compact"
jq . "$work/lines" >"$work/pretty"
jq -c '{Item: map_values({S: .})}' "$work/lines" >"$work/typed"
jq -s . "$work/typed" >"$work/typed_array"
printf '\n \n\t%s\r\n\n' "$(cat "$work/lines")" >"$work/blanks"
forms="lines array compact pretty typed typed_array blanks"
for form in $forms; do
  gzip -k "$work/$form"
done
expected=$(sorted "$work/lines" | md5sum)

# every_form PLACE
every_form() {
  local form table
  for form in $forms; do
    for file in "$form" "$form.gz"; do
      table=From_$file
      imports "$file" "$count" "$1" "$table" --key alpha_2 "$work/$file"
      same "$file" "$expected" "$(out_of "$1" "$table" | sorted | md5sum)"
    done
    imports "$form: stdin" "$count" "$1" "Stdin_$form" -k alpha_2 - <"$work/$form"
    same "$form: stdin" "$expected" "$(out_of "$1" "Stdin_$form" | sorted | md5sum)"
  done
  imports "a pipe" "$count" "$1" Pipe -k alpha_2 - < <(cat "$work/array.gz")
  same "a pipe" "$expected" "$(out_of "$1" Pipe | sorted | md5sum)"
  split -n l/3 "$work/lines" "$work/part."
  imports "three files" "$count" "$1" Parts -k alpha_2 "$work"/part.*
  same "three files" "$expected" "$(out_of "$1" Parts | sorted | md5sum)"
  subdivisions >"$work/subdivisions"
  imports "many" "$(subdivisions | wc -l)" "$1" Subdivisions -k country,code "$work/subdivisions"
  same "many" "$(sorted "$work/subdivisions" | md5sum)" "$(out_of "$1" Subdivisions | sorted | md5sum)"
  imports "over what is there" "$count" "$1" Parts "$work/lines"
  same "over what is there" "$expected" "$(out_of "$1" Parts | sorted | md5sum)"
  : >"$work/empty"
  imports "an empty file" 0 "$1" Parts "$work/empty"
  echo '[ ]' >"$work/empty"
  imports "an empty array" 0 "$1" Empty -k id "$work/empty"
  same "exports nothing" "" "$(out_of "$1" Empty)"
}

# ---- Keys ----

# keys PLACE NAME KEY ITEM…: the table's KeySchema and AttributeDefinitions, in short
keys() {
  local place=$1 table=$2 key=$3
  shift 3
  printf '%s\n' "$@" >"$work/items"
  imports "--key $key" $# "$place" "$table" --key "$key" "$work/items"
  same "--key $key" "$(sorted "$work/items")" "$(out_of "$place" "$table" | sorted)"
}
every_key() {
  keys "$1" KeyS id:S '{"id":"a/b"}' '{"id":"ü"}'
  keys "$1" KeyN id:N '{"id":42,"x":1}' '{"id":-0.5}'
  keys "$1" KeyB id:B '{"id":{"$binary":"AAH/"}}'
  keys "$1" KeySN p,s:N '{"p":"a","s":2}' '{"p":"a","s":10}'
  keys "$1" KeyNB p:N,s:B '{"p":1,"s":{"$binary":"AA=="}}'
  keys "$1" KeyColon urn:id:S '{"urn:id":"a"}'
}

# ---- Values ----

cat >"$work/values" <<'END'
{"id":"numbers","big":99999999999999999999999999999999999999,"set":{"$ns":[1,2.5,10]},"small":-0.000000000000000000000000000000000001}
{"id":"sets","b":{"$bs":["AA==","AQ=="]},"s":{"$ss":["a","b"]}}
{"id":"rest","bin":{"$binary":"AAEC"},"f":false,"l":[1,"two",[],{}],"m":{"$map":{"$ss":1}},"n":null,"t":true,"u":"é\u0001\"\\"}
END
round_trips() {
  imports "values" 3 "$1" Values -k id "$work/values"
  same "values" "$(sort "$work/values")" "$(out_of "$1" Values | sort)"
  out_of "$1" Values --format dynamodb >"$work/exported"
  same "typed" '{"Item":{"id":{"S":"sets"},"b":{"BS":["AA==","AQ=="]},"s":{"SS":["a","b"]}}}' "$(grep sets "$work/exported")"
  imports "back" 3 "$1" Again -k id "$work/exported"
  same "back" "$(sort "$work/values")" "$(out_of "$1" Again --format json | sort)"
  same "and typed" "$(sort "$work/exported")" "$(out_of "$1" Again --format dynamodb | sort)"
}

# ---- Refusals ----

# refusals PLACE: a mount and a store say the same
refusals() {
  printf '%s\n' '{"id":"1"}' '' '{"id":"2"}' '{"id":"3",}' '{"id":"4"}' >"$work/bad"
  stops "a bad line" "line 4" "$1" Bad -k id "$work/bad"
  same "a bad line: what came before is in" "1 2" "$(out_of "$1" Bad | jq -r .id | sort | xargs)"
  same "and counted" "2 items imported" "$(cat "$work/out")"
  printf '%s\n' '{"id":"5"}' '{"id":"6"}' '{"name":"x"}' '{"id":"7"}' >"$work/bad"
  stops "no key" "line 3: .*id" "$1" Bad "$work/bad"
  same "no key: what came before is in" "1 2 5 6" "$(out_of "$1" Bad | jq -r .id | sort | xargs)"
  printf '[{"id":"8"},\n{"id":9}]\n' >"$work/bad"
  stops "a key of another type" "line 2: .*Type mismatch for key" "$1" Bad "$work/bad"
  { echo '{"id":"9"}'; printf '{"id":"big","x":"%*s"}\n' 409600 x; } >"$work/bad"
  stops "too large" "line 2: Item size has exceeded" "$1" Bad "$work/bad"
  echo '{"id":"1"}' >"$work/good"
  { seq 3000 | sed 's/.*/{"id":"&"}/'; echo '{"id":""}'; seq 4000 5000 | sed 's/.*/{"id":"&"}/'; } >"$work/bad"
  stops "far behind" "line 3001: .*empty string" "$1" Bad "$work/bad"
  same "far behind: what came before is in" 3000 "$(out_of "$1" Bad | wc -l)"
  same "and counted" "3000 items imported" "$(cat "$work/out")"
  stops "the second of two files" "bad: .*line 3001" "$1" Bad "$work/good" "$work/bad"

  head -c 3000 "$work/lines.gz" >"$work/bad"
  stops "a gzip file cut off" "ends too early" "$1" Parts "$work/bad"
  local text
  for text in '[{"id":"1"} {"id":"2"}]' '[{"id":"1"},]' '[{"id":"1"}' '[1]' '[{"id":"1"}] x' '5' '"x"' '{"id":"1"' \
    '{"id":"1"}}' '{"Item":{"id":"1"}}' '{"Item":{"id":{"S":"1"}},"x":1}' '{"id":"1","id":"2"}' '{"id":"\ud800"}' \
    "$(printf '{"id":"\xff"}')" '{"id":"1","s":{"$ss":[]}}' '{"id":"1","n":1e999}'; do
    printf '%s' "$text" >"$work/bad"
    stops "$text" "bad: .*line 1" "$1" Bad "$work/bad"
  done

  stops "no file" "absent: No such file" "$1" Bad "$work/absent"
  stops "a directory" "Is a directory" "$1" Bad "$work"
  stops "no table" "does not exist" "$1" Absent "$work/lines"
  stops "another key" "with another key" "$1" Bad -k name "$work/lines"
  stops "a table's name" "ableName" "$1" a/b -k id "$work/lines"
  stops "a short one" "TableName" "$1" ab -k id "$work/lines"
  stops "a definition that is absent" "absent" "$1" New -t "$work/absent" "$work/lines"
  stops "a definition that is none" "." "$1" New -t "$work/lines" "$work/lines"
  refused "and no table" out_of "$1" New
  refused "export of no table" out_of "$1" Absent
  refused "export of a table's bad name" out_of "$1" ../etc
  refused "export to a full disk" sh -c '"$DYNAMOUNT" export "$1" Parts >/dev/full' - "$1"
}

# ---- Definitions ----

cat >"$work/definition" <<'END'
{"TableName": "Other", "BillingMode": "PROVISIONED", "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
 "AttributeDefinitions": [{"AttributeName": "alpha_3", "AttributeType": "S"}, {"AttributeName": "name", "AttributeType": "S"}],
 "KeySchema": [{"AttributeName": "alpha_3", "KeyType": "HASH"}],
 "GlobalSecondaryIndexes": [{"IndexName": "byName", "KeySchema": [{"AttributeName": "name", "KeyType": "HASH"}],
   "Projection": {"ProjectionType": "ALL"}, "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}}],
 "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"},
 "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": true}}
END

# ---- All of it, into a store and into a mount ----

all() {
  every_form "$1"
  every_key "$1"
  round_trips "$1"
  refusals "$1"
  imports "--table" "$count" "$1" Defined --table "$work/definition" "$work/lines"
}
export DYNAMOUNT
all "$store"
start
same "names of N" "-0.5.json 42.json" "$(ls "$mnt/KeyN" | sort | xargs)"
same "names of B" "AAH_.json" "$(ls "$mnt/KeyB")"
same "names of N and B" "1/AA.json" "$(cd "$mnt/KeyNB" && ls -d -- */*)"
same "ItemCount" "$count" "$(jq .ItemCount "$mnt/Parts/.status.json")"
definition=$(cat "$mnt/Defined/.table.json")
same "the whole definition" '["alpha_3"] byName KEYS_ONLY expires 5' \
  "$(jq -r '"\(.KeySchema | map(.AttributeName)) \(.GlobalSecondaryIndexes[0].IndexName) \(.StreamSpecification.StreamViewType) \(.TimeToLiveSpecification.AttributeName) \(.ProvisionedThroughput.ReadCapacityUnits)"' \
    "$mnt/Defined/.table.json")"
stop

# An import right behind umount waits for the process that still closes the store.
start
umount "$mnt"
imports "right behind umount" "$count" "$store" Parts "$work/lines"
wait "$daemon" || fail "the daemon's exit status is $?"
daemon=
same "the store is sound" "" "$("$DYNAMOUNT" check "$store" 2>&1)"

first=$store
store=$work/store2
start
all "$mnt"
# Two stores have different keys, and so different orders of their own.
for table in From_lines Subdivisions KeyN KeyNB; do
  for format in json dynamodb; do
    out_of "$first" "$table" --format "$format" >"$work/exported"
    check "$table in $format has lines" test -s "$work/exported"
    check "$table in $format: in order" sort -c "$work/exported"
    check "$table in $format: the same of a mount" cmp "$work/exported" <(out_of "$mnt" "$table" --format "$format")
  done
done
same "the same definition" "$definition" "$(cat "$mnt/Defined/.table.json")"
mkdir "$mnt/Provisional"
stops "a table without a definition" "no definition" "$mnt" Provisional "$work/lines"
imports "which --key gives" "$count" "$mnt" Provisional -k alpha_2 "$work/lines"
same "which --key gives" "$expected" "$(out_of "$mnt" Provisional | sorted | md5sum)"
mkdir "$mnt/Provisional2"
same "export of one" "" "$(out_of "$mnt" Provisional2)"

# A snapshot or a transaction is exported as a mount is.
check "a snapshot" mkdir "$mnt/.snapshot/s" "$mnt/.txn/t"
check "later" rm "$mnt/Parts/LU.json"
check "in the transaction" rm "$mnt/.txn/t/Parts/FR.json"
same "of a snapshot" "$expected" "$(out_of "$mnt/.snapshot/s" Parts | sorted | md5sum)"
same "typed" "$count" "$(out_of "$mnt/.snapshot/s/" Parts --format dynamodb | grep -c '^{"Item":')"
same "from within" "$expected" "$(cd "$mnt/.snapshot/s" && out_of . Parts | sorted | md5sum)"
same "of a transaction" "$(jq -cS 'select(.alpha_2 != "FR")' "$work/lines" | sort | md5sum)" \
  "$(out_of "$mnt/.txn/t" Parts | sorted | md5sum)"
refused "of no snapshot" out_of "$mnt/.snapshot/none" Parts
refused "of a table's directory" out_of "$mnt/Subdivisions/LU" Parts
check "dropped" rmdir "$mnt/.snapshot/s" "$mnt/.txn/t"
stop
same "the store is sound" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
check "the same of both stores" cmp <(out_of "$first" Subdivisions) <(out_of "$store" Subdivisions)
same "export of one from the store" "" "$(out_of "$store" Provisional2)"
stops "and an import" "no definition" "$store" Provisional2 "$work/lines"

# ---- The progress bar ----

"$DYNAMOUNT" import "$store" Bar -k alpha_2 "$work/array" >/dev/null 2>"$work/err"
same "no bar without a terminal" "" "$(cat "$work/err")"
script -qec "'$DYNAMOUNT' import '$store' Bar '$work/array'" /dev/null >"$work/terminal" </dev/null
same "a full bar on a terminal" 1 "$(grep -c "array \[#*\] $count items" "$work/terminal")"
echo '{' >>"$work/bad"
script -qec "'$DYNAMOUNT' import '$store' Bar '$work/array' '$work/bad'; echo exit \$?" /dev/null >"$work/terminal" </dev/null
same "a refusal has its own line" 1 "$(tr '\r' '\n' <"$work/terminal" | grep -c "^dynamount: ")"
check "and its status" grep -q "exit 1" "$work/terminal"
finish
