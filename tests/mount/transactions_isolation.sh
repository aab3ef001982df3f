# Serializable: what was read or written has not changed since, or the commit fails. One anomaly after another; in each, two
# transactions that could not have run one after the other, of which the second to commit is refused.
. "$TESTS/lib.sh" || exit 1
. "$TESTS/lib_transactions.sh" || exit 1

bank
both() { mkdir "$txn/one" "$txn/two"; }
reset() {
  rm -rf "$txn/one" "$txn/two"
  set_balance alice 100
  set_balance bob 0
}

# ---- Lost update: both read 100 and write what they make of it
both
set_balance alice $(($(balance alice .txn/one) + 10)) .txn/one
set_balance alice $(($(balance alice .txn/two) + 20)) .txn/two
commits one
cancelled two TransactionConflict Accounts/alice.json
same "lost update" 110 "$(balance alice)"
reset

# Against a write outside, too
both
set_balance alice $(($(balance alice .txn/one) + 10)) .txn/one
set_balance alice 500
cancelled one TransactionConflict Accounts/alice.json
same "lost update outside" 500 "$(balance alice)"
reset

# ---- Write skew: each reads both and writes the other
both
sum=$(($(balance alice .txn/one) + $(balance bob .txn/one)))
set_balance alice $((100 - sum)) .txn/one
sum=$(($(balance alice .txn/two) + $(balance bob .txn/two)))
set_balance bob $((100 - sum)) .txn/two
commits one
cancelled two TransactionConflict Accounts/alice.json
reset

# ---- Dirty read: what is staged and aborted nobody has seen; what is not committed neither
both
set_balance alice 1 .txn/one
same "dirty read in another transaction" 100 "$(balance alice .txn/two)"
same "dirty read outside" 100 "$(balance alice)"
same "dirty read in a snapshot" 100 "$(mkdir "$mnt/.snapshot/s" && balance alice .snapshot/s)"
rmdir "$mnt/.snapshot/s"
abort one
set_balance bob "$(balance alice .txn/two)" .txn/two
commits two
same "after an abort" 100 "$(balance bob)"
reset

# ---- Non-repeatable read: a view stays what it was
both
same "the first read" 100 "$(balance alice .txn/one)"
set_balance alice 5
same "the second read" 100 "$(balance alice .txn/one)"
same "its listing" "alice.json bob.json" "$(ls "$txn/one/Accounts" | tr '\n' ' ' | sed 's/ $//')"
cancelled one TransactionConflict Accounts/alice.json
reset

# ---- Phantom in a listed directory
both
ls "$txn/one/Accounts" >/dev/null
echo '{"balance":1}' >"$mnt/Accounts/new.json"
set_balance bob 1 .txn/one
cancelled one TransactionConflict
rm "$mnt/Accounts/new.json"
reset
# One that went
echo '{"n":1}' >"$mnt/Accounts/old.json"
both
ls "$txn/one/Accounts" >/dev/null
rm "$mnt/Accounts/old.json"
set_balance bob 1 .txn/one
cancelled one TransactionConflict
reset
# In a partition; other partitions are none of its business
mkdir "$mnt/Entries/a" "$mnt/Entries/b"
echo '{}' >"$mnt/Entries/a/1.json"
echo '{}' >"$mnt/Entries/b/1.json"
both
ls "$txn/one/Entries/a" "$txn/two/Entries/a" >/dev/null
set_balance bob 1 .txn/one
set_balance alice 1 .txn/two
echo '{}' >"$mnt/Entries/b/2.json"
commits one
echo '{}' >"$mnt/Entries/a/2.json"
cancelled two TransactionConflict
reset
# Which partitions there are
both
ls "$txn/one/Entries" >/dev/null
mkdir "$mnt/Entries/c"
echo '{}' >"$mnt/Entries/c/1.json"
set_balance bob 1 .txn/one
cancelled one TransactionConflict
reset

# ---- Phantom in a queried range
both
same "a range" 0 "$(cat "$txn/one/Entries/.query/pk=a/sk.ge=10/count")"
cat "$txn/two/Entries/.query/pk=a/sk.ge=10/count" >/dev/null
set_balance bob 1 .txn/one
set_balance alice 1 .txn/two
echo '{}' >"$mnt/Entries/a/5.json" # outside the range
commits one
echo '{}' >"$mnt/Entries/a/15.json"
cancelled two TransactionConflict
reset

# ---- A name looked up and absent
both
refused "an absent name" stat "$txn/one/Accounts/zoe.json"
refused "an absent name" cat "$txn/two/Accounts/yves.json"
echo '{"balance":1}' >"$mnt/Accounts/yves.json"
set_balance bob 1 .txn/one
set_balance alice 1 .txn/two
commits one
cancelled two TransactionConflict Accounts/yves.json
reset
# A directory looked up and absent: there was nothing in it
both
refused "an absent partition" ls "$txn/one/Entries/nobody"
refused "an absent partition" ls "$txn/two/Entries/somebody"
set_balance bob 1 .txn/one
set_balance alice 1 .txn/two
mkdir "$mnt/Entries/nobody"
echo '{}' >"$mnt/Entries/nobody/1.json"
cancelled one TransactionConflict
commits two
rm -r "$mnt/Entries/nobody"
reset
# Of an index, too
jq '.AttributeDefinitions += [{"AttributeName": "kind", "AttributeType": "S"}] | .GlobalSecondaryIndexes = [{"IndexName": "by_kind",
  "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}]' \
  "$mnt/Accounts/.table.json" >"$work/definition" && cat "$work/definition" >"$mnt/Accounts/.table.json" || fail "an index"
