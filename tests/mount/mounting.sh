# mount(8), fstab and service managers: every option that mount(8) documents, odd paths, mounts of users who are not
# root, and who may do what. All in a namespace of mounts of its own, where files of /etc and /dev are lent.
if [ "$(id -u)" != 0 ] || ! unshare -m true 2>/dev/null; then
  echo "mounting in a namespace of one's own is not permitted"
  exit 77
fi
if [ -z "${MOUNTING_WITHIN-}" ]; then
  MOUNTING_WITHIN=1 exec unshare -m bash "$0"
fi
# The mounts of others came along; from here they would not end when their owners unmount them.
umount -l -a -t fuse.dynamount
. "$TESTS/lib.sh" || exit 1

# mount(8) looks for dynamount in the usual places only. Other users come to it, and to their mountpoints.
mkdir "$work/bin" "$work/dev"
chmod 711 "$work"
cp "$DYNAMOUNT" "$work/bin/dynamount"
cp -a /etc "$work/etc"
trap 'umount -l "$work/dev" 2>/dev/null; cleanup' EXIT
{ mount --bind "$work/bin" /usr/local/bin && mount --bind "$work/etc" /etc; } || exit 1
DYNAMOUNT=/usr/local/bin/dynamount
export PATH=/usr/local/bin:$PATH

