#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command inside Debian's stable kernel (6.1, the floor we support) under software
# emulation, so that "the verifier accepts it on 6.1" is a test and not a hope.
# Called by the tests that add_kernel_test() (cmake/KernelTest.cmake) defines.
#
#   on-debian-kernel.sh [-m MODULE]... [-f FILE_OR_DIR]... -- COMMAND...
#
# COMMAND runs as root in a throw-away guest that holds busybox, dash, the given files at their own
# paths, and the shared libraries that the given ELF files need. procfs, sysfs, devtmpfs, bpffs and
# cgroup2 (on /sys/fs/cgroup) are mounted; `lo` is up; modules named with -m (default: veth) are
# loaded together with those they need. There is no disk and no network card.
# Its output is printed (stderr is part of it); the exit status is COMMAND's. 125: the guest did not
# finish; 2: the guest could not be made.
# Environment: KERNEL_CACHE  where the kernel package is kept between runs (default ~/.cache/debian-kernel)
#              GUEST_SECONDS (300), GUEST_MEMORY in MiB (2048)
set -euo pipefail
export LC_ALL=C
cache=${KERNEL_CACHE:-${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/debian-kernel}
modules=(veth)
files=()
fail() { echo "on-debian-kernel: $*" >&2; exit 2; }
while [ $# -gt 0 ]; do
  case $1 in
    -m) modules+=("$2"); shift 2 ;;
    -f) files+=("$(realpath -s "$2")"); shift 2 ;;
    --) shift; break ;;
    *) fail "usage: $0 [-m MODULE]... [-f FILE_OR_DIR]... -- COMMAND..." ;;
  esac
done
[ $# -gt 0 ] || fail "no command given after --"
for tool in qemu-system-x86_64 busybox cpio readelf dpkg apt-get; do
  command -v $tool >/dev/null || fail "$tool is missing: run ./bmc deps"
done

# ---- the kernel: Debian's package, unpacked and kept ---------------------------------------------

fetch_kernel() {
  local meta=linux-image-cloud-amd64 package deb
  # A fresh container knows no package until the lists have been fetched.
  apt-cache show $meta >/dev/null 2>&1 || apt-get update >/dev/null ||
    fail "the kernel package is not known here and apt-get update failed"
  package=$(apt-cache depends $meta | awk '/Depends:/ {print $2; exit}')
  [ -n "$package" ] || fail "$meta depends on no kernel package"
  mkdir -p "$cache/deb"
  rm -rf "$cache/deb"/*.deb "$cache/unpacking"
  # Lists older than the mirror name a version that is gone: fetch them anew, once.
  (cd "$cache/deb" && { apt-get download "$package" || { apt-get update && apt-get download "$package"; }; }) \
    >"$cache/log" 2>&1 || { tail -n 5 "$cache/log" >&2; fail "cannot download $package"; }
  deb=$(find "$cache/deb" -name '*.deb' | head -n 1)
  dpkg -x "$deb" "$cache/unpacking"
  rm -rf "$cache/root" "$deb"
  mv "$cache/unpacking" "$cache/root"
}

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
find "$cache/root/boot" -name 'vmlinuz-*' 2>/dev/null | grep -q . || fetch_kernel
flock -u 9
exec 9>&-
kernel=$(find "$cache/root/boot" -name 'vmlinuz-*' | sort -V | tail -n 1)
release=${kernel##*/vmlinuz-}
module_root=$cache/root/lib/modules/$release

# ---- the guest's root: an initial ram disk -------------------------------------------------------

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{bin,sbin,proc,sys,dev,tmp,run,lib,lib64,usr/lib,modules}
cp "$(command -v busybox)" "$root/bin/busybox"

# Copies a file or directory to its own path in the guest, with the libraries of the ELF files in it.
add_path() {
  local file library
  mkdir -p "$root$(dirname "$1")"
  if [ -d "$1" ]; then mkdir -p "$root$1"; cp -aL "$1/." "$root$1/"; else cp -aL "$1" "$root$1"; fi
  find -L "$1" -type f -size +0 | while read -r file; do
    readelf -h "$file" >/dev/null 2>&1 || continue
    { ldd "$file" 2>/dev/null || true; } | { grep -oE '/[^ ]+' || true; } | while read -r library; do
      if [ ! -e "$root$library" ]; then mkdir -p "$root$(dirname "$library")"; cp -aL "$library" "$root$library"; fi
    done
  done
}
# busybox's own shell prefers its applets to everything in PATH: a real ip or tc would never run.
add_path "$(readlink -f "$(command -v dash)")"
for file in ${files[@]+"${files[@]}"}; do
  [ -e "$file" ] || fail "no such file: $file"
  add_path "$file"
done

# Copies a module after those it depends on, in the order in which insmod wants them.
order=0
add_module() {
  local name=${1//-/_} pattern=${1//[-_]/[-_]} found needed
  [ ! -e "$work/module-$name" ] || return 0
  found=$(find "$module_root" -name "$pattern.ko" | head -n 1)
  if [ -z "$found" ]; then
    grep -q "/$pattern\\.ko\$" "$module_root/modules.builtin" || fail "kernel $release has no module $1"
    return 0
  fi
  touch "$work/module-$name"
  for needed in $(readelf -p .modinfo "$found" | sed -n 's/.*\] *depends=//p' | tr ',' ' '); do add_module "$needed"; done
  order=$((order + 1))
  cp "$found" "$root/modules/$(printf '%03d' $order)-$name.ko"
}
for module in "${modules[@]}"; do add_module "$module"; done

printf '%q ' "$@" > "$root/command"
cat > "$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin 2>/dev/null
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev
mount -t bpf bpf /sys/fs/bpf; mount -t cgroup2 cgroup2 /sys/fs/cgroup
for module in /modules/*.ko; do [ ! -e "$module" ] || insmod "$module"; done
ip link set lo up
ln -sf "$(command -v dash)" /bin/sh
sh /command 2>&1
echo "guest-exit-status $?"
poweroff -f
INIT
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) > "$work/initrd.gz"

# ---- run ------------------------------------------------------------------------------------------

timeout "${GUEST_SECONDS:-300}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 \
  -m "${GUEST_MEMORY:-2048}" -nographic -no-reboot -nic none \
  -kernel "$kernel" -initrd "$work/initrd.gz" \
  -append "console=ttyS0 quiet panic=-1 no_timer_check" > "$work/log" 2>&1 || true
tr -d '\r' < "$work/log" > "$work/text"
sed -e 's|\x1bc.*\x1b\[2J||' -e '/^guest-exit-status/d' -e '/SeaBIOS/d' -e '/^Booting from ROM/d' \
    -e '/reboot: Power down/d' "$work/text"
status=$(sed -n 's/.*guest-exit-status \([0-9]*\).*/\1/p' "$work/text" | tail -n 1)
[ -n "$status" ] || echo "on-debian-kernel: the guest did not finish within ${GUEST_SECONDS:-300} s" >&2
exit "${status:-125}"
