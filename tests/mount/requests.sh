# How many requests everyday commands cost: the kernel's caches are long, and exact all the same.
. "$TESTS/lib.sh" || exit 1

for i in $(seq 1000); do printf '{"id":"%04d","text":"%0500d"}\n' "$i" "$i"; done >"$work/items"
"$DYNAMOUNT" import "$store" Items --key id "$work/items" >/dev/null || fail "import"
mkdir "$work/in"

total() { jq '[.requests | to_entries[] | select(.key != "FORGET" and .key != "BATCH_FORGET") | .value] | add' "$mnt/.status"; }
# at_most WHAT LIMIT COMMAND…: the command costs so many requests; those of reading /.status are counted off
at_most() {
  local what=$1 limit=$2 looks=0 before after own cost
  shift 2
  settle
  before=$(total)
  looks=1
  settle
  after=$(total)
  own=$(((after - before) / looks)) # each look costs the same
  before=$after
  looks=1
  "$@" >/dev/null 2>&1
  settle
  after=$(total)
  cost=$((after - before - own * looks))
  echo "$what: $cost requests"
  [ $cost -le "$limit" ] || fail "$what: $cost requests, more than $limit: $(jq -c .requests "$mnt/.status")"
}
# RELEASE comes after close: wait until no handle but our own is open
few_handles() { looks=$((looks + 1)) && [ "$(jq .handles "$mnt/.status")" -le 1 ]; }
settle() { poll "no open handles" few_handles; }
again() {
  stop
  start
  total >/dev/null
}

start
again
at_most "cat, cold" 5 cat "$mnt/Items/0001.json"
at_most "cat, warm" 2 cat "$mnt/Items/0001.json"
again
at_most "grep -r of 1000, cold" 2300 grep -rc nothing "$mnt/Items"
at_most "grep -r of 1000, warm" 2300 grep -rc nothing "$mnt/Items"
again
at_most "cp -r out of 1000" 2300 cp -r "$mnt/Items" "$work/out"
# now and then the kernel drops a page, which then is read again
at_most "tar c of 1000" 2300 bash -c "tar c $mnt/Items | cat"
again
at_most "ls --color of 1000" 60 ls --color=always "$mnt/Items"
again
at_most "ls -l of 1000" 60 ls -l "$mnt/Items"
at_most "ls -l --color of 1000, warm" 60 ls -l --color=always "$mnt/Items"
at_most "stat, warm (the time of access is ours to tell)" 1 stat "$mnt/Items/0001.json"
# what a query lists is looked up whenever it is used; its text is kept
again
at_most "grep -r of 1000 results, cold" 3300 grep -rc nothing "$mnt/Items/.query/page=1000"
at_most "grep -r of 1000 results, warm" 3300 grep -rc nothing "$mnt/Items/.query/page=1000"
at_most "ls of 1000 results" 60 ls "$mnt/Items/.query/page=1000"
mkdir "$mnt/Into"
cp "$mnt/Items/.table.json" "$mnt/Into/"
rm "$work/out/.table.json"
at_most "cp -r in of 1000" 6060 cp -r "$work/out/." "$mnt/Into"
same "all there" 1000 "$(ls "$mnt/Into" | wc -l)"

# exact: whatever changes, the next look shows it
check "put" bash -c "echo '{\"text\":\"new\"}' >$mnt/Items/0001.json"
same "seen at once" new "$(jq -r .text "$mnt/Items/0001.json")"
same "size too" "$(cat "$mnt/Items/0001.json" | wc -c)" "$(stat -c %s "$mnt/Items/0001.json")"
same "typed too" '{"S":"new"}' "$(jq -c .text "$mnt/Items/.typed/0001.json")"
check "put typed" bash -c "echo '{\"text\":{\"S\":\"newer by far\"}}' >$mnt/Items/.typed/0001.json"
same "seen plain" "newer by far" "$(jq -r .text "$mnt/Items/0001.json")"
check "put by line" bash -c "echo '{\"id\":\"0001\",\"text\":\"by line\"}' >$mnt/Items/.items.jsonl"
same "seen in the file" "by line" "$(jq -r .text "$mnt/Items/0001.json")"
same "and its size" "$(cat "$mnt/Items/0001.json" | wc -c)" "$(stat -c %s "$mnt/Items/0001.json")"
same "a name that is absent" absent "$(stat "$mnt/Items/later.json" 2>/dev/null || echo absent)"
check "comes by line" bash -c "echo '{\"id\":\"later\"}' >$mnt/Items/.items.jsonl"
poll "and is seen" test -e "$mnt/Items/later.json"
exec 5<"$mnt/Items/0001.json"
check "put while it is read" bash -c "echo '{\"id\":\"0001\",\"text\":\"while read\"}' >$mnt/Items/.items.jsonl"
same "the new reader sees the new" "while read" "$(jq -r .text "$mnt/Items/0001.json")"
sizes() { [ "$(cat "$mnt/Items/0001.json" | wc -c)" = "$(stat -c %s "$mnt/Items/0001.json")" ]; }
poll "by its size too" sizes
same "the old one the old" "by line" "$(jq -r .text <&5)"
exec 5<&-
check "rename over" mv "$mnt/Items/0002.json" "$mnt/Items/0001.json"
same "seen" 2 "$(jq -r '.text | tonumber' "$mnt/Items/0001.json")"
same "gone" absent "$(stat "$mnt/Items/0002.json" 2>/dev/null || echo absent)"

# above -o nodes= the oldest are given back
stop
start nodes=100
ls -l "$mnt/Items" >/dev/null
ls -l "$mnt/Into" >/dev/null
ls -l "$mnt/Items" >/dev/null
few() { ls -l "$mnt/Into/0500.json" >/dev/null; [ "$(jq .nodes "$mnt/.status")" -le 110 ]; }
poll "no more nodes than allowed" few
finish
