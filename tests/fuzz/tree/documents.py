"""What the contract says of documents and names, written down once more: values, their plain and typed renderings,
sizes in DynamoDB's counting, file names of keys; and random documents with random spellings."""
import base64
import hashlib
from decimal import Decimal

NAME_MAX, CUT_AT = 255, 200
ITEM_MAX = 400 * 1024


class Set(tuple):
    """A set: its kind (SS, NS, BS) and its members, sorted."""

    def __new__(cls, kind, members):
        return super().__new__(cls, (kind, tuple(sorted(members, key=lambda m: m.encode() if kind == "SS" else m))))


class Number(str):
    """A number in a JSON text, digit for digit."""


# ---- Rendering ----

ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
ESCAPES.update({chr(c): "\\u%04x" % c for c in [*range(32), 127] if chr(c) not in ESCAPES})
ESCAPE_TABLE = str.maketrans(ESCAPES)


def string(text):
    return '"' + text.translate(ESCAPE_TABLE) + '"'


def number(value):
    if not value:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def binary(value):
    return base64.b64encode(value).decode()


def by_name(members):
    return dict(sorted(members.items(), key=lambda member: member[0].encode()))


def plain(value, top=False):
    """The JSON tree of a value in the plain form."""
    if isinstance(value, Decimal):
        return Number(number(value))
    if isinstance(value, bytes):
        return {"$binary": binary(value)}
    if isinstance(value, Set):
        return {"$" + value[0].lower(): [binary(m) if value[0] == "BS" else plain(m) for m in value[1]]}
    if isinstance(value, dict):
        tree = {name: plain(member) for name, member in by_name(value).items()}
        return {"$map": tree} if not top and len(tree) == 1 and next(iter(tree)).startswith("$") else tree
    if isinstance(value, list):
        return [plain(member) for member in value]
    return value


def typed(value, top=False):
    """The same in DynamoDB's own form."""
    if isinstance(value, dict):
        tree = {name: typed(member) for name, member in by_name(value).items()}
        return tree if top else {"M": tree}
    if isinstance(value, Set):
        each = {"SS": str, "NS": number, "BS": binary}[value[0]]
        return {value[0]: [each(member) for member in value[1]]}
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, Decimal):
        return {"N": number(value)}
    if isinstance(value, bytes):
        return {"B": binary(value)}
    if isinstance(value, list):
        return {"L": [typed(member) for member in value]}
    return {"S": value}


def layout(tree, indent=0):
    """As jq --indent 2; with indent None in one line."""
    if isinstance(tree, Number):
        return str(tree)
    if isinstance(tree, str):
        return string(tree)
    if tree is None or isinstance(tree, bool):
        return {None: "null", True: "true", False: "false"}[tree]
    brackets = "{}" if isinstance(tree, dict) else "[]"
    if not tree:
        return brackets
    deeper = None if indent is None else indent + 2
    if isinstance(tree, dict):
        colon = ":" if indent is None else ": "
        parts = [string(name) + colon + layout(member, deeper) for name, member in tree.items()]
    else:
        parts = [layout(member, deeper) for member in tree]
    if indent is None:
        return brackets[0] + ",".join(parts) + brackets[1]
    space = "\n" + " " * indent
    return brackets[0] + space + "  " + ("," + space + "  ").join(parts) + space + brackets[1]


def tree_of(item, keys, form):
    """The key attributes first."""
    tree = {}
    for part in [*({key: item[key]} for key in keys), {n: m for n, m in item.items() if n not in keys}]:
        tree.update(form(part, True))
    return tree


def render(item, keys, form=plain):
    """An item's file."""
    return (layout(tree_of(item, keys, form)) + "\n").encode()


def render_line(item, keys, form=plain):
    return layout(tree_of(item, keys, form), None)


# ---- Sizes ----

def size_of(value):
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, bytes):
        return len(value)
    if value is None or isinstance(value, bool):
        return 1
    if isinstance(value, dict):
        return 3 + sum(len(name.encode()) + size_of(member) + 1 for name, member in value.items())
    if isinstance(value, list):
        return 3 + sum(size_of(member) + 1 for member in value)
    raise TypeError("the service does not say exactly how it counts these")


def item_size(item):
    """None: not known exactly."""
    try:
        return sum(len(name.encode()) + size_of(member) for name, member in item.items())
    except TypeError:
        return None


# ---- Names ----

def encode_key(value):
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, bytes):
        return base64.urlsafe_b64encode(value).decode().rstrip("=")
    name = "".join("%%%02X" % ord(c) if c in "/%~\x7f" or c < " " else c for c in value)
    return "%2E" + name[1:] if name.startswith(".") else name


