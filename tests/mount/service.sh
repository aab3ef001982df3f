# As a service: the manager is told when the mount answers and when it ends, by sd_notify(3)'s protocol; and the unit in
# docs/ is one.
. "$TESTS/lib.sh" || exit 1

unit=$TESTS/../../docs/dynamount.service
export store mnt work DYNAMOUNT
cat >"$work/manager.py" <<'PYTHON'
import json, os, signal, socket, subprocess, sys, time
work, store, mnt = (os.environ[name] for name in ("work", "store", "mnt"))

def listen(name):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind("\0" + name[1:] if name[0] == "@" else name)
    s.settimeout(20)
    return s

def told(s):
    try:
        return s.recv(4096).decode()
    except (TimeoutError, BlockingIOError):
        return None

def expect(what, expected, got):
    if expected != got:
        sys.exit("%s: expected %r, got %r" % (what, expected, got))

def run(name, command):
    return subprocess.Popen(command, env={**os.environ, "NOTIFY_SOCKET": name}, stderr=subprocess.PIPE, text=True)

def ended(process, status, said):
    expect("what it says", said, process.communicate(timeout=60)[1])
    expect("exit status", status, process.returncode)

dynamount = [os.environ["DYNAMOUNT"], store, mnt]
PYTHON
manager() {
  PYTHONPATH=$work PYTHONDONTWRITEBYTECODE=1 python3 - "$@"
}

for name in "$work/a socket" "@dynamount-test-$$"; do
  check "$name" manager "$name" <<'PYTHON'
from manager import *
name = sys.argv[1]
s = listen(name)
for how in (lambda pid: subprocess.check_call(["umount", mnt]), lambda pid: os.kill(pid, signal.SIGTERM)):
    process = run(name, dynamount + ["-f"])
    expect("first", "READY=1", told(s))
    expect("the mount answers", True, os.path.ismount(mnt) and os.path.exists(mnt + "/.status"))
    s.setblocking(False)
    expect("until it ends", None, told(s))
    s.settimeout(20)
    how(process.pid)
    expect("last", "STOPPING=1", told(s))
    ended(process, 0, "")
    expect("unmounted", False, os.path.ismount(mnt))
s.setblocking(False)
expect("nothing else", None, told(s))
PYTHON
done

check "what cannot be mounted is never ready" manager "$work/unready" <<'PYTHON'
from manager import *
s = listen(sys.argv[1])
process = run(sys.argv[1], [os.environ["DYNAMOUNT"], store, work + "/manager.py", "-f"])
ended(process, 1, "dynamount: %s/manager.py: not a directory\n" % work)
s.setblocking(False)
expect("told", None, told(s))
PYTHON

check "the background speaks for nobody" manager "$work/background" <<'PYTHON'
from manager import *
s = listen(sys.argv[1])
ended(run(sys.argv[1], dynamount), 0, "")
expect("mounted", True, os.path.ismount(mnt))
pid = json.load(open(mnt + "/.status"))["pid"]
subprocess.check_call(["umount", mnt])
while os.path.exists("/proc/%d/exe" % pid):
    time.sleep(0.02)
s.setblocking(False)
expect("told", None, told(s))
PYTHON

check "a manager that does not hear" manager <<'PYTHON'
from manager import *
for name, why in ((work + "/nobody", "No such file or directory"), ("@" + work, "Connection refused"), ("/" + "x" * 107, "File name too long"),
                  ("vsock:2:1", "Address family not supported by protocol")):
    process = run(name, dynamount + ["-f"])
    said = "dynamount: NOTIFY_SOCKET %s: %s\n" % (name, why)
    expect("is no obstacle", said, process.stderr.readline())
    expect("it is mounted", True, os.path.exists(mnt + "/.status"))
    subprocess.check_call(["umount", mnt])
    ended(process, 0, said)
process = run("", dynamount + ["-f"])
while not os.path.exists(mnt + "/.status"):
    time.sleep(0.02)
os.kill(process.pid, signal.SIGTERM)
ended(process, 0, "")
PYTHON

# ---- The unit ----

same "its type" "Type=notify" "$(grep '^Type=' "$unit")"
check "its command" manager "$work/unit" "$(sed -n 's/^ExecStart=//p' "$unit")" <<'PYTHON'
from manager import *
words = sys.argv[2].split()
words[0] = os.environ["DYNAMOUNT"]
words = [{"/var/lib/dynamount": store, "/srv/tables": mnt}.get(word, word) for word in words]
expect("its paths", (1, 1), (words.count(store), words.count(mnt)))
s = listen(sys.argv[1])
process = run(sys.argv[1], words)
expect("first", "READY=1", told(s))
os.kill(process.pid, signal.SIGTERM)
expect("last", "STOPPING=1", told(s))
ended(process, 0, "")
PYTHON
# systemd wants to see the program in its place
if command -v systemd-analyze >/dev/null && [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
  mkdir "$work/bin"
  ln -s "$DYNAMOUNT" "$work/bin/dynamount"
  same "systemd-analyze" "0 " "$(unshare -m bash -c 'mount --bind "$0" /usr/local/bin && systemd-analyze verify "$1" 2>&1; echo $?' \
    "$work/bin" "$unit" | tac | tr '\n' ' ')"
fi
finish
