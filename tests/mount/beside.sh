# Who reads beside somebody who writes goes on with the text that he opened, and sees its size; the name shows what was written.
. "$TESTS/lib.sh" || exit 1

export mnt PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1
start
check "readers beside writers" python3 - <<'PYTHON'
from calls import *
table("Users")
c = "Users/c.json"

def sizes(file):
    return os.fstat(file).st_size, len(os.pread(file, 9999, 0))

def text_size(value):
    return len('{\n  "id": "c",\n  "v": ""\n}\n') + len(value)

for before, after in (("x" * 10, "y" * 3000), ("x" * 3000, "y" * 10)):
    # the writer comes first
    write(c, '{"v":"%s"}' % before)
    writer = os.open(mnt + c, os.O_WRONLY | os.O_TRUNC)
    reader, second = (os.open(mnt + c, os.O_RDONLY) for i in range(2))
    same("opened beside a writer", (text_size(before),) * 2, sizes(reader))
    os.write(writer, b'{"v":"%s"}' % after.encode())
    same("the name at once", text_size(after), os.stat(mnt + c).st_size)
    same("to who writes", text_size(after), os.fstat(writer).st_size)
    same("what the reader opened", (text_size(before),) * 2, sizes(reader))
    third = os.open(mnt + c, os.O_RDONLY)
    same("opened later", (text_size(after),) * 2, sizes(third))
    os.ftruncate(writer, 0)
    os.pwrite(writer, b'{"v":"z"}', 0)
    same("once more", (text_size("z"), text_size("z")), (os.stat(mnt + c).st_size, os.fstat(writer).st_size))
    for file, text in ((reader, before), (second, before), (third, after)):
        same("each its own", (text_size(text),) * 2, sizes(file))
        os.close(file)
    os.close(writer)
    # the reader comes first, past the page cache, for the name is in demand
    os.utime(mnt + c)
    reader = os.open(mnt + c, os.O_RDONLY)
    same("written", "ok", write(c, '{"v":"%s"}' % after, flags=os.O_WRONLY | os.O_TRUNC))
    same("the name", text_size(after), os.stat(mnt + c).st_size)
    same("what was opened before", (text_size("z"),) * 2, sizes(reader))
    os.close(reader)
finish()
PYTHON
finish
