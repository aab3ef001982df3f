# Transactions as the contract says them, line by line.
. "$TESTS/lib.sh" || exit 1
. "$TESTS/lib_transactions.sh" || exit 1

bank

# ---- A transfer
mkdir "$txn/move"
same "a read" 100 "$(balance alice .txn/move)"
set_balance alice 40 .txn/move
set_balance bob 60 .txn/move
same "inside" "40 60" "$(balance alice .txn/move) $(balance bob .txn/move)"
same "outside" "100 0" "$(balance alice) $(balance bob)"
commits move
same "afterwards" "40 60" "$(balance alice) $(balance bob)"
refused "the transaction's directory" ls "$txn/move"
same "what is listed" committed "$(ls "$txn")"
same "what is committed" move "$(ls "$committed")"
same "and is in it" "" "$(ls -A "$committed/move")"
poll "what was below is forgotten" test ! -e "$committed/move/Accounts/alice.json"

# ---- The tree's own names
same "the root" "Accounts Entries" "$(ls -A "$mnt" | tr '\n' ' ' | sed 's/ $//')"
mkdir "$txn/t"
same "the root inside" "Accounts Entries" "$(ls -A "$txn/t" | tr '\n' ' ' | sed 's/ $//')"
for name in .status .errors .api .txn .snapshot Accounts/.stream; do
  refused "$name inside" stat "$txn/t/$name"
  refused "mkdir $name inside" mkdir "$txn/t/$name"
done
refused "mkdir of what is there" mkdir "$txn/t"
refused "mkdir committed" mkdir "$committed"
refused "mkdir in committed" mkdir "$committed/t"
refused "a name with a dot" mkdir "$txn/.t"
refused "a file" bash -c 'echo x >"$1"' - "$txn/file"
refused "a rename of .txn" mv "$txn" "$mnt/.other"
refused "a rename of committed" mv "$committed" "$txn/other"
refused "a rename of an entry" mv -T "$committed/move" "$committed/other"
same "that is said" "What was committed keeps its name" "$(last_error)"
refused "a rename within .txn" mv -T "$txn/t" "$txn/u"
refused "a rename to outside" mv "$txn/t" "$mnt/.t"
refused "a table into .txn" mv "$mnt/Entries" "$txn/"
refused "a table into a transaction" mv "$mnt/Entries" "$txn/t/"
refused "a table out of a transaction" mv -T "$txn/t/Entries" "$mnt/Copy"
check "the directory's owner and mode" test "$(stat -c '%u %a' "$txn/t")" = "$(id -u) 700"
inodes=$(stat -c %i "$txn/t" "$txn/t/Accounts" "$txn/t/Accounts/alice.json" "$mnt/Accounts" "$mnt/Accounts/alice.json" "$txn")
same "inode numbers" 6 "$(sort -u <<<"$inodes" | wc -l)"

# ---- Tables
refused "mkdir of a table" mkdir "$txn/t/New"
refused "rmdir of a table" rmdir "$txn/t/Entries"
refused "a table's rename" mv "$txn/t/Entries" "$txn/t/Other"
refused "a definition" bash -c 'echo "{}" >"$1"' - "$txn/t/Entries/.table.json"
same "why" "Tables and definitions cannot be changed in a transaction" "$(last_error)"
same "its errno" EPERM "$(last_error .errno)"
same "its path" ".txn/t/Entries/.table.json" "$(last_error .path)"
same "reading it" "$(cat "$mnt/Entries/.table.json")" "$(cat "$txn/t/Entries/.table.json")"

