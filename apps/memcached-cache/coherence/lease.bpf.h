/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Leases: which UDP reply may fill the cache. cgroup ingress records every UDP datagram for a watched
 * port (lease_record), TC egress takes the lease of a reply (lease_take), cgroup egress forgets those
 * that leave by interfaces without the fill program (lease_forget). Compiles natively too, for the
 * stress test and the simulator: all take a pointer to the slot, none calls a helper.
 *
 * Why a fill under a lease is never stale
 * ---------------------------------------
 * A reply is matched to its request only by {server, client address, client port, request id}, and
 * nothing keeps a client from using one id twice. So what has to be shown is: a reply that takes a
 * lease L carries a value that memcached read after the last write that was released before L was
 * granted (in_flight was 0 then, and the stamp shows any write that arrived after).
 *
 *  (1) If memcached read the value after L's stamp was read, it is current: no write was in flight at
 *      that moment, and one that arrived later moves the stamp. This holds for the very datagram L was
 *      granted to, and for every datagram of the same identity delivered after it.
 *  (2) So only an OLDER datagram O of the same identity can do harm: O delivered before L's stamp was
 *      read, its reply not yet gone by, and a write released between O's arrival and L's.
 *  (3) O, when it was delivered, had been recorded in this slot, or had failed to claim it. Since
 *      then the slot's memory of O can only have gone in one of these ways:
 *      (a) another datagram claimed the slot while O's tag stood there: O was written to
 *          `unanswered_ns`, and its identity's bit to `unanswered`, which loses the others' bits only
 *          when all of them are behind the barrier. That includes the case where this other datagram
 *          is L's own.
 *      (b) O failed to claim it: O itself wrote its arrival to `contended_ns`, before it was
 *          delivered. If L did not see that yet, then L's stamp was read before O was delivered: (1).
 *      (c) a reply consumed O's tag: the only datagram that answers O, or of a multi-get the one that
 *          ends with END (one thread of memcached sends them all, in order). If O is the only datagram
 *          that it can be an answer to, O is answered. If an older one of the same identity was still
 *          unanswered, the reply may be the older one's and O's still to come: so consuming a tag while
 *          such a one may linger writes O as in (a).
 *      (d) nothing: tags of datagrams of which it is not known how they are answered are never
 *          consumed; they stay until (a).
 *      So at L's grant every unanswered O is no later than `contended_ns`, or no later than
 *      `unanswered_ns` with its bit, which is L's bit, in `unanswered`.
 *  (4) barrier_done_ns says that all that arrived before it is answered or gone. If the last release
 *      is before barrier_done_ns, an O that arrived before that release is gone: no harm. If the times
 *      of (3) are before barrier_done_ns, every O is gone: no harm. Otherwise: refuse.
 *
 * A CPU that finds the slot BUSY waits a moment, for its owner is a few instructions from the end and is
 * not preempted, but never long: a datagram is then (3b), a reply simply does not fill,
 * and its tag, if its owner was about to replace it, is (3a).
 */
#ifndef BMC_LEASE_BPF_H
#define BMC_LEASE_BPF_H

#include "apps/memcached-cache/abi/cache_abi.h"
#include "apps/memcached-cache/abi/cache_hash.h"
#include "xdp/lib/shared_atomic.h"

/* What the recorded datagram is. When in doubt LEASE_WISH_NONE: it is the careful one. */
enum lease_wish {
	LEASE_WISH_NONE = 0, /* anything: several reply datagrams, or none, may follow */
	/* May not fill, but is one whole command, and its answer, if numbered 0 of 1, is one datagram: a get
	 * of one key that was refused a lease, a `set`. */
	LEASE_WISH_ONE_REPLY = 1,
	/* A get of several keys. memcached 1.6 answers with a datagram for each, all numbered 0 of 1 (or empty
	 * and 0 of 0 for missing ones); the last one ends with END, and looks like that to a get of one key. */
	LEASE_WISH_LIST = 2,
	LEASE_WISH_FILL = 3, /* a get of one key and nothing else, nothing in flight: wants to fill */
};

enum lease_result {
	LEASE_RECORD_GRANTED = 0,   /* the reply may fill */
	LEASE_RECORD_PLAIN = 1,     /* recorded; a fill was not wished */
	LEASE_RECORD_AMBIGUOUS = 2, /* wished, refused: an older datagram here may still be answered */
	LEASE_RECORD_BUSY = 3,      /* another CPU owns the slot; remembered as unanswered */
};

