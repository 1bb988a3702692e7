/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * First steps of cache_get: is the cache on, is the packet for a server of ours, may its sender be
 * answered. Everything that most packets fail at comes first and costs no helper call.
 */
#ifndef BMC_XDP_ADMISSION_BPF_H
#define BMC_XDP_ADMISSION_BPF_H

#include "apps/memcached-cache/abi/cache_hash.h"
#include "apps/memcached-cache/store/lookup_source.h"
#include "xdp/cache/scratch.bpf.h"

#define LOOPBACK_IFINDEX 1u /* in every network namespace */

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, ALLOWED_PREFIXES_MAX);
	__type(key, struct allowed_prefix);
	__type(value, __u32);
} allowed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SOURCES_MAX);
	__type(key, struct source_address);
	__type(value, struct source_budget);
} sources SEC(".maps");

static __always_inline enum cache_counter packet_counter(enum packet_verdict verdict)
{
	switch (verdict) {
	case PACKET_OK: return STEP_ON;
	case PACKET_NOT_IP: return CACHE_PASS_NOT_IP;
	case PACKET_IP_OPTIONS: return CACHE_PASS_IP_OPTIONS;
	case PACKET_FRAGMENT: return CACHE_PASS_FRAGMENT;
	case PACKET_NOT_UDP: return CACHE_PASS_NOT_UDP;
	case PACKET_CHECKSUM: return CACHE_PASS_CHECKSUM;
	case PACKET_SHORT: return CACHE_PASS_SHORT;
	}
	return CACHE_PASS_SHORT;
}

/* Mode, headers. */
static __always_inline enum cache_counter parse_request(const struct xdp_md *ctx, struct request *request)
{
	request->config = cache_control_get();
	if (!request->config || request->config->mode == CACHE_MODE_BYPASS)
		return CACHE_PASS_BYPASS;
	return packet_counter(parse_packet(frame_of(ctx), &request->packet));
}

static __always_inline int is_ipv4_mapped(const __u32 addr_be[4])
{
	return !(addr_be[0] | addr_be[1]) && addr_be[2] == bpf_htonl(0xffff);
}

/* 127/8 or ::1. From the wire they are forged: a server there is reachable only through lo. */
static __always_inline int is_loopback(const struct packet *packet, const __u32 addr_be[4])
{
	if (!packet->is_ipv6)
		return (bpf_ntohl(addr_be[3]) >> 24) == 127;
	return !(addr_be[0] | addr_be[1] | addr_be[2]) && addr_be[3] == bpf_htonl(1);
}

/* Whether the packet was sent to exactly this address and port, in its own address family. */
static __always_inline int is_address(const struct served_address *served, const struct packet *packet)
{
	return served->used && served->port_be == packet->local_port_be &&
	       served->addr_be[3] == packet->local_be[3] && served->addr_be[2] == packet->local_be[2] &&
	       served->addr_be[1] == packet->local_be[1] && served->addr_be[0] == packet->local_be[0] &&
	       !(packet->is_ipv6 && is_ipv4_mapped(packet->local_be));
}

/* bmcd alive, server served and not held, no delayed flush_all at work. */
static __always_inline enum cache_counter check_server(struct request *request)
{
	const struct cache_control *config = request->config;
	const struct server_state *server;
	__u32 hold, flush_from;

	/* As signed: the coarse clock may still be behind the heartbeat. */
	request->world.coarse_ns = bpf_ktime_get_coarse_ns();
	if ((__s64)(request->world.coarse_ns - config->heartbeat_ns) > (__s64)config->heartbeat_limit_ns)
		return CACHE_PASS_NO_HEARTBEAT;
	server = bpf_map_lookup_elem(&servers, &request->server_index);
	if (!server)
		return CACHE_PASS_HELD;
	hold = shared_load_u32(&server->hold);
	if (hold)
		return hold & SERVER_RESTING ? CACHE_PASS_RESTING : CACHE_PASS_HELD;
	flush_from = shared_load_u32(&server->flush_from);
	if (flush_from && bpf_ktime_get_ns() >> CACHE_DEADLINE_SHIFT >= flush_from)
		return CACHE_PASS_DEAD;
	request->server = server;
	return STEP_ON;
}