# ---- Everything that is staged
echo '{"id":"carol","balance":1}' >"$txn/t/Accounts/carol.json"
rm "$txn/t/Accounts/bob.json"
mv "$txn/t/Accounts/alice.json" "$txn/t/Accounts/anna.json"
setfattr -n user.update -v 'SET balance = balance + 2' "$txn/t/Accounts/carol.json"
printf '{"account":"a","n":%d}\n' 1 2 3 >"$txn/t/Entries/.items.jsonl"
mv "$txn/t/Entries/a" "$txn/t/Entries/b"
echo note >"$txn/t/Accounts/notes"
mkdir "$txn/t/.git"
echo '{"account":{"S":"b"},"n":{"N":"4"}}' >"$txn/t/Entries/.typed/b/4.json"
same "items inside" "anna.json carol.json notes" "$(ls "$txn/t/Accounts" | tr '\n' ' ' | sed 's/ $//')"
same "a query inside" 4 "$(cat "$txn/t/Entries/.query/pk=b/count")"
same "a scan inside" 4 "$(wc -l <"$txn/t/Entries/.items.jsonl")"
same "a range inside" "3.json 4.json" "$(ls "$txn/t/Entries/.query/pk=b/sk.ge=3" | sed 's/.*~//' | tr '\n' ' ' | sed 's/ $//')"
same "items outside" "alice.json bob.json" "$(ls "$mnt/Accounts" | tr '\n' ' ' | sed 's/ $//')"
same "entries outside" "" "$(ls "$mnt/Entries")"
same "scratch outside" "" "$(find "$mnt" -maxdepth 1 -name .git)"
commits t
same "items afterwards" "anna.json carol.json" "$(ls "$mnt/Accounts" | tr '\n' ' ' | sed 's/ $//')"
same "entries afterwards" "1.json 2.json 3.json 4.json" "$(ls "$mnt/Entries/b" | tr '\n' ' ' | sed 's/ $//')"
same "carol" 3 "$(balance carol)"
same "scratch is dropped" "" "$(find "$mnt" -name notes -o -maxdepth 1 -name .git)"

# ---- Several changes of one item are one, by whichever path
mkdir "$txn/one"
for i in $(seq 150); do echo "{\"balance\":$i}" >>"$txn/one/Accounts/carol.json"; done
echo '{"balance":{"N":"7"}}' >>"$txn/one/Accounts/.typed/carol.json"
same "one item" 1 "$(jq '.transactions[] | select(.name == "one").changed' "$mnt/.status")"
commits one
same "the last" 7 "$(balance carol)"

# ---- Conditions
mkdir "$txn/c"
setfattr -n user.condition -v 'balance = 7' "$txn/c/Accounts/carol.json"
same "a condition reads back" 'balance = 7' "$(getfattr --absolute-names --only-values -n user.condition "$txn/c/Accounts/carol.json")"
echo '{"path": "Accounts/dave.json", "condition": "attribute_not_exists(id)"}' >>"$txn/c/.conditions.jsonl"
same "conditions read back" 'Accounts/carol.json Accounts/dave.json' "$(jq -r .path "$txn/c/.conditions.jsonl" | tr '\n' ' ' | sed 's/ $//')"
echo '{"balance":1}' >"$txn/c/Accounts/erin.json"
commits c
same "conditions hold" 1 "$(balance erin)"
mkdir "$txn/c"
setfattr -n user.condition -v 'balance > 100' "$txn/c/Accounts/carol.json"
echo '{"balance":2}' >"$txn/c/Accounts/erin.json"
cancelled c ConditionalCheckFailed Accounts/carol.json
same "nothing was changed" 1 "$(balance erin)"
same "the transaction is still there" 2 "$(balance erin .txn/c)"
setfattr -x user.condition "$txn/c/Accounts/carol.json"
commits c
same "without the condition" 2 "$(balance erin)"
mkdir "$txn/c"
echo '{"path": "Accounts/nobody.json", "condition": "balance = 1"}' >"$txn/c/.conditions.jsonl"
cancelled c ConditionalCheckFailed Accounts/nobody.json
abort c
mkdir "$txn/c"
refused "a bad condition" setfattr -n user.condition -v 'balance >' "$txn/c/Accounts/carol.json"
refused "of what is absent" setfattr -n user.condition -v 'balance > 1' "$txn/c/Accounts/none.json"
refused "of a table" setfattr -n user.condition -v 'balance > 1' "$txn/c/Accounts"
refused "outside" setfattr -n user.condition -v 'balance > 1' "$mnt/Accounts/carol.json"
refused "a bad line" bash -c 'echo nonsense >"$1"' - "$txn/c/.conditions.jsonl"
same "a bad line's message" "line 1: " "$(last_error | cut -c1-8)"
same "none holds" "" "$(cat "$txn/c/.conditions.jsonl")"
abort c

