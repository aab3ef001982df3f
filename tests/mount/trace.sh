# What everyday commands make of the engine: an overwrite is one put, a rename one move, a copy one put for each file.
. "$TESTS/lib.sh" || exit 1

start trace="$work/trace"
t=$mnt/Users
mkdir "$t"
printf '{"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}' \
  >"$t/.table.json"

# writes WHAT EXPECTED COMMAND…: the engine's writes that the command causes, in order
writes() {
  local what=$1 expected=$2
  shift 2
  : >"$work/trace"
  "$@" || fail "$what: exit $?"
  poll "$what: closed" all_closed
  same "$what" "$expected" \
    "$(jq -r 'select(.operation | test("^(Put|Update|Delete|BatchWrite|Move|Rename|Define|Create|Scratch(Create|Write|Remove|Rename))")) | .operation' "$work/trace" | xargs)"
}
writes "echo to a new name" "PutItem" bash -c "echo '{\"a\":1}' >$t/x.json"
writes "echo over it" "PutItem" bash -c "echo '{\"a\":2}' >$t/x.json"
writes "truncation" "" truncate -s 0 "$t/x.json"
writes "append" "UpdateItem" bash -c "echo '{\"b\":2}' >>$t/x.json"
writes "touch" "PutItem" touch "$t/y.json"
cp "$t/x.json" "$work/doc"
writes "cp" "PutItem" cp "$work/doc" "$t/x.json"
jq 'del(.id)' "$t/x.json" >"$work/z.json"
writes "cp -a of a new one" "PutItem" cp -a "$work/z.json" "$t/z.json"
writes "mv" "MoveItem" mv "$t/z.json" "$t/w.json"
writes "rm" "DeleteItem" rm "$t/w.json"
writes "lines" "BatchWriteItem" bash -c "for i in 1 2 3; do echo '{\"id\":\"'\$i'\"}'; done | cat >$t/.items.jsonl"
writes "a refused put" "" bash -c "echo '{\"id\":\"other\"}' >$t/x.json || true 2>/dev/null"
writes "sed -i" "ScratchCreate ScratchWrite PutItem" sed -i 's/"a": 2/"a": 3/' "$t/x.json"
mkdir -p "$mnt/Pairs/one"
echo '{}' >"$mnt/Pairs/one/a.json"
writes "mv of a partition" "MovePartition" mv "$mnt/Pairs/one" "$mnt/Pairs/two"
writes "mv of a table" "RenameTable" mv "$mnt/Pairs" "$mnt/Couples"
writes "mv into another directory" "" bash -c "! mv $mnt/Couples/two $t 2>/dev/null && ! mv $mnt/Couples $t 2>/dev/null"
writes "reading" "" bash -c "cat $t/*.json >/dev/null; ls -l $t >/dev/null; grep -r a $t >/dev/null"
finish
