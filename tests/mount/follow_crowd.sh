# Many followers, and many writers: nobody waits for those who wait, and every record arrives once and in order.
. "$TESTS/lib.sh" || exit 1
. "$TESTS/lib_follow.sh"

start
streaming Orders Quiet
t=$mnt/Orders f=$mnt/Orders/.stream/follow.jsonl

# 200 that wait, more than there are workers
crowd=()
for i in {1..200}; do
  cat "$mnt/Quiet/.stream/follow.jsonl" >"$work/crowd$i" &
  crowd+=($!)
done
poll "all wait" waiting 200
poll "others go on" timeout 20 ls -l "$mnt/Quiet" "$t"
check "others write" timeout 20 sh -c 'for i in 1 2 3 4 5; do echo "{\"n\":$i}" >"$1/a.json" && rm "$1/a.json"; done' - "$t"
check "others rename directories" timeout 20 sh -c 'mv "$1" "$1.moved" && mv "$1.moved" "$1"' - "$t"

# those who wait cost nothing: neither requests nor turns of a processor
turns() { cat /proc/"$daemon"/task/*/status | awk '/^Name/ { parked = $2 == "parked" } /ctxt_switches/ && parked { n += $2 } END { print n }'; }
reads() { jq .requests.READ "$mnt/.status"; }
same "its thread" 1 "$(cat /proc/"$daemon"/task/*/comm | grep -c '^parked$')"
first=$(reads) second=$(reads)
turns=$(turns)
timeout 1 tail -f /dev/null
same "while nothing happens" "$turns" "$(turns)"
same "but for reads of the status" $((second - first)) $(($(reads) - second))

# one record for all
echo '{}' >"$mnt/Quiet/one.json"
each_has() { for i in {1..200}; do holds "$work/crowd$i" "$1" || return 1; done; }
poll "each gets it" each_has 1
poll "all wait" waiting 200

# 10,000 records of four writers, while 200 wait for another table's
cat "$f" >"$work/cat" &
cat=$!
python3 -c '
import os, select, sys
f, out = os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK), open(sys.argv[2], "wb")
poller = select.epoll()
poller.register(f, select.EPOLLIN)
open(sys.argv[3], "w").close()
while True:
    poller.poll()
    try:
        while True:
            out.write(os.read(f, 100000))
            out.flush()
    except BlockingIOError:
        pass' "$f" "$work/poller" "$work/polls" &
poller=$!
poll "both follow" waiting 201
poll "both follow" test -e "$work/polls"
from=$(tail -n 1 "$mnt/Orders/.stream/records.jsonl" | jq -r .dynamodb.SequenceNumber)
writers=()
for w in 1 2 3 4; do
  python3 -c '
import os, sys
for i in range(2500):
    with open("%s/%s-%04d.json" % (sys.argv[1], sys.argv[2], i % 1000), "w") as f:
        f.write("{\"n\":%d}" % i)' "$t" $w &
  writers+=($!)
done
check "writers" wait "${writers[@]}"
poll "cat has them" holds "$work/cat" 10000
poll "the poller has them" holds "$work/poller" 10000
cat "$mnt/Orders/.stream/after=$from.jsonl" >"$work/kept"
check "cat has what is kept" cmp "$work/cat" "$work/kept"
check "the poller has what is kept" cmp "$work/poller" "$work/kept"
jq -r .dynamodb.SequenceNumber "$work/cat" >"$work/numbers"
check "in order, each once" sort -cu "$work/numbers"
same "all writers' all" 10000 "$(jq -r '"\(.dynamodb.Keys.id.S[0:1]) \(.dynamodb.NewImage.n.N)"' "$work/cat" | sort -u | wc -l)"
check "nobody else was told" each_has 1

# killed all at once
{
  kill -9 $cat $poller "${crowd[@]}"
  wait $cat $poller "${crowd[@]}"
} 2>/dev/null
poll "nobody waits" waiting 0
poll "nothing is open" all_closed

finish
