# For the tools_* scripts: tables of cases, each a real program, what it must do to the items, and which writes the
# engine may see for it. After lib.sh:
#
#   tools_start
#   cases <<'TABLE'
#   cp over an item
#     run     cp "$doc" Users/alice.json
#     item    Users/alice {"id":"alice","age":42}
#     writes  PutItem:Users/alice
#   TABLE
#   finish
#
# A case begins with its name at the margin. Its fields are indented, and all but `run` may be absent:
#   given   COMMAND      before the writes are watched; lines of the same field add up
#   run     COMMAND      in bash, in the mountpoint, without input
#   +       MORE         of the line of `run` before it
#   exit    STATUS       0 if absent; `fails`: any but 0
#   says    PATTERN      of stderr, which is empty if absent
#   prints  LINE         of stdout, from here with its spaces; it may print anything if absent
#   item    NAME JSON    an item afterwards, compact. Every other one is as it was before
#   gone    NAME         is no longer there
#   left    PATTERN …    scratch files that may be there afterwards. There are no others
#   writes  PATTERN …    what the engine was told of items and tables, in order; nothing if absent
#   scratch PATTERN      the same of scratch files; writes of one file after each other count once
#   bad     KIND …       the refusals to try; `none`, or of `key text large`, which is what is tried if absent
# PATTERN is bash's. A write is OPERATION:TABLE/KEY, then `>KEY` of a move or `>FILE` of what was kept as a scratch file,
# `<FILE` of the scratch file that was put, `=` if the item was that already, `?CONDITION`, and
# `!ERROR` if it was refused, `!absent` if there was nothing to delete.
#
# A command that uses $doc (the path of a document for Users/alice), $edit (of a file with one `s/…/…/` that edits it)
# or $filter (for jq) runs again with such as break a rule: of another key, no JSON, or over 400 KB. Then it must fail,
# the items must be as before, and no write may have been accepted. Only for these runs:
#   bad-exit, bad-says   instead of `exit fails` and any stderr; with `bad-exit 0` there must be a message
#   bad-left, bad-scratch
#   bad-writes, bad-gone what the program does to the items before it writes: install removes the old one first
#
# Each case finds two tables with two items each (see `world`).

declare -A before=(
  [Users/alice]='{"id":"alice","age":41}'
  [Users/bob]='{"id":"bob","age":7}'
  [Orders/alice/1]='{"customer":"alice","date":"1","total":12}'
  [Orders/alice/2]='{"customer":"alice","date":"2","total":5}'
)
declare -A field=() item=()
name=

attribute() { printf '{"AttributeName":"%s","AttributeType":"S"}' "$1"; }
key_part() { printf '{"AttributeName":"%s","KeyType":"%s"}' "$1" "$2"; }

# The tables as each case finds them
world() {
  local table path
  rm -rf "$mnt/Users" "$mnt/Orders" || fail "$name: rm -rf of what the case before left"
  mkdir "$mnt/Users" "$mnt/Orders" "$mnt/Orders/alice" || fail "$name: mkdir"
  printf '%s' "$users_definition" >"$mnt/Users/.table.json"
  printf '%s' "$orders_definition" >"$mnt/Orders/.table.json"
  for path in "${!before[@]}"; do
    echo "${before[$path]}" >"$mnt/$path.json" || fail "$name: $path"
  done
  rm -rf "$tmp"
  mkdir "$tmp"
}

# use KIND: the documents that the next command finds
use() {
  export doc=$inputs/$1.json edit=$inputs/$1.sed filter
  filter=$(<"$inputs/$1.jq")
}