#define LEASE_TRIES 32

struct lease_identity {
	__u64 tag;  /* never 0 or LEASE_BUSY */
	__u32 slot; /* index into map `leases` */
	__u32 reserved;
};

/*
 * addr: IPv4 as ::ffff:a.b.c.d. Addresses, port and request id are big-endian, as on the wire;
 * lease_mask is control.lease_mask, seed the server's hash_seed.
 */
static __always_inline struct lease_identity lease_identify(__u32 server, const __u32 addr_be[4], __u16 port_be,
							    __u16 request_id_be, __u64 seed, __u32 lease_mask)
{
	__u64 hash = cache_hash_word(seed, ((__u64)addr_be[0] << 32) | addr_be[1]);
	struct lease_identity identity = {};

	hash = cache_hash_word(hash, ((__u64)addr_be[2] << 32) | addr_be[3]);
	hash = cache_hash_word(hash, ((__u64)server << 32) | ((__u32)port_be << 16) | request_id_be);
	hash = cache_hash_finish(hash, 0);
	identity.tag = hash | 2;
	identity.slot = (__u32)(hash >> 32) & lease_mask;
	return identity;
}

/*
 * Records a datagram that is about to be delivered. arrival_ns: bpf_ktime_get_ns(), read before.
 * The next three only matter for LEASE_WISH_FILL and must have been read in this order: first the
 * guard's and the global word (both with nothing in flight; their generations make the stamp), then
 * last_release_ns, the later of the guard's and the server's global_release_ns, then barrier_done_ns.
 * Whatever changes values without a reply (a delayed flush that acts, a bump) is a release as well.
 */
struct lease_request {
	__u64 tag;
	__u64 key_hash; /* of LEASE_WISH_FILL, else 0; never 0 for a fill (then it is treated as ONE_REPLY) */
	__u64 stamp;
	__u64 epoch;
	__u64 last_release_ns;
	__u64 barrier_done_ns;
	__u64 arrival_ns;
	enum lease_wish wish;
};

/* Is a datagram of that time (0: none) perhaps still unanswered? What arrived before the barrier is not. */
static __always_inline int lease_may_linger(__u64 time_ns, __u64 barrier_done_ns)
{
	return time_ns && time_ns >= barrier_done_ns;
}

/* The identity's bit in lease.unanswered. Two may share one: that refuses more, never less. */
static __always_inline __u64 lease_bit(__u64 tag)
{
	return 1ull << ((tag >> 2) & 63);
}

/* May an older datagram of this identity still be answered? */
static __always_inline int lease_older_lingers(const struct lease *lease, __u64 tag, __u64 barrier_done_ns)
{
	if (lease_may_linger(shared_load(&lease->contended_ns), barrier_done_ns))
		return 1;
	return shared_load(&lease->unanswered) & lease_bit(tag) &&
	       lease_may_linger(shared_load(&lease->unanswered_ns), barrier_done_ns);
}

/* (3a) of a datagram. The caller owns the slot. */
static __always_inline void lease_unanswered(struct lease *lease, __u64 tag, __u64 arrival_ns, __u64 barrier_done_ns)
{
	__u64 others = lease_may_linger(lease->unanswered_ns, barrier_done_ns) ? lease->unanswered : 0;

	shared_store(&lease->unanswered, others | lease_bit(tag));
	if (lease->unanswered_ns < arrival_ns)
		shared_store(&lease->unanswered_ns, arrival_ns);
}

/* Takes the slot if its tag is `tag`, or whatever it is. Returns the tag that stood there; LEASE_BUSY: not taken. */
static __always_inline __u64 lease_own(struct lease *lease, __u64 tag, int any)
{
	for (int i = 0; i < LEASE_TRIES; i++) {
		__u64 before = shared_load(&lease->tag);

		if (before == LEASE_BUSY)
			continue;
		if (!any && before != tag)
			break;
		if (shared_swap_if(&lease->tag, before, LEASE_BUSY) == before)
			return before;
	}
	return LEASE_BUSY;
}

