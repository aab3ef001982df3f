# A store that vanishes under a live mount: nothing is acknowledged that nobody would find, reading goes on, and
# when the same store is back so is writing.
. "$TESTS/lib.sh" || exit 1

disk=$work/disk
store=$disk/store
mkdir "$disk"
mount -t tmpfs -o size=64m tmpfs "$disk" || { echo "cannot mount a tmpfs"; exit 77; }

# said LINES: what the daemon has said since this was last asked
heard=0
said() {
  local count
  count=$(wc -l <"$work/stderr")
  [ "$count" -gt "$heard" ] && sed -n "$((heard + 1)),\$p" "$work/stderr"
  heard=$count
}
# told WHAT LINE…
told() {
  local what=$1
  shift
  said >"$work/said"
  same "$what: the log" "$(printf 'dynamount: %s\n' "$@")" "$(cat "$work/said")"
}
# Writing is EIO, for everybody, and told once; reading goes on.
gone() {
  local what=$1 n
  poll "$what: noticed" bash -c "! echo '{}' >'$mnt/Table/probe.json' 2>/dev/null"
  for n in {1..20}; do
    ! echo '{"lost":true}' >"$mnt/Table/lost$n.json" || fail "$what: a write is taken"
  done 2>"$work/said"
  same "$what: EIO" 20 "$(grep -c 'Input/output error' "$work/said")"
  same "$what: in /.errors" "store $store is gone" "$(last_error)"
  same "$what: in /.status" "store $store is gone" "$(jq -r .write_error "$mnt/.status")"
  refused "$what: fsync" sync "$mnt/Table/kept.json"
  refused "$what: rm" rm "$mnt/Table/kept.json"
  refused "$what: import" "$DYNAMOUNT" import "$mnt" Table <(echo '{"pk":"imported"}')
  same "$what: reading" 1 "$(jq .n "$mnt/Table/kept.json")"
  same "$what: listing" "kept.json" "$(ls "$mnt/Table" | grep kept)"
  told "$what" "store $store is gone: writing is refused until it is back"
}
back() {
  check "$1: writing" bash -c "echo '{\"n\":2}' >'$mnt/Table/after.json'"
  check "$1: fsync" sync "$mnt/Table/after.json"
  same "$1: trouble is over" null "$(jq .write_error "$mnt/.status")"
  told "$1" "store $store is back"
  same "$1: nothing that was refused" "" "$(ls "$mnt/Table" | grep lost)"
  rm -f "$mnt/Table/probe.json"
}
# end WHAT: unmounts, and nothing more is said
end() {
  umount "$mnt"
  wait "$daemon" || fail "$1: exit $?"
  daemon=
  same "$1: said" "" "$(said)"
  heard=0
}
table() {
  mkdir "$mnt/Table"
  echo '{"n":1}' >"$mnt/Table/kept.json"
  check "durable" sync "$mnt/Table/kept.json"
}

# ---- Moved away, and back ----

start
table
mv "$store" "$disk/away"
gone "moved away"
mkdir "$store"
gone_still=$(echo '{}' 2>&1 >"$mnt/Table/probe.json")
[[ $gone_still == *"Input/output error"* ]] || fail "an empty directory in its place: $gone_still"
same "nothing is made in it" "" "$(ls -A "$store")"
rmdir "$store"
mv "$disk/away" "$store"
back "moved back"

# Everything was idle when it went: not even the first write is taken.
poll "idle" bash -c "jq -e '.commits == .synced_commits' '$mnt/.status'"
mv "$store" "$disk/away"
poll "forgotten" sleep 0.1
refused "the first write" bash -c "echo '{}' >'$mnt/Table/first.json'"
mv "$disk/away" "$store"
check "back" bash -c "echo '{}' >'$mnt/Table/first.json'"
told "idle" "store $store is gone: writing is refused until it is back" "store $store is back"

# ---- Another store in its place ----

mv "$store" "$disk/away"
echo '{"pk":"other"}' | "$DYNAMOUNT" import "$store" Table --key pk - >/dev/null
gone "another store in its place"
rm -r "$store"
mv "$disk/away" "$store"
back "the right one again"
end "an end after all that"
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"

# ---- Its disk is detached ----

start
umount -l "$disk"
gone "umount -l"
end "its end"

# ---- Removed ----

mount -t tmpfs -o size=64m tmpfs "$disk"
start
table
rm -rf "$store"
gone "removed"
end "its end"
same "nothing is left" "" "$(ls -A "$disk")"

# ---- A failing disk: what is written to the device does not arrive ----

image=$disk/image
below=$work/below
mkdir "$below"
truncate -s 64m "$image"
if mkfs.ext4 -q -F "$image" && mount -o loop "$image" "$below"; then
  trap 'umount -l "$mnt" 2>/dev/null; umount -l "$below" 2>/dev/null; cleanup' EXIT
  store=$below/store
  start
  table
  sync -f "$below"
  mount -o "remount,size=$(($(stat -c %b "$image") * 512 + 300000))" "$disk"
  text=$(head -c 100000 /dev/zero | tr '\0' x)
  durable=()
  for n in {1..40}; do
    if echo "{\"text\":\"$text\"}" >"$mnt/Table/$n.json" && sync "$mnt/Table/$n.json"; then
      durable+=("$n")
    fi
  done 2>"$work/said"
  [ ${#durable[@]} -lt 40 ] || fail "a failing disk is not told"
  check "in /.status" jq -e '.sync_error != null' "$mnt/.status" >/dev/null
  same "reading goes on" 1 "$(jq .n "$mnt/Table/kept.json")"
  end "its end"
  umount "$below"
  mount -o remount,size=128m "$disk"
  mount -o loop "$image" "$below"
  start
  for n in "${durable[@]}"; do
    same "what was durable" 100000 "$(jq '.text | length' "$mnt/Table/$n.json")"
  done
  same "what was durable before" 1 "$(jq .n "$mnt/Table/kept.json")"
  check "the rest, if there, is whole" jq -s . "$mnt"/Table/*.json >/dev/null
  check "writing" bash -c "echo '{\"n\":2}' >'$mnt/Table/after.json'"
  stop
  same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
fi
finish
