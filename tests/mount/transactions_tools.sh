# Everyday tools in a transaction, and those that end one.
. "$TESTS/lib.sh" || exit 1
. "$TESTS/lib_transactions.sh" || exit 1

bank
mkdir "$txn/t"
cd "$txn/t/Accounts" || fail "cd"
sed -i 's/100/90/' alice.json || fail "sed"
same "sed -i" 90 "$(balance alice .txn/t)"
jq '.balance += 10' bob.json >.new && mv .new bob.json || fail "jq"
same "jq and mv" 10 "$(balance bob .txn/t)"
vim -u NONE -es -c '%s/90/80/' -c 'wq' alice.json </dev/null || fail "vim"
same "vim" 80 "$(balance alice .txn/t)"
cp alice.json copy.json 2>/dev/null && fail "a copy has the key of another"
jq 'del(.id)' alice.json >carol.json
same "a copy" 80 "$(balance carol .txn/t)"
grep -rl balance .. | sort >"$work/grep"
same "grep -r" 3 "$(wc -l <"$work/grep")"
find .. -name '*.json' -newermt '2020-01-01' >/dev/null || fail "find"
tar cf "$work/t.tar" . || fail "tar"
rsync -a ./ "$work/rsync/" || fail "rsync"
same "what rsync copied" 80 "$(jq .balance "$work/rsync/carol.json")"
printf '%s\n' '{"id":"dora","balance":3}' | tee .items.jsonl >/dev/null || fail "tee"
cd /
same "outside" "100 0" "$(balance alice) $(balance bob)"
same "nothing was refused" "" "$(grep -v '"copy' "$mnt/.errors" | grep -v 'copy.json')"
commits t
same "all of it" "80 10 80 3" "$(balance alice) $(balance bob) $(balance carol) $(balance dora)"
same "and nothing else" 4 "$(ls -A "$mnt/Accounts" | grep -c 'json$' | awk '{print $1 - 1}')"

# ---- What mv asks for
mkdir "$txn/a"
set_balance alice 1 .txn/a
check "mv -n to what is not there" mv -n "$txn/a" "$committed/a"
mkdir "$txn/a"
mv -n "$txn/a" "$committed/" 2>/dev/null
check "mv -n over what is there does nothing" test -d "$txn/a"
check "mv -f over it" mv -f "$txn/a" "$committed/"
mkdir "$txn/a"
check "mv -T over it" mv -T "$txn/a" "$committed/a"
mkdir "$txn/a"
(cd "$txn" && mv a committed) || fail "relative paths"
mkdir "$txn/a"
check "python" python3 -c 'import os, sys; os.rename(sys.argv[1], sys.argv[2])' "$txn/a" "$committed/a"
refused "with a wrong name below an entry" mv -T "$(mkdir "$txn/a" && echo "$txn/a")" "$committed/a/b"
refused "deeper" mv -T "$txn/a" "$committed/a/a/a"
refused "to where there is no entry" mv -T "$txn/a" "$committed/none/a"
refused "an exchange" python3 - "$txn/a" "$committed/a" <<'PY'
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.renameat2(-100, sys.argv[1].encode(), -100, sys.argv[2].encode(), 2):
    sys.exit(os.strerror(ctypes.get_errno()))
PY
check "it is still there" test -d "$txn/a/Accounts"
abort a

# ---- Who is in it when it ends
mkdir "$txn/in"
cd "$txn/in/Accounts" || fail "cd"
set_balance alice 2 .txn/in
(cd / && mv "$txn/in" "$committed/") || fail "a commit from elsewhere"
poll "nothing there any more" bash -c '! cat alice.json'
refused "nothing can be written" bash -c 'echo "{}" >new.json'
cd /
same "it was committed" 2 "$(balance alice)"

