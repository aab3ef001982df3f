"""A process of the fuzzer: its random numbers, its calls, its model, and the checks that all operations use."""
import collections
import documents
import model
import random
import time
from mount import Mismatch
from syscalls import Calls, shown


SETTLE_SECONDS = 5


def difference(a, b):
    """The places where two texts part."""
    at = next((i for i in range(min(len(a), len(b))) if a[i] != b[i]), min(len(a), len(b)))
    at = max(0, at - 20)
    return "%d long, at %d %s" % (len(a), at, shown(a[at:at + 100])), "%d long, %s" % (len(b), shown(b[at:at + 100]))


class Worker:
    def __init__(self, mountpoint, process, seed, log=None):
        self.process = process
        self.rng = random.Random("%s-%d" % (seed, process))
        self.calls = Calls(mountpoint, log)
        self.tree = model.Tree()
        self.keys = model.own_keys(process)
        for name, keys in model.SHARED_TABLES.items():
            self.tree.tables[name] = model.Table(name, keys)
        self.active = []  # operations under way, as generators
        self.busy = collections.Counter()  # files that somebody writes to, by path
        self.streams = {}  # number: directories.Stream
        self.next_number = 0
        self.stale = 0  # shared names that answered ESTALE, which is known to happen

    # ---- Choices ----

    def number(self):
        self.next_number += 1
        return self.next_number

    def chance(self, probability):
        return self.rng.random() < probability

    def some_table(self):
        return self.tree.tables[self.rng.choice(list(model.SHARED_TABLES))]

    def some_key(self):
        """A table and a key, whether the item is there or not."""
        table = self.some_table()
        return table, self.rng.choice(self.keys[table.name])

    def some_item(self):
        items = [(t, k) for t in self.tree.tables.values() for k in t.items]
        return self.rng.choice(items) if items else (None, None)

    def some_scratch(self):
        return self.rng.choice(sorted(self.tree.scratch)) if self.tree.scratch else None

    def new_document(self, table, key, agree=None):
        """Attributes without the key, and what to write: with the key or without it."""
        document = documents.random_document(self.rng, table.key_names())
        with_key = self.chance(0.3) if agree is None else agree
        written = dict(document)
        if with_key or table.long(key):
            written.update(zip(table.key_names(), key))
        return document, written

    # ---- Checks ----

    def expect(self, expected, got, what=""):
        if got != expected:
            if type(got) is type(expected) and isinstance(got, (bytes, str)) and len(expected) + len(got) > 200:
                expected, got = difference(expected, got)
            raise Mismatch("%s: expected %s, got %s" % (what or "the last call", shown(expected), shown(got)))

    def expect_one(self, expected, got, what=""):
        if got not in expected:
            raise Mismatch("%s: expected one of %s, got %s" % (what or "the last call", expected, shown(got)))

    def check_item(self, table, key):
        """The text, and what stat says of it."""
        path = table.path(key)
        if key not in table.items:
            self.expect("ENOENT", self.calls.stat(path), path)
            self.expect("ENOENT", self.calls.read(path), path)
            return
        self.check_text(table, key)
        self.check_stat(table, key)

    def check_text(self, table, key):
        path = table.path(key)
        self.expect(table.text_of(key), self.calls.read(path), path)

    def check_stat(self, table, key):
        problem = self.stat_problem(table, key)
        if problem:
            raise Mismatch("%s: %s" % (table.path(key), problem))

    def settle(self, problem, what):
        """After a change past a name the kernel hears of it beside the answer: soon there is no problem."""
        until = time.monotonic() + SETTLE_SECONDS
        while (said := problem()) and time.monotonic() < until:
            time.sleep(0.005)
            self.calls.forget_last()
        if said:
            raise Mismatch("%s, after %d s: %s" % (what, SETTLE_SECONDS, said))

    def check_soon(self, table, key):
        """As check_item, where the kernel may still know the name by the node of an older version: when a file was
        renamed that is open for reading, and until the release of a new name of which nothing came."""
        path = table.path(key)
        if key in table.items:
            self.settle(lambda: self.stat_problem(table, key), path)
        else:
            self.settle(lambda: None if (st := self.calls.stat(path)) == "ENOENT" else "stat: %s" % (st,), path)
        self.check_item(table, key)

    def put_past(self, table, key, document, before):
        """A put by another path than the item's own."""
        self.put(table, key, document, before)
        self.settle(lambda: self.stat_problem(table, key), table.path(key))

    def check_typed(self, table, key):
        path = table.path(key, True)
        wanted = table.text_of(key, documents.typed)
        self.settle(lambda: None if (got := self.calls.read(path)) == wanted else "expected %s, got %s" % difference(
            wanted, got if isinstance(got, bytes) else got.encode()), path)

    def stat_problem(self, table, key):
        item, st = table.items[key], self.calls.stat(table.path(key))
        if isinstance(st, str):
            return "stat: " + st
        size, mtime, ino = st
        if size != len(table.text_of(key)):
            if self.busy[table.path(key)]:
                return None  # who writes sees the size of what he has not finished
            return "size %d, not %d" % (size, len(table.text_of(key)))
        if not item.mtime[0] <= mtime <= item.mtime[1]:
            return "mtime %d, not in %s" % (mtime, item.mtime)
        if item.ino not in (None, model.ANY, ino):
            return "inode number %d, was %d" % (ino, item.ino)
        if item.ino is None:
            item.ino = ino
        return None

    def check_scratch(self, path):
        scratch = self.tree.scratch.get(path)
        self.settle(lambda: self.scratch_problem(path, scratch), path)
        if scratch:
            self.expect(bytes(scratch.text), self.calls.read(path), path)

    def scratch_problem(self, path, scratch):
        st = self.calls.stat(path)
        if scratch is None:
            return None if st == "ENOENT" else "stat: %s" % (st,)
        if isinstance(st, str) or st[0] != len(scratch.text) or not scratch.mtime[0] <= st[1] <= scratch.mtime[1]:
            return "size %d, mtime %s, but %s" % (len(scratch.text), scratch.mtime, st)
        return None

    # ---- Changes of the model ----

    def put(self, table, key, document, before):
        """The item is there with this document; it keeps its number."""
        item = table.items.get(key)
        if item is None:
            item = table.items[key] = model.Item(document)
        item.document = document
        item.puts += 1
        item.touched(before)
        return item

    def removed(self, table, key):
        """The item left its name; its partition lingers."""
        if table.composite:
            table.made.add(key[0])
        self.left(table.path(key))
        return table.items.pop(key)

    def left(self, path):
        """Open listings need not have this name any more."""
        for stream in self.streams.values():
            stream.left(path)

    def prepare(self, table, key):
        """The partition is there afterwards."""
        if table.composite and not self.tree.has_partition(table, key[0]):
            self.make_partition(table, key[0])

    def make_partition(self, table, partition):
        self.expect("ok", self.calls.mkdir(table.directory(partition)), "mkdir")
        table.made.add(partition)
