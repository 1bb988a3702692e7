#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs inside the guest of on-debian-kernel.sh and checks that it can carry our kernel tests: the floor
# kernel, bpffs, cgroup2, veth, clsact with cls_bpf, bpftool. Called by the ctest kernel-6.1.guest.
set -eu
case $(uname -r) in 6.1.*) ;; *) echo "kernel $(uname -r), wanted 6.1"; exit 1 ;; esac
grep -q ' /sys/fs/bpf bpf ' /proc/mounts
grep -q ' /sys/fs/cgroup cgroup2 ' /proc/mounts
mkdir /sys/fs/cgroup/check
[ -r /sys/kernel/btf/vmlinux ]
bpftool prog show
bpftool cgroup show /sys/fs/cgroup/check
ip link add check0 type veth peer name check1
tc qdisc add dev check0 clsact
# One instruction, "return all", in the classic form: shows that cls_bpf is there without an object.
tc filter add dev check0 egress bpf bytecode '1,6 0 0 4294967295,' flowid 1:1
tc filter show dev check0 egress | grep -q bpf
ip link delete check0
echo "guest is fit: $(uname -r)"
