# Everyday programs that follow a stream: they get each record when it comes, and nothing else.
. "$TESTS/lib.sh" || exit 1
. "$TESTS/lib_follow.sh"

start
streaming Orders Other
t=$mnt/Orders f=$mnt/Orders/.stream/follow.jsonl
echo '{"n":0}' >"$t/before.json"

# a shell's loop, whose programs may read on where it stands
(
  while read -r record; do
    jq -r .dynamodb.Keys.id.S <<<"$record"
    if [[ $record == *'"two"'* ]]; then head -n 1 | jq -r '"by head: \(.dynamodb.Keys.id.S)"'; fi
    if [[ $record == *'"last"'* ]]; then break; fi
  done <"$f" >"$work/loop"
) &
loop=$!
poll "the loop waits" waiting 1
for key in one two three four; do echo '{}' >"$t/$key.json"; done
echo '{"n":0}' >"$t/before.json" # changes nothing
echo '{}' >"$mnt/Other/elsewhere.json"
echo '{}' >"$t/last.json"
wait $loop
same "a loop" "one two by head: three four last" "$(xargs <"$work/loop")"

# one record of many that are there is read, and the others are left
exec 3<"$f"
for key in a b c; do echo '{}' >"$t/$key.json"; done
same "bash reads one" '"a"' "$(read -r record <&3 && jq .dynamodb.Keys.id.S <<<"$record")"
same "head takes one" '"b"' "$(head -n 1 <&3 | jq .dynamodb.Keys.id.S)"
same "dash reads one" '"c"' "$(dash -c 'read -r record && printf "%s\n" "$record"' <&3 | jq .dynamodb.Keys.id.S)"
exec 3<&-

# programs that go on for ever, until they are told to end
follower() {
  "$@" >"$work/out" &
  daemon_of_test=$!
  poll "$1 waits" waiting 1
  echo "{\"n\":\"$RANDOM$RANDOM\"}" >"$t/x.json"
  echo "{\"n\":\"$RANDOM$RANDOM\"}" >"$t/y.json"
  echo "{\"n\":\"$RANDOM$RANDOM\"}" >"$t/x.json"
  poll "$* gives them at once" holds "$work/out" "$expected"
  kill $daemon_of_test
  wait $daemon_of_test
  same "$1 was ended" 143 $?
  poll "$1 waits no more" waiting 0
}
expected=3
follower cat "$f"
follower stdbuf -oL tail -n +1 -f "$f"
follower jq --unbuffered -c . "$f"
follower sed -u p -n "$f"
follower python3 -uc 'import sys
for line in open(sys.argv[1]): print(line, end="")' "$f"
follower perl -e '$| = 1; open my $f, "<", shift; print while <$f>' "$f"
follower dash -c 'while read -r r; do printf "%s\n" "$r"; done <"$1"' - "$f"
expected=2
follower grep --line-buffered '"x"' "$f"
expected=1
follower grep --line-buffered '"y"' "$f"

# what ends by itself
head -n 2 "$f" >"$work/out" &
poll "head waits" waiting 1
for key in d e g; do echo '{}' >"$t/$key.json"; done
check "head leaves" wait $!
same "with two" "d e" "$(keys "$work/out")"
poll "nobody waits" waiting 0
grep -q '"i"' "$f" &
poll "grep waits" waiting 1
for key in h i; do echo '{}' >"$t/$key.json"; done
check "grep -q leaves" wait $!

