"""System calls below a mountpoint, each with a line in a trace that tree.py --replay can run again. A call answers what
it gives, or an errno's name; files are known by small numbers of our own, so that a replay finds them again."""
import collections
import ctypes
import errno
import mmap
import os
import re
import sys

libc = ctypes.CDLL(None, use_errno=True)
NOREPLACE, EXCHANGE = 1, 2
TRACE_LINES = 60


class Dirent(ctypes.Structure):
    _fields_ = [("ino", ctypes.c_uint64), ("off", ctypes.c_int64), ("reclen", ctypes.c_uint16),
                ("type", ctypes.c_uint8), ("name", ctypes.c_char * 256)]


libc.opendir.restype = ctypes.c_void_p
libc.readdir.argtypes = libc.rewinddir.argtypes = libc.closedir.argtypes = [ctypes.c_void_p]
libc.readdir.restype = ctypes.POINTER(Dirent)
libc.telldir.argtypes, libc.telldir.restype = [ctypes.c_void_p], ctypes.c_long
libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]


def name_of(number):
    return errno.errorcode.get(number, str(number))


def shown(value):
    """A value for the trace; what repeats is folded."""
    if not isinstance(value, (bytes, str)) or len(value) < 60:
        return repr(value)
    runs = re.compile(rb"(.{1,12}?)\1{5,}" if isinstance(value, bytes) else r"(.{1,12}?)\1{5,}", re.DOTALL)
    parts, at = [], 0
    for run in runs.finditer(value):
        parts += [repr(value[at:run.start()]), "%r*%d" % (run.group(1), len(run.group(0)) // len(run.group(1)))]
        at = run.end()
    return "+".join(part for part in [*parts, repr(value[at:])] if part not in ("''", "b''"))


class Calls:
    def __init__(self, mountpoint, log=None):
        self.root = os.fsencode(mountpoint) + b"/"
        self.log = log
        self.trace = collections.deque(maxlen=TRACE_LINES)
        self.count = 0
        self.files = {}
        self.streams = {}

    def run(self, function, *arguments):
        """Calls `function` of ours, and keeps what was called and what came of it."""
        self.count += 1
        try:
            result = getattr(self, "do_" + function)(*arguments)
        except OSError as error:
            result = name_of(error.errno)
        if isinstance(result, bytes) and len(result) > 200:
            told = "%d bytes" % len(result)
        else:
            told = repr(result)[:300]
        line = (function, arguments, told)
        self.trace.append(line)
        if self.log:
            self.log.write(self.line(line) + "\n")
            self.log.flush()
        return result

    def __getattr__(self, function):
        return lambda *arguments: self.run(function, *arguments)

    def forget_last(self):
        """Who polls shows the last try only."""
        self.trace.pop()

    @staticmethod
    def line(line):
        function, arguments, told = line
        return "%s(%s)  # %s" % (function, ", ".join(shown(argument) for argument in arguments), told)

    def note(self, text):
        self.trace.append(("note", (text,), ""))
        if self.log:
            self.log.write("# %s\n" % text)

    def show(self, out=sys.stderr):
        for line in self.trace:
            print("    " + self.line(line), file=out)

    def path(self, path):
        return self.root + os.fsencode(path)

    # ---- Files ----

    def do_open(self, number, path, flags):
        """Flags as in "RDWR|CREAT"."""
        bits = 0
        for flag in flags.split("|"):
            bits |= getattr(os, "O_" + flag)
        self.files[number] = os.open(self.path(path), bits, 0o644)
        return "ok"

    def do_close(self, number):
        os.close(self.files.pop(number))
        return "ok"

    def do_write(self, number, text):
        return self.all_of(os.write(self.files[number], text), text)

    def do_pwrite(self, number, text, offset):
        return self.all_of(os.pwrite(self.files[number], text, offset), text)

    @staticmethod
    def all_of(count, text):
        return "ok" if count == len(text) else "%d of %d" % (count, len(text))

    def do_pread(self, number, size, offset):
        return os.pread(self.files[number], size, offset)

    def do_seek_read(self, number, offset, piece):
        """From an offset to the end, in pieces."""
        fd, parts = self.files[number], []
        os.lseek(fd, offset, os.SEEK_SET)
        while part := os.read(fd, piece):
            parts.append(part)
        return b"".join(parts)

    def do_fsync(self, number):
        os.fsync(self.files[number])
        return "ok"

    def do_ftruncate(self, number, size):
        os.ftruncate(self.files[number], size)
        return "ok"

    def do_futimens(self, number, ns):
        os.utime(self.files[number], ns=(ns, ns))
        return "ok"

    def do_fstat_size(self, number):
        return os.fstat(self.files[number]).st_size

    def do_mmap_read(self, path):
        fd = os.open(self.path(path), os.O_RDONLY)
        try:
            size = os.fstat(fd).st_size
            with mmap.mmap(fd, size, mmap.MAP_PRIVATE, mmap.PROT_READ) as memory:
                return memory[:]
        finally:
            os.close(fd)

    # ---- Paths ----

    def do_read(self, path):
        fd, parts = os.open(self.path(path), os.O_RDONLY), []
        try:
            while part := os.read(fd, 1 << 17):
                parts.append(part)
        finally:
            os.close(fd)
        return b"".join(parts)

    def do_write_file(self, path, flags, *pieces):
        """The first error, and where: "open ENOENT", "write 2 EINVAL", "close EINVAL"."""
        self.do_open(-1, path, flags)
        said, fd = "ok", self.files.pop(-1)
        for count, piece in enumerate(pieces):
            try:
                os.write(fd, piece)
            except OSError as error:
                said = "write %d %s" % (count + 1, name_of(error.errno))
                break
        try:
            os.close(fd)
        except OSError as error:
            said = "close " + name_of(error.errno) if said == "ok" else said
        return said

    def do_unlink(self, path):
        os.unlink(self.path(path))
        return "ok"

    def do_rename(self, old, new, flags=0):
        if libc.renameat2(-100, self.path(old), -100, self.path(new), flags):
            raise OSError(ctypes.get_errno(), "renameat2")
        return "ok"

    def do_mkdir(self, path):
        os.mkdir(self.path(path))
        return "ok"

    def do_rmdir(self, path):
        os.rmdir(self.path(path))
        return "ok"

    def do_truncate(self, path, size):
        os.truncate(self.path(path), size)
        return "ok"

    def do_utimens(self, path, ns):
        os.utime(self.path(path), ns=(ns, ns))
        return "ok"

    def do_chmod(self, path, mode):
        os.chmod(self.path(path), mode)
        return "ok"

    def do_stat(self, path):
        """Size, time, number."""
        st = os.stat(self.path(path))
        return st.st_size, st.st_mtime_ns, st.st_ino

    def do_getxattr(self, path, name):
        return os.getxattr(self.path(path), name)

    def do_list(self, path):
        return os.listdir(os.fsdecode(self.path(path)))

    def do_list_stat(self, path):
        """As ls -l: names and sizes; a directory has none."""
        with os.scandir(os.fsdecode(self.path(path))) as entries:
            return {e.name: None if e.is_dir() else e.stat(follow_symlinks=False).st_size for e in entries}

    # ---- Open directories ----

    def do_opendir(self, number, path):
        stream = libc.opendir(self.path(path))
        if not stream:
            raise OSError(ctypes.get_errno(), "opendir")
        self.streams[number] = stream
        return "ok"

    def do_readdir(self, number, count):
        """So many names; fewer at the end."""
        names = []
        while len(names) < count:
            ctypes.set_errno(0)
            entry = libc.readdir(self.streams[number])
            if not entry:
                if ctypes.get_errno():
                    raise OSError(ctypes.get_errno(), "readdir")
                break
            names.append(os.fsdecode(entry.contents.name))
        return names

    def do_telldir(self, number):
        return libc.telldir(self.streams[number])

    def do_seekdir(self, number, where):
        libc.seekdir(self.streams[number], where)
        return "ok"

    def do_rewinddir(self, number):
        libc.rewinddir(self.streams[number])
        return "ok"

    def do_closedir(self, number):
        libc.closedir(self.streams.pop(number))
        return "ok"
