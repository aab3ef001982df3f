"""Transactions and snapshots: worlds of their own, whose tables are those of one moment. What a transaction reads and
writes is remembered, and what changes meanwhile outside, so that a commit's answer can be judged: it must fail when
anything that was read or written is another now, and must succeed when nothing that has to do with it was touched."""
import copy

from engine import Failed


class Inside:
    """The engine as one view shows it."""

    def __init__(self, outside, number):
        self.outside, self.number = outside, number

    def call(self, operation, request):
        return self.outside.call("%d/%s" % (self.number, operation), request)


def copied(table):
    twin = copy.copy(table)
    twin.items, twin.indexes, twin.types = dict(table.items), dict(table.indexes), dict(table.types)
    twin.touches, twin.images = [], []
    return twin


class View:
    def __init__(self, outside, kind):
        self.outside, self.kind, self.steps, self.reads = outside, kind, 0, []
        self.number = outside.act(".begin", kind)["view"]
        self.moment = {table.name: copied(table) for table in outside.tables}
        self.since = {table.name: len(table.touches) for table in outside.tables}
        tables = [copied(table) for table in outside.tables]
        for table in tables:
            table.log = lambda kind, subject, shown, name=table.name: self.reads.append((name, kind, subject, shown))
        self.world = type(outside)(Inside(outside, self.number), outside.rng, tables=tables)

    def step(self, operations):
        self.steps += 1
        operation, = self.world.rng.choices(list(operations), operations.values())
        if self.world.tables:
            operation(self.world.rng.choice(self.world.tables))

    def written(self):
        """Each item that was written: its table's name, its key, what it was, and what it is."""
        for table in self.world.tables:
            for key in dict.fromkeys(table.touches):  # a set has another order in each run
                yield table.name, key, self.moment[table.name].items.get(key), table.items.get(key)

    def changed(self):
        return sum(was != now for _, _, was, now in self.written())

    # ---- What a commit must say ----

    def verdict(self):
        tables = {table.name: table for table in self.outside.tables}
        reads = self.reads + [(name, "key", key, None) for name, key, _, _ in self.written()]
        verdicts = {self.judge(tables.get(read[0]), *read) for read in reads}
        return next((verdict for verdict in ("fail", "either") if verdict in verdicts), "succeed")

    def judge(self, now, name, kind, subject, shown):
        was, since = self.moment[name], self.since[name]
        if not now or now.identity is not was.identity:
            return "either" if kind == "maybe" else "fail"
        if kind == "range":
            differs = seen(was, subject, shown) != seen(now, subject, shown)
            touched = any(map(subject, now.images[2 * since:]))
        elif kind == "page":
            differs = shown(filter(subject, was.items.values())) != shown(filter(subject, now.items.values()))
            touched = any(map(subject, now.images[2 * since:]))
        else:
            differs = was.items.get(subject) != now.items.get(subject)
            touched = subject in now.touches[since:]
        if differs and kind != "maybe":
            return "fail"
        return "either" if touched or now.version != was.version else "succeed"

    # ---- Ends ----

    def commit(self, token):
        """The verdict, and the answer: None when it was cancelled."""
        verdict = self.verdict()
        try:
            return verdict, self.outside.act(".commit", "%d/%s" % (self.number, token))
        except Failed as failure:
            if failure.type != "TransactionCanceledException":
                raise
            return verdict, None

    def apply(self):
        tables = {table.name: table for table in self.outside.tables}
        for name, key, _, item in self.written():
            tables[name].replace(key, item)

    def end(self):
        self.outside.act(".end", "%d/" % self.number)


def seen(table, has, shown):
    return {key: shown(item) for key, item in table.items.items() if has(item)}


def puts(view):
    """The transaction as (table, item) pairs to be put; None when it was more than that."""
    items = [(name, item) for name, _, _, item in view.written()]
    return None if any(item is None for _, item in items) else items
