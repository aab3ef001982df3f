# Snapshots: all tables at one instant, read-only, bounded in time and by the disk.
. "$TESTS/lib.sh" || exit 1
. "$TESTS/lib_transactions.sh" || exit 1

bank
snap=$mnt/.snapshot
mkdir "$mnt/Entries/empty" "$mnt/.git"
echo text >"$mnt/Accounts/notes"
echo x >"$mnt/.git/file"
for i in $(seq 50); do echo '{"balance":100}' >"$mnt/Accounts/a$i.json"; done

# ---- One instant
mkdir "$snap/s"
same "what is listed" s "$(ls "$snap")"
set_balance alice 1
rm "$mnt/Accounts/bob.json"
echo '{"balance":1}' >"$mnt/Accounts/new.json"
mv "$mnt/Entries/empty" "$mnt/Entries/other"
mkdir "$mnt/Later"
echo other >"$mnt/Accounts/notes"
same "an item" 100 "$(balance alice .snapshot/s)"
same "a removed one" 0 "$(balance bob .snapshot/s)"
refused "a new one" stat "$snap/s/Accounts/new.json"
refused "a new table" stat "$snap/s/Later"
same "a partition without items" empty "$(ls "$snap/s/Entries")"
same "a scratch file" text "$(cat "$snap/s/Accounts/notes")"
same "a scratch directory" x "$(cat "$snap/s/.git/file")"
same "tables" "Accounts Entries" "$(ls "$snap/s" | tr '\n' ' ' | sed 's/ $//')"
same "a query" 52 "$(cat "$snap/s/Accounts/.query/filter=balance >= 0/count")"
same "a scan" 52 "$(wc -l <"$snap/s/Accounts/.scan/items.jsonl")"
same "the typed documents" 100 "$(jq -r .balance.N "$snap/s/Accounts/.typed/alice.json")"
same "the status" 52 "$(jq .ItemCount "$snap/s/Accounts/.status.json")"
for name in .status .errors .api .txn .snapshot .conditions.jsonl .reasons.json; do
  refused "$name inside" stat "$snap/s/$name"
done
inodes=$(stat -c %i "$snap/s" "$snap/s/Accounts" "$snap/s/Accounts/alice.json" "$mnt/Accounts" "$mnt/Accounts/alice.json" "$snap")
same "inode numbers" 6 "$(sort -u <<<"$inodes" | wc -l)"
check "its status" jq -e '.snapshots[] | select(.name == "s" and .since)' "$mnt/.status" >/dev/null

# ---- Read-only
readonly_error() { # WHAT COMMAND…
  local what=$1 said
  shift
  said=$("$@" 2>&1) && fail "$what: succeeded"
  [[ $said == *"Read-only file system"* ]] || fail "$what: $said"
}
readonly_error "a put" bash -c 'echo "{}" >"$1"' - "$snap/s/Accounts/alice.json"
readonly_error "an append" bash -c 'echo "{}" >>"$1"' - "$snap/s/Accounts/alice.json"
readonly_error "a new item" bash -c 'echo "{}" >"$1"' - "$snap/s/Accounts/zoe.json"
readonly_error "items" bash -c 'echo "{}" >"$1"' - "$snap/s/Accounts/.items.jsonl"
readonly_error "scratch" bash -c 'echo x >"$1"' - "$snap/s/Accounts/notes"
readonly_error "a definition" bash -c 'echo "{}" >"$1"' - "$snap/s/Accounts/.table.json"
readonly_error "rm" rm "$snap/s/Accounts/alice.json"
readonly_error "mv" mv "$snap/s/Accounts/alice.json" "$snap/s/Accounts/zoe.json"
readonly_error "a partition's mv" mv "$snap/s/Entries/empty" "$snap/s/Entries/full"
readonly_error "a table's mv" mv "$snap/s/Entries" "$snap/s/Other"
readonly_error "mkdir" mkdir "$snap/s/Another"
readonly_error "rmdir" rmdir "$snap/s/Entries"
readonly_error "touch" touch "$snap/s/Accounts/alice.json"
readonly_error "truncate" truncate -s 0 "$snap/s/Accounts/alice.json"
readonly_error "an attribute" setfattr -n user.update -v 'SET balance = 1' "$snap/s/Accounts/alice.json"
same "which is told" "setxattr A snapshot cannot be changed" "$(tail -n 1 "$mnt/.errors" | jq -r '"\(.operation) \(.message)"')"
readonly_error "no attribute" setfattr -x user.ttl "$snap/s/Accounts/alice.json"
same "which is told" "removexattr A snapshot cannot be changed" "$(tail -n 1 "$mnt/.errors" | jq -r '"\(.operation) \(.message)"')"
readonly_error "rm -r" rm -r "$snap/s"
readonly_error "into it" cp "$mnt/Accounts/new.json" "$snap/s/Accounts/"
same "why" "A snapshot cannot be changed" "$(last_error)"
same "all is there" 52 "$(ls "$snap/s/Accounts" | grep -c json)"
refused "its rename" mv "$snap/s" "$snap/t"
same "that is said" "A snapshot keeps its name" "$(last_error)"
refused "its rename to outside" mv "$snap/s" "$mnt/.t"
refused "a commit of it" mv "$snap/s" "$committed/"
refused "the name once more" mkdir "$snap/s"
check "mv out of it copies" cp "$snap/s/Accounts/bob.json" "$mnt/Accounts/bob.json"

