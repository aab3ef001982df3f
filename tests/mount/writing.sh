# SPEC "Writing": put at the write that completes a document, truncation, create-exclusive, touch, append, in-place, lines.
. "$TESTS/lib.sh" || exit 1

start
t=$mnt/Users
mkdir "$t"
printf '{"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}' \
  >"$t/.table.json"
f=$t/alice.json

# put
check "echo" sh -c "echo '{\"age\": 41}' >$f"
same "the key is added, first" '{"id":"alice","age":41}' "$(jq -c . "$f")"
check "overwrite" sh -c "echo '{\"id\": \"alice\", \"b\": [1, 2]}' >$f"
same "overwritten" '{"id":"alice","b":[1,2]}' "$(jq -c . "$f")"
check "printf without newline" printf '{"x":1}' >"$f"
check "white space behind" printf '{"x":2}\n \n\t\n' >"$f"
same "put" 2 "$(jq .x "$f")"
check "in pieces" bash -c "{ printf '{\"x\"'; printf ':'; printf '3}'; printf '\n'; } >$f"
same "in pieces" 3 "$(jq .x "$f")"
check "cp" bash -c "jq -n '{x: 4}' >$work/doc && cp $work/doc $f"
check "tee" bash -c "echo '{\"x\":5}' | tee $f >/dev/null"
check "dd" bash -c "echo '{\"x\":6}' | dd of=$f bs=3 status=none"
same "dd in blocks of three" 6 "$(jq .x "$f")"
check "copy under another key" bash -c "jq 'del(.id)' $f >$t/bob.json"
same "copied" '{"id":"bob","x":6}' "$(jq -c . "$t/bob.json")"

# truncation alone changes nothing
: >"$f"
same "truncated" 6 "$(jq .x "$f")"
truncate -s 0 "$f"
same "truncate(1)" 6 "$(jq .x "$f")"
check "jq . f > f" bash -c "jq . $f >$f"
same "kept" 6 "$(jq .x "$f")"
check "cat f | jq > f" bash -c "cat $f | jq '.x = 7' >$f"
poll "changed, or kept" jq -e '.x == 6 or .x == 7' "$f"

# create-exclusive
echo '{"x":8}' >"$f"
refused "set -C on an existing item" bash -c "set -C; echo '{\"x\":9}' >$f"
check "set -C on a new one" bash -c "set -C; echo '{\"x\":9}' >$t/new.json"
same "unchanged" 8 "$(jq .x "$f")"
same "created" 9 "$(jq .x "$t/new.json")"
same "O_EXCL lost to somebody else" "[Errno 17]" "$(python3 - "$t" <<'PYTHON'
import os, sys
fd = os.open(sys.argv[1] + "/race.json", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
with open(sys.argv[1] + "/.items.jsonl", "w") as lines:
    lines.write('{"id":"race","winner":"other"}\n')
try:
    os.write(fd, b'{"winner":"me"}')
    print("no error")
except OSError as error:
    print("[Errno %d]" % error.errno)
PYTHON
)"
same "the winner's" '{"id":"race","winner":"other"}' "$(jq -c . "$t/race.json")"

# touch
check "touch" touch "$t/touched.json"
poll "touch makes an item" test -s "$t/touched.json"
same "of its key" '{"id":"touched"}' "$(jq -c . "$t/touched.json")"
check "touch -d" touch -d '2020-02-03 04:05:06.123456789 UTC' "$t/dated.json"
same "with its time" "2020-02-03 04:05:06.123456789 +0000" "$(TZ=UTC stat -c %y "$t/dated.json")"
check "touch an item" touch -d '2021-01-01 UTC' "$f"
same "touching changes no text" '{"id":"alice","x":8}' "$(jq -c . "$f")"
same "but the time" 1609459200 "$(stat -c %Y "$f")"
check "chmod succeeds" chmod 600 "$f"
check "chown succeeds" chown "$(id -u)" "$f"
same "without effect" 644 "$(stat -c %a "$f")"

