# Calls that programs make now and then: locks, copies within the kernel, maps, handles, what is not supported. Each
# works as on other filesystems, or is refused as others refuse it.
. "$TESTS/lib.sh" || exit 1

export mnt work PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1
start
check "reading and writing" python3 - <<'PYTHON'
from calls import *
import fcntl, mmap
table("Users")
f, whole = "Users/f.json", b'{\n  "id": "f",\n  "v": 1\n}\n'
same("an item", "ok", write(f, '{"v":1}'))
write("Users/text", '{"v":1}')
def spliced(source, fd):
    ends = os.pipe()
    moved = os.splice(source, ends[1], 4096, offset_src=0), os.splice(ends[0], fd, 4096)
    for end in ends:
        os.close(end)
    return moved[0] if moved[0] == moved[1] else moved
copies = {"copy_file_range": lambda source, fd: os.copy_file_range(source, fd, 4096, 0),
          "sendfile": lambda source, fd: os.sendfile(fd, source, 0, 4096), "splice": spliced}
def copied(copy, old, new):
    """How much, or an error; and what closing says."""
    source, fd = os.open(mnt + old, os.O_RDONLY), os.open(os.path.join(mnt, new), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    result = did(copy, source, fd)
    os.close(source)
    return result, closed(fd)
for name, copy in copies.items():
    write(f, '{"v":1}')  # whose size the kernel has not asked for
    same(name + " to a scratch file", ((len(whole), "ok"), whole.decode()), (copied(copy, f, "Users/note"), read("Users/note")))
    same(name + " to an item", ((7, "ok"), '{"id":"g","v":1}'), (copied(copy, "Users/text", "Users/g.json"), document("Users/g.json")))
    same(name + " of another key", ("EINVAL", "ok", "ENOENT"), (*copied(copy, f, "Users/h.json"), read("Users/h.json")))
    if name == "copy_file_range":  # the kernel's word on two filesystems
        continue
    same(name + " out", ((len(whole), "ok"), whole.decode()), (copied(copy, f, work + "/outside"), open(work + "/outside").read()))

# flags of open and of single reads and writes
for flag in ("O_DIRECT", "O_SYNC", "O_DSYNC", "O_NOATIME", "O_NONBLOCK", "O_NOFOLLOW"):
    bits = getattr(os, flag)
    same(flag, "ok", write(f, '{"v":', '2}', flags=os.O_WRONLY | os.O_TRUNC | bits))
    fd = os.open(mnt + f, os.O_RDONLY | bits)
    room = mmap.mmap(-1, 4096)
    same(flag + ", read", (len(whole), whole.replace(b"1", b"2")), (os.preadv(fd, [room], 0), room[:len(whole)]))
    os.close(fd)
fd = os.open(mnt + f, os.O_WRONLY | os.O_TRUNC)
same("pwritev2, RWF_DSYNC", (7, "ok", '{"id":"f","w":1}'), (os.pwritev(fd, [b'{"w":', b"1}"], 0, os.RWF_DSYNC), closed(fd), document(f)))
same("an item again", "ok", write(f, '{"v":1}'))
fd = os.open(mnt + f, os.O_RDONLY)
same("preadv2, RWF_HIPRI", len(whole), os.preadv(fd, [bytearray(100)], 0, os.RWF_HIPRI))
same("beyond the end", 0, os.preadv(fd, [bytearray(100)], 1000))
same("seeking", (0, len(whole), len(whole), "ENXIO"),
     (os.lseek(fd, 0, os.SEEK_DATA), os.lseek(fd, 0, os.SEEK_HOLE), os.lseek(fd, 0, os.SEEK_END), did(os.lseek, fd, 1000, os.SEEK_DATA)))
same("advice", ("ok", 0), (did(os.posix_fadvise, fd, 0, 0, os.POSIX_FADV_WILLNEED), libc.readahead(fd, ctypes.c_int64(0), ctypes.c_size_t(4096))))
same("writing what was opened to read", "EBADF", did(os.write, fd, b"{}"))
os.close(fd)

# maps
fd = os.open(mnt + f, os.O_RDWR)
text = mmap.mmap(fd, 0, mmap.MAP_SHARED)
same("a map", whole, text[:])
at = whole.index(b"1")
text[at:at + 1] = b"2"
same("msync puts", ("ok", '{"id":"f","v":2}'), (did(text.flush), document(f)))
text[:1] = b"!"
same("msync judges", ("EINVAL", '{"id":"f","v":2}'), (did(text.flush), document(f)))
text[:1] = b"{"
text[at:at + 1] = b"3"
text.close()
same("and so does close", ("ok", '{"id":"f","v":3}'), (closed(fd), document(f)))
fd = os.open(mnt + f, os.O_RDWR)
libc.mmap.restype = ctypes.c_void_p  # Python's own map has another handle, whose close is told of the error
address = libc.mmap(None, ctypes.c_size_t(4096), mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, fd, ctypes.c_int64(0))
ctypes.memset(address, ord("!"), 1)
same("unmapped", 0, libc.munmap(ctypes.c_void_p(address), ctypes.c_size_t(4096)))
same("a bad text at close", ("EINVAL", '{"id":"f","v":3}'), (closed(fd), document(f)))
fd = os.open(mnt + f, os.O_RDWR)
text = mmap.mmap(fd, 0, mmap.MAP_SHARED)
os.close(fd)
text[at:at + 1] = b"4"
same("a map that outlives its handle", ("ok", '{"id":"f","v":4}'), (did(text.flush), document(f)))
text.close()
fd = os.open(mnt + f, os.O_RDWR)
text = mmap.mmap(fd, 0, mmap.MAP_PRIVATE)
text[at:at + 1] = b"9"
text.close()
same("a private one changes nothing", ("ok", '{"id":"f","v":4}'), (closed(fd), document(f)))
fd = os.open(mnt + f, os.O_RDONLY)
text = mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ)
same("put while mapped", "ok", write(f, '{"v":"longer than it was"}'))
same("a reader's map shows what it did", whole.replace(b"1", b"4"), text[:])
same("a map for writing needs a handle that writes", "EACCES", did(mmap.mmap, fd, 0, mmap.MAP_SHARED))
text.close()
os.close(fd)
fd = os.open(mnt + "Users/note", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
os.ftruncate(fd, 8192)
text = mmap.mmap(fd, 8192, mmap.MAP_SHARED)
text[5000:5003] = b"abc"
same("a scratch file's", ("ok", b"abc"), (did(text.flush), os.pread(fd, 3, 5000)))
text.close()
same("is judged by nobody", "ok", closed(fd))

# space set aside
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
for path in (f, "Users/note"):
    before, fd = read(path), os.open(mnt + path, os.O_RDWR)
    for mode in (0, 1, 3, 8, 16, 32):
        same("fallocate %d of %s" % (mode, path), "EOPNOTSUPP", fails(libc.fallocate(fd, mode, 0, 100)))
    same("changed nothing", ("ok", before), (closed(fd), read(path)))
fd = os.open(mnt + "Users/note", os.O_RDWR)
same("posix_fallocate lengthens a scratch file", (20000, "ok"), (did(os.posix_fallocate, fd, 0, 20000) == "ok" and os.fstat(fd).st_size, closed(fd)))
fd = os.open(mnt + f, os.O_RDWR)
os.posix_fallocate(fd, 0, 1000)
same("an item stays", ("EINVAL", '{"id":"f","v":"longer than it was"}'), (closed(fd), document(f)))
finish()
PYTHON

check "names, handles, locks" python3 - <<'PYTHON'
from calls import *
import fcntl, select, socket, struct
table("Pairs", "p:S", "s:S")
os.mkdir(mnt + "Pairs/d")
f = "Pairs/d/f.json"
same("an item", "ok", write(f, '{"v":1}'))

# what does not exist here
for directory in ("", "Pairs", "Pairs/d"):
    for mode in (os.O_RDWR, os.O_WRONLY, os.O_WRONLY | os.O_EXCL):
        same("O_TMPFILE in /" + directory, "ENOTSUP", call(os.open, directory, os.O_TMPFILE | mode))
fd = os.open(mnt + f, os.O_RDONLY)
for name in ("Pairs/d/l.json", "Pairs/l", ".l"):
    new = os.fsencode(mnt + name)
    same("linkat of a handle", "EPERM", fails(libc.linkat(fd, b"", -100, new, 0x1000)))
    same("link", "EPERM", did(os.link, mnt + f, new))
    same("symlink", "EPERM", did(os.symlink, "f.json", new))
    same("mkfifo", "EPERM", did(os.mkfifo, new))
    same("mknod", "EPERM", did(os.mknod, new, 0o100644))
    same("a socket", "EPERM", did(socket.socket(socket.AF_UNIX).bind, new))
    same("nothing came of it", "ENOENT", call(os.stat, name))
same("link from outside", "EXDEV", did(os.link, work + "/outside", mnt + "Pairs/l"))
same("readlink", "EINVAL", call(os.readlink, f))
for name, number in (("FS_IOC_GETFLAGS", 0x80086601), ("FS_IOC_FSGETXATTR", 0x801c581f), ("TCGETS", 0x5401)):
    same(name, "ENOTTY", did(fcntl.ioctl, fd, number, bytes(64)))
other = os.open(mnt + "Pairs/note", os.O_RDWR | os.O_CREAT)
same("FICLONE", "ENOTSUP", did(fcntl.ioctl, other, 0x40049409, fd))
same("execve", "EACCES", did(os.execv, mnt + f, ["f"]))
same("ready at once", ([fd], [other]), select.select([fd], [other], [], 20)[:2])
os.close(other)

# paths without reading, and by openat2
reference = os.open(mnt + f, os.O_PATH)
same("O_PATH", (os.fstat(fd).st_ino, "EBADF"), (os.fstat(reference).st_ino, did(os.read, reference, 1)))
again = os.open("/proc/self/fd/%d" % reference, os.O_RDONLY)
same("opened by it", b"{", os.read(again, 1))
root = os.open(mnt, os.O_RDONLY | os.O_DIRECTORY)
class how(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]
def openat2(path, resolve):
    result = libc.syscall(437, root, path.encode(), ctypes.byref(how(0, 0, resolve)), ctypes.sizeof(how))
    return "ok" if result >= 0 and os.close(result) is None else fails(result)
for resolve in (0x01, 0x02, 0x04, 0x08, 0x10):
    same("openat2 %#x" % resolve, "ok", openat2(f, resolve))
same("openat2, beneath", ("ok", "EXDEV", "ENOENT"), (openat2("Pairs/../" + f, 8), openat2("../x", 8), openat2("Pairs/x", 8)))
same("openat2, cached", True, openat2(f, 0x20) in ("ok", "EAGAIN"))

# handles of the kind that file servers use: good as long as the name is known
class file_handle(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_uint), ("kind", ctypes.c_int), ("handle", ctypes.c_ubyte * 128)]
handle, mount = file_handle(128, 0), ctypes.c_int()
same("name_to_handle_at", "ok", fails(libc.name_to_handle_at(-100, os.fsencode(mnt + f), ctypes.byref(handle), ctypes.byref(mount), 0)))
def by_handle():
    result = libc.open_by_handle_at(root, ctypes.byref(handle), os.O_RDONLY)
    return os.read(result, 1) if result >= 0 else fails(result)
