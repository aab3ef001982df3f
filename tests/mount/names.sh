# Keys to names and back: hostile keys of every type, long names, and the spellings that are no names.
. "$TESTS/lib.sh" || exit 1
export PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1

# what each key is called, as an independent program sees it
python3 - >"$work/keys.jsonl" <<'PYTHON'
import json
keys = ["plain", "a b", "/", "a/b", "%", "%2F", "~", "a~b", "~~", ".", "..", "...", ".hidden", ".json", "a.json", ".table.json",
        "-rf", "*", "line\nbreak", "tab\there", "nul\0", "\x01\x1f\x7f", "emoji 🦆", "ünïcödé", "e\u0301", "\u2028", "'\"", "$HOME", "\\",
        "#", "tmp.json~", "x" * 250, "x" * 251, "x" * 2048, "é" * 500, "🦆" * 256, "/" * 700, "a" * 199 + "🦆" * 50, "a" * 198 + "/" * 60,
        "\x7f\u0080", "con", "trailing ", " leading", "%zz", "100%", "q?x=1&y=2", "{}", "[1]"]
for number, key in enumerate(keys):
    print(json.dumps({"id": key, "number": number}))
PYTHON

start
lines() { "$DYNAMOUNT" import "$mnt" "$1" --key "$2" "$3" >/dev/null; }
check "simple" lines Simple id "$work/keys.jsonl"
check "composite" lines Composite id,sort <(jq -c '.sort = (.id[0:256])' "$work/keys.jsonl")
check "names, sizes, keys" python3 - "$work" "$mnt" <<'PYTHON'
import json, os, sys
work, mnt = sys.argv[1:]
from keynames import encode, cut
expected = {}
items = [json.loads(line) for line in open(work + "/keys.jsonl")]
for item in items:
    expected[cut(encode(item["id"]), ".json")] = item
listed = [name for name in os.listdir(mnt + "/Simple") if name != ".table.json"]
assert sorted(listed) == sorted(expected), set(listed) ^ set(expected)
for name, item in expected.items():
    path = mnt + "/Simple/" + name
    with open(path) as f:
        raw = f.read()
    assert json.loads(raw) == item, name
    assert os.stat(path).st_size == len(raw.encode()), name
    assert "\n" not in name and len(name.encode()) <= 255, name
    directory = mnt + "/Composite/" + cut(encode(item["id"]), "")
    sort = item["id"][0:256]
    assert os.listdir(directory) == [cut(encode(sort), ".json")], (name, os.listdir(directory))
    with open(directory + "/" + cut(encode(sort), ".json")) as f:
        assert json.load(f)["number"] == item["number"]
PYTHON
check "a copy" cp -a "$mnt/Simple" "$work/copy"
check "restored" cp -a "$work/copy" "$mnt/Restored"
check "equal" diff -r "$work/copy" "$mnt/Restored"
check "a copy of composite keys" cp -a "$mnt/Composite" "$work/copy2"
check "restored" cp -a "$work/copy2" "$mnt/Restored2"
check "equal" diff -r "$work/copy2" "$mnt/Restored2"
mkdir "$mnt/Late"
(cd "$work/copy2" && cp -r -- [!.]* "$mnt/Late/") || fail "without a definition"
check "the definition last" cp "$work/copy2/.table.json" "$mnt/Late/"
check "equal" diff -r "$work/copy2" "$mnt/Late"
same "xargs" "$(wc -l <"$work/keys.jsonl")" "$(cd "$mnt/Simple" && ls | xargs -d '\n' cat -- | jq -s length)"
# a long name can be made, when its document holds the key
check "a long name made by hand" python3 - "$work" "$mnt" <<'PYTHON'
import json, os, sys
work, mnt = sys.argv[1:]
from keynames import encode, cut
key = "long/" * 100
path = mnt + "/Simple/" + cut(encode(key), ".json")
with open(path, "w") as f:
    json.dump({"id": key, "n": 1}, f)
assert json.load(open(path)) == {"id": key, "n": 1}
with open(path, "w") as f:
    f.write('{"n": 2}')
