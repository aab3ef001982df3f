"""Listings: whole, as ls -l, and by streams that stay open, go back and forth, and see each name that stays exactly
once, whatever comes and goes meanwhile."""
import documents
import model


class Stream:
    """An open directory: what must still come, what came since the beginning, and places to go back to."""

    def __init__(self, directory, wanted):
        self.directory, self.prefix = directory, directory + "/" if directory else ""
        self.removed = False  # a directory of the same name may be there again; this one stays empty
        self.begin(wanted)

    def begin(self, wanted):
        self.stay = set() if self.removed else set(wanted)  # there since the beginning
        self.seen = []
        self.places = []  # (where, how many names had come)

    def left(self, path):
        if path == self.directory:
            self.removed, self.stay = True, set()
        if path.startswith(self.prefix):
            self.stay.discard(path[len(self.prefix):])

    def follow(self, old, new):
        """The directory, or one above it, was renamed."""
        if (self.directory + "/").startswith(old + "/") and not self.removed:
            self.directory = new + self.directory[len(old):]
            self.prefix = self.directory + "/"

    def problem(self, ended):
        counts = {}
        for name in self.seen:
            counts[name] = counts.get(name, 0) + 1
        twice = [name for name in self.stay if counts.get(name, 0) > 1]
        missing = [name for name in self.stay if name not in counts] if ended else []
        if twice or missing:
            return "a listing of %r has %s twice and lacks %s" % (self.directory, sorted(twice)[:5], sorted(missing)[:5])
        return None


def names_in(w, directory):
    """Our own names there, and those that stay for ever."""
    names = set(w.tree.scratch_in(directory))
    for table in w.tree.tables.values():
        if directory == "":
            names.add(table.name)
        elif directory == table.name and not table.composite:
            names |= {documents.file_name(key[0]) for key in table.items}
        elif directory == table.name:
            names |= {documents.file_name(partition, False) for partition in table.partitions()}
        elif table.composite:
            for partition in table.partitions():
                if table.directory(partition) == directory:
                    names |= w.tree.listing(table, partition)
        if directory == table.name and table.defined and not table.hidden:
            names.add(".table.json")
    if directory == "Simple":
        names |= {"stable%d.json" % i for i in range(w.stable)}
    return names


def may_be_listed(w, directory):
    """After a remount a partition that has scratch files alone is found by its name, and not listed."""
    return {path.split("/")[1] for path in [*w.tree.scratch, *w.tree.scratch_dirs] if path.startswith(directory + "/")}


def some_directory(w):
    choices = ["", "Simple", "Simple", "Parts", "Grid", "Counts"]
    for table in w.tree.tables.values():
        choices.append(table.name)
        choices += sorted(table.directory(partition) for partition in table.partitions())
    return w.rng.choice(choices + sorted(w.tree.scratch_dirs))


def is_ours(w, directory, name):
    """Whether nobody else makes and removes such names there."""
    if directory in model.SHARED_TABLES or not directory:
        return name in {documents.file_name(k[0], not w.tree.tables[directory].composite) for k in
                        w.keys.get(directory, ())} if directory else name.startswith(".p%d" % w.process)
    return True


def check_names(w, directory, got):
    if isinstance(got, str):
        w.expect("", got, "listing " + directory)
    got, names = [name for name in got if name not in (".", "..")], names_in(w, directory)
    if len(set(got)) != len(got):
        w.expect("each name once", sorted(name for name in got if got.count(name) > 1), "listing " + directory)
    missing = names - set(got)
    pending = {path.rpartition("/")[2] for path, count in w.busy.items() if count and path.rpartition("/")[0] == directory}
    extra = {name for name in set(got) - names - pending - may_be_listed(w, directory) if is_ours(w, directory, name)}
    if missing or extra:
        w.expect("exactly our names", "missing %s, extra %s" % (sorted(missing), sorted(extra)), "listing " + directory)


def listing(w):
    directory = some_directory(w)
    check_names(w, directory, w.calls.list(directory))
    yield


def long_listing(w):
    """Names with sizes, as ls -l shows them."""
    directory = some_directory(w)
    got = w.calls.list_stat(directory)
    if got == "ENOENT":  # a name of another process went this moment
        return
    check_names(w, directory, list(got) if isinstance(got, dict) else got)
    for table in w.tree.tables.values():
        for key in table.items:
            parent, _, name = table.path(key).rpartition("/")
            if parent == directory and not w.busy[table.path(key)]:
                w.expect(len(table.text_of(key)), got[name], "the size of " + table.path(key))
    yield


def open_stream(w):
    if len(w.streams) >= 3:
        return
    number, directory = w.number(), some_directory(w)
    wanted = names_in(w, directory)
    w.expect("ok", w.calls.opendir(number, directory))
    w.streams[number] = Stream(directory, wanted)
    yield


def some_stream(w):
    number = w.rng.choice(sorted(w.streams)) if w.streams else None
    return number, w.streams.get(number)


def read_stream(w):
    number, stream = some_stream(w)
    if not stream:
        return
    count = w.rng.choice([1, 3, 20, 200, 2000])
    got = w.calls.readdir(number, count)
    if isinstance(got, str):
        w.expect("", got, "reading " + stream.directory)
    stream.seen += got
    problem = stream.problem(len(got) < count)
    if problem:
        w.expect("every name that stays exactly once", problem)
    if len(got) < count:
        w.expect("ok", w.calls.closedir(number))
        del w.streams[number]
    yield


def rewind_stream(w):
    number, stream = some_stream(w)
    if stream:
        wanted = names_in(w, stream.directory)
        w.expect("ok", w.calls.rewinddir(number))
        stream.begin(wanted)
    yield


def mark_stream(w):
    number, stream = some_stream(w)
    if stream:
        stream.places.append((w.calls.telldir(number), len(stream.seen)))
    yield


def seek_stream(w):
    number, stream = some_stream(w)
    if stream and stream.places:
        where, seen = w.rng.choice(stream.places)
        w.expect("ok", w.calls.seekdir(number, where))
        del stream.seen[seen:]
        stream.places = [place for place in stream.places if place[1] <= seen]
    yield


OPERATIONS = [
    (3, listing), (2, long_listing), (2, open_stream), (6, read_stream), (1, rewind_stream), (2, mark_stream),
    (2, seek_stream),
]
