# A full disk: an error that loses nothing and goes away when there is room.
. "$TESTS/lib.sh" || exit 1

mkdir "$work/disk"
mount -t tmpfs -o size=8m tmpfs "$work/disk" || { echo "cannot mount a tmpfs"; exit 77; }
store=$work/disk/store
start
mkdir "$mnt/Fill"
printf '{"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}' \
  >"$mnt/Fill/.table.json"
head -c 8m /dev/zero >"$work/disk/ballast" 2>/dev/null
rm "$work/disk/ballast"
head -c 3m /dev/zero >"$work/disk/ballast"
text=$(head -c 60000 /dev/zero | tr '\0' x)
n=0
while echo "{\"n\":$n,\"text\":\"$text\"}" >"$mnt/Fill/$n.json"; do
  n=$((n + 1))
  [ $n -lt 1000 ] || break
done 2>"$work/said"
check "No space left" grep -q 'No space left' "$work/said"
[ $n -gt 10 ] || fail "only $n items went in"
same "ENOSPC" ENOSPC "$(last_error .errno)"
same "nothing is lost" "$n" "$(ls "$mnt/Fill" | wc -l)"
same "nor damaged" "$n" "$(jq -s length "$mnt"/Fill/*.json)"
same "the one refused is not there" absent "$(stat "$mnt/Fill/$n.json" 2>/dev/null || echo absent)"
rm "$work/disk/ballast"
check "with room it goes on" bash -c "echo '{\"n\":$n,\"text\":\"$text\"}' >$mnt/Fill/$n.json"
same "put" "$n" "$(jq .n "$mnt/Fill/$n.json")"
check "deleting works" rm "$mnt/Fill/0.json"
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
start
same "all there" "$n" "$(ls "$mnt/Fill" | wc -l)"
finish