# interrupts
timeout 1 cat "$f"
same "timeout ends cat" 124 $?
timeout 1 dash -c 'read -r r' <"$f"
same "timeout ends a shell" 124 $?
bash -c 'timeout -s KILL 1 cat "$1"; exit $?' - "$f" 2>/dev/null
same "timeout kills cat" 137 $?
poll "nobody waits" waiting 0
for signal in INT QUIT TERM KILL HUP; do
  (ulimit -c 0; trap - INT QUIT; exec python3 -c '
import os, signal, sys
for number in signal.SIGINT, signal.SIGQUIT: signal.signal(number, signal.SIG_DFL)
os.execvp("cat", ["cat", sys.argv[1]])' "$f") &
  reader=$!
  poll "cat waits" waiting 1
  kill -s $signal $reader
  wait $reader 2>/dev/null
  status=$?
  same "SIG$signal ends it" $((128 + $(kill -l $signal))) $status
  poll "and nobody waits" waiting 0
done
check "a terminal's Ctrl-C, a stop" timeout 60 python3 - "$f" <<'PYTHON'
from calls import *
import pty, signal
path = sys.argv[1]

def waits(count):
    end, waiting = time.time() + 20, None
    while waiting != count and time.time() < end:
        time.sleep(0.01)
        waiting = json.loads(read(".status"))["waiting"]
    same("readers that wait", count, waiting)

def cat():
    pid, terminal = pty.fork()
    if not pid:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execvp("cat", ["cat", path])
    waits(1)
    return pid, terminal

pid, terminal = cat()
os.write(terminal, b"\x03")
same("Ctrl-C", signal.SIGINT, os.WTERMSIG(os.waitpid(pid, 0)[1]))
os.close(terminal)
waits(0)
pid, terminal = cat()
os.kill(pid, signal.SIGSTOP)
same("stopped", True, os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1]))
waits(0)
same("what came meanwhile", "ok", write("Orders/meanwhile.json", "{}"))
os.kill(pid, signal.SIGCONT)
text = b""
while b"\n" not in text:
    text += os.read(terminal, 10000)
same("goes on", "meanwhile", json.loads(text)["dynamodb"]["Keys"]["id"]["S"])
waits(1)
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
waits(0)
finish()
PYTHON

# read -t: bash applies it to what is no regular file, and asks with 0 whether there is anything
exec 3<"$f"
check "nothing yet" bash -c '! read -t 0 <&3'
echo '{}' >"$t/p.json"
check "one" bash -c 'read -t 0 <&3 && read -r record <&3 && ! read -t 0 <&3'
exec 3<&-
exec 3< <(exec cat "$f")
cat=$!
poll "cat waits" waiting 1
read -r -t 1 record <&3
same "read -t" 142 $?
echo '{}' >"$t/q.json"
check "read -t of what comes" read -r -t 20 record <&3
same "it" q "$(jq -r .dynamodb.Keys.id.S <<<"$record")"
kill $cat
exec 3<&-
poll "nobody waits" waiting 0

# two followers see the same
cat "$f" >"$work/one" &
one=$!
cat "$f" >"$work/two" &
two=$!
poll "both wait" waiting 2
for i in {1..50}; do echo "{\"n\":$i}" >"$t/k$((i % 7)).json"; done
poll "one" holds "$work/one" 50
poll "two" holds "$work/two" 50
same "the same" "$(md5sum <"$work/one")" "$(md5sum <"$work/two")"
same "as are kept" "$(md5sum <"$work/one")" "$(tail -n 50 "$mnt/Orders/.stream/records.jsonl" | md5sum)"
poll "both wait" waiting 2

# the table gets another name under them
mv "$t" "$mnt/Renamed"
echo '{}' >"$mnt/Renamed/renamed.json"
poll "one goes along" holds "$work/one" 51
poll "two goes along" holds "$work/two" 51

# the end of the stream is the end of the file
cat "$mnt/Other/.stream/follow.jsonl" >"$work/other" &
other=$!
poll "three wait" waiting 3
ending Renamed
check "one ends" wait $one
check "two ends" wait $two
poll "one waits" waiting 1
same "with all" 51 "$(wc -l <"$work/one")"
echo '{}' >"$mnt/Other/a.json"
"$DYNAMOUNT" api "$mnt" DeleteTable '{"TableName":"Other"}' >/dev/null
check "a deleted table's ends" wait $other
same "with its last" a "$(keys "$work/other" | xargs -n 1 | head -n 1)"
same "all of it" "" "$(jq -r .eventName "$work/other" | grep -v INSERT)"
stop

# nothing will come
start ro
same "read-only" "" "$(timeout 20 cat "$mnt/Renamed/.stream/follow.jsonl" || echo "exit $?")"
finish
