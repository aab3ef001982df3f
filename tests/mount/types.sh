# Data of every type, plain and typed: the exact layout, and copies that are equal to the byte.
. "$TESTS/lib.sh" || exit 1

python3 - >"$work/items" <<'PYTHON'
import base64, json, random
random.seed(4)
texts = ["", "plain", "ünïcödé 🦆", "line\nbreak\ttab", "\"quoted\" \\", "\u0000\u0001\u001f\u007f", "\u2028", "</script>", " ", "null"]
numbers = ["0", "-0", "1", "-1.5", "1e3", "1.10", "0.000001", "9" * 38, "-" + "9" * 38, "1E125", "-1E125", "1E-130", "123.456e-7"]
def number():
    return random.choice(numbers)
class Raw(float):
    pass
def text():
    return json.dumps(random.choice(texts), ensure_ascii=random.random() < 0.5)
def binary():
    return '{"$binary": "%s"}' % base64.b64encode(bytes(random.randrange(256) for _ in range(random.randrange(20)))).decode()
def sets():
    kind = random.choice(["$ss", "$ns", "$bs"])
    if kind == "$ss":
        members = [json.dumps(t) for t in random.sample(texts, random.randrange(1, 6))]
    elif kind == "$ns":
        members = random.sample(["3", "20", "-7", "0.5", "1e2", "1E125", "-1E-130"], random.randrange(1, 6))
    else:
        members = ['"%s"' % base64.b64encode(b).decode() for b in random.sample([b"", b"a", b"ab", b"\xff", b"\x00\x01"], random.randrange(1, 4))]
    return '{"%s": [%s]}' % (kind, ", ".join(members))
def value(depth):
    choices = [text, number, binary, sets, lambda: "true", lambda: "false", lambda: "null"]
    if depth < 6:
        choices += [lambda: "[%s]" % ",".join(value(depth + 1) for _ in range(random.randrange(4))),
                    lambda: "{%s}" % ",".join('"%s": %s' % (k, value(depth + 1)) for k in random.sample("zyxwab", random.randrange(4))),
                    lambda: '{"$map": {"$%s": %s}}' % (random.choice(["ss", "map", "x"]), value(depth + 1))]
    return random.choice(choices)()
for i in range(300):
    names = random.sample(["b", "a", "Z", "_x", "10", "9", "ключ", "with space", "$top", "\\u0022"], random.randrange(8))
    print('{"id": %d, %s"last": true}' % (i, "".join('"%s": %s, ' % (n, value(1)) for n in names)))
PYTHON
check "import" sh -c "'$DYNAMOUNT' import '$store' Types --key id:N '$work/items' >/dev/null"
start
same "all there" 300 "$(ls "$mnt/Types" | wc -l)"
check "layout, order, numbers, sizes" python3 - "$mnt/Types" "$work/items" <<'PYTHON'
import base64, json, os, sys
from decimal import Decimal
mnt, items = sys.argv[1:]

def norm(value, top=False):
    """What a document means: sets as sorted tuples, numbers as exact decimals."""
    if isinstance(value, dict):
        if len(value) == 1 and not top:
            (key, inner), = value.items()
            if key == "$binary":
                return ("B", base64.b64decode(inner))
            if key == "$map":
                return ("M", tuple(sorted((k, norm(v)) for k, v in inner.items())))
            if key == "$ss":
                return ("SS", tuple(sorted(inner)))
            if key == "$ns":
                return ("NS", tuple(sorted(inner)))
            if key == "$bs":
                return ("BS", tuple(sorted(base64.b64decode(b) for b in inner)))
        return ("M", tuple(sorted((k, norm(v)) for k, v in value.items())))
    if isinstance(value, list):
        return ("L", tuple(norm(v) for v in value))
    return (type(value).__name__ if not isinstance(value, Decimal) else "N", value)

def load(text):
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)

