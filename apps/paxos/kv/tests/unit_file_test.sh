#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# unit_file_test.sh UNIT PROGRAM: whether systemd understands the unit, and how much it leaves to the service.
set -euo pipefail
unit=$1 program=$2
command -v systemd-analyze >/dev/null || { echo "systemd-analyze is missing: apt-get install systemd" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# The binary must exist where the unit says; the manual is not installed.
sed "s#@BMC_SBINDIR@/paxos-kv#$program#; /^Documentation=/d" "$unit" >"$folder/paxos-kv@a.service"
said=$(systemd-analyze verify --man=no "$folder/paxos-kv@a.service" 2>&1 | grep 'paxos-kv' || true)
[ -z "$said" ] || { echo "$said" >&2; exit 1; }
# Of 100.
systemd-analyze security --offline=true --threshold=15 "$folder/paxos-kv@a.service" >"$folder/security" ||
  { cat "$folder/security" >&2; exit 1; }
echo good
