# Large stores: counts are right, and memory does not grow with what is stored.
. "$TESTS/lib.sh" || exit 1

scale=1
[ -z "${DYNAMOUNT_LONG-}" ] || scale=10
items=$((100000 * scale))     # in one table
partition=$((10000 * scale))  # of them in one partition
partitions=$((1000 * scale))  # the rest in so many
tables=$((100 * scale))
limit=$((5000 * scale)) # -o nodes=
slack=2500              # what is on its way back to us, and one listing's reply

rows() {
  python3 - $items $partition $partitions <<'PYTHON'
import sys
items, partition, partitions = map(int, sys.argv[1:])
text = "x" * 80
for i in range(items):
    key = "one" if i < partition else "p%05d" % (i % partitions)
    print('{"p":"%s","s":"%07d","n":%d,"text":"%s"}' % (key, i, i, text))
PYTHON
}
count() { find "$@" -type f -name '*.json' ! -name '.*' | wc -l; }

check "import" bash -c "$(declare -f rows); items=$items partition=$partition partitions=$partitions; rows |
  '$DYNAMOUNT' import '$store' Large --key p,s - >/dev/null"
definition='{"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}'
start
for table in $(seq $tables); do
  mkdir "$mnt/Table$table" && printf '%s' "$definition" >"$mnt/Table$table/.table.json" &&
    echo '{}' >"$mnt/Table$table/one.json" || fail "table $table"
done
stop

# Anonymous memory in KiB, without what the kernel-held nodes may take: 160 bytes and the key (here: 24) each.
memory() {
  awk -v nodes="$(jq .nodes "$mnt/.status")" '/^RssAnon/ { print int($2 - nodes * (160 + 24) / 1024) }' \
    "/proc/$daemon/status"
}
slim() {
  [ "$(memory)" -le 65536 ] || fail "$1: $(memory) KiB of memory beside the nodes"
}

start
same "tables" $((tables + 1)) "$(find "$mnt" -mindepth 1 -maxdepth 1 | wc -l)"
same "partitions" $((partitions + 1)) "$(ls "$mnt/Large" | wc -l)"
same "one partition" $partition "$(ls "$mnt/Large/one" | wc -l)"
slim "after ls"
same "items" $((items + tables)) "$(count "$mnt")"
slim "after find"
same "lines" $items "$(wc -l <"$mnt/Large/.items.jsonl")"
slim "after .items.jsonl"
same "one item" 17 "$(jq .n "$mnt/Large/one/0000017.json")"
same "what it says itself" $items "$(jq .ItemCount "$mnt/Large/.status.json")"
stop

# Above -o nodes= the count holds while find runs.
start nodes=$limit
find "$mnt" -type f >"$work/found" &
finder=$!
most=0
while kill -0 $finder 2>/dev/null; do
  now=$(jq .nodes "$mnt/.status")
  [ "$now" -le $most ] || most=$now
done
wait $finder || fail "find"
same "found" $((items + tables)) "$(grep -vc "/\.table\.json\$" "$work/found")"
[ $most -le $((limit + slack)) ] || fail "$most nodes at once, $limit are allowed"
[ $most -ge $((limit / 2)) ] || fail "only $most nodes seen: was find over too soon to tell?"
echo "at most $most nodes with nodes=$limit"
# The same where names are looked up one by one, and directories come and go.
head -n $((limit * 3)) "$work/found" | xargs stat -c %n >/dev/null || fail "stat"
now=$(jq .nodes "$mnt/.status")
[ "$now" -le $((limit + slack)) ] || fail "$now nodes after many lookups, $limit are allowed"
slim "after many lookups"

# What a large transaction takes is given back.
python3 -c 'for i in range(20000): print("{\"h\":\"p\",\"r\":\"%05d\",\"text\":\"%s\"}" % (i, "x" * 5000))' |
  "$DYNAMOUNT" import "$mnt" Heavy --key h,r - >/dev/null || fail "import"
check "a partition of 100 MB" mv "$mnt/Heavy/p" "$mnt/Heavy/q"
same "all of it" 20000 "$(ls "$mnt/Heavy/q" | wc -l)"
slim "after a large rename"
finish