same("open_by_handle_at", True, by_handle() in (b"{", "ESTALE", "EPERM"))
os.unlink(mnt + f)
same("of what is gone", True, by_handle() in ("ESTALE", "EPERM"))
same("what is open is still read", (b'{\n  "p"', b"{"), (os.pread(fd, 7, 0), os.pread(again, 1, 0)))
same("and has no name", ("ENOENT", 0), (call(os.stat, f), os.fstat(fd).st_nlink))
same("an item", "ok", write(f, '{"v":1}'))

# statx: what there is of it
def statx(path):
    buffer = ctypes.create_string_buffer(256)
    same("statx", "ok", fails(libc.statx(-100, os.fsencode(mnt + path), 0, 0xfff, buffer)))
    return struct.unpack_from("IIQIIIHHQQQQ", buffer.raw)
mask, block, attributes, links, _, _, mode, _, inode, size, blocks, _ = statx(f)
same("fields, no time of birth", (0x7ff, 0), (mask & 0x7ff, mask & 0x800))
same("values", (4096, 1, 0o100644, os.stat(mnt + f).st_ino, len(read(f)), 1), (block, links, mode, inode, size, blocks))
same("nothing special", 0, attributes & ~0x203000)  # but: a mount's root, DAX, and what the kernel adds itself
same("the root", 1, statx("")[8])