assert json.load(open(path)) == {"id": key, "n": 2}
os.rename(path, mnt + "/Simple/short.json")
assert json.load(open(mnt + "/Simple/short.json")) == {"id": "short", "n": 2}
other = mnt + "/Simple/" + cut(encode(key + "x"), ".json")
for text in ('{"n": 3}', json.dumps({"id": key + "y"})):
    try:
        with open(other, "w") as f:
            f.write(text)
        sys.exit("accepted: " + text)
    except OSError as error:
        assert error.errno == 22, error
assert not os.path.exists(other)
PYTHON

# numbers and binaries
printf '%s\n' '{"id":-1.5}' '{"id":0}' '{"id":1e3}' '{"id":0.000001}' '{"id":1E125}' '{"id":-99999999999999999999999999999999999999}' >"$work/numbers"
check "numbers" lines Numbers id:N "$work/numbers"
same "canonical decimals" "-1.5.json -99999999999999999999999999999999999999.json 0.000001.json 0.json 1000.json" \
  "$(ls "$mnt/Numbers" | grep -v 0000000000 | sort | xargs)"
check "by value" bash -c "echo '{\"id\": 1.000e3, \"x\": 1}' >$mnt/Numbers/1000.json"
for name in 042 1.0 +1 -0 1e3 1000.0 abc "" " 1" 1E125; do
  same "no name: $name.json" absent "$(cat "$mnt/Numbers/$name.json" 2>/dev/null || echo absent)"
  [ -z "$name" ] || refused "not made: $name.json" bash -c "echo '{}' >'$mnt/Numbers/$name.json'"
done
printf '%s\n' '{"id":{"$binary":"AAEC/w=="}}' '{"id":{"$binary":"Zm9v"}}' >"$work/binaries"
check "binaries" lines Binaries id:B "$work/binaries"
same "base64url" "AAEC_w.json Zm9v.json" "$(ls "$mnt/Binaries" | sort | xargs)"
for name in Zm9v= Zm9 Z 'Zm9-x' 'AAEC/w'; do
  refused "not made: $name.json" bash -c "echo '{}' >'$mnt/Binaries/$name.json'"
done

# other spellings of S
for name in '%2f' '%41' 'a%' 'a%2' '~' 'a~b' "$(printf '\xff')" "$(printf '\xed\xa0\x80')" "$(printf 'x%.0s' $(seq 200))~~aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"; do
  same "no name: $name.json" absent "$(cat "$mnt/Simple/$name.json" 2>/dev/null || echo absent)"
  refused "not made: $name.json" bash -c "echo '{}' >'$mnt/Simple/$name.json'"
done
refused "a directory that is no key's" mkdir "$mnt/Composite/a~b"
refused "a directory in a simple table" mkdir "$mnt/Simple/dir"
refused "an item beside partitions" bash -c "echo '{}' >$mnt/Composite/x.json"
refused "a file in the root" touch "$mnt/file"
refused "a table of two letters" mkdir "$mnt/ab"
refused "a table of bad letters" mkdir "$mnt/a b c"
check "a table with a dot" mkdir "$mnt/%2Edot"
same "its name" ".dot" "$(jq -r .TableName "$mnt/%2Edot/.status.json")"

# a thousand sort keys that share their first 1,000 bytes, in order
python3 - >"$work/deep" <<'PYTHON'
import json
for i in range(1000):
    print(json.dumps({"p": "p", "s": "s" * 1000 + "%04d" % (i * 7 % 1000), "i": i * 7 % 1000}))
PYTHON
check "deep" lines Deep p,s "$work/deep"
same "each found" 1000 "$(ls "$mnt/Deep/p" | wc -l)"
same "in order" "$(seq 0 999 | md5sum)" "$(jq .i "$mnt/Deep/.items.jsonl" | md5sum)"
same "one of them" 500 "$(cd "$mnt/Deep/p" && grep -l '"i": 500$' -- * | head -1 | xargs -d '\n' cat | jq .i)"
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
finish
