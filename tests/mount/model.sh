# The API and the directories of a mount agree: random requests through /.api, their answers and the index directories
# compared with a naive reference.
. "$TESTS/lib.sh" || exit 1

operations=1500
[ -z "${DYNAMOUNT_LONG-}" ] || operations=100000
start
check "the model" env -u DYNAMOUNT_LONG python3 -B "$TESTS/../model/model.py" --mount "$mnt" --seed 7 --operations $operations
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
finish