# ---- Limits
mkdir "$txn/l"
for i in $(seq 100); do echo "{\"balance\":$i}"; done | split -l 1 -d -a 3 --additional-suffix=.json - "$txn/l/Accounts/l"
refused "item 101" bash -c 'echo "{}" >"$1"' - "$txn/l/Accounts/l101.json"
refused "condition 1 of 101" setfattr -n user.condition -v 'balance > 1' "$txn/l/Accounts/carol.json"
refused "a removal" rm "$txn/l/Accounts/carol.json"
same "the same items" 0 "$(echo '{"balance":5}' >>"$txn/l/Accounts/l000.json"; echo $?)"
commits l
same "hundred items" 100 "$(ls "$mnt/Accounts" | grep -c '^l')"
mkdir "$txn/l"
head -c 380000 /dev/zero | tr '\0' x | jq -Rs '{text: .}' >"$work/large"
for i in $(seq 11); do check "4 MB" cp "$work/large" "$txn/l/Accounts/large$i.json"; done
refused "beyond 4 MB" cp "$work/large" "$txn/l/Accounts/large12.json"
abort l

# ---- A table without a definition: attribute_not_exists(pk) would hold for the item that is there
mkdir "$mnt/Loose" "$mnt/Fresh"
echo '{"n":1}' >"$mnt/Loose/a.json"
mkdir "$txn/w"
for path in Loose/a.json Loose/b.json Fresh/a.json; do
  refused "a condition of $path" bash -c 'echo "$1" >"$2"' - \
    "{\"path\":\"$path\",\"condition\":\"attribute_not_exists(pk)\"}" "$txn/w/.conditions.jsonl"
  check "that of $path is said" test "EINVAL" = "$(last_error .errno)"
done
refused "the attribute" setfattr -n user.condition -v "n = 1" "$txn/w/Loose/a.json"
same "why" "A table without a definition has no conditions: Loose" "$(last_error)"
same "none" "" "$(cat "$txn/w/.conditions.jsonl")"
abort w
rm -r "$mnt/Loose" "$mnt/Fresh"

# ---- Commit under tokens
is_empty() { [ -z "$(ls -A "$1")" ]; }
token=$(printf 't%.0s' {1..36})
for round in 1 2 3; do
  mkdir "$txn/k"
  echo '{"balance":9}' >"$txn/k/Accounts/token.json"
  commits k "$token"
  same "round $round of a token" 9 "$(balance token)"
  refused "the transaction after round $round" stat "$txn/k"
  poll "nothing below the entry" is_empty "$committed/$token"
  # What is done once more must not be done again.
  set_balance token 10
  [ $round = 1 ] || same "no effect" 10 "$(balance token)"
  set_balance token 9
done
mkdir "$txn/k"
echo '{"balance":11}' >"$txn/k/Accounts/token.json"
refused "another transaction of the same token" mv "$txn/k" "$committed/$token"
same "its errno" "EEXIST IdempotentParameterMismatchException" "$(last_error '.errno + " " + .type')"
same "its path" ".txn/committed/$token" "$(last_error .path)"
refused "a long token" mv "$txn/k" "$committed/${token}t"
same "a long token's errno" ENAMETOOLONG "$(last_error .errno)"
refused "a token with a dot" mv "$txn/k" "$committed/.t"
same "a bad token's errno" EBADMSG "$(last_error .errno)"
stop
start
mkdir "$txn/k"
echo '{"balance":11}' >"$txn/k/Accounts/token.json"
refused "another transaction of the same token after a restart" mv "$txn/k" "$committed/$token"
same "its errno after a restart" EEXIST "$(last_error .errno)"
abort k
mkdir "$txn/k"
echo '{"balance":9}' >"$txn/k/Accounts/token.json"
commits k "$token"

