#!/bin/sh
# Makes the root of a machine, and becomes its first process: machine.sh NAME [KIND FROM TO]...
#
# Everything is mounted below /mnt, which becomes the root; `umount -l` then drops what was before.
# /run is shared so that a container can be told of network namespaces that come later.
#
# The kubelet sets the values of proc/sys for the whole kernel. It finds them set, and the machine's
# stay.
#
# The first process is bash, because it waits for every process that loses its parent. It runs the
# lines that it reads, so what it starts is in the machine's control groups.
set -eu
name=$1; shift
mount -t tmpfs -o mode=755 root /mnt
cd /mnt
mkdir -p before usr proc dev/pts dev/shm etc run/netns tmp opt/programs root mnt sys \
  images var/lib var/log
ln -s ../run var/run
chmod 1777 tmp
for one in bin sbin lib lib32 lib64 libx32; do
  if [ -L "/$one" ]; then ln -s "$(readlink "/$one")" "$one"
  elif [ -d "/$one" ]; then mkdir "$one"; mount --bind "/$one" "$one"; fi
done
mount --bind /usr usr
mount -o remount,bind,ro usr
for one in null zero full random urandom tty kmsg; do
  : > "dev/$one"; mount --bind "/dev/$one" "dev/$one"
done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
for one in ld.so.cache alternatives protocols services; do
  if [ -d "/etc/$one" ]; then
    mkdir "etc/$one"; mount --bind "/etc/$one" "etc/$one"; mount -o remount,bind,ro "etc/$one"
  elif [ -e "/etc/$one" ]; then cp "/etc/$one" etc/; fi
done
echo "$name" > etc/hostname
echo "127.0.0.1 localhost $name" > etc/hosts
: > etc/resolv.conf
mount -t proc proc proc
for one in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  echo "${one#*=}" > tmp/value-${one##*/}
  mount --bind "tmp/value-${one##*/}" "proc/sys/${one%=*}"
done 2> /dev/null
mount -t tmpfs -o mode=755 run run
mkdir run/netns
while [ $# -gt 0 ]; do
  what=$1 from=$2 to=$3; shift 3
  case $what in
    cgroup) mkdir -p "$to"; mount -t cgroup -o "$from" cgroup "$to" ;;
    sysfs) mount -t sysfs "$from" "$to" ;;
    tmpfs) mount -t tmpfs -o mode=755 "$from" "$to" ;;
    file) : > "$to"; mount --bind "$from" "$to"; mount -o remount,bind,ro "$to" ;;
    read) mkdir -p "$to"; mount --bind "$from" "$to"; mount -o remount,bind,ro "$to" ;;
    write) mkdir -p "$to"; mount --bind "$from" "$to" ;;
  esac
done
hostname "$name"
ip link set lo up
pivot_root . before
exec chroot . bash -c '
  umount -l /before; rmdir /before; mount --make-rshared /; cd /; echo ready
  while IFS= read -r line; do eval "$line"; done'
