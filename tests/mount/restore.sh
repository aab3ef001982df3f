# A large store backed up with rsync and restored to a fresh one: checksums of all files, and what export says of both, are
# the same. The definition comes whenever rsync brings it.
. "$TESTS/lib.sh" || exit 1

items=10000
[ -z "${DYNAMOUNT_LONG-}" ] || items=100000

# Nine in ten of them in a table with partitions of very different size, the rest in one with a partition key of numbers
python3 - "$work" $items <<'PYTHON'
import base64, json, random, sys
work, items = sys.argv[1], int(sys.argv[2])
random.seed(9)
def document(i):
    return {"n": i, "big": 10**30 + i, "text": "ü" * random.choice((0, 5, 40, 400)), "set": {"$ss": ["b", "a", str(i)]},
            "nested": {"list": [i, None, True, {"x": i / 8}], "empty": {}},
            "bytes": {"$binary": base64.b64encode(random.randbytes(random.randrange(30))).decode()}}
with open(work + "/parts", "w") as parts, open(work + "/simple", "w") as simple:
    for i in range(items):
        if i % 10 == 0:
            print(json.dumps({"id": i - 500, **document(i)}), file=simple)
        else:
            p = "one" if i % 3 == 0 else ("p/%d" % (i % (items // 100)) if i % 5 else "long" * 60 + str(i % 7))
            print(json.dumps({"p": p, "s": "s%06d" % i if i % 50 else "%06d~" % i + "k" * 300, **document(i)}), file=parts)
PYTHON
check "import" "$DYNAMOUNT" import "$store" Parts --key p,s "$work/parts" >/dev/null
check "import" "$DYNAMOUNT" import "$store" Simple --key id:N "$work/simple" >/dev/null

sums() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }
times() { (cd "$1" && find . -type f -printf '%P %s %T@\n' | sort); }
exported() {
  "$DYNAMOUNT" export "$1" Parts && "$DYNAMOUNT" export "$1" Simple
}

start
backup=$work/backup
check "rsync out" rsync -a "$mnt/" "$backup/"
sums "$mnt" >"$work/sums"
times "$mnt" >"$work/times"
same "files" $((items + 2)) "$(wc -l <"$work/sums")"
same "rsync out again" "" "$(rsync -ai --modify-window=-1 --omit-dir-times "$mnt/" "$backup/")"
stop
check "export" exported "$store" >"$work/exported"
same "exported" $items "$(wc -l <"$work/exported")"
check "the backup's checksums" diff "$work/sums" <(sums "$backup")

store=$work/restored
start
check "rsync in" rsync -a "$backup/" "$mnt/"
same "rsync in again" "" "$(rsync -ai --modify-window=-1 --omit-dir-times "$backup/" "$mnt/")"
same "counts" $items "$(jq -s 'map(.ItemCount) | add' "$mnt/Parts/.status.json" "$mnt/Simple/.status.json")"
check "checksums" diff "$work/sums" <(sums "$mnt")
check "times" diff "$work/times" <(times "$mnt")
stop
check "the same export" diff -q "$work/exported" <(exported "$store")
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
# and after a remount
start
check "checksums after a remount" diff "$work/sums" <(sums "$mnt")
check "times after a remount" diff "$work/times" <(times "$mnt")
finish