# shown MOUNTPOINT: its options in /proc/mounts
shown() {
  place=${1// /\\040} awk '$2 == ENVIRON["place"] {print $4}' /proc/mounts
}
# gone PID: also when nobody has asked for its exit status yet
gone() {
  ! readlink "/proc/$1/exe"
}
# away [MOUNTPOINT]: unmounts, and the process ends
away() {
  local pid
  pid=$(jq .pid "${1:-$mnt}/.status") || fail "no mount"
  check "umount" umount "${1:-$mnt}"
  poll "the process ends" gone "$pid"
}

# ---- Options: what /proc/mounts shows of each ----

usual=rw,nosuid,nodev,relatime,user_id=0,group_id=0
while read -r options expected; do
  if said=$(mount -t fuse.dynamount -o "$options" "$store" "$mnt" 2>&1); then
    same "-o $options" "${expected/usual/$usual}" "$(shown "$mnt")"
    away
  else
    fail "-o $options: $said"
  fi
done <<'END'
defaults usual
auto,nouser,async,atime,diratime,relatime,loud,rw usual
noauto,_netdev,nofail,x-systemd.automount,x-systemd.requires=/srv,X-mount.mkdir usual
exec,suid,dev usual
ro ro,nosuid,nodev,relatime,user_id=0,group_id=0
ro,rw usual
noexec rw,nosuid,nodev,noexec,relatime,user_id=0,group_id=0
noexec,exec usual
user rw,nosuid,nodev,noexec,relatime,user_id=0,group_id=0
users,exec usual
owner,group usual
noatime rw,nosuid,nodev,noatime,user_id=0,group_id=0
nodiratime,norelatime,strictatime,lazytime,iversion,mand,silent,nosymfollow usual
nostrictatime,nolazytime,noiversion,nomand,symfollow usual
sync,dirsync rw,dirsync,nosuid,nodev,relatime,user_id=0,group_id=0
allow_other,uid=12,gid=34,umask=027 usual,default_permissions,allow_other
END
for option in bogus uid=-1 umask=8 fsname=x subtype=x max_read=4096 auto_unmount allow_root remount; do
  said=$(mount -t fuse.dynamount -o "noatime,$option" "$store" "$mnt" 2>&1) && fail "-o $option is taken"
  check "-o $option is named: $said" test "$said" != "${said/mount option \'"${option%=*}"\'/}"
done
same "nothing is mounted" "" "$(shown "$mnt")"

# Without mount(8) between, of two contraries the last one counts
start sync,noexec,noatime,ro,async,exec,atime,rw
same "contraries" "$usual" "$(shown "$mnt")"
check "rw" mkdir "$mnt/Users"
check "put" bash -c "echo '{}' >$mnt/Users/ada.json"
stop
start rw,ro,exec,noexec
same "contraries, the other way" ro,nosuid,nodev,noexec,relatime,user_id=0,group_id=0 "$(shown "$mnt")"
check "ro" grep -q 'Read-only file system' <(touch "$mnt/Users/bob.json" 2>&1)
stop

# ---- fstab ----

spaced="$work/stores, old" place="$work/all tables, here"
mkdir "$place"
cat >/etc/fstab <<END
# a space is \\040
${spaced// /\\040}  ${place// /\\040}  fuse.dynamount  auto,nofail,_netdev,noexec,uid=12,x-systemd.automount  0  0
$store  $mnt  fuse.dynamount  noauto,ro  0  0
END
check "mount -a" mount -a -t fuse.dynamount
same "mount -a" rw,nosuid,nodev,noexec,relatime,user_id=0,group_id=0 "$(shown "$place")"
same "its source" "$spaced" "$(findmnt -no SOURCE "$place")"
same "noauto" "" "$(shown "$mnt")"
check "mount -a again" mount -a -t fuse.dynamount
same "mounted once" 1 "$(grep -c 'all\\040tables' /proc/mounts)"
check "mount MOUNTPOINT" mount "$mnt"
same "ro" ro,nosuid,nodev,relatime,user_id=0,group_id=0 "$(shown "$mnt")"
check "an item" test -e "$mnt/Users/ada.json"
away
away "$place"
check "mount SOURCE" mount "$spaced"
refused "remount" mount -o remount,ro "$place"
check "by the kernel alone" mount -i -o remount,ro "$place"
check "it is read-only" grep -q 'Read-only file system' <(mkdir "$place/Table" 2>&1)
check "and back" mount -i -o remount,rw "$place"
check "it is not" mkdir "$place/Table"
away "$place"

cd "$work" || exit 1
check "relative paths" mount -t fuse.dynamount "${spaced##*/}" "${place##*/}"
same "are made absolute" "$spaced $place" "$(jq -r '"\(.store) \(.mountpoint)"' "$place/.status")"
away "$place"
check "mount.fuse3" /sbin/mount.fuse3 "dynamount#${spaced##*/}" "${place##*/}" -o noatime
same "mount.fuse3" "$spaced" "$(findmnt -no SOURCE "$place")"
away "$place"
for name in 'back\slash' 'a#hash' "quote'\"" $'tab\tand\nline'; do
  mkdir "$work/on $name"
  check "$name" dynamount "$work/of $name" "$work/on $name"
  same "$name" "$work/of $name" "$(findmnt -nro SOURCE -M "$work/on $name" | sed 's/%/%%/g' | xargs -0 printf)"
  away "$work/on $name"
done
cd / || exit 1

# ---- Who may do what ----

# as UID[:GID] COMMAND…; fusermount3 wants one that has a name
as() {
  local who=${1/nobody/65534}
  shift
  setpriv --reuid="${who%:*}" --regid="${who#*:}" --clear-groups "$@"
}
start
check "root's own" ls "$mnt/Users" >/dev/null
check "nobody else's" grep -q 'Permission denied' <(as 65534 ls "$mnt/Users" 2>&1)
stop
start allow_other,uid=1001,gid=1002,umask=027
same "owner and modes" "1001 1002 750 1001 1002 640" "$(stat -c '%u %g %a' "$mnt/Users" "$mnt/Users/ada.json" | xargs)"
check "the owner reads" as 1001 cat "$mnt/Users/ada.json" >/dev/null
check "and writes" as 1001 tee "$mnt/Users/bob.json" <<<'{}' >/dev/null
check "sets times" as 1001 touch -d 2001-02-03 "$mnt/Users/bob.json"
check "and modes" as 1001 chmod 600 "$mnt/Users/bob.json"
check "owners: to his own" as 1001:1002 chown 1001:1002 "$mnt/Users/bob.json"
refused "owners: not to others'" as 1001 chown 0 "$mnt/Users/bob.json"
check "copies with modes and times" as 1001 cp -a "$mnt/Users/bob.json" "$mnt/Users/copy"
check "the group reads" as 1003:1002 cat "$mnt/Users/ada.json" >/dev/null
check "and lists" as 1003:1002 ls "$mnt/Users" >/dev/null
for command in "touch $mnt/Users/ada.json" "touch $mnt/Users/new.json" "rm -f $mnt/Users/ada.json" "mkdir $mnt/Table" \
  "chmod 600 $mnt/Users/ada.json" "mv $mnt/Users/ada.json $mnt/Users/eve.json" "tee -a $mnt/Users/ada.json"; do
  # shellcheck disable=SC2086
  check "the group: $command" grep -qE 'Permission denied|not permitted' <(as 1003:1002 $command 2>&1 </dev/null)
  # shellcheck disable=SC2086
  check "others: $command" grep -qE 'Permission denied' <(as 1003:1003 $command 2>&1 </dev/null)
done
answers=
for who in 0:0 1001:1002 1003:1002 1003:1003; do
  answers="$answers $(as $who bash -c 'for t in -r -w -x; do test $t "$1"; echo -n $?; done' - "$mnt/Users/ada.json")"
done
same "access(2)" "001 001 011 111" "$(echo $answers)"
same "all there" "ada.json bob.json copy" "$(ls "$mnt/Users" | xargs)"
stop
start allow_other,umask=0
check "umask=0: everybody" as 1003:1003 tee "$mnt/Users/eve.json" <<<'{}' >/dev/null
check "removes" as 1003:1003 rm "$mnt/Users/eve.json" "$mnt/Users/copy"
stop

# ---- Mounts of users who are not root ----

# A device as udev makes it; and the mountpoint and the store must be the user's
mount -t tmpfs none "$work/dev"
mknod -m 666 "$work/dev/fuse" c 10 229
mount --bind "$work/dev/fuse" /dev/fuse
mkdir -p "$work/user/mnt"
chown -R 65534:65534 "$work/user"
own="$work/user/mnt" shown="rw,nosuid,nodev,relatime,user_id=65534,group_id=65534"
check "a user's mount" as nobody dynamount "$work/user/store" "$own"
same "its options" "$shown" "$(shown "$own")"
check "mkdir" as nobody mkdir "$own/Table"
check "touch" as nobody touch "$own/Table/a.json"
same "his own" "65534 65534 644" "$(as nobody stat -c '%u %g %a' "$own/Table/a.json")"
check "chown has no effect and succeeds" as nobody chown 0:0 "$own/Table/a.json"
check "chmod too" as nobody chmod 0 "$own/Table/a.json"
check "root is not let in" grep -q 'Permission denied' <(ls "$own" 2>&1)
pid=$(as nobody jq .pid "$own/.status")
check "fusermount3 -u" as nobody fusermount3 -u "$own"
poll "the process ends" gone "$pid"
: >/etc/fuse.conf
check "allow_other is not his" grep -q user_allow_other <(as nobody dynamount "$work/user/store" "$own" -o allow_other 2>&1)
same "nothing is mounted" "" "$(shown "$own")"
echo user_allow_other >>/etc/fuse.conf
check "unless root lets him" as nobody dynamount "$work/user/store" "$own" -o allow_other,umask=077,noexec,noatime
same "its options" "rw,nosuid,nodev,noexec,noatime,user_id=65534,group_id=65534,default_permissions,allow_other" "$(shown "$own")"
check "root is let in" ls "$own/Table" >/dev/null
check "others by the mode" grep -q 'Permission denied' <(as 1003 ls "$own/Table" 2>&1)
away "$own"
echo "$work/user/store $own fuse.dynamount user,noauto,uid=1003 0 0" >>/etc/fstab
check "mount(8), by fstab" as nobody mount "$own"
same "its options" "${shown/nodev/nodev,noexec}" "$(shown "$own")"
same "its owner" 1003 "$(as nobody stat -c %u "$own/Table")"
pid=$(as nobody jq .pid "$own/.status")
check "umount(8)" as nobody umount "$own"
poll "the process ends" gone "$pid"
refused "where fstab has nothing" as nobody mount "$spaced"
finish
