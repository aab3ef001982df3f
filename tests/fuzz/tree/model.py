"""What one process knows to be in the tree: its own items, scratch files, partitions and tables, in memory."""
import documents
import time
from decimal import Decimal

ANY = -1  # an inode number that is not looked at
SLACK_NS = 50_000_000  # the kernel's coarse clock


class Item:
    """What the document has beside the key, and what stat shall say."""

    def __init__(self, document):
        self.document = document
        self.mtime = (0, 0)
        self.set_at, self.set_to = 0, None
        self.ino = None
        self.puts = 0

    def touched(self, before):
        self.mtime = (before - SLACK_NS, time.time_ns() + SLACK_NS)

    def set_time(self, ns):
        self.mtime = (ns, ns)
        self.set_at, self.set_to = time.time_ns(), ns

    def edited(self, since):
        """A time that was set meanwhile may be the text's."""
        if self.set_at >= since:
            self.mtime = min(self.mtime[0], self.set_to), max(self.mtime[1], self.set_to)


class Scratch:
    def __init__(self, text=b""):
        self.text = bytearray(text)
        self.mtime = (0, 0)

    touched = Item.touched
    set_time = Item.set_time


class Table:
    """`keys`: (name, type) of each key attribute. A provisional table has stand-ins, and none yet (kind None) before
    its first file."""

    def __init__(self, name, keys, defined=True):
        self.name, self.keys, self.defined = name, keys, defined
        self.items = {}  # (partition key[, sort key]): Item
        self.made = set()  # partitions that are there though they may be empty
        self.hidden = False  # the definition was unlinked
        self.text = None  # the definition's file, once it was read

    @property
    def composite(self):
        return len(self.keys) == 2

    def key_names(self):
        return [name for name, _ in self.keys]

    def full(self, key):
        item = self.items[key]
        return {**dict(zip(self.key_names(), key)), **item.document}

    def text_of(self, key, form=documents.plain):
        return documents.render(self.full(key), self.key_names(), form)

    def line_of(self, key):
        return documents.render_line(self.full(key), self.key_names())

    def directory(self, partition):
        return self.name + "/" + documents.file_name(partition, False)

    def path(self, key, typed=False):
        parts = [self.name + ("/.typed" if typed else "")]
        if self.composite:
            parts.append(documents.file_name(key[0], False))
        return "/".join(parts + [documents.file_name(key[-1])])

    def long(self, key):
        """Whether only a document can tell the key of the path, as long as nobody has it."""
        return documents.is_long(key[-1], True) or self.composite and documents.is_long(key[0], False)

    def unnamed(self, key):
        """Whether nobody has it."""
        if key in self.items:
            return False
        if documents.is_long(key[-1], True):
            return True
        return self.composite and documents.is_long(key[0], False) and not any(k[0] == key[0] for k in self.items)

    def partitions(self):
        return self.made | {key[0] for key in self.items} if self.composite else set()


class Tree:
    def __init__(self):
        self.tables = {}
        self.scratch = {}  # path: Scratch
        self.scratch_dirs = set()  # paths

    def scratch_in(self, directory):
        """The names of files and directories there."""
        prefix = directory + "/" if directory else ""
        return {p[len(prefix):] for p in [*self.scratch, *self.scratch_dirs]
                if p.startswith(prefix) and "/" not in p[len(prefix):]}

    def move_scratch(self, old, new):
        """All that is below a directory."""
        renamed = lambda path: new + path[len(old):] if path.startswith(old + "/") else path
        self.scratch = {renamed(path): scratch for path, scratch in self.scratch.items()}
        self.scratch_dirs = {renamed(path) for path in self.scratch_dirs}

    def has_partition(self, table, partition):
        return partition in table.partitions() or bool(self.scratch_in(table.directory(partition)))

    def listing(self, table, partition):
        """The names of a partition's files."""
        return {documents.file_name(key[1]) for key in table.items if key[0] == partition} | self.scratch_in(
            table.directory(partition))

    def remounted(self):
        """What is remembered for a mount only."""
        for table in self.tables.values():
            table.made = set()
            table.hidden = False


def definition(keys):
    kinds = ("HASH", "RANGE")
    return {"KeySchema": [{"AttributeName": keys[i][0], "KeyType": kinds[i]} for i in range(len(keys))],
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in keys]}


# The tables that all processes share; each has keys of its own in them.
SHARED_TABLES = {
    "Simple": (("id", "S"),),
    "Parts": (("customer", "S"), ("date", "S")),
    "Grid": (("x", "N"), ("y", "B")),
    "Counts": (("n", "N"),),
}


def own_keys(process):
    """The keys that a process may use, by table."""
    me = "p%d" % process
    long = me + "-%/~é" * 60
    sorts = ["2026-01-04", "a b", "%", ".dot", "x" * 251, "~" * 90, "日本"]
    return {
        "Simple": [(me + "-" + s,) for s in ["a", "b", "c", "d e", "/", "é" * 100, "q" * 245, "end"]] + [(long,)],
        "Parts": [(p, s) for p in (me + "-one", me + "-Zwei/", long) for s in sorts],
        "Grid": [(Decimal(process * 10 + x) / 4, y) for x in (1, 2) for y in (b"", b"\xff\xfe", b"abc")[1:]],
        "Counts": [(Decimal(process * 1000 + n),) for n in range(4)] + [(Decimal(-process) / 1000 - 1,)],
    }