static __always_inline enum lease_result lease_record(struct lease *lease, const struct lease_request *request)
{
	__u64 before = lease_own(lease, 0, 1);
	enum lease_result result = LEASE_RECORD_PLAIN;
	__u64 key_hash = 0, stamp = request->wish;

	if (before == LEASE_BUSY) {
		shared_max(&lease->contended_ns, request->arrival_ns);
		return LEASE_RECORD_BUSY;
	}
	if (before)
		lease_unanswered(lease, before, lease->arrival_ns, request->barrier_done_ns);
	if (request->wish == LEASE_WISH_FILL) {
		stamp = LEASE_WISH_ONE_REPLY;
		if (lease_may_linger(request->last_release_ns, request->barrier_done_ns) &&
		    lease_older_lingers(lease, request->tag, request->barrier_done_ns)) {
			result = LEASE_RECORD_AMBIGUOUS;
		} else if (request->key_hash) {
			result = LEASE_RECORD_GRANTED;
			key_hash = request->key_hash;
			stamp = request->stamp;
		}
	}
	lease->key_hash = key_hash;
	lease->stamp = stamp;
	lease->epoch = request->epoch;
	lease->arrival_ns = request->arrival_ns;
	shared_swap(&lease->tag, request->tag);
	return result;
}

/* What lease_take hands out. */
struct lease_taken {
	__u64 key_hash; /* never 0 */
	__u64 stamp;
	__u64 epoch;
	__u64 arrival_ns;
};

/*
 * A reply of that identity left: consumes the tag if it is of a datagram that one reply answers, or the end
 * of a list. While key_hash is 0, lease.stamp is the datagram's enum lease_wish. The caller owns the slot;
 * this ends it.
 */
static __always_inline void do_lease_consume(struct lease *lease, __u64 tag, __u64 barrier_done_ns)
{
	if (!lease->key_hash && lease->stamp != LEASE_WISH_ONE_REPLY) {
		shared_swap(&lease->tag, tag);
		return;
	}
	if (lease_older_lingers(lease, tag, barrier_done_ns))
		lease_unanswered(lease, tag, lease->arrival_ns, barrier_done_ns);
	shared_swap(&lease->tag, 0);
}

/*
 * A reply datagram numbered 0 of 1 leaves: consumes the lease of its request.
 * Returns 1 and fills `taken` if the reply may fill; 0 if not (another request's, in use, or one that
 * may not fill). At most one reply gets a lease. barrier_done_ns: the server's, read before.
 */
static __always_inline int lease_take(struct lease *lease, __u64 tag, __u64 barrier_done_ns, struct lease_taken *taken)
{
	if (lease_own(lease, tag, 0) != tag)
		return 0;
	taken->key_hash = lease->key_hash;
	taken->stamp = lease->stamp;
	taken->epoch = lease->epoch;
	taken->arrival_ns = lease->arrival_ns;
	do_lease_consume(lease, tag, barrier_done_ns);
	return taken->key_hash != 0;
}

/* A reply datagram numbered 0 of 1 leaves where nothing is filled: only consumes. */
static __always_inline void lease_forget(struct lease *lease, __u64 tag, __u64 barrier_done_ns)
{
	if (lease_own(lease, tag, 0) != tag)
		return;
	do_lease_consume(lease, tag, barrier_done_ns);
}

/* Does the identity's datagram await a list? Then the caller looks whether the reply ends one. */
static __always_inline int lease_awaits_list(const struct lease *lease, __u64 tag)
{
	return shared_load(&lease->tag) == tag && !shared_load(&lease->key_hash) &&
	       shared_load(&lease->stamp) == LEASE_WISH_LIST;
}

/*
 * A reply datagram that ends a list is about to leave: it, and no earlier one, consumes the tag. That is
 * left to who sees it last (lease_take or lease_forget): consumed here, it would consume once more there,
 * and by then perhaps the lease of the identity's next get. If an older one lingers, it may be that one's end.
 */
static __always_inline void lease_list_ends(struct lease *lease, __u64 tag, __u64 barrier_done_ns)
{
	if (lease_own(lease, tag, 0) != tag)
		return;
	if (!lease->key_hash && lease->stamp == LEASE_WISH_LIST && !lease_older_lingers(lease, tag, barrier_done_ns))
		lease->stamp = LEASE_WISH_ONE_REPLY;
	shared_swap(&lease->tag, tag);
}

#endif
