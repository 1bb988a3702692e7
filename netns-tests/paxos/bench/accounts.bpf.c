// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who uses the kernel: system calls by process, and to whom the network's work belongs, which Linux accounts to
 * whatever process it interrupts (on a veth: the sender's). Loaded by accounts.cc.
 */
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

#define READ_FROM_KERNEL __attribute__((preserve_access_index))

struct ns_common {
	unsigned int inum;
} READ_FROM_KERNEL;
struct net {
	struct ns_common ns;
} READ_FROM_KERNEL;
typedef struct {
	struct net *net;
} READ_FROM_KERNEL possible_net_t;
struct net_device {
	int ifindex;
	possible_net_t nd_net;
} READ_FROM_KERNEL;
struct napi_struct {
	struct net_device *dev;
} READ_FROM_KERNEL;

struct device {
	__u32 netns; /* inode */
	__u32 ifindex;
};

struct account {
	__u64 system_calls;
	__u64 softirq_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32); /* process */
	__type(value, struct account);
} processes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct device);
	__type(value, __u64); /* ns of NAPI */
} devices SEC(".maps");

/* Of the softirq that runs on this processor. */
struct running {
	__u64 begin_ns; /* 0: none */
	__u64 poll_ns;  /* since when NAPI polls the device that it will name next */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct running);
} softirq SEC(".maps");

static struct running *running(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&softirq, &zero);
}

static struct account *own_account(void)
{
	__u32 process = (__u32)(bpf_get_current_pid_tgid() >> 32);
	struct account *account = bpf_map_lookup_elem(&processes, &process), empty = {};

	if (account)
		return account;
	bpf_map_update_elem(&processes, &process, &empty, BPF_NOEXIST);
	return bpf_map_lookup_elem(&processes, &process);
}

SEC("tp_btf/sys_enter")
int BPF_PROG(count_system_call)
{
	struct account *account = own_account();

	if (account)
		__sync_fetch_and_add(&account->system_calls, 1);
	return 0;
}

SEC("tp_btf/softirq_entry")
int BPF_PROG(begin_softirq)
{
	struct running *now = running();

	if (now)
		now->begin_ns = now->poll_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(end_softirq)
{
	struct running *now = running();
	struct account *account;

	if (!now || !now->begin_ns)
		return 0;
	account = own_account();
	if (account)
		__sync_fetch_and_add(&account->softirq_ns, bpf_ktime_get_ns() - now->begin_ns);
	now->begin_ns = 0;
	return 0;
}

/* After each poll of a device. */
SEC("tp_btf/napi_poll")
int BPF_PROG(count_poll, struct napi_struct *napi)
{
	struct running *now = running();
	struct device key = {};
	__u64 ns, at, *sum;

	if (!now || !now->begin_ns || !napi->dev)
		return 0;
	at = bpf_ktime_get_ns();
	ns = at - now->poll_ns;
	now->poll_ns = at;
	key.netns = BPF_CORE_READ(napi, dev, nd_net.net, ns.inum);
	key.ifindex = (__u32)BPF_CORE_READ(napi, dev, ifindex);
	sum = bpf_map_lookup_elem(&devices, &key);
	if (sum)
		__sync_fetch_and_add(sum, ns);
	else
		bpf_map_update_elem(&devices, &key, &ns, BPF_NOEXIST);
	return 0;
}
