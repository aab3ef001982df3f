# For tests of `dynamount trigger`, behind lib.sh: a table with a stream, triggers in the background, and commands that
# write down what they got.

# stream_on TABLE [VIEW]: a table with the key id, and sort key n if the name begins with "Sorted"
stream_on() {
  mkdir -p "$mnt/$1"
  jq -n --arg view "${2:-NEW_AND_OLD_IMAGES}" --argjson sorted "$([[ $1 == Sorted* ]] && echo true || echo false)" '
    [{n: "id", t: "S", k: "HASH"}, if $sorted then {n: "n", t: "N", k: "RANGE"} else empty end]
    | {AttributeDefinitions: map({AttributeName: .n, AttributeType: .t}),
       KeySchema: map({AttributeName: .n, KeyType: .k}),
       StreamSpecification: {StreamEnabled: true, StreamViewType: $view}}' >"$mnt/$1/.table.json" || fail "stream_on $1"
}
# stream_off TABLE
stream_off() {
  jq 'del(.StreamSpecification)' "$mnt/$1/.table.json" >"$work/definition" && cp "$work/definition" "$mnt/$1/.table.json"
}
# put TABLE FROM TO [KEYS]: items with the numbers n, of so many keys id (1: each number has its own)
put() {
  jq -nc --argjson from "$2" --argjson to "$3" --argjson keys "${4:-0}" \
    'range($from; $to + 1) | {id: (if $keys > 0 then "k\(. % $keys)" else "k\(.)" end), n: .}' >>"$mnt/$1/.items.jsonl"
}

# A command that appends the numbers of what it gets to a file, one line an event; and one that fails for what is listed in
# $work/poison (numbers, one a line).
got=$work/got
poison=$work/poison
mkdir -p "$work/bin"
cat >"$work/bin/take" <<'END'
#!/bin/bash
# take FILE POISON
numbers=$(jq -r '[.Records[].dynamodb | (.NewImage // .OldImage).n.N] | join(" ")')
exec 9>>"$1.lock"
flock 9
echo "$numbers" >>"$1"
[ ! -s "$2" ] || ! tr ' ' '\n' <<<"$numbers" | grep -qxf "$2"
END
chmod +x "$work/bin/take"
: >"$poison"
take=("$work/bin/take" "$got" "$poison")

triggers=()
# trigger OPTION… -- COMMAND…: in the background; $trigger is its pid, $work/said what it says
trigger() {
  # The shell has the background ignore SIGINT.
  env --default-signal=INT "$DYNAMOUNT" trigger --checkpoint "$work/checkpoint" --backoff 0.02 "$mnt" "$@" \
    2>"$work/said" &
  trigger=$!
  triggers+=("$trigger")
  poll "it begins" holds "$trigger"
}
holds() { [ "$(cat "$work/checkpoint.lock")" = "$1" ]; }
# ends WHAT STATUS: the trigger ends by itself with that status
ends() {
  poll "$1: ends" gone "$trigger" || kill -9 "$trigger"
  wait "$trigger"
  same "$1: exit" "$2" $?
}
gone() { ! kill -0 "$1" 2>/dev/null || [[ $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) == Z* ]]; }
# stopped WHAT: asked to end, it ends well
stopped() {
  kill "$trigger"
  ends "$1" 0
}
end_triggers() {
  local pid
  for pid in "${triggers[@]}"; do kill -9 "$pid" 2>/dev/null; done
  cleanup
}
trap end_triggers EXIT

numbers() { tr ' ' '\n' <"$got" 2>/dev/null; }
# has N: so many different numbers have come
has() { [ "$(numbers | sort -un | wc -l)" -ge "$1" ]; }
# reached NUMBER: the checkpoint is behind the record of that number
sequence_of() { # TABLE NUMBER
  jq -r --argjson n "$2" 'select(.dynamodb | (.NewImage // .OldImage).n.N == "\($n)") | .dynamodb.SequenceNumber' \
    "$mnt/$1/.stream/records.jsonl" | tail -n 1
}
checkpoint() { jq -r .sequence "$work/checkpoint" 2>/dev/null; }
at() { [ "$(checkpoint)" = "$1" ]; }
said() { grep -qF -- "$1" "$work/said"; }
fresh() { rm -f "$work/checkpoint"* "$got" "$work/dead"; : >"$poison"; }
