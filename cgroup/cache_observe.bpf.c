// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sees every request in front of memcached's sockets and every reply behind them, on every interface,
 * present and future: attached to the root of cgroup v2. Never drops or changes a packet.
 * Loaded and attached by bmcd. Steps: apps/memcached-cache/coherence.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "apps/memcached-cache/coherence/netns.bpf.h"
#include "apps/memcached-cache/coherence/socket_release.bpf.h"
#include "apps/memcached-cache/coherence/tcp_reply.bpf.h"
#include "apps/memcached-cache/coherence/tcp_request.bpf.h"
#include "apps/memcached-cache/coherence/udp_reply.bpf.h"
#include "apps/memcached-cache/coherence/udp_request.bpf.h"

#define LET_PASS 1 /* both directions */

/* The server whose port this packet's socket has, perhaps in another network namespace: see is_foreign(). */
static __always_inline struct server_state *watched(struct bpf_sock *sk, const struct cache_control *config,
						     __u32 *index)
{
	*index = server_of_port(config, sk->src_port);
	return *index < CACHE_SERVERS_MAX ? server_get(*index) : NULL;
}

static __always_inline void ingress_tcp(struct __sk_buff *skb, struct bpf_sock *sk, __u32 index,
					struct server_state *server)
{
	struct bpf_tcp_sock *tcp = bpf_tcp_sock(sk);
	struct packet_view view = {};
	struct socket_view socket;

	if (!tcp)
		return;
	if (!view_tcp(skb, INGRESS, &view)) {
		if (!is_foreign(skb))
			hold_untracked(server);
		return;
	}
	if (!view.length)
		return;
	socket.state = sk->state;
	socket.received = tcp->rcv_nxt;
	socket.sent = tcp->snd_nxt;
	socket.bytes_received = tcp->bytes_received;
	tcp_request(skb, &view, &socket, index, server);
}

SEC("cgroup_skb/ingress")
int cache_ingress(struct __sk_buff *skb)
{
	struct cache_control *config = cache_control_get();
	struct bpf_sock *sk = skb->sk;
	struct packet_view view = {};
	struct server_state *server;
	__u32 index;

	if (!config || !sk)
		return LET_PASS;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return LET_PASS;
	server = watched(sk, config, &index);
	if (!server || is_resting(server))
		return LET_PASS;
	if (sk->protocol == IPPROTO_TCP)
		ingress_tcp(skb, sk, index, server);
	else if (sk->protocol == IPPROTO_UDP && !is_foreign(skb) && view_udp(skb, INGRESS, &view))
		udp_request(skb, &view, index, server, config);
	return LET_PASS;
}

SEC("cgroup_skb/egress")
int cache_egress(struct __sk_buff *skb)
{
	struct cache_control *config = cache_control_get();
	struct bpf_sock *sk = skb->sk;
	struct packet_view view = {};
	struct server_state *server;
	__u32 index;

	if (!config || !sk)
		return LET_PASS;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return LET_PASS;
	server = watched(sk, config, &index);
	if (!server || is_resting(server))
		return LET_PASS;
	if (sk->protocol == IPPROTO_UDP) {
		if (!is_foreign(skb) && view_udp(skb, EGRESS, &view))
			udp_reply(skb, &view, index, server, config);
	} else if (sk->protocol == IPPROTO_TCP && view_tcp(skb, EGRESS, &view) && view.length) {
		tcp_reply(skb, &view, server);
	}
	return LET_PASS;
}

SEC("cgroup/sock_release")
int cache_release(struct bpf_sock *sk)
{
	socket_release(bpf_get_socket_cookie(sk));
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
