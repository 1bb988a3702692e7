// SPDX-License-Identifier: GPL-2.0-only
// TC egress of an interface of a Paxos replica: a datagram to many becomes a copy for each of them.
// Everything else goes on unchanged to whatever filter stands behind; apps/paxos/abi/broadcast_abi.h says how to ask.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "tc/paxos/broadcast_copy.bpf.h"
#include "tc/paxos/broadcast_packet.bpf.h"

SEC("tc")
int paxos_broadcast(struct __sk_buff *skb)
{
	struct broadcast cast = {};

	if (!is_marked(skb))
		return TC_ACT_UNSPEC;
	if (!find_group(skb, &cast) || !is_of_group(skb, &cast))
		return TC_ACT_UNSPEC;
	skb->mark = 0; /* of the copies too: they come by here again */
	if (!is_one_datagram(skb, &cast) || !raise_hop_limit(skb, &cast))
		return refuse(&cast);
	send_copies(skb, &cast);
	return send_last(skb, &cast);
}

char paxos_broadcast_license[] SEC("license") = "GPL";
