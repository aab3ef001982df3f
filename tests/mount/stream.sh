# The records of a table's stream as files: what is in them, where they begin and end, what is refused.
. "$TESTS/lib.sh" || exit 1
export mnt work PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1

# stream TABLE VIEW|off: a table's definition with that stream
stream() {
  jq -n --arg view "$2" '{AttributeDefinitions: [{AttributeName: "id", AttributeType: "S"}],
    KeySchema: [{AttributeName: "id", KeyType: "HASH"}]} +
    if $view == "off" then {} else {StreamSpecification: {StreamEnabled: true, StreamViewType: $view}} end' \
    >"$mnt/$1/.table.json"
}
# events FILE: what happened to which key, a word each
events() { jq -r '"\(.eventName):\(.dynamodb.Keys.id.S)"' "$1" | xargs; }

start
for view in KEYS_ONLY NEW_IMAGE OLD_IMAGE NEW_AND_OLD_IMAGES; do
  mkdir "$mnt/$view"
  refused "no stream yet" ls "$mnt/$view/.stream"
  stream "$view" $view
  same "at once" "follow.jsonl records.jsonl" "$(ls "$mnt/$view/.stream" | xargs)"
  same "nothing is kept yet" "" "$(cat "$mnt/$view/.stream/records.jsonl")"
  echo '{"n":1}' >"$mnt/$view/a.json"
  echo '{"n":2}' >"$mnt/$view/a.json"
  rm "$mnt/$view/a.json"
done
t=$mnt/NEW_AND_OLD_IMAGES s=$mnt/NEW_AND_OLD_IMAGES/.stream
same "not listed in the table" "" "$(ls -A "$t" | grep stream)"
same "what happened" "INSERT:a MODIFY:a REMOVE:a" "$(events "$s/records.jsonl")"
same "both images" '[{"id":{"S":"a"},"n":{"N":"2"}},{"id":{"S":"a"},"n":{"N":"1"}}]' \
  "$(sed -n 2p "$s/records.jsonl" | jq -cS '[.dynamodb.NewImage, .dynamodb.OldImage]')"
same "members" '["ApproximateCreationDateTime","Keys","NewImage","OldImage","SequenceNumber","SizeBytes","StreamViewType"]' \
  "$(sed -n 2p "$s/records.jsonl" | jq -c '.dynamodb | keys')"
same "compact" "$(jq -c . "$s/records.jsonl")" "$(cat "$s/records.jsonl")"
for view in KEYS_ONLY NEW_IMAGE OLD_IMAGE NEW_AND_OLD_IMAGES; do
  same "$view" "$view" "$(jq -r .dynamodb.StreamViewType "$mnt/$view/.stream/records.jsonl" | sort -u)"
done
same "keys only" 'false' "$(jq -s 'any(.[].dynamodb; has("NewImage") or has("OldImage"))' "$mnt/KEYS_ONLY/.stream/records.jsonl")"
same "new only" '[[true,false],[true,false],[false,false]]' \
  "$(jq -sc 'map(.dynamodb | [has("NewImage"), has("OldImage")])' "$mnt/NEW_IMAGE/.stream/records.jsonl")"
same "old only" '[[false,false],[false,true],[false,true]]' \
  "$(jq -sc 'map(.dynamodb | [has("NewImage"), has("OldImage")])' "$mnt/OLD_IMAGE/.stream/records.jsonl")"

# what changes nothing is not told
echo '{"n":1,"set":{"$ss":["x","y"]}}' >"$t/b.json"
before=$(md5sum <"$s/records.jsonl")
echo '{"n":1.0,"set":{"$ss":["y","x"]}}' >"$t/b.json"
echo '{"n":1}' >>"$t/b.json"
touch "$t/b.json"
mv "$t/b.json" "$t/b.json" 2>/dev/null
echo 'scratch' >"$t/scratch"
setfattr -n user.update -v 'SET n = n' "$t/b.json"
echo '{"id":"b","n":1,"set":{"$ss":["x","y"]}}' >"$t/.items.jsonl"
"$DYNAMOUNT" api "$mnt" DeleteItem '{"TableName":"NEW_AND_OLD_IMAGES","Key":{"id":{"S":"nobody"}}}' >/dev/null
same "nothing is told" "$before" "$(md5sum <"$s/records.jsonl")"