# tools_start [OPTIONS]
tools_start() {
  users_definition="{\"KeySchema\":[$(key_part id HASH)],\"AttributeDefinitions\":[$(attribute id)]}"
  orders_definition="{\"KeySchema\":[$(key_part customer HASH),$(key_part date RANGE)],
    \"AttributeDefinitions\":[$(attribute customer),$(attribute date)]}"
  inputs=$work/inputs
  export tmp=$work/tmp HOME=$work/home TERM=linux
  mkdir "$inputs" "$HOME"
  local large
  large=$(head -c 500000 /dev/zero | tr '\0' x)

  printf '{\n  "id": "alice",\n  "age": 42\n}\n' >"$inputs/good.json"
  echo 's/"age": 41/"age": 42/' >"$inputs/good.sed"
  echo '.age = 42' >"$inputs/good.jq"
  printf '{\n  "id": "eve",\n  "age": 42\n}\n' >"$inputs/key.json"
  echo 's/"id": "alice"/"id": "eve"/' >"$inputs/key.sed"
  echo '.id = "eve"' >"$inputs/key.jq"
  printf '{\n  "id": "alice",\n  "age": forty-two\n}\n' >"$inputs/text.json"
  echo 's/"age": 41/"age": forty-two/' >"$inputs/text.sed"
  echo '.age' >"$inputs/text.jq"
  printf '{\n  "id": "alice",\n  "age": "%s"\n}\n' "$large" >"$inputs/large.json"
  printf 's/"age": 41/"age": "%s"/\n' "$large" >"$inputs/large.sed"
  echo '.age = "x" * 500000' >"$inputs/large.jq"

  start "trace=$work/trace${1:+,$1}"
  coproc READER { jq --unbuffered -r "$trace_reader"; }
}

# Tells the engine's writes of the traces that it is given, all but what only reads. It lives on: jq starts slowly.
# shellcheck disable=SC2016  # jq's variables
trace_reader='def parts: map(to_entries[0].value | tostring) | join("/");
  select(.operation | test("^((Get|Describe|Count|List|Find)[A-Z].*|Query|Scan|Status|Sync|Scratch(Stat|Read|List))$") | not)
  | .operation + ":"
    + if .table then ([.table] + [.key[]? | to_entries[0].value | tostring] | join("/")) else .scratch // "" end
    + if .to then (if .exchange then "<>" else ">" end) + .table + "/" + ([.to[]] | parts) else "" end
    + if .scratch_to then ">" + .scratch_to else "" end
    + if .keep then ">" + .keep else "" end
    + if .consume then "<" + .consume else "" end
    + if .unchanged then "=" else "" end
    + if .condition then "?" + .condition else "" end
    + if .result != "ok" then "!" + .result elif .existed == false then "!absent" else "" end'

# read_trace: sets writes and scratch to the engine's writes, accepted to those of items that were not refused
read_trace() {
  local line last=
  writes='' scratch='' accepted=''
  {
    cat "$work/trace"
    echo '{"operation":"End","result":"ok"}'
  } >&"${READER[1]}"
  while IFS= read -r -t 20 line <&"${READER[0]}" && [ "$line" != End: ]; do
    # One that is still open when it is removed gets a number for a name first.
    case $line in
      Scratch*)
        [[ ! $line =~ ^ScratchRemove:[0-9]{15,}$ ]] || continue
        [[ ! $line =~ ^ScratchRename:(.*)'>'[0-9]{15,}$ ]] || line=ScratchRemove:${BASH_REMATCH[1]}
        [[ $line == ScratchWrite:* && $line == "$last" ]] || scratch+=${scratch:+ }$line
        last=$line
        ;;
      *'!'*) writes+=${writes:+ }$line ;;
      *) writes+=${writes:+ }$line accepted+=${accepted:+ }$line ;;
    esac
  done
  [ "$line" = End: ] || complain "the trace cannot be read"
}

# Every item, as: NAME JSON. No string in the documents here has a newline, or a colon after a quote.
items_now() (
  shopt -s nullglob extglob
  cd "$mnt" || exit
  for path in Users/*.json Orders/*/*.json; do
    text=$(<"$path")
    text=${text//$'\n'*( )/}
    echo "${path%.json} ${text//'": '/'":'}"
  done | sort
)

scratch_now() {
  (cd "$mnt" && find . -type f ! -name .table.json \( -name '.*' -o ! -name '*.json' \) -printf '%P\n' | sort)
}

complain() {
  fail "$name${kind:+ ($kind)}: $*"
}

# like WHAT PATTERN GOT
like() {
  # shellcheck disable=SC2053  # it is a pattern
  [[ $3 == $2 ]] || complain "$1: expected '$2', got '$3'"
}

judge_exit() {
  case $1 in
    fails) [ "$2" != 0 ] || complain "exit status 0" ;;
    *) [ "$1" = "$2" ] || complain "exit status $2, expected $1: $(head -c 500 "$work/said")" ;;
  esac
}

