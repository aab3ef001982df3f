# A transaction is that of the user who began it, and root's: with two users on one mount.
. "$TESTS/lib.sh" || exit 1
. "$TESTS/lib_transactions.sh" || exit 1
[ "$(id -u)" = 0 ] || { echo "needs root, to be somebody else"; exit 77; }
chmod 755 "$work"

as() { # as UID COMMAND…
  setpriv --reuid "$1" --regid "$1" --clear-groups -- "${@:2}"
}
setpriv --reuid 65534 --regid 65534 --clear-groups -- true || exit 77

bank allow_other,umask=000
check "mkdir by one" as 1001 mkdir "$txn/first"
check "mkdir by another" as 1002 mkdir "$txn/second"
same "owners and modes" "1001 700 1002 700" "$(stat -c '%u %a' "$txn/first" "$txn/second" | tr '\n' ' ' | sed 's/ $//')"
same "what one sees" "committed first" "$(as 1001 ls "$txn" | tr '\n' ' ' | sed 's/ $//')"
same "what the other sees" "committed second" "$(as 1002 ls "$txn" | tr '\n' ' ' | sed 's/ $//')"
same "what root sees" "committed first second" "$(ls "$txn" | tr '\n' ' ' | sed 's/ $//')"
check "reading" as 1001 cat "$txn/first/Accounts/alice.json" >/dev/null
refused "another's reading" as 1002 cat "$txn/first/Accounts/alice.json"
refused "another's listing" as 1002 ls "$txn/first"
refused "another's writing" as 1002 bash -c 'echo "{\"balance\":1}" >>"$1"' - "$txn/first/Accounts/alice.json"
refused "another's removal" as 1002 rmdir "$txn/first"
refused "another's commit" as 1002 mv "$txn/first" "$committed/"
refused "another's name" as 1002 mkdir "$txn/first"
check "root's reading" cat "$txn/first/Accounts/alice.json" >/dev/null
check "writing" as 1001 bash -c 'echo "{\"balance\":1}" >>"$1"' - "$txn/first/Accounts/alice.json"
check "the commit" as 1001 mv "$txn/first" "$committed/"
same "what it changed" 1 "$(balance alice)"
check "root's removal" rm -r "$txn/second"
check "a snapshot" as 1001 mkdir "$mnt/.snapshot/s"
same "is everybody's to read" 1 "$(as 1002 jq .balance "$mnt/.snapshot/s/Accounts/alice.json")"
rmdir "$mnt/.snapshot/s"
stop

# Who gets hold of the directory from somebody else is let in no further.
start allow_other,umask=000
check "mkdir" as 1001 mkdir "$txn/mine"
exec 9<"$txn/mine"
refused "through an open directory" as 1002 cat "/proc/self/fd/9/Accounts/alice.json"
exec 9<&-
# A mount on which others may not write: they can begin none.
stop
start allow_other
refused "mkdir where one may not write" as 1001 mkdir "$txn/mine"
finish
