"""Judges a history: whether there is one order of all that was committed that explains everything that anybody saw.

The stream says which order: its records are filed with the commits. So nothing has to be searched. Each record finds
the operation that made it (by the token of the write; a removal by its neighbours, or by the only process that removes
that key), each operation its place: how many records are before it. Then
- what was acknowledged has its place, what was refused has none, and a transaction's records are neighbours;
- done again at its place, each operation sees what it saw and writes what the records say: no lost update, no write skew,
  no phantom, no name that was absent and is not;
- each view, those of refused and aborted transactions included, and each read fits a place between two commits: no dirty,
  intermediate, mixed or older state;
- the places agree with the clock: what ended before another began comes before it.
Any cycle of dependencies (write after write, read of a write, write after a read, of points or of ranges, and time) makes
one of these fail, since each of its edges would lead forward in the order.
"""
import bisect
import collections
import heapq
import world

Record = collections.namedtuple("Record", "number key old new")
FOREVER = 1 << 62


class Operation:
    def __init__(self, line, ends):
        self.id, self.how, self.outcome = line["id"], line["how"], line["outcome"]
        self.epoch, self.steps = line["epoch"], line["steps"]
        self.begin, self.commit = line.get("begin"), line.get("commit")
        if self.outcome == "unknown":
            self.commit = [self.commit[0], ends.get(self.epoch, FOREVER)]
        self.keys = world.keys_written(self.steps)
        self.marked = any(world.tokens(self.steps))
        self.records = None  # which are its own

    def __str__(self):
        return "%s %s (%s)" % (self.how, self.id, self.outcome)

    @property
    def writes(self):
        return bool(self.keys) and bool(self.commit) and self.outcome != "no"