# append is update
check "append" bash -c "echo '{\"status\":\"sent\"}' >>$f"
same "appended" '{"id":"alice","status":"sent","x":8}' "$(jq -c . "$f")"
check "append two" bash -c "printf '{\"x\":null}\n{\"y\":{\"z\":1}}\n' >>$f"
same "two updates" '{"id":"alice","status":"sent","x":null,"y":{"z":1}}' "$(jq -c . "$f")"
check "append creates" bash -c "echo '{\"a\":1}' >>$t/appended.json"
same "created by append" '{"id":"appended","a":1}' "$(jq -c . "$t/appended.json")"
refused "append of garbage" bash -c "echo 'nonsense' >>$f"
refused "append of another key" bash -c "echo '{\"id\":\"eve\"}' >>$f"
refused "an unfinished append" /bin/sh -c "cat >>$f <<END
{\"x\":
END"
same "as before" '{"id":"alice","status":"sent","x":null,"y":{"z":1}}' "$(jq -c . "$f")"
refused "append to a definition" bash -c "echo '{}' >>$t/.table.json"

# in place
python3 - "$f" <<'PYTHON'
import sys
with open(sys.argv[1], "r+") as f:
    text = f.read()
    f.seek(text.index("sent"))
    f.write("seen")
PYTHON
same "r+" seen "$(jq -r .status "$f")"
check "dd conv=notrunc" bash -c "printf SEEN | dd of=$f bs=1 seek=\$(grep -abo seen $f | cut -d: -f1) conv=notrunc status=none"
same "dd conv=notrunc" SEEN "$(jq -r .status "$f")"
refused "in place, to garbage" dd if=/dev/zero of="$f" bs=1 count=2 conv=notrunc status=none
same "as before" SEEN "$(jq -r .status "$f")"
python3 - "$f" <<'PYTHON'
import mmap, sys
with open(sys.argv[1], "r+b") as f:
    with mmap.mmap(f.fileno(), 0) as m:
        at = m.find(b"SEEN")
        m[at:at + 4] = b"done"
        m.flush()
PYTHON
same "shared mmap" done "$(jq -r .status "$f")"

# lines
check "lines" bash -c "for i in 1 2 3; do echo '{\"id\":\"line'\$i'\",\"n\":'\$i'}'; done >$t/.items.jsonl"
same "lines put" 6 "$(jq -s 'map(.n) | add' "$t"/line?.json)"
refused "a bad line" bash -c "printf '{\"id\":\"line4\"}\n{\"id\":5}\n{\"id\":\"line6\"}\n' >$t/.items.jsonl"
same "its number" 2 "$(last_error | grep -o 'line [0-9]*' | cut -d' ' -f2)"
check "the line before is put" test -e "$t/line4.json"
same "the line after is not" absent "$(cat "$t/line6.json" 2>/dev/null || echo absent)"
check "a last line without newline" bash -c "printf '{\"id\":\"line7\"}' >$t/.items.jsonl"
check "counts at close" test -e "$t/line7.json"
n=$(ls "$t" | wc -l)
: >"$t/.items.jsonl"
same "truncating the lines deletes nothing" "$n" "$(ls "$t" | wc -l)"
check "copy a table by lines" bash -c "mkdir $mnt/Copy && cp $t/.table.json $mnt/Copy/ && cat $t/.items.jsonl >$mnt/Copy/.items.jsonl"
check "equal" diff -r "$t" "$mnt/Copy"

# delete and rename
check "rm" rm "$t/line1.json"
same "removed" absent "$(cat "$t/line1.json" 2>/dev/null || echo absent)"
check "mv" mv "$t/line2.json" "$t/moved.json"
same "mv changes the key" '{"id":"moved","n":2}' "$(jq -c . "$t/moved.json")"
same "exact size after mv" "$(cat "$t/moved.json" | wc -c)" "$(stat -c %s "$t/moved.json")"
check "mv over" mv "$t/moved.json" "$t/line3.json"
same "mv replaces" '{"id":"line3","n":2}' "$(jq -c . "$t/line3.json")"
check "mv -n" mv -n "$t/line3.json" "$t/line4.json"
same "mv -n does not" '{"id":"line4"}' "$(jq -c . "$t/line4.json")"
check "sed -i" sed -i 's/"n": 2/"n": 22/' "$t/line3.json"
same "sed -i" 22 "$(jq .n "$t/line3.json")"
check "jq > tmp && mv" bash -c "cd $t && jq '.n = 23' line3.json >tmp && mv tmp line3.json"
same "jq > tmp && mv" 23 "$(jq .n "$t/line3.json")"
refused "mv of a bad temporary" bash -c "cd $t && echo nonsense >tmp && mv tmp line3.json"
check "which stays" grep -q nonsense "$t/tmp"
same "as does the item" 23 "$(jq .n "$t/line3.json")"
rm "$t/tmp"
check "between tables mv copies" mv "$t/line3.json" "$mnt/Copy/line3.json"
same "moved" 23 "$(jq .n "$mnt/Copy/line3.json")"
same "gone" absent "$(cat "$t/line3.json" 2>/dev/null || echo absent)"
for call in "ln $t/alice.json $t/link.json" "ln -s alice.json $t/link.json" "mkfifo $t/fifo.json"; do
  refused "$call" $call
done

# partitions: made, emptied, removed
mkdir "$mnt/Orders" "$mnt/Orders/alice"
echo '{"total": 12.50}' >"$mnt/Orders/alice/2026-01-04.json"
cat >"$mnt/Orders/.table.json" <<'END'
{"AttributeDefinitions": [{"AttributeName": "customer", "AttributeType": "S"}, {"AttributeName": "day", "AttributeType": "S"}],
 "KeySchema": [{"AttributeName": "customer", "KeyType": "HASH"}, {"AttributeName": "day", "KeyType": "RANGE"}]}
END
same "defined later" '{"customer":"alice","day":"2026-01-04","total":12.5}' "$(jq -c . "$mnt/Orders/alice/2026-01-04.json")"
rm "$mnt/Orders/alice/2026-01-04.json"
same "an emptied partition lingers" alice "$(ls "$mnt/Orders")"
check "rmdir" rmdir "$mnt/Orders/alice"
same "until rmdir" "" "$(ls "$mnt/Orders")"
check "mkdir of a partition" mkdir "$mnt/Orders/bob"
same "is remembered" bob "$(ls "$mnt/Orders")"
echo '{}' >"$mnt/Orders/bob/1.json"
refused "rmdir of a full one" rmdir "$mnt/Orders/bob"
refused "rmdir of a full table" rmdir "$mnt/Orders"
check "rm -r" rm -r "$mnt/Orders"
same "gone" absent "$(stat "$mnt/Orders" 2>/dev/null || echo absent)"
finish