def layout(value, indent=0):
    """The layout of jq --indent 2, with the numbers' own digits."""
    pad = "  " * (indent + 1)
    if isinstance(value, dict):
        if not value:
            return "{}"
        return "{\n" + ",\n".join(pad + string(k) + ": " + layout(v, indent + 1) for k, v in value.items()) + "\n" + "  " * indent + "}"
    if isinstance(value, list):
        if not value:
            return "[]"
        return "[\n" + ",\n".join(pad + layout(v, indent + 1) for v in value) + "\n" + "  " * indent + "]"
    if value is True or value is False or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return string(value) if isinstance(value, str) else value.text

class Number:
    def __init__(self, text):
        self.text = text

def string(value):
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")

def plain(number):
    """Canonical plain decimal."""
    number = number.normalize()
    return "0" if number == 0 else format(number, "f")

def ordered(value):
    keys = [k for k in value]
    return keys == sorted(keys, key=lambda k: k.encode())

import decimal
decimal.getcontext().prec = 60
for line in open(items, encoding="utf-8"):
    expected = load(line)
    path = "%s/%s.json" % (mnt, expected["id"])
    raw = open(path, "rb").read()
    assert os.stat(path).st_size == len(raw), path
    text = raw.decode()
    assert norm(load(text), True) == norm(expected, True), (path, text)
    numbers = []
    document = json.loads(text, parse_float=Number, parse_int=Number)
    assert text == layout(document) + "\n", (path, text, layout(document))
    assert list(document)[0] == "id" and ordered(list(document)[1:]), path
    def walk(value):
        if isinstance(value, dict):
            assert list(value) == sorted(value, key=lambda k: k.encode()), path
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)
        elif isinstance(value, Number):
            assert value.text == plain(Decimal(value.text)), value.text
    for inner in document.values():
        walk(inner)
PYTHON
cd "$mnt/Types" || fail "cd"
mapfile -t alike < <(grep -LE '0\.0000|[0-9]{17}|\\u007f|"\$ns"' [0-9]*.json)
[ ${#alike[@]} -gt 100 ] || fail "jq can be asked of ${#alike[@]} documents only"
check "jq agrees on the layout" diff <(jq --indent 2 . "${alike[@]}") <(cat "${alike[@]}")
cd / || fail "cd"

check "copy" cp -a "$mnt/Types" "$work/copy"
check "restore" cp -a "$work/copy" "$mnt/Restored"
check "equal" diff -r "$work/copy" "$mnt/Restored"
check "typed copy" cp -a "$mnt/Types/.typed" "$work/typed"
mkdir "$mnt/FromTyped"
cp "$work/copy/.table.json" "$mnt/FromTyped/"
check "typed restore" cp -a "$work/typed/." "$mnt/FromTyped/.typed"
check "equal" diff -r "$work/copy" "$mnt/FromTyped"
check "typed is typed" jq -e '.id.N' "$work/typed/7.json" >/dev/null
mkdir "$mnt/FromLines"
cp "$work/copy/.table.json" "$mnt/FromLines/"
check "lines" bash -c "cat '$mnt/Types/.items.jsonl' >'$mnt/FromLines/.items.jsonl'"
check "equal" diff -r "$work/copy" "$mnt/FromLines"
mkdir "$mnt/FromTypedLines"
cp "$work/copy/.table.json" "$mnt/FromTypedLines/"
check "typed lines" bash -c "cat '$mnt/Types/.typed/.items.jsonl' >'$mnt/FromTypedLines/.typed/.items.jsonl'"
check "equal" diff -r "$work/copy" "$mnt/FromTypedLines"
check "put again, unchanged" bash -c "cd $work/copy && for f in *.json; do cat \$f >$mnt/Types/\$f || exit 1; done"
check "equal" diff -r "$work/copy" "$mnt/Types"
same "dynamodb export and back" "$(cat "$mnt/Types/.items.jsonl" | sort | md5sum)" \
  "$("$DYNAMOUNT" export "$mnt" Types --format dynamodb | "$DYNAMOUNT" import "$mnt" Again --key id:N - >/dev/null && cat "$mnt/Again/.items.jsonl" | sort | md5sum)"
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
finish