# locks: between processes, of each kind
def in_child(work):
    pid = os.fork()
    if not pid:
        try:
            os._exit(work())
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
held = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
OFD = 37
locks = {"flock": (lambda fd: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB), lambda fd: fcntl.flock(fd, fcntl.LOCK_UN)),
         "fcntl": (lambda fd: fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB), lambda fd: fcntl.lockf(fd, fcntl.LOCK_UN)),
         "a part, by fcntl": (lambda fd: fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 5), lambda fd: fcntl.lockf(fd, fcntl.LOCK_UN, 10, 5)),
         "of the open file": (lambda fd: fcntl.fcntl(fd, OFD, held), lambda fd: fcntl.lockf(fd, fcntl.LOCK_UN))}
for path in (f, "Pairs/note", "Pairs/.table.json"):
    for name, (take, leave) in locks.items():
        def attempt():
            fd = os.open(mnt + path, os.O_RDWR)
            return {"EAGAIN": 1, "EACCES": 1, "ok": 0}.get(did(take, fd) if name != "of the open file" else str(did(take, fd)).replace(repr(held), "ok"), 2)
        mine = os.open(mnt + path, os.O_RDWR)
        take(mine)
        same("%s of %s is held" % (name, path), 1, in_child(attempt))
        os.close(mine)
        same("%s of %s ends with the handle" % (name, path), 0, in_child(attempt))
        mine = os.open(mnt + path, os.O_RDWR)
        take(mine)
        if name != "of the open file":
            leave(mine)
            same("%s of %s is given up" % (name, path), 0, in_child(attempt))
        os.close(mine)
    writer = os.open(mnt + path, os.O_RDWR)
    fcntl.flock(writer, fcntl.LOCK_SH)
    same("shared, of " + path, 0, in_child(lambda: did(fcntl.flock, os.open(mnt + path, os.O_RDONLY), fcntl.LOCK_SH | fcntl.LOCK_NB) != "ok"))
    ends = os.pipe()
    child = os.fork()
    if not child:
        os.close(writer)  # or it would be held on here
        fd = os.open(mnt + path, os.O_RDWR)
        os.write(ends[1], b"?")
        fcntl.flock(fd, fcntl.LOCK_EX)
        os.write(ends[1], b"!")
        os._exit(0)
    same("who waits, waits", b"?", os.read(ends[0], 1))
    os.close(writer)
    same("and gets it", b"!", os.read(ends[0], 1))
    os.waitpid(child, 0)
same("locks put nothing", '{"p":"d","s":"f","v":1}', document(f))
finish()
PYTHON
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
finish
