# tools/quickstart: the tour runs, again and again, and leaves the tables mounted.
. "$TESTS/lib.sh" || exit 1

export DYNAMOUNT
quickstart=$TESTS/../../tools/quickstart
export HOME=$work/home
mkdir "$HOME"
mnt=$HOME/dynamount-demo/mnt

gone() {
  ! mountpoint -q "$mnt" && ! [ -s "$HOME/dynamount-demo/store/owner" ]
}

# tour WHAT: it runs to its end, and what it promises holds
tour() {
  "$quickstart" >"$work/out" 2>"$work/err" </dev/null || fail "$1: exit $?: $(cat "$work/err")"
  check "$1: still mounted" mountpoint -q "$mnt"
  check "$1: it says where" grep -qF "mounted at $mnt" "$work/out"
  same "$1: only the refusals are on stderr" "Invalid argument Operation canceled" "$(sed 's/.*: //' "$work/err" | xargs)"
  check "$1: a reason is shown" grep -q ValidationException "$work/out"
  check "$1: and that of a transaction" grep -q '"Code":"TransactionConflict"' "$work/out"
  same "$1: what was paid, and came between" "41 60" "$(jq .coins "$mnt/Wallets/alice.json" "$mnt/Wallets/bob.json" | xargs)"
  check "$1: a change is shown" grep -qxF '["MODIFY","alice","40","41"]' "$work/out"
  same "$1: no transaction or snapshot stays" committed "$(ls "$mnt/.txn" "$mnt/.snapshot" | grep -v : | xargs)"
  check "$1: the restored table is the same" diff -r "$mnt/Countries" "$mnt/Restored"
  same "$1: countries and Atlantis" $(($(countries | wc -l) + 1)) "$(ls "$mnt/Countries" | wc -l)"
  same "$1: languages" "$(languages | wc -l)" "$(jq .ItemCount "$mnt/Languages/.status.json")"
  same "$1: subdivisions" "$(subdivisions | wc -l)" "$(jq .ItemCount "$mnt/Subdivisions/.status.json")"
  same "$1: commands are shown" "$(grep -c '^\$ ' "$work/out")" "$(grep '^\$ ' "$work/out" | sort -u | wc -l)"
}

tour "first"
echo '{"name":"Mine"}' >"$mnt/Countries/ZZ.json"
rm "$mnt/Countries/XA.json"
rm "$mnt/Countries/AQ.json"
mkdir "$mnt/.txn/pay" "$mnt/.txn/late" "$mnt/.snapshot/now" # of one that was cut short
tour "again, mounted"
same "what was there stays" Mine "$(jq -r .name "$mnt/Countries/ZZ.json")"
check "unmount" "$quickstart" --unmount
poll "unmounted" gone
tour "again, with the store"
same "and stays" Mine "$(jq -r .name "$mnt/Countries/ZZ.json")"
check "unmount" "$quickstart" --unmount
poll "unmounted" gone
refused "unmounting twice" "$quickstart" --unmount

mkdir "$work/mine"
echo precious >"$work/mine/backup"
refused "a directory with other things" "$quickstart" "$work/mine"
same "which stay" "precious" "$(cat "$work/mine"/*)"
finish