class History:
    """`lines` of all logs, `records` of all streams in their order; `lives`: for each life of dynamount but the last, when
    the next one was there, and how many records there were; `final`: the items at the end."""

    def __init__(self, lines, records, lives, final):
        self.records, self.final, self.lives, self.problems = records, final, lives, []
        ends = {epoch: time for epoch, (time, _) in enumerate(lives)}
        self.operations = [Operation(line, ends) for line in lines]
        self.writers = {token: operation for operation in self.operations for token in world.tokens(operation.steps)}

    def judge(self):
        self.check_records()
        if not self.problems:
            self.find_makers()
            self.find_removers()
            self.check_commits()
        if not self.problems:
            self.check_views()
        return self.problems

    def wrong(self, what, *about):
        self.problems.append(what + ": " + "; ".join(map(str, about)))

    # ---- The stream by itself ----

    def check_records(self):
        """It is in order, each record begins where the last one of its item ended, and they make the table."""
        self.versions, last = {key: ([0], [None]) for key in world.KEYS}, -1
        for i, record in enumerate(self.records):
            places, documents = self.versions[record.key]
            if record.number <= last:
                self.wrong("the records are not in order", record)
            if documents[-1] != record.old or record.old == record.new:
                self.wrong("a record is of another item than there was", record, documents[-1])
            places.append(i + 1)
            documents.append(record.new)
            last = record.number
        for key, (_, documents) in self.versions.items():
            if documents[-1] != self.final.get(key):
                self.wrong("the stream makes another table", key, documents[-1], self.final.get(key))

    def state(self, place):
        """What there is behind so many records."""
        def item(key):
            places, documents = self.versions[key]
            return documents[bisect.bisect_right(places, place) - 1]
        return item

    # ---- Who made a record ----

    def find_makers(self):
        self.makers, groups, seen = {}, collections.defaultdict(list), set()
        for i, record in enumerate(self.records):
            token = record.new and record.new.get("w")
            if token and token not in seen:
                seen.add(token)
                groups[self.writers.get(token)].append(i)
        for operation, group in groups.items():
            if operation is None or not operation.writes:
                self.wrong("it did not happen, and is there", operation, self.records[group[0]])
            else:
                self.place(operation, group)
        for operation in self.operations:
            if operation.outcome == "ok" and operation.writes and operation.marked and operation not in groups:
                self.wrong("an acknowledged write is lost", operation, operation.steps)

    def place(self, operation, group):
        """Among the neighbours of these records: where the operation, done again, writes just what they say; better so
        that it also sees what it saw, for a removal of what is not there writes nothing."""
        self.follow(operation, self.records[group[0]].key)
        size, second = len(operation.keys), None
        for start in range(max(0, group[-1] + 1 - size), group[0] + 1):
            changes, wrong = self.changes(operation, start)
            end = start + len(changes)
            if end > group[-1] and changes == {r.key: r.new for r in self.records[start:end]}:
                if not wrong:
                    return self.take(operation, range(start, end))
                second = second or range(start, end)
        if second:
            return self.take(operation, second)
        near = self.records[max(0, group[0] - size):group[-1] + size]
        self.wrong("its records are not together, or not what it writes", operation, operation.steps, near)

    def changes(self, operation, place):
        state = self.state(place)
        written, wrong = world.perform(operation.steps, state)
        return {key: new for key, new in written.items() if new != state(key)}, wrong

    def take(self, operation, records):
        operation.records = records
        for i in records:
            if i in self.makers:
                self.wrong("a record of two operations", self.records[i], operation, self.makers[i])
            self.makers[i] = operation

    def follow(self, operation, key):
        """A file that was renamed between the lookup of its name and the write is written under its new name."""
        if operation.how not in ("put", "set", "user.update") or key in operation.keys:
            return
        (own,) = operation.keys
        if any(o.writes and o.how == "rename" and o.steps[-1][1] == own and o.commit[0] < operation.commit[1]
               and operation.commit[0] < o.commit[1] for o in self.operations):
            operation.steps = world.elsewhere(operation.steps, own, key)
            operation.keys = {key}

    def find_removers(self):
        """Of what is left: removals and renames, by the owners of the keys, who do one after another."""
        queues = collections.defaultdict(collections.deque)
        for operation in sorted((o for o in self.operations if o.writes and not o.marked), key=lambda o: o.commit[0]):
            queues[operation.steps[-1][1]].append(operation)
        bounds = [count for _, count in self.lives]
        for i, record in enumerate(self.records):
            if i in self.makers:
                continue
            group = range(i, i + 2 if self.is_move(i) else i + 1)
            records = self.records[group.start:group.stop]
            source = next((r for r in records if r.new is None), None)
            if source is None and self.is_empty_file(record):
                continue
            if source is None:
                return self.wrong("it happened twice", record, self.writers.get(record.new.get("w")))
            queue, keys = queues[source.key], {r.key for r in records}
            while queue and queue[0].outcome == "unknown" and (
                    queue[0].keys != keys or queue[0].epoch < bisect.bisect_right(bounds, i)):
                queue.popleft()
            if not queue or queue[0].keys != keys:
                return self.wrong("nobody did that", *records)
            self.take(queue.popleft(), group)
        for queue in queues.values():
            for operation in queue:
                if operation.outcome == "ok":
                    self.wrong("an acknowledged removal is lost", operation, operation.steps)

    def is_empty_file(self, record):
        """Who uses a new name while its maker has not written yet finds an item of its key alone."""
        return record.old is None and record.new == {} and any(
            o.how in ("put", "set") and record.key in o.keys for o in self.operations)

    def is_move(self, i):
        pair = self.records[i:i + 2]
        if len(pair) < 2 or i + 1 in self.makers or pair[0].key == pair[1].key:
            return False
        source, target = sorted(pair, key=lambda record: record.new is not None)
        return source.new is None and target.new == source.old

    # ---- Each commit at its place ----

    def check_commits(self):
        self.commits = sorted((o for o in self.operations if o.records), key=lambda o: o.records.start)
        for operation in self.commits:
            place = operation.records.start
            changes, wrong = self.changes(operation, place)
            if wrong:
                self.wrong("not as if alone", operation, *self.explain(place, wrong))
            elif changes != {self.records[i].key: self.records[i].new for i in operation.records}:
                self.wrong("it wrote something else", operation, operation.steps)

    def explain(self, place, wrong):
        """A step that does not fit, and who made what it saw and what there was."""
        step, key = wrong
        yield "at place %d" % place
        yield "step %s" % step
        if step[0] in ("listed", "colors"):
            return
        places, documents = self.versions[key]
        at = bisect.bisect_right(places, place) - 1
        yield "%s was %s since place %d, by %s" % (key, documents[at], places[at], self.makers.get(places[at] - 1))
        saw = step[2].get(key)
        if isinstance(saw, dict) and saw in documents:
            then = documents.index(saw)
            yield "what it saw was there from place %s" % " to ".join(map(str, places[then:then + 2]))
        elif isinstance(saw, dict):
            yield "what it saw was never committed, and is of %s" % self.writers.get(saw.get("w"))

    # ---- Views, reads and time ----

    def readers(self):
        """(from, to, operation, whether conditions were asked) of all that has no place by itself."""
        for operation in self.operations:
            if operation.begin:
                yield (*operation.begin, operation, False)
            if operation.outcome == "ok" and not operation.records and operation.commit:
                yield (*operation.commit, operation, True)

    def check_views(self):
        """Each takes the first place that fits: that leaves the most to others."""
        by_start = sorted(self.commits, key=lambda o: o.commit[0])
        starts = [o.commit[0] for o in by_start]
        earliest = [len(self.records)] * (len(by_start) + 1)  # of all that start later
        for i in reversed(range(len(by_start))):
            earliest[i] = min(earliest[i + 1], by_start[i].records.start)
        events = [(reader[0], i, reader) for i, reader in enumerate(self.readers())]
        events += [(o.commit[0], len(events) + o.records.start, (*o.commit, o, None)) for o in self.commits]
        ended, least = [], 0  # when, and the place behind it, of what may be under way
        for start, _, (_, end, operation, needs) in sorted(events, key=lambda event: event[:2]):
            while ended and ended[0][0] < start:
                least = max(least, heapq.heappop(ended)[1])
            if needs is None:
                place = operation.records.stop
                if operation.records.start < least:
                    self.wrong("it comes before what had ended when it began", operation, operation.records, least)
            else:
                place = self.fit(operation, needs, least, earliest[bisect.bisect_right(starts, end)])
            heapq.heappush(ended, (end, place))

    def fit(self, operation, needs, least, most):
        """The first place between two commits where this could have been seen; else it is wrong."""
        place, best = least, None
        while place <= most:
            _, wrong = world.perform(operation.steps, self.state(place), needs)
            if not wrong:
                return place
            best = best or (place, wrong)
            maker = self.makers.get(place)  # an empty file's item has none
            place = maker.records.stop if maker else place + 1
        where = "between places %d and %d" % (least, most)
        self.wrong("it saw what was not there", operation, where, *(self.explain(*best) if best else ["it is none"]))
        return least


def verdict(told):
    return History(told["log"], [Record(*record) for record in told["records"]], told["lives"], told["final"]).judge()
