#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# boot.sh ROOT
#
# Run systemd in a root directory. It is to be called in namespaces of its own:
# unshare --mount --pid --fork --uts --ipc --net --cgroup
set -eu

mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
for each in null zero full random urandom tty fuse; do
    if [ -e "/dev/$each" ]; then
        cp -a "/dev/$each" dev/
    fi
done
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
# Where the kernel has all controllers in one hierarchy, systemd finds it.
if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
    mount -t cgroup2 cgroup2 sys/fs/cgroup
else
    mount -t tmpfs -o mode=755 cgroup sys/fs/cgroup
    mkdir sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
fi
# In a chroot, no process would get a user namespace.
mkdir -p mnt/host
pivot_root . mnt/host
exec env -i container=unshare PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    chroot . sh -c 'umount -l /mnt/host &&
        exec /lib/systemd/systemd --system --log-target=journal'
