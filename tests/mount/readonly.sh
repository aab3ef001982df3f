# A disk that takes no writes: a clear refusal, or -o ro; and one that becomes such under a live mount.
. "$TESTS/lib.sh" || exit 1

disk=$work/disk
store=$disk/store
image=$work/image
mkdir "$disk"
truncate -s 32m "$image"
{ mkfs.ext4 -q -F "$image" && mount -o loop "$image" "$disk"; } || { echo "cannot mount an image"; exit 77; }
contents() { find "$disk" -type f -exec cksum {} + | sort; }

start
mkdir "$mnt/Table"
echo '{"n":1}' >"$mnt/Table/one.json"
echo scratch >"$mnt/Table/notes"
refused "the disk of a live mount" mount -o remount,ro "$disk"
stop

# Everything that only reads works, whether the store was closed or its process killed.
reads() {
  local before
  mount -o remount,ro "$disk" || fail "remount"
  before=$(contents)
  refused "$1: a mount" "$DYNAMOUNT" "$store" "$mnt"
  same "$1: what it says" "dynamount: store $store is on a read-only filesystem: it can only be opened for reading" \
    "$("$DYNAMOUNT" "$store" "$mnt" 2>&1)"
  refused "$1: import" "$DYNAMOUNT" import "$store" Table <(echo '{"pk":"two"}')
  refused "$1: a new store" "$DYNAMOUNT" "$disk/new" "$mnt"
  start ro
  same "$1: reading" 1 "$(jq .n "$mnt/Table/one.json")"
  same "$1: listing" "notes one.json" "$(ls "$mnt/Table" | tr '\n' ' ' | sed 's/ $//')"
  same "$1: lines" 1 "$(jq -s length "$mnt/Table/.items.jsonl")"
  same "$1: scratch" scratch "$(cat "$mnt/Table/notes")"
  same "$1: .status" "true null" "$(jq -r '"\(.read_only) \(.write_error)"' "$mnt/.status")"
  for command in "touch $mnt/Table/two.json" "rm $mnt/Table/one.json" "mkdir $mnt/More" "mv $mnt/Table/one.json $mnt/Table/two.json"; do
    check "$1: $command" grep -q 'Read-only file system' <($command 2>&1)
  done
  stop
  same "$1: export" 1 "$("$DYNAMOUNT" export "$store" Table | jq -s length)"
  same "$1: check" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
  refused "$1: check --repair" "$DYNAMOUNT" check --repair "$store"
  same "$1: nothing was written" "$before" "$(contents)"
  mount -o remount,rw "$disk" || fail "remount"
}
reads "closed"
start
check "writing again" bash -c "echo '{\"n\":1}' >'$mnt/Table/one.json'"
for n in {1..200}; do echo '{}' >"$mnt/Table/brief$n.json"; done
rm "$mnt"/Table/brief*.json
die
reads "killed"

# ---- Under a live mount, as ext4 does when its disk fails ----

start
echo '{"n":2}' >"$mnt/Table/two.json"
sync "$mnt/Table/two.json"
mount -o remount,abort "$disk" || fail "abort"
for n in {1..20}; do
  if echo "{\"n\":$n}" >"$mnt/Table/late$n.json" && sync "$mnt/Table/late$n.json"; then
    fail "a write that the disk did not take is called durable"
  fi
done 2>"$work/said"
check "errors" grep -Eq 'Read-only file system|Input/output error' "$work/said"
check "and no others" test -z "$(grep -Ev 'Read-only file system|Input/output error' "$work/said")"
check "in /.status" jq -e '.write_error != null or .sync_error != null' "$mnt/.status" >/dev/null
same "reading goes on" "1 2" "$(jq .n "$mnt/Table/one.json" "$mnt/Table/two.json" | xargs)"
stop
umount "$disk"
mount -o loop "$image" "$disk"
start
same "what was durable" "1 2" "$(jq .n "$mnt/Table/one.json" "$mnt/Table/two.json" | xargs)"
check "writing again" bash -c "echo '{\"n\":3}' >'$mnt/Table/three.json'"
check "durably" sync "$mnt/Table/three.json"
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
finish
