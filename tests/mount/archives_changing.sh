# Archives of a table that is being overwritten: the documents in them are of those written, whole, for tar takes size and
# text by the same open file. (bsdtar opens each file twice.) Now and then reader and writer share what the kernel knows of
# a name all the same, when their lookups of it meet: one document in some ten thousand.
. "$TESTS/lib.sh" || exit 1

export mnt work PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1
start
rounds=25
[ -z "${DYNAMOUNT_LONG-}" ] || rounds=200
check "whole documents" python3 - $rounds <<'PYTHON'
from calls import *
import random, subprocess, tarfile
ITEMS, ROUNDS = 60, int(sys.argv[1])
table("Users")

def text(number):
    length = random.choice([1, 30, 500, 3000, 5000, 20000])
    return json.dumps({"n": number, "length": length, "text": chr(97 + number % 26) * length})

def overwrite():
    number = 0
    while True:
        number += 1
        with open(mnt + "Users/%d.json" % random.randrange(ITEMS), "w") as file:
            file.write(text(number))

broken = []

def judge(name, raw):
    try:
        document = json.loads(raw)
        whole = document["text"] == chr(97 + document["n"] % 26) * document["length"]
    except (ValueError, KeyError):
        whole = False
    if not whole:
        broken.append("%s, %d bytes: %s ... %s" % (name, len(raw), raw[:50], raw[-50:]))

for item in range(ITEMS):
    write("Users/%d.json" % item, text(item))
writers = []
for i in range(2):
    pid = os.fork()
    if pid == 0:
        try:
            overwrite()
        finally:
            os._exit(1)
    writers.append(pid)
# More than one in 25 rounds is chance once in a hundred runs, and then not for four times as many rounds.
rounds = 0
while rounds < ROUNDS or len(broken) > rounds // 25 and rounds < 4 * ROUNDS:
    rounds += 1
    archive = work + "/tar"
    done = subprocess.run(["tar", "cf", archive, "-C", mnt, "Users"], stderr=subprocess.PIPE)
    same("tar", True, done.returncode in (0, 1))
    with tarfile.open(archive) as file:
        members = [member for member in file if member.name.endswith(".json") and "/." not in member.name]
        same("its members", ITEMS, len(members))
        for member in members:
            judge(member.name, file.extractfile(member).read())
same("broken documents", [], broken[rounds // 25:])
for pid in writers:
    os.kill(pid, 9)
    os.waitpid(pid, 0)
finish()
PYTHON
finish
