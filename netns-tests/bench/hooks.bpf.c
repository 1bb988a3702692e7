// SPDX-License-Identifier: GPL-2.0-only
/* Lets everything pass at every hook that bmcd uses for traffic it does not serve. Loaded by passing_hooks.cc. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("xdp.frags")
int hook_xdp(struct xdp_md *ctx) { return XDP_PASS; }

SEC("tc")
int hook_tc(struct __sk_buff *skb) { return TC_ACT_UNSPEC; }

SEC("cgroup_skb/ingress")
int hook_ingress(struct __sk_buff *skb) { return 1; }

SEC("cgroup_skb/egress")
int hook_egress(struct __sk_buff *skb) { return 1; }