# ---- Under its own name: no token, and an older entry is replaced
for round in 1 2 3; do
  mkdir "$txn/own"
  set_balance carol $round .txn/own
  case $round in
    1) check "into the directory" mv "$txn/own" "$committed" ;;
    2) check "over the entry" mv "$txn/own" "$committed/" ;;
    3) check "into the entry" mv "$txn/own" "$committed/own" ;;
  esac
  same "round $round" $round "$(balance carol)"
  same "one entry" 1 "$(ls "$committed" | grep -cx own)"
done
check "an entry can be removed" rmdir "$committed/own"
refused "it is gone" stat "$committed/own"

# ---- Aborts
mkdir "$txn/gone" "$txn/later"
set_balance carol 50 .txn/gone
abort gone
same "after rm -r" 3 "$(balance carol)"
refused "its directory" stat "$txn/gone"
mkdir "$txn/gone"
same "a new one of its name" 3 "$(balance carol .txn/gone)"
set_balance carol 50 .txn/gone
check "rmdir aborts as well" rmdir "$txn/gone"
mkdir "$txn/crash"
set_balance carol 50 .txn/crash
die
start
same "after kill -9" 3 "$(balance carol)"
same "none is left" committed "$(ls "$txn")"
mkdir "$txn/end"
set_balance carol 50 .txn/end
stop
start
same "after an unmount" 3 "$(balance carol)"
same "none is left after it" committed "$(ls "$txn")"

# ---- Files that are open when it ends
mkdir "$txn/open"
exec 7>"$txn/open/Accounts/late.json" 8<"$txn/open/Accounts/.items.jsonl"
printf '{"balance":' >&7
set_balance carol 4 .txn/open
commits open
refused "a write" bash -c 'echo 1} >&7'
refused "a read" cat <&8
exec 7>&- 8<&-
same "an unfinished document is no part of it" 4 "$(balance carol)"
refused "its item" stat "$mnt/Accounts/late.json"
same "and that is said" ESTALE "$(jq -rs 'map(select(.path == ".txn/open/Accounts/late.json")) | last.errno' "$mnt/.errors")"
# A name that was made and closed is part of it, whenever the kernel tells of that.
mkdir "$txn/touched"
: >"$txn/touched/Accounts/empty.json"
commits touched
check "an empty file" test -s "$mnt/Accounts/empty.json"

# ---- What is cached outside is told of
cat "$mnt/Accounts/carol.json" "$mnt/Accounts/erin.json" >/dev/null
ls -l "$mnt/Accounts" "$mnt/Entries" "$mnt/Entries/b" >/dev/null
stat "$mnt/Accounts/fresh.json" >/dev/null 2>&1
mkdir "$txn/told"
set_balance carol 77 .txn/told
rm "$txn/told/Accounts/erin.json" "$txn/told"/Entries/b/*.json
echo '{"balance":1}' >"$txn/told/Accounts/fresh.json"
mkdir "$txn/told/Entries/new"
echo '{}' >"$txn/told/Entries/new/1.json"
commits told
same "the new text" 77 "$(balance carol)"
refused "the removed item" stat "$mnt/Accounts/erin.json"
check "the new item" stat -c %s "$mnt/Accounts/fresh.json" >/dev/null
same "the new partition" 1.json "$(ls "$mnt/Entries/new")"
same "an emptied partition lingers" "" "$(ls "$mnt/Entries/b")"
check "until rmdir" rmdir "$mnt/Entries/b"

# ---- .status
mkdir "$txn/s"
jq -e '.transactions[] | select(.name == "s" and .since and (.ended | not))' "$mnt/.status" >/dev/null ||
  fail ".status: $(jq -c .transactions "$mnt/.status")"
abort s
same "no view" 0 "$(jq '.transactions + .snapshots | length' "$mnt/.status")"
finish