judge_items() {
  local path expected now
  expected=$(for path in "${!item[@]}"; do echo "$path ${item[$path]}"; done | sort)
  now=$(items_now)
  [ "$expected" = "$now" ] || complain "items: $(diff <(echo "$expected") <(echo "$now") | grep '^[<>]')"
}

# judge_left "PATTERN …": each file that is left fits one of them
judge_left() {
  local file pattern patterns
  read -ra patterns <<<"$1"
  while IFS= read -r file; do
    for pattern in "${patterns[@]}"; do
      # shellcheck disable=SC2053
      [[ $file != $pattern ]] || continue 2
    done
    complain "left: $file"
  done < <(scratch_now)
}

# Runs the command in the world; sets status, writes and scratch. Its messages are in $work/said.
run_command() {
  world
  if [ -n "${field[given]:-}" ]; then
    (cd "$mnt" && bash -c "${field[given]}") >"$work/said" 2>&1 </dev/null || complain "given: $(<"$work/said")"
  fi
  : >"$work/trace"
  status=0
  (cd "$mnt" && exec timeout 120 bash -c "${field[run]}") >"$work/printed" 2>"$work/said" </dev/null || status=$?
  poll "$name: closed" all_closed
  read_trace
}

run_good() {
  local kind='' status writes scratch accepted
  use good
  run_command
  judge_exit "${field[exit]:-0}" "$status"
  like "stderr" "${field[says]:-}" "$(<"$work/said")"
  [ -z "${field[prints]+set}" ] || like "stdout" "${field[prints]}" "$(<"$work/printed")"
  like "writes" "${field[writes]:-}" "$writes"
  like "scratch writes" "${field[scratch]:-}" "$scratch"
  judge_items
  judge_left "${field[left]:-}"
}

run_bad() {
  local kind=$1 path status writes scratch accepted
  use "$kind"
  run_command
  judge_exit "${field[bad-exit]:-fails}" "$status"
  like "stderr" "${field[bad-says]:-*}" "$(<"$work/said")"
  [ "$status" != 0 ] || [ -s "$work/said" ] || complain "refused without a word"
  like "accepted writes" "${field[bad-writes]:-}" "$accepted"
  like "scratch writes" "${field[bad-scratch]:-*}" "$scratch"
  for path in ${field[bad-gone]:-}; do unset "item[$path]"; done
  judge_items
  judge_left "${field[bad-left]:-}"
}

restore_items() {
  local path
  item=()
  for path in "${!before[@]}"; do item[$path]=${before[$path]}; done
}

run_case() {
  local kind kinds=none
  [ -n "$name" ] || return
  run_good
  case ${field[run]} in
    *'$doc'* | *'$edit'* | *'$filter'*) kinds='key text large' ;;
  esac
  for kind in ${field[bad]:-$kinds}; do
    restore_items
    [ "$kind" = none ] || run_bad "$kind"
  done
}

# set_field FIELD VALUE
set_field() {
  local nl=$'\n'
  case $1 in
    item) item[${2%% *}]=${2#* } ;;
    gone) unset "item[$2]" ;;
    +) field[run]+=" $2" ;;
    given | run | prints) field[$1]=${field[$1]+${field[$1]}$nl}$2 ;;
    writes | scratch | left | bad-scratch | bad-left | bad-writes | bad-gone) field[$1]=${field[$1]+${field[$1]} }$2 ;;
    exit | says | bad | bad-exit | bad-says) field[$1]=$2 ;;
    *) fail "$name: no such field: $1" ;;
  esac
}

# cases: runs the table on standard input. With ONLY set: those whose name has it.
cases() {
  local line key value begun=0
  name=
  field=()
  restore_items
  while IFS= read -r line; do
    case $line in
      '' | '#'*) ;;
      ' '*)
        read -r key value <<<"$line"
        [ "$key" != prints ] || value=${line:10}
        set_field "$key" "$value"
        ;;
      *)
        run_case
        begun=$((begun + 1))
        field=()
        restore_items
        name=$line
        [[ $name == *"${ONLY:-}"* ]] || name=
        ;;
    esac
  done
  run_case
  [ $begun -gt 0 ] || fail "no cases"
}