# where to begin
mapfile -t numbers < <(jq -r .dynamodb.SequenceNumber "$s/records.jsonl")
same "numbers" 4 "${#numbers[@]}"
same "they rise" "${numbers[*]}" "$(printf '%s\n' "${numbers[@]}" | sort -u | xargs)"
same "after" "$(tail -n +3 "$s/records.jsonl")" "$(cat "$s/after=${numbers[1]}.jsonl")"
same "at" "$(tail -n +2 "$s/records.jsonl")" "$(cat "$s/at=${numbers[1]}.jsonl")"
same "between two records" "$(tail -n +2 "$s/records.jsonl")" \
  "$(cat "$s/at=$(printf %021d $((10#${numbers[0]} + 1))).jsonl")"
same "with more zeros" "$(tail -n +3 "$s/records.jsonl")" "$(cat "$s/after=0000000000000000000${numbers[1]}.jsonl")"
same "after the last" "" "$(cat "$s/after=${numbers[3]}.jsonl")"
same "from zero" "$(cat "$s/records.jsonl")" "$(cat "$s/at=000000000000000000000.jsonl")"
same "not listed" "follow.jsonl records.jsonl" "$(ls -A "$s" | xargs)"
same "by tail" "$(tail -n 1 "$s/records.jsonl")" "$(tail -c +1 "$s/records.jsonl" | tail -n 1)"
same "a shell's loop" "${numbers[*]}" "$(while read -r record; do jq -r .dynamodb.SequenceNumber <<<"$record"; done <"$s/records.jsonl" | xargs)"

check "refusals" python3 - "${numbers[0]}" <<'PYTHON'
from calls import *
s, number = "NEW_AND_OLD_IMAGES/.stream/", sys.argv[1]
for name, expected in {
    "after=.jsonl": "EINVAL", "after=1.jsonl": "EINVAL", "after=" + "1" * 20 + ".jsonl": "EINVAL", "after=" + "0" * 41 + ".jsonl": "EINVAL",
    "at=" + "x" * 21 + ".jsonl": "EINVAL", "at=-" + "0" * 21 + ".jsonl": "EINVAL", "at= " + number + ".jsonl": "EINVAL",
    "after=" + "9" * 40 + ".jsonl": "EINVAL", "after=99999999999999999999" + "9.jsonl": "EINVAL", "before=" + number + ".jsonl": "ENOENT",
    "after=" + number: "ENOENT", "after=" + number + ".json": "ENOENT", "after" + number + ".jsonl": "ENOENT", ".jsonl": "ENOENT", "x": "ENOENT",
    "follow.jsonl/x": "ENOTDIR", "after=" + number + ".jsonl/x": "ENOTDIR",
}.items():
    same("stat of " + name, expected, call(os.stat, s + name))
    same("reading " + name, expected, read(s + name))
    if expected == "EINVAL":
        same("the refusal of " + name, s + name + " stat EINVAL ValidationException", last("path", "operation", "errno", "type"))
future = "after=%021d.jsonl" % (2 ** 63)
same("a record that is still to come", "EINVAL", read(s + future))
same("why", s + future + " open EINVAL There is no record yet of that SequenceNumber", last("path", "operation", "errno", "message"))
for name in ("records.jsonl", "follow.jsonl", "after=%s.jsonl" % number):
    same("writing " + name, "open EACCES", write(s + name, "{}"))
    same("appending to " + name, "open EACCES", append(s + name, "{}"))
    same("removing " + name, "EPERM", call(os.unlink, s + name))
    same("moving " + name, "EPERM", rename(s + name, "NEW_AND_OLD_IMAGES/x.json"))
    same("replacing " + name, "EPERM", rename("NEW_AND_OLD_IMAGES/b.json", s + name))
    same("its kind " + name, (0o100444, 0), (os.stat(mnt + s + name).st_mode, os.stat(mnt + s + name).st_size))
same("a new file", "open EACCES", write(s + "x.jsonl", "{}"))
same("a new directory", "EPERM", call(os.mkdir, s + "x"))
same("removing it", "EPERM", call(os.rmdir, s))
same("moving it", "EPERM", rename(s[:-1], "NEW_AND_OLD_IMAGES/.other"))
same("its kind", 0o40555, os.stat(mnt + s).st_mode)
inodes = [os.stat(mnt + path).st_ino for path in (s, s + "records.jsonl", s + "follow.jsonl", s + "after=%s.jsonl" % number,
    s + "at=%s.jsonl" % number, "KEYS_ONLY/.stream", "KEYS_ONLY/.stream/records.jsonl")]
same("inodes differ", len(inodes), len(set(inodes)))
same("d_ino", inodes[2], [e.inode() for e in os.scandir(mnt + s) if e.name == "follow.jsonl"][0])

# a table without a stream
table("Plain")
os.mkdir(mnt + "Provisional")
for name in ("Plain", "Provisional"):
    same("no stream", "ENOENT", call(os.listdir, name + "/.stream"))
    same("nothing in it", "ENOENT", read(name + "/.stream/records.jsonl"))
    same("the name is nobody's", "open EACCES", write(name + "/.stream", "x"))
    same("nor a directory's", "EPERM", call(os.mkdir, name + "/.stream"))
same("typed", "ENOENT", call(os.listdir, "NEW_AND_OLD_IMAGES/.typed/.stream"))
finish()
PYTHON

# off and on again: what was kept stays, and one follows the other
stream NEW_AND_OLD_IMAGES off
same "off" "$before" "$(md5sum <"$s/records.jsonl")"
echo '{"n":3}' >"$t/c.json"
same "untold" "$before" "$(md5sum <"$s/records.jsonl")"
same "follow ends at once" "" "$(timeout 20 cat "$s/follow.jsonl" || echo "exit $?")"
stream NEW_AND_OLD_IMAGES KEYS_ONLY
echo '{"n":4}' >"$t/d.json"
same "both" "INSERT:a MODIFY:a REMOVE:a INSERT:b INSERT:d" "$(events "$s/records.jsonl")"
same "from the first into the second" "INSERT:b INSERT:d" "$(events "$s/after=${numbers[2]}.jsonl")"
same "behind the first" "INSERT:d" "$(events "$s/after=${numbers[3]}.jsonl")"

# another name, another table of the name, another mount
mv "$t" "$mnt/Moved"
same "moved along" "INSERT:a MODIFY:a REMOVE:a INSERT:b INSERT:d" "$(events "$mnt/Moved/.stream/records.jsonl")"
rm -r "$mnt/Moved"
mkdir "$mnt/Moved"
refused "a new table of an old name" ls "$mnt/Moved/.stream"
stream Moved NEW_IMAGE
same "has a stream of its own" "" "$(cat "$mnt/Moved/.stream/records.jsonl")"
echo '{"n":5}' >"$mnt/Moved/e.json"
stop
start
same "after another mount" "INSERT:e" "$(events "$mnt/Moved/.stream/records.jsonl")"
same "there, too" "INSERT:a MODIFY:a REMOVE:a" "$(events "$mnt/KEYS_ONLY/.stream/records.jsonl")"

# transactions of many items, and what the API does
"$DYNAMOUNT" api "$mnt" BatchWriteItem '{"RequestItems":{"Moved":[{"PutRequest":{"Item":{"id":{"S":"f"}}}},{"DeleteRequest":{"Key":{"id":{"S":"e"}}}}]}}' >/dev/null
same "a batch" "INSERT:e INSERT:f REMOVE:e" "$(events "$mnt/Moved/.stream/records.jsonl")"
mv "$mnt/Moved/f.json" "$mnt/Moved/g.json"
same "a rename" "INSERT:g REMOVE:f" "$(events "$mnt/Moved/.stream/records.jsonl" | cut -d ' ' -f 4- | xargs -n 1 | sort | xargs)"

# a snapshot and a transaction have what was kept when they began; nothing comes in them, and nothing goes out of them
kept=$(md5sum <"$mnt/Moved/.stream/records.jsonl")
mkdir "$mnt/.snapshot/then" "$mnt/.txn/now"
echo '{"n":6}' >"$mnt/.txn/now/Moved/staged.json"
same "what is staged is not told" "$kept" "$(md5sum <"$mnt/Moved/.stream/records.jsonl")"
same "nor inside" "$kept" "$(md5sum <"$mnt/.txn/now/Moved/.stream/records.jsonl")"
echo '{"n":7}' >"$mnt/Moved/h.json"
for view in .snapshot/then .txn/now; do
  same "$view" "$kept" "$(md5sum <"$mnt/$view/Moved/.stream/records.jsonl")"
  same "$view lists" "follow.jsonl records.jsonl" "$(ls "$mnt/$view/Moved/.stream" | xargs)"
  same "follow in $view ends at once" "" "$(timeout 20 cat "$mnt/$view/Moved/.stream/follow.jsonl" || echo "exit $?")"
done
timeout 20 head -n 1 "$mnt/Moved/.stream/follow.jsonl" >"$work/committed" &
head=$!
poll "head waits" grep -q '"waiting": 1,' "$mnt/.status"
check "commit" mv "$mnt/.txn/now" "$mnt/.txn/committed/"
check "whoever follows hears of a commit" wait $head
same "of what was staged" "INSERT:staged" "$(events "$work/committed")"
rmdir "$mnt/.snapshot/then"
rm "$mnt/Moved/h.json" "$mnt/Moved/staged.json"

# 20,000 records of parallel writers: in order, each once, with little memory, also from the middle of them
for w in 1 2 3 4; do
  python3 -c '
import sys
for i in range(5000):
    print("{\"id\":\"%s-%05d\",\"text\":\"%s\"}" % (sys.argv[1], i, "x" * 400))' $w >"$work/lines$w"
done
from=$(tail -n 1 "$mnt/Moved/.stream/records.jsonl" | jq -r .dynamodb.SequenceNumber)
writers=()
for w in 1 2 3 4; do
  cat "$work/lines$w" >"$mnt/Moved/.items.jsonl" &
  writers+=($!)
done
wait "${writers[@]}"
same "each once" 20000 "$(jq -r .dynamodb.Keys.id.S "$mnt/Moved/.stream/after=$from.jsonl" | sort -u | wc -l)"
jq -r .dynamodb.SequenceNumber "$mnt/Moved/.stream/after=$from.jsonl" >"$work/numbers"
check "in order" sort -cu "$work/numbers"
for w in 1 2 3 4; do
  check "each writer's in its order" bash -c "grep -o '\"$w-[0-9]*\"' <(jq -c .dynamodb.Keys.id.S '$mnt/Moved/.stream/after=$from.jsonl') | sort -cu"
done
middle=$(sed -n 10000p "$work/numbers")
same "from the middle" 10000 "$(wc -l <"$mnt/Moved/.stream/after=$middle.jsonl")"
same "the tail" "$(tail -n 1 "$work/numbers")" "$(tail -n 1 "$mnt/Moved/.stream/at=$middle.jsonl" | jq -r .dynamodb.SequenceNumber)"
check "back to the beginning" python3 - <<'PYTHON'
from calls import *
fd = os.open(mnt + "Moved/.stream/records.jsonl", os.O_RDONLY)
head, size = os.pread(fd, 1000, 0), 0
while True:
    piece = os.pread(fd, 1 << 20, size)
    if not piece:
        break
    size += len(piece)
same("much was read", True, size > 10 << 20)
same("the same again", head, os.pread(fd, 1000, 0))
finish()
PYTHON
memory=$(awk '/^RssAnon/ { print $2 }' "/proc/$daemon/status")
[ "${SANITIZED-none}" != none ] || [ "$memory" -le 65536 ] || fail "$memory KiB of memory"
finish
