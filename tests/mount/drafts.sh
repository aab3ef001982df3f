# Who writes sees the size of what he has made of a file so far; others see what is put, until it is.
. "$TESTS/lib.sh" || exit 1

export mnt PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1
start
check "drafts" python3 - <<'PYTHON'
from calls import *
import subprocess
table("Users")
a = "Users/a.json"

def other(code):
    """What another process says."""
    return subprocess.run([sys.executable, "-c", "import os, sys\np = sys.argv[1]\n" + code, mnt + a], stdout=subprocess.PIPE).stdout.decode()

def sizes(file):
    """By the handle, by the name, and to another process."""
    return os.fstat(file).st_size, os.stat(mnt + a).st_size, int(other("print(os.stat(p).st_size)"))

# as sendfile(2) and splice(2) end where the kernel takes the file to end
SENT = "f, t = os.open(p, os.O_RDONLY), os.memfd_create('t')\nos.sendfile(t, f, None, 99999)\nprint(os.lseek(t, 0, os.SEEK_END))"

write(a, '{"v":"%s"}' % ("x" * 100))
put = len(read(a))
file = os.open(mnt + a, os.O_RDWR)
same("opened", (put, put, put), sizes(file))
os.ftruncate(file, 0)
same("truncated", (0, 0, put), sizes(file))
same("its end", 0, os.lseek(file, 0, os.SEEK_END))
same("sent to another", "%d\n" % put, (os.fstat(file), other(SENT))[1])
same("read by another", "%d\n" % put, (os.fstat(file), other("print(len(open(p).read()))"))[1])
os.pwrite(file, b'{"v":', 0)
same("begun", (5, 5, put), sizes(file))
os.pwrite(file, b'"short"}', 5)
same("put", (26 + 6,) * 3, sizes(file))
same("and so it reads", 32, len(read(a)))
os.ftruncate(file, 4)
same("cut", (4, 4, 32), sizes(file))
os.close(file)
same("as before", (32, "32\n"), (os.stat(mnt + a).st_size, other("print(os.stat(p).st_size)")))

file = os.open(mnt + a, os.O_WRONLY | os.O_TRUNC)
same("opened to be written anew", (0, 0, 32), sizes(file))
os.write(file, b" \n")
same("white space", (2, 2, 32), sizes(file))
os.close(file)
same("nothing came of it", 32, os.stat(mnt + a).st_size)

b = "Users/b.json"
file = os.open(mnt + b, os.O_WRONLY | os.O_CREAT)
os.write(file, b'{"new":')
same("a new name", (7, 7), (os.fstat(file).st_size, os.stat(mnt + b).st_size))
os.write(file, b'1}')
same("put", len(read(b)), os.fstat(file).st_size)
os.close(file)

# sendfile and splice go by the size that the kernel has
file = os.open(mnt + a, os.O_RDWR)
os.ftruncate(file, 0)
os.fstat(file)
os.close(file)
same("sent, once it is closed", "32\n", other(SENT))
finish()
PYTHON
finish
