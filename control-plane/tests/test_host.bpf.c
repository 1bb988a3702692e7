// SPDX-License-Identifier: GPL-2.0-only
// The main object of the attachment tests: counters at TC egress and at a cgroup's hooks.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u64);
} per_socket SEC(".maps");

const volatile __u32 version;

static __always_inline void count(__u32 key)
{
	__u64 *counter = bpf_map_lookup_elem(&counts, &key);

	if (counter)
		__sync_fetch_and_add(counter, 1);
}

SEC("tc")
int count_egress(struct __sk_buff *skb)
{
	/* The kernel sends of its own accord too: neighbour discovery. */
	if (skb->protocol == bpf_htons(0x88b5))
		count(version);
	return TC_ACT_UNSPEC;
}

SEC("cgroup_skb/ingress")
int count_cgroup(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (sk)
		bpf_sk_storage_get(&per_socket, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	count(version);
	return 1;
}

SEC("cgroup/sock_release")
int count_release(struct bpf_sock *sk)
{
	count(7);
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