# ---- The same name, one transaction after another: none sees what the kernel knew of the one before
for i in $(seq 20); do
  mkdir "$txn/again" || fail "mkdir $i"
  same "begin $i" $((i + 1)) "$(balance alice .txn/again)"
  check "absent $i" test ! -e "$txn/again/Accounts/new$i.json"
  set_balance alice $((i + 2)) .txn/again
  echo '{}' >"$txn/again/Accounts/new$i.json"
  if [ $((i % 2)) = 0 ]; then commits again; else
    abort again
    set_balance alice $((i + 2))
  fi
done
same "the items that were committed" 10 "$(ls "$mnt/Accounts" | grep -c ^new)"

# ---- rm -r, whatever is inside
mkdir "$mnt/Plain" # without a definition
for i in $(seq 120); do echo '{}' >"$mnt/Plain/$i.json"; done
echo text >"$mnt/Plain/notes"
mkdir "$mnt/.git" && echo x >"$mnt/.git/file"
seq 100000 | sed 's/.*/{"account":"many","n":&}/' >"$mnt/Entries/.items.jsonl"
mkdir "$txn/large"
set_balance bob 99 .txn/large
check "rm -r of 100,000 items" rm -r "$txn/large"
refused "it is gone" stat "$txn/large"
mkdir "$txn/large"
check "rm -rf of them" rm -rf "$txn/large"
mkdir "$txn/large"
check "find -delete" find "$txn/large" -delete
refused "it is gone as well" stat "$txn/large"
same "all are there" 100000 "$(wc -l <"$mnt/Entries/.items.jsonl")"
same "those without a definition too" "120 text x" \
  "$(ls "$mnt/Plain" | grep -c json) $(cat "$mnt/Plain/notes" "$mnt/.git/file" | tr '\n' ' ' | sed 's/ $//')"
# What was begun to be removed cannot be committed.
mkdir "$txn/half"
set_balance bob 99 .txn/half
check "a table's removal" rm -r "$txn/half/Accounts"
cancelled half ValidationError Accounts/.table.json
refused "a new item in it" tee "$txn/half/Accounts/late.json" <<<'{"balance": 1}'
refused "one that was there" tee -a "$txn/half/Entries/many/1.json" <<<'{"x": 1}'
refused "a directory" mkdir "$txn/half/Entries/late"
refused "an attribute" setfattr -n user.update -v 'SET n = 1' "$txn/half/Accounts/alice.json"
same "why" "The transaction is being removed: nothing can be changed in it any more" "$(last_error)"
abort half
same "nothing was" 10 "$(balance bob)"
# tar removes what is in its way, .table.json too, and must not find it again and again.
tar -cf "$work/tar" -C "$mnt" Accounts
mkdir "$txn/tar"
same "it ended by itself" 2 "$(timeout 60 tar -xf "$work/tar" -C "$txn/tar" 2>/dev/null; echo $?)"
cancelled tar ValidationError Accounts/.table.json
abort tar
mkdir "$txn/tar"
check "tar of items alone" tar -xf "$work/tar" -C "$txn/tar" --exclude=.table.json
commits tar

# ---- Higher limits
stop
start txn_max_items=2000
mkdir "$txn/high"
for i in $(seq 1000); do echo "{\"account\":\"high\",\"n\":$i}"; done >"$txn/high/Entries/.items.jsonl" || fail "a thousand items"
commits high
same "a thousand items" 1000 "$(cat "$mnt/Entries/.query/pk=high/count")"
mkdir "$txn/high"
refused "more than that" bash -c 'seq 2001 | sed "s/.*/{\"account\":\"more\",\"n\":&}/" >"$1"' - "$txn/high/Entries/.items.jsonl"
abort high
# A partition's rename is all its items at both names.
mkdir "$txn/high"
check "a partition's rename" mv "$txn/high/Entries/high" "$txn/high/Entries/low"
commits high
same "its items" "0 1000" "$(cat "$mnt/Entries/.query/pk=high/count") $(cat "$mnt/Entries/.query/pk=low/count")"
finish
