# The largest items: 400 KB of text, and 400 KB that render to many times as much.
. "$TESTS/lib.sh" || exit 1

start
mkdir "$mnt/Big"
printf '{"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}' \
  >"$mnt/Big/.table.json"
python3 - "$work" <<'PYTHON'
import sys
out = sys.argv[1]
def put(name, text):
    open(out + "/" + name, "w").write(text)
# id + "text" + value = 409,600: "id" 2, "t1" 2, attribute 1 (name) …
put("t1.json", '{"a":"%s"}' % ("x" * (409600 - 2 - 2 - 1)))
put("t2.json", '{"a":"%s"}' % ("x" * (409600 - 2 - 2 - 1 + 1)))
# a list costs 3, a number 1E125 2 bytes and 1 for its place
n = (409600 - 2 - 2 - 1 - 3) // 3
put("n1.json", '{"a":[%s]}' % ",".join(["1E125"] * n))
put("n2.json", '{"a":[%s]}' % ",".join(["1E125"] * (n + 1)))
# control characters render six times as long
put("c1.json", '{"a":"%s"}' % ("\\u0001" * (409600 - 5)))
PYTHON
check "400 KB of text" cp "$work/t1.json" "$mnt/Big/"
same "user.size" 409600 "$(getfattr --only-values -n user.size "$mnt/Big/t1.json")"
same "its size" "$(wc -c <"$mnt/Big/t1.json")" "$(cat "$mnt/Big/t1.json" | wc -c)"
same "its text" "$(jq -S '.id = "t1"' "$work/t1.json" | md5sum)" "$(jq -S . "$mnt/Big/t1.json" | md5sum)"
refused "a byte more" cp "$work/t2.json" "$mnt/Big/"
same "why" "EFBIG ValidationException Item size has exceeded the maximum allowed size" \
  "$(last_error '"\(.errno) \(.type) \(.message)"')"
same "nothing is there" absent "$(stat "$mnt/Big/t2.json" 2>/dev/null || echo absent)"
refused "a byte more over the old" cp "$work/t2.json" "$mnt/Big/t1.json"
same "the old is as it was" 409600 "$(getfattr --only-values -n user.size "$mnt/Big/t1.json")"
check "numbers" cp "$work/n1.json" "$mnt/Big/"
[ "$(stat -c %s "$mnt/Big/n1.json")" -gt 14000000 ] || fail "renders to over 14 MB"
same "exact size" "$(stat -c %s "$mnt/Big/n1.json")" "$(cat "$mnt/Big/n1.json" | wc -c)"
check "comes back in" cp "$mnt/Big/n1.json" "$work/n1.out"
check "and may be put again" cp "$work/n1.out" "$mnt/Big/n1.json"
check "unchanged" cmp "$work/n1.out" "$mnt/Big/n1.json"
[ "$(stat -c %s "$mnt/Big/.typed/n1.json")" -gt 20000000 ] || fail "typed renders to over 20 MB"
check "typed out" cp "$mnt/Big/.typed/n1.json" "$work/n1.typed"
check "typed in" cp "$work/n1.typed" "$mnt/Big/.typed/n1.json"
check "unchanged" cmp "$work/n1.out" "$mnt/Big/n1.json"
refused "one number more" cp "$work/n2.json" "$mnt/Big/n1.json"
check "control characters" cp "$work/c1.json" "$mnt/Big/"
same "their size" "$(stat -c %s "$mnt/Big/c1.json")" "$(cat "$mnt/Big/c1.json" | wc -c)"
refused "32 MiB of blanks and more" sh -c "{ printf '{'; head -c 34000000 /dev/zero | tr '\0' ' '; } >$mnt/Big/t1.json"
same "is EFBIG" EFBIG "$(last_error .errno)"
finish