poll "the index" jq -e '.GlobalSecondaryIndexes[0].IndexStatus == "ACTIVE"' "$mnt/Accounts/.status.json"
both
refused "an absent key" ls "$txn/one/Accounts/.index/by_kind/gold"
refused "an absent key" ls "$txn/two/Accounts/.index/by_kind/lead"
set_balance bob 1 .txn/one
set_balance alice 1 .txn/two
echo '{"kind":"gold"}' >"$mnt/Accounts/rich.json"
cancelled one TransactionConflict
commits two
reset
# Also when it was the transaction that took out what there was
both
rm "$txn/one/Accounts/rich.json"
refused "a key that is absent now" ls "$txn/one/Accounts/.index/by_kind/gold"
echo '{"kind":"gold"}' >"$mnt/Accounts/richer.json"
cancelled one TransactionConflict
rm "$mnt/Accounts/rich.json" "$mnt/Accounts/richer.json"
reset
# and listed which there are
for kind in gold lead; do echo "{\"kind\":\"$kind\"}" >"$mnt/Accounts/$kind.json"; done
both
rm "$txn/one/Accounts/gold.json" "$txn/two/Accounts/gold.json"
same "the keys of an index" lead "$(ls "$txn/one/Accounts/.index/by_kind")"
same "the keys of an index" lead "$(ls "$txn/two/Accounts/.index/by_kind")"
echo '{"kind":"lead"}' >"$mnt/Accounts/heavy.json"
commits two
echo '{"kind":"gold"}' >"$mnt/Accounts/gold.json"
reset
mkdir "$txn/one"
rm "$txn/one/Accounts/gold.json"
same "the keys of an index" lead "$(ls "$txn/one/Accounts/.index/by_kind")"
echo '{"kind":"gold"}' >"$mnt/Accounts/richer.json"
cancelled one TransactionConflict
rm "$mnt/Accounts/heavy.json"
reset
# One of two is taken out here, and the other outside
both
rm "$txn/one/Accounts/gold.json"
same "the keys of an index" "gold lead" "$(ls "$txn/one/Accounts/.index/by_kind" | xargs)"
rm "$mnt/Accounts/richer.json"
cancelled one TransactionConflict
rm "$mnt/Accounts/gold.json" "$mnt/Accounts/lead.json"
reset
# Created at the same time in two transactions
both
echo '{"balance":1}' >"$txn/one/Accounts/twin.json"
echo '{"balance":2}' >"$txn/two/Accounts/twin.json"
commits one
cancelled two TransactionConflict Accounts/twin.json
same "the first" 1 "$(balance twin)"
reset

# ---- What was opened before by another is not hidden by the kernel's memory of it: each view is asked for itself
both
cat "$mnt/Accounts/alice.json" "$txn/one/Accounts/alice.json" >/dev/null
same "the other view" 100 "$(balance alice .txn/two)"
set_balance alice 3
set_balance bob 1 .txn/two
cancelled two TransactionConflict Accounts/alice.json
reset

# ---- Directories on the way are no reads
both
set_balance bob 1 .txn/one # looks up Accounts
echo '{"balance":1}' >"$mnt/Accounts/another.json"
commits one
reset

# ---- Transactions that have nothing to do with each other
both
set_balance alice 1 .txn/one
set_balance bob 2 .txn/two
commits one
commits two
same "both" "1 2" "$(balance alice) $(balance bob)"
reset

# ---- A table that was replaced meanwhile
both
set_balance alice 1 .txn/one
mv "$mnt/Accounts" "$mnt/Elsewhere"
mkdir "$mnt/Accounts"
cp "$mnt/Elsewhere/.table.json" "$mnt/Accounts/"
said=$(mv "$txn/one" "$committed/" 2>&1) && fail "a table was replaced, and the commit succeeded"
same "nothing in the other table" "" "$(ls "$mnt/Accounts")"
rm -r "$mnt/Accounts"
mv "$mnt/Elsewhere" "$mnt/Accounts"
reset

# ---- Two thousand items read one by one: remembered in bounded memory, and still judged
for i in $(seq 2000); do echo "{\"account\":\"many\",\"n\":$i,\"text\":\"word\"}"; done >"$mnt/Entries/.items.jsonl"
both
same "grep" 2000 "$(cd "$txn/one/Entries/many" && printf '%s.json\n' $(seq 2000) | xargs grep -l word | wc -l)"
cat "$txn/two"/Entries/many/{1..1999..2}.json >/dev/null
set_balance alice 1 .txn/one
set_balance bob 1 .txn/two
commits one
echo '{"text":"other"}' >"$mnt/Entries/many/777.json"
cancelled two TransactionConflict
finish