static __always_inline enum cache_counter find_server(const struct xdp_md *ctx, struct request *request)
{
	const struct packet *packet = &request->packet;
	const struct cache_control *config = request->config;
	const struct served_address *served;
	__u32 slot = cache_address_slot(packet->local_be, packet->local_port_be, config->address_seed,
					CACHE_ADDRESSES_MAX);

	served = &config->address[slot & (CACHE_ADDRESSES_MAX - 1)];
	if (!is_address(served, packet) || packet->to_group)
		return CACHE_PASS_NOT_SERVED;
	if (is_loopback(packet, packet->local_be) && ctx->ingress_ifindex != LOOPBACK_IFINDEX)
		return CACHE_PASS_NOT_SERVED;
	request->server_index = served->server;
	return check_server(request);
}

/* Addresses that no host has for its own: never answered. */
static __always_inline int is_no_host(const struct packet *packet)
{
	__u32 last = bpf_ntohl(packet->remote_be[3]);

	if (!packet->is_ipv6)
		return last >> 24 == 0 || last >> 28 == 14 || last == 0xffffffffu;
	return (packet->remote_be[0] & bpf_htonl(0xff000000u)) == bpf_htonl(0xff000000u) ||
	       !(packet->remote_be[0] | packet->remote_be[1] | packet->remote_be[2] | packet->remote_be[3]) ||
	       is_ipv4_mapped(packet->remote_be);
}

/* A port that is served could answer the answer. */
static __always_inline int is_served_port(const struct cache_control *config, __u16 port)
{
	__u32 i;

	for (i = 0; i < CACHE_PORTS_MAX; i++) {
		if (!config->port[i].used)
			return 0;
		if (config->port[i].port == port)
			return 1;
	}
	return 0;
}

static __always_inline int is_same_host(const struct packet *packet)
{
	return packet->remote_be[3] == packet->local_be[3] && packet->remote_be[2] == packet->local_be[2] &&
	       packet->remote_be[1] == packet->local_be[1] && packet->remote_be[0] == packet->local_be[0];
}

static __always_inline enum cache_counter admit_source(const struct xdp_md *ctx, const struct request *request)
{
	const struct packet *packet = &request->packet;
	struct allowed_prefix prefix;
	__u32 i;

	if (packet->from_group || is_no_host(packet) || !packet->remote_port_be ||
	    is_served_port(request->config, bpf_ntohs(packet->remote_port_be)))
		return CACHE_PASS_NOT_ALLOWED;
	if ((is_same_host(packet) || is_loopback(packet, packet->remote_be)) &&
	    ctx->ingress_ifindex != LOOPBACK_IFINDEX)
		return CACHE_PASS_NOT_ALLOWED;
	if (!request->config->allow_list)
		return STEP_ON;
	prefix.bits = ALLOWED_BITS_MAX;
	for (i = 0; i < 4; i++)
		prefix.addr_be[i] = packet->remote_be[i];
	return bpf_map_lookup_elem(&allowed, &prefix) ? STEP_ON : CACHE_PASS_NOT_ALLOWED;
}

/* The last thing asked before a reply is made: it takes the reply from its source's budget. */
static __noinline enum cache_counter take_budget(const struct source_address *source, __u32 per_second, __u64 now_ns)
{
	struct source_budget *budget, fresh = {};

	budget = bpf_map_lookup_elem(&sources, source);
	if (!budget) {
		bpf_map_update_elem(&sources, source, &fresh, BPF_NOEXIST);
		budget = bpf_map_lookup_elem(&sources, source);
	}
	return budget && source_budget_take(budget, per_second, now_ns) ? STEP_ON : CACHE_PASS_RATE;
}

#endif