# ---- rmdir
check "rmdir" rmdir "$snap/s"
refused "what was in it" stat "$snap/s/Accounts/alice.json"
same "none is listed" "" "$(ls -A "$snap")"
mkdir "$snap/s"
same "another one of the name" 1 "$(balance alice .snapshot/s)"
exec 8<"$snap/s/Accounts/.items.jsonl"
rmdir "$snap/s"
refused "what is open is over" cat <&8
exec 8<&-

# ---- A backup of a live store is consistent
rm "$mnt"/Accounts/{alice,bob,new}.json
(
  while [ ! -e "$work/stop" ]; do
    from=a$((RANDOM % 50 + 1)) to=a$((RANDOM % 50 + 1))
    [ $from = $to ] && continue
    mkdir "$txn/w" || exit 1
    set_balance $from $(($(balance $from .txn/w) - 1)) .txn/w
    set_balance $to $(($(balance $to .txn/w) + 1)) .txn/w
    mv "$txn/w" "$committed/" || exit 1
    echo >>"$work/transfers"
  done
) &
writer=$!
poll "transfers" test -s "$work/transfers"
for round in 1 2 3 4 5; do
  before=$(wc -l <"$work/transfers")
  mkdir "$snap/b$round"
  check "cp -a" cp -a "$snap/b$round/." "$work/backup$round/"
  same "the sum of backup $round" 5000 "$(cat "$work/backup$round"/Accounts/a*.json | jq -s 'map(.balance) | add')"
  poll "the writer goes on" bash -c '[ "$(wc -l <"$1")" -gt "$2" ]' - "$work/transfers" "$before"
  rmdir "$snap/b$round"
done
touch "$work/stop"
wait $writer || fail "the writer"
# It can be restored.
stop
store=$work/restored
start
check "a restore" cp -a "$work/backup1/." "$mnt/"
same "the sum restored" 5000 "$(cat "$mnt"/Accounts/a*.json | jq -s 'map(.balance) | add')"
stop

# ---- The hour is over
start snapshot_max=1s
mkdir "$snap/short" "$txn/short"
cat "$snap/short/Accounts/a1.json" >/dev/null
exec 8<"$snap/short/Accounts/.items.jsonl"
poll "it ends" bash -c '! ls "$1"' - "$snap/short"
poll "all in it ends" bash -c '! stat "$1"' - "$snap/short/Accounts/a1.json"
said=$(ls "$snap/short" 2>&1)
[[ $said == *"Stale file handle"* ]] || fail "a snapshot that ended: $said"
said=$(cat "$snap/short/Accounts/a1.json" 2>&1)
[[ $said == *"Stale file handle"* ]] || fail "a file of it: $said"
refused "what is open" cat <&8
exec 8<&-
poll "a transaction ends as well" bash -c '! ls "$1"' - "$txn/short"
refused "and is not committed" mv "$txn/short" "$committed/"
same "both are in .status" "true true" "$(jq '(.snapshots + .transactions)[] | .ended and (.why | length > 0)' "$mnt/.status" | tr '\n' ' ' | sed 's/ $//')"
check "their names stay until rmdir" rmdir "$snap/short" "$txn/short"
same "no view" 0 "$(jq '.snapshots + .transactions | length' "$mnt/.status")"
stop

# ---- The disk is nearly full: the oldest go first
disk=$work/disk
mkdir "$disk"
if truncate -s 256m "$work/image" && mkfs.ext4 -q -F -m 0 "$work/image" && mount -o loop "$work/image" "$disk"; then
  store=$disk/store
  bank
  mkdir "$snap/old" "$snap/young"
  free=$(df --output=avail -B1 "$disk" | tail -n 1)
  fallocate -l $((free - 4000000)) "$disk/ballast"
  poll "the oldest ends" bash -c '! ls "$1"' - "$snap/old"
  check "its why" jq -e '.snapshots[] | select(.name == "old" and .ended and .why)' "$mnt/.status" >/dev/null
  rm "$disk/ballast"
  rmdir "$snap/old" "$snap/young"
  stop
  umount "$disk"
fi

# ---- Where nothing can be written there is none to make
store=$work/restored
start ro
readonly_error "on a read-only mount" mkdir "$snap/s"
readonly_error "a transaction" mkdir "$txn/t"
finish