def is_long(value, file):
    return len(encode_key(value).encode()) + (5 if file else 0) > NAME_MAX


def file_name(value, file=True):
    """The name of a key's file (or directory)."""
    name = encode_key(value)
    if is_long(value, file):
        units, i = [], 0
        while i < len(name):
            step = 3 if name[i] == "%" else 1
            units.append(name[i:i + step])
            i += step
        cut = ""
        for unit in units:
            if len((cut + unit).encode()) > CUT_AT:
                break
            cut += unit
        digest = hashlib.blake2b(name.encode(), digest_size=20).digest()
        name = cut + "~~" + base64.b32encode(digest).decode().lower()
    return name + ".json" if file else name


# ---- Random documents ----

WORDS = ["a", "b", "total", "status", "text", "Ünï", "日本", "with space", "$x", "a.b", "quote\"", "zz", "\u007f"]
STRINGS = ["", "x", "tea & cups", "line\nbreak\ttab", "\u0000\u001f\u007f", "Zürich", "\U0001f600", "\\\"/", "$"]


def random_number(rng):
    kind = rng.randrange(6)
    if kind == 0:
        return Decimal(rng.randrange(-5, 1000))
    if kind == 1:
        return Decimal(rng.randrange(-10**9, 10**9)).scaleb(-rng.randrange(9))
    if kind == 2:
        return Decimal(rng.randrange(1, 10**38))
    if kind == 3:
        return Decimal(rng.randrange(1, 10**6)).scaleb(rng.randrange(-130, 119))
    return Decimal(rng.randrange(100)) / 4


def random_value(rng, depth=0):
    kind = rng.randrange(12 if depth < 4 else 8)
    if kind < 3:
        return rng.choice(STRINGS) * rng.choice([1, 1, 1, 2, 30])
    if kind < 5:
        return random_number(rng)
    if kind == 5:
        return rng.choice([True, False, None])
    if kind == 6:
        return rng.randbytes(rng.choice([0, 1, 2, 3, 100]))
    if kind == 7:
        return random_set(rng)
    if kind < 10:
        return {rng.choice(WORDS): random_value(rng, depth + 1) for _ in range(rng.randrange(4))}
    return [random_value(rng, depth + 1) for _ in range(rng.randrange(4))]


def random_set(rng):
    kind = rng.choice(["SS", "NS", "BS"])
    count = rng.randrange(1, 5)
    if kind == "SS":
        return Set(kind, {rng.choice(STRINGS[1:]) for _ in range(count)})
    if kind == "NS":
        return Set(kind, {random_number(rng) for _ in range(count)})
    return Set(kind, {rng.randbytes(rng.randrange(1, 5)) for _ in range(count)})


def random_document(rng, avoid=()):
    """Attributes without the key's."""
    document = {}
    for _ in range(rng.randrange(6)):
        document[rng.choice(WORDS)] = random_value(rng)
    size = rng.random()
    if size < 0.25:
        document["long"] = rng.choice("abcdef") * rng.choice([500, 4096, 5000, 9000])
    elif size < 0.28:
        document["long"] = rng.choice("abcdef") * rng.choice([70000, 131072, 200000, 390000])
    return {name: member for name, member in document.items() if name not in avoid}


def spell(rng, document, form=plain):
    """A text of the document that need not be the canonical one."""
    tree = form(document, True)
    names = list(tree)
    rng.shuffle(names)
    tree = {name: tree[name] for name in names}
    kind = rng.randrange(4)
    text = layout(tree, rng.choice([0, None]))
    if kind == 0:
        text = " \n" + text + "\n\n"
    elif kind == 1:
        text += "\n"
    elif kind == 2:
        text = "".join("\\u%04x" % ord(c) if c in "äüïÜ日本" else c for c in text)
    return text.encode()


# Texts that are no documents, whole in themselves, and that are refused as soon as they are written.
REFUSED = [
    b'{"a": 1, "a": 2}', b'{"a": nope}', b'[]', b'"text"', b'{"a": 1}}', b'{"a": 1} x', b'{"a": 1e126}',
    b'{"a": {"$ss": []}}', b'{"a": {"$unknown": 1}}', b'{"a": "\xff"}', b'{"a": "\\ud800"}', b'{"a": 01}',
    b'{"a": ' + b"[" * 33 + b"]" * 33 + b"}", b'{"a": {"$binary": "?"}}', b"{'a': 1}", b'{"a": 1,}', b'{"": 1}',
    b'{"a": {"$ns": [1, 1.0]}}', b'{"a": 123456789012345678901234567890123456789}', b'{"a"=1}', b'\x00',
]
