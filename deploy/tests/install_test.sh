#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# install_test.sh BUILD_DIRECTORY: installs into a directory of its own and looks whether everything is there
# and works from there. Run by ctest.
set -euo pipefail
build=$1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# The files of these parts only: a test must not need the targets of others to be built.
for part in control-plane control-plane/bmcd deploy; do
  DESTDIR=$root cmake --install "$build/$part" --prefix /usr >/dev/null
done
for file in sbin/bmcd sbin/bmcctl lib/systemd/system/bmcd.service share/doc/bmcd/examples/bmcd.toml \
  share/doc/bmcd/examples/share-interface.conf share/doc/bmcd/examples/bmcd_alerts.yml share/man/man8/bmcd.8 \
  share/man/man1/bmcctl.1; do
  [ -s "$root/usr/$file" ] || { echo "not installed: $file" >&2; exit 1; }
done
"$root/usr/sbin/bmcd" --check-config --config "$root/usr/share/doc/bmcd/examples/bmcd.toml"
"$root/usr/sbin/bmcd" --version
"$root/usr/sbin/bmcctl" --version
grep -qx 'ExecStart=/usr/sbin/bmcd' "$root/usr/lib/systemd/system/bmcd.service"
if command -v systemd-analyze >/dev/null; then
  # The binary must exist where the unit says; the manual is not in the system's path.
  sed "s#/usr/sbin/bmcd#$root/usr/sbin/bmcd#; /^Documentation=/d" "$root/usr/lib/systemd/system/bmcd.service" \
    >"$root/bmcd.service"
  said=$(systemd-analyze verify --man=no "$root/bmcd.service" 2>&1 | grep 'bmcd.service' || true)
  [ -z "$said" ] || { echo "$said" >&2; exit 1; }
  # Of 100; root as the user alone makes 4 of them.
  systemd-analyze security --offline=true --threshold=25 "$root/bmcd.service" >"$root/security" ||
    { cat "$root/security" >&2; exit 1; }
fi
if command -v man >/dev/null; then
  for page in "$root"/usr/share/man/man*/*; do
    said=$(MANROFFSEQ='' man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
    [ -z "$said" ] || { echo "$page: $said" >&2; exit 1; }
  done
fi
echo good
