# A changed, swapped or truncated record is found by check, and answered with EIO by the mount, never as data.
. "$TESTS/lib.sh" || exit 1

check "import" import_real_data "$store"
start
cp -a "$mnt/Countries" "$work/good"
stop
cp -a "$store" "$work/sound"
same "sound" "" "$("$DYNAMOUNT" check "$store" 2>&1)"

# compare: every document reads as it was or fails with EIO; prints how many failed
compare() {
  python3 - "$work/good" "$mnt/Countries" <<'PYTHON'
import errno, os, sys
good, mounted = sys.argv[1:]
failed = 0
for name in os.listdir(good):
    with open(os.path.join(good, name), "rb") as f:
        expected = f.read()
    try:
        with open(os.path.join(mounted, name), "rb") as f:
            assert f.read() == expected, "wrong data: " + name
    except OSError as error:
        assert error.errno == errno.EIO, (name, error)
        failed += 1
print(failed)
PYTHON
}
# damage HOW: changes pages of the data file that hold records; never the structure's first pages
damage() {
  python3 - "$store/data.mdb" "$1" <<'PYTHON'
import random, sys
path, how = sys.argv[1:]
random.seed(how)
data = bytearray(open(path, "rb").read())
page = 4096
# leaf pages: the flag 0x02 in the page header; their nodes lie at the end of the page
leaves = [at for at in range(2 * page, len(data), page) if data[at + 10] & 0x02 and not data[at + 10] & 0x20]
# some of them are free pages, so every other one is hit
for at in random.sample(leaves, len(leaves) // 2):
    lower = int.from_bytes(data[at + 12:at + 14], "little")
    pointers = [int.from_bytes(data[at + 16 + 2 * i:at + 18 + 2 * i], "little") for i in range((lower - 16) // 2)]
    nodes = []
    for pointer in pointers:
        node = at + pointer
        size = int.from_bytes(data[node:node + 2], "little") | int.from_bytes(data[node + 2:node + 4], "little") << 16
        flags = int.from_bytes(data[node + 4:node + 6], "little")
        key = int.from_bytes(data[node + 6:node + 8], "little")
        if flags == 0 and key == 21 and size > 200 and node + 8 + key + size <= at + page:
            nodes.append((node, key, size))
    if len(nodes) < 2:
        continue
    (node, key, size), (other, other_key, other_size) = random.sample(nodes, 2)
    value, other_value = node + 8 + key, other + 8 + other_key
    if how == "flip":
        data[value + random.randrange(size)] ^= 1 << random.randrange(8)
    elif how == "swap":
        n = min(size, other_size)
        data[value:value + n], data[other_value:other_value + n] = data[other_value:other_value + n], data[value:value + n]
    elif how == "truncate":
        data[node:node + 2] = (size - 16).to_bytes(2, "little")
open(path, "wb").write(data)
PYTHON
}
for how in flip swap truncate; do
  rm -rf "$store"
  cp -a "$work/sound" "$store"
  damage $how
  found=$("$DYNAMOUNT" check "$store" 2>&1)
  same "check fails: $how" 1 $?
  [ -n "$found" ] || fail "check says nothing: $how"
  start
  n=$(compare) || fail "compare: $how"
  [ "$n" -gt 0 ] || fail "no record was damaged: $how"
  ls "$mnt/Countries" >/dev/null || fail "ls: $how"
  stop
  "$DYNAMOUNT" check --repair "$store" >/dev/null 2>&1
  same "sound after --repair: $how" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
  start
  same "what could be read is there: $how" $(($(ls "$work/good" | wc -l) - n)) "$(ls "$mnt/Countries" | wc -l)"
  stop
done

# keys
rm -rf "$store"
cp -a "$work/sound" "$store"
mv "$store/master.key" "$work/master.key"
refused "no key" "$DYNAMOUNT" "$store" "$mnt"
head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$work/wrong.key"
refused "a wrong key" "$DYNAMOUNT" "$store" "$mnt" -o keyfile="$work/wrong.key"
start keyfile="$work/master.key"
same "the right one" "$(cat "$work/good/FR.json")" "$(cat "$mnt/Countries/FR.json")"
stop
same "nothing of an item in the clear" 0 "$(grep -c -a -e Liechtenstein -e 'Federal Republic' "$store/data.mdb")"
finish
