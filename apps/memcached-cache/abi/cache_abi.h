/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Memory shared between the cache's BPF programs and bmcd: the one definition of each type.
 * Included by *.bpf.c, by the C++ daemon, by tests and by the simulator. Includes nothing of ours.
 *
 * Who writes what is said at each field. All integers are host-endian unless the name ends in _be.
 * Times are CLOCK_MONOTONIC. docs/coherence.md has the argument why an answer is never stale.
 */
#ifndef BMC_CACHE_ABI_H
#define BMC_CACHE_ABI_H

#include <linux/types.h>

#ifdef __cplusplus
#define CACHE_ABI_ASSERT(condition, text) static_assert(condition, text)
#else
#define CACHE_ABI_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* Raised with every change of a layout below; pinned maps of another version are not adopted. */
#define CACHE_ABI_VERSION 6u

/* ---- Limits: each once, with its sum ---------------------------------------------------- */

#define CACHE_KEY_MAX 250u          /* memcached's KEY_MAX_LENGTH */
#define CACHE_UDP_HEADER 8u         /* memcached's UDP frame header: id, seq, total, reserved */
#define CACHE_REPLY_MAX 1400u       /* UDP payload memcached sends in one datagram, frame header included */
#define CACHE_END_BYTES 5u          /* "END\r\n" */
#define CACHE_TEXT_MAX (CACHE_REPLY_MAX - CACHE_UDP_HEADER - CACHE_END_BYTES) /* 1387 */
#define CACHE_SERVERS_MAX 8u        /* memcached processes on one host */
#define CACHE_ADDRESSES_MAX 64u     /* slots of the served-address table; a power of two */
#define CACHE_PORTS_MAX 16u         /* local ports watched */
#define CACHE_INTERFACES_MAX 16u    /* served interfaces */
#define CACHE_MULTIGET_MAX 32u      /* keys of one get answered from the kernel */
#define CACHE_REQUEST_MAX 1400u     /* payload of a request the XDP program looks at */

/* ---- Guards ------------------------------------------------------------------------------
 * A guard word: generation (44 bits) << 20 | writes in flight (20 bits).
 * A write that arrives adds GUARD_ARRIVE (one atomic add raises both); the release takes one
 * in-flight away by compare-and-swap and never below zero. The generation only grows.
 */
#define GUARD_FLIGHT_BITS 20u
#define GUARD_FLIGHT_MASK ((1ull << GUARD_FLIGHT_BITS) - 1)
#define GUARD_ARRIVE ((1ull << GUARD_FLIGHT_BITS) + 1)
#define GUARD_GENERATION(word) ((word) >> GUARD_FLIGHT_BITS)
#define GUARD_IN_FLIGHT(word) ((word) & GUARD_FLIGHT_MASK)

/* One slot of the guard array, shared by all keys whose hash falls on it. */
struct guard {
	__u64 word;            /* atomic; writers: cgroup ingress (arrive), cgroup egress/release (release) */
	__u64 last_release_ns; /* atomic max; written before the release takes its in-flight away */
};
CACHE_ABI_ASSERT(sizeof(struct guard) == 16, "guard");

/* What memcached's last seen successful write told of a key's expiry (same index as its guard). */
struct ttl_hint {
	__u64 sequence;   /* odd: being written. Writer: cgroup egress (claims by compare-and-swap) */
	__u64 key_hash;   /* all 64 bits */
	__u64 stamp;      /* guard + global generation right after that write arrived: valid only while current */
	__u32 deadline;   /* CACHE_DEADLINE units */
	__u32 reserved;
};
CACHE_ABI_ASSERT(sizeof(struct ttl_hint) == 32, "ttl_hint");

/* ---- Epochs, stamps and deadlines ---------------------------------------------------------
 * epoch = generation of the server's global guard. stamp = epoch + generation of the key's guard.
 * Both generations only grow, so the sum is unchanged exactly when both are: one number says "no write
 * since". A lease bears both; an entry bears the epoch, for a write of its own key empties its way.
 */
#define CACHE_EPOCH_BITS 48u
#define CACHE_EPOCH_MASK ((1ull << CACHE_EPOCH_BITS) - 1)

/* Deadlines are in units of 2^26 ns (67.1 ms) of CLOCK_MONOTONIC, rounded down: 32 bits last 9 years. */
#define CACHE_DEADLINE_SHIFT 26u
#define CACHE_DEADLINE_UNKNOWN 0u          /* TTL not known yet: never served */
#define CACHE_DEADLINE_NEVER 0xffffffffu

/* ---- Store: index -> log -----------------------------------------------------------------
 * The log is CACHE_SEGMENT_BYTES-sized segments filled one after another; a segment is recycled
 * as a whole: half a segment is empty on average, and at the end of each one less than CACHE_ENTRY_MAX. An
 * entry never moves and, but for its deadline, never changes while its segment's generation lasts.
 */
#define CACHE_SEGMENT_SHIFT 18u
#define CACHE_SEGMENT_BYTES (1u << CACHE_SEGMENT_SHIFT)
#define CACHE_ENTRY_ALIGN_SHIFT 3u
#define CACHE_ENTRY_MAX 1416u /* 16 header + 1387 text, rounded up to 8, + 8 spare */
#define CACHE_BUCKET_WAYS 7u

/*
 * Entry: 16 bytes, then `text_len` bytes "VALUE <key> <flags> <bytes>\r\n<data>\r\n", ready to copy.
 * The key stands at text + 6.
 */
struct entry {
	__u64 epoch_key;   /* epoch of its lease (48) | key length (8) << 48 | server (8) << 56; immutable */
	__u32 deadline;    /* writer: fill, or bmcd once while it holds the segment (UNKNOWN -> known) */
	__u16 text_len;    /* immutable */
	__u16 text_sum;    /* folded one's complement sum of the text, odd length padded with 0; immutable */
};
CACHE_ABI_ASSERT(sizeof(struct entry) == 16, "entry");

/*
 * Way word: valid(1) << 63 | pending(1) << 62 | tag(10) << 52 | segment generation, low 21 bits << 31
 *           | segment(16) << 15 | offset in 8-byte units(15). Zero: empty.
 * A fill publishes its way pending, looks once more whether a write has arrived since its lease, and only
 * then makes it valid. Readers see valid ways alone; a write empties both kinds (store/way_kill.h).
 */
#define WAY_VALID (1ull << 63)
#define WAY_PENDING (1ull << 62)
#define WAY_TAG_SHIFT 52u
#define WAY_TAG_BITS 10u
#define WAY_TAG_MASK ((1ull << WAY_TAG_BITS) - 1)
#define WAY_GENERATION_SHIFT 31u
#define WAY_GENERATION_BITS 21u
#define WAY_GENERATION_MASK ((1ull << WAY_GENERATION_BITS) - 1)
#define WAY_SEGMENT_SHIFT 15u
#define WAY_SEGMENT_BITS 16u
#define WAY_SEGMENT_MASK ((1ull << WAY_SEGMENT_BITS) - 1)
#define WAY_OFFSET_MASK ((1ull << WAY_SEGMENT_SHIFT) - 1)

/* One cache line. Writers of a way: fill (compare-and-swap), write (exchange for 0). Readers check the
 * segment generation. */
struct bucket {
	__u64 way[CACHE_BUCKET_WAYS];
	__u8 passed[CACHE_BUCKET_WAYS]; /* tick of the last keep-alive, see cache_keepalive_due(); races harmless */
	__u8 hand;                      /* next victim; fill, races harmless */
};
CACHE_ABI_ASSERT(sizeof(struct bucket) == 64, "bucket is one cache line");

/*
 * One per log segment. Pin protocol (F = fill or bmcd, R = recycler):
 *   F: writers++ (atomic, full barrier); then verify that the segment is still the current one
 *      (fill) or still of the generation it knows (bmcd); write; writers--.
 *   R: generation++ (atomic, full barrier); then verify writers == 0, else give up; used = 0; current = it.
 * So no byte is overwritten while somebody may write there, and every reader that copies while a
 * segment is recycled sees another generation after its copy.
 */
struct segment {
	__u64 generation; /* atomic; writer: recycler */
	__u32 writers;    /* atomic */
	__u32 used;       /* bytes allocated, may run past the end; atomic; writers: fill, recycler */
};
CACHE_ABI_ASSERT(sizeof(struct segment) == 16, "segment");

struct log_state {
	__u32 current;   /* segment being filled; writer: the recycler that won `advancing` */
	__u32 advancing; /* try-lock: 0 or 1, compare-and-swap */
	__u64 recycled;  /* segments recycled since the start; atomic */
};
CACHE_ABI_ASSERT(sizeof(struct log_state) == 16, "log_state");

/* ---- Leases ------------------------------------------------------------------------------
 * One slot per hash of {server, client address, client port, request id}. cgroup ingress records
 * EVERY UDP datagram for a watched port here, so that a reply is never taken for another request's.
 */
#define LEASE_BUSY 1ull /* tag value: somebody owns the slot's fields */

struct lease {
	__u64 tag;           /* 0 empty, LEASE_BUSY, else identity hash | 2; atomic */
	__u64 key_hash;      /* 0: a datagram that may not fill */
	__u64 stamp;         /* guard + global generation when the GET arrived */
	__u64 epoch;         /* the global generation alone */
	__u64 arrival_ns;
	/* Written only by who owns the fields, as the five above. */
	__u64 unanswered_ns; /* arrival of the latest datagram forgotten here unanswered */
	__u64 unanswered;    /* a bit for the identity of each that may still be answered, see lease_bit() */
	__u64 contended_ns;  /* atomic max: arrival of the latest datagram that found the slot busy */
};
CACHE_ABI_ASSERT(sizeof(struct lease) == 64, "lease is one cache line");

/* ---- Sketch ------------------------------------------------------------------------------
 * How often keys were asked for lately, of a sample of the gets: store/sketch.h has the rules. One cache line.
 */
#define SKETCH_SLOTS 21u
#define SKETCH_COUNT_MAX 255u

struct sketch_block {
	__u16 tag[SKETCH_SLOTS];  /* writer: XDP, races harmless */
	__u8 count[SKETCH_SLOTS]; /* 0: empty; writers: XDP, and bmcd, which halves them; races harmless */
	__u8 reserved;
};
CACHE_ABI_ASSERT(sizeof(struct sketch_block) == 64, "sketch_block is one cache line");

/* ---- Servers and addresses ---------------------------------------------------------------- */

/* Why a server's entries may not be served now: any bit set means pass and do not lease. */
#define SERVER_BOOT_HOLD 1u  /* bytes from before the attach may still be unread; writer: bmcd */
#define SERVER_DOWN 2u       /* its socket was closed; set by the release program, cleared by bmcd */
#define SERVER_REFUSED 4u    /* TLS, SASL, auth file...; writer: bmcd */
#define SERVER_RESTING 8u    /* not worth watching: none of its packets is looked at; writer: bmcd,
			      * never without SERVER_BOOT_HOLD, which outlasts it until all of that is executed */
#define SERVER_FLUSH_UNSEEN 16u /* commands went by unread, and one may have been a flush_all that acts later;
				 * set by programs and bmcd, cleared by bmcd before it asks memcached */
#define SERVER_FLUSH_ASKED 32u  /* bmcd waits for that answer; writer: bmcd */

/* One memcached process. Two cache lines: what every hit reads, and what writes touch. */
struct server_state {
	/* read by every hit */
	__u64 global;          /* guard word of the global guard; atomic, as struct guard.word */
	__u32 hold;            /* SERVER_* bits; atomic or/and */
	__u32 deadline_cap;    /* max_staleness in CACHE_DEADLINE units; 0: no cap; writer: bmcd */
	/* Delayed flush_all, in CACHE_DEADLINE units; both change together, by one 64-bit compare-and-swap
	 * at flush_to's address (raised when the command's reply leaves, cleared by the sweep). */
	__u32 flush_to;        /* by here every delayed flush_all has acted; 0 none */
	__u32 flush_from;      /* one may act from here on: nothing is served; 0 none */
	__u64 hash_seed;       /* writer: bmcd, before the server is first served */
	__u64 global_release_ns; /* as struct guard.last_release_ns */
	__u32 untracked;       /* holds of the global guard without an owner's record; atomic; released by the sweep */
	__u32 udp_writes;      /* entries in map udp_writes; atomic */
	__u64 closed_ns;       /* atomic max: when the release program last saw one of its sockets closed; 0 never */
	__u64 reserved0;
	/* clock and barrier; writer: bmcd */
	__u64 clock_floor_s;   /* second of CLOCK_MONOTONIC that memcached's own clock was seen to have reached; 0 unknown */
	__s64 wall_to_mono_s;  /* add to an absolute exptime for a second of CLOCK_MONOTONIC */
	__u64 barrier_done_ns; /* every UDP datagram that arrived before this is answered or gone */
	__u64 reserved1[5];
};
CACHE_ABI_ASSERT(sizeof(struct server_state) == 128, "server_state");

/* Served address: direct-mapped by address_slot(); bmcd picks `address_seed` so that none collide. */
struct served_address {
	__u32 addr_be[4]; /* IPv4 as ::ffff:a.b.c.d */
	__u16 port_be;
	__u8 server;      /* index into servers */
	__u8 used;        /* 0: empty */
};
CACHE_ABI_ASSERT(sizeof(struct served_address) == 20, "served_address");

struct watched_port {
	__u16 port;  /* host order */
	__u8 server;
	__u8 used;
};
CACHE_ABI_ASSERT(sizeof(struct watched_port) == 4, "watched_port");

/* ---- Control word: bmcd -> programs -------------------------------------------------------- */

enum cache_mode { CACHE_MODE_BYPASS = 0, CACHE_MODE_SHADOW = 1, CACHE_MODE_SERVE = 2 };

/* Map `control`, one element, mmapable. Zeroed memory means: everything passes. Writer: bmcd. */
struct cache_control {
	__u32 abi_version;
	__u32 mode;              /* enum cache_mode */
	__u64 heartbeat_ns;      /* programs pass once this is older than heartbeat_limit_ns */
	__u64 heartbeat_limit_ns;
	__u32 bucket_count;
	__u32 segment_count;
	__u32 guard_mask;        /* guards - 1 */
	__u32 lease_mask;        /* leases - 1 */
	__u32 address_seed;
	__u16 keepalive_shift;   /* a tick of bucket.passed is 2^shift ns */
	__u16 keepalive_ticks;   /* revalidate_after, or longer, in ticks, 2^7 at most; 0: off */
	__u32 sample_one_of;     /* one get of so many is counted in the sketch; 0: none */
	__u32 admit_from;        /* a key is stored from this count in the sketch on; 0: every key */
	__u32 rate_limit_pps;    /* replies a second to one source; 0: no limit */
	__u32 allow_list;        /* 1: only sources in map `allowed` are answered */
	__u64 netns_cookie;      /* 0: not known on this kernel; then ports alone decide */
	__u32 sketch_blocks;     /* elements of map `sketch` */
	__u32 sample_keys_one_of; /* one of so many samples goes to bmcd with its key; 0: none */
	__u32 interface[CACHE_INTERFACES_MAX]; /* ifindex of each served interface; 0 ends the list */
	struct watched_port port[CACHE_PORTS_MAX]; /* the first unused one ends the list */
	struct served_address address[CACHE_ADDRESSES_MAX];
};
CACHE_ABI_ASSERT(sizeof(struct cache_control) == 80 + CACHE_INTERFACES_MAX * 4 + CACHE_PORTS_MAX * 4 + CACHE_ADDRESSES_MAX * 20, "cache_control");

/* ---- Counters ------------------------------------------------------------------------------
 * Every way out of every program, by name. Map `counters` is per CPU, one __u64 each.
 */
#define CACHE_COUNTERS(X) \
	/* XDP: answered */ \
	X(TX_HIT, "xdp", "tx", "hit", "answered from the cache") \
	/* XDP: passed */ \
	X(PASS_NOT_IP, "xdp", "pass", "not_ip", "neither IPv4 nor IPv6, or two VLAN tags") \
	X(PASS_IP_OPTIONS, "xdp", "pass", "ip_options", "IPv4 options or IPv6 extension headers") \
	X(PASS_FRAGMENT, "xdp", "pass", "fragment", "IP fragment") \
	X(PASS_NOT_UDP, "xdp", "pass", "not_udp", "another transport") \
	X(PASS_NOT_SERVED, "xdp", "pass", "not_served", "address or port not served") \
	X(PASS_SHORT, "xdp", "pass", "short", "a length field and the frame disagree, or too short") \
	X(PASS_FRAME, "xdp", "pass", "frame", "memcached's UDP header: sequence or total") \
	X(PASS_NOT_GET, "xdp", "pass", "not_get", "another command") \
	X(PASS_MALFORMED, "xdp", "pass", "malformed", "a get whose form is memcached's to judge") \
	X(PASS_CHECKSUM, "xdp", "pass", "checksum", "UDP checksum does not match") \
	X(PASS_MISS, "xdp", "pass", "miss", "a key is not in the cache") \
	X(PASS_DEAD, "xdp", "pass", "dead", "written, flushed or not yet with a known expiry") \
	X(PASS_EXPIRED, "xdp", "pass", "expired", "deadline reached") \
	X(PASS_TORN, "xdp", "pass", "torn", "entry recycled while it was copied; request restored") \
	X(PASS_TOO_LARGE, "xdp", "pass", "too_large", "reply would not fit one datagram") \
	X(PASS_KEEPALIVE, "xdp", "pass", "keepalive", "a hit shown to memcached to keep its LRU warm") \
	X(PASS_SHADOW, "xdp", "pass", "shadow", "would have been a hit; shadow mode") \
	X(PASS_BYPASS, "xdp", "pass", "bypass", "bypass mode") \
	X(PASS_NO_HEARTBEAT, "xdp", "pass", "no_heartbeat", "bmcd is gone") \
	X(PASS_HELD, "xdp", "pass", "held", "server starting, down or refused") \
	X(PASS_RESTING, "xdp", "pass", "resting", "too little could be answered for its server to be watched") \
	X(PASS_NOT_ALLOWED, "xdp", "pass", "not_allowed", "source outside the allow-list") \
	X(PASS_RATE, "xdp", "pass", "rate", "source over its rate") \
	X(PASS_NO_ROOM, "xdp", "pass", "no_room", "the frame could not be grown") \
	/* cgroup ingress: writes and leases */ \
	X(WRITE_KEY, "ingress", "write", "key", "a write raised its key's guard") \
	X(WRITE_GLOBAL, "ingress", "write", "global", "flush_all, unknown verb: the global guard") \
	X(WRITE_UNFINISHED, "ingress", "write", "unfinished", "a UDP value without its end: held until memcached restarts") \
	X(LEASE_GRANTED, "ingress", "lease", "granted", "a UDP get may fill") \
	X(LEASE_IN_FLIGHT, "ingress", "lease", "in_flight", "refused: a write is in flight") \
	X(LEASE_HELD, "ingress", "lease", "held", "refused: the server or the global guard is held") \
	X(LEASE_AMBIGUOUS, "ingress", "lease", "ambiguous", "refused: an older datagram here is unanswered") \
	X(LEASE_NOT_GET, "ingress", "lease", "not_get", "another datagram") \
	X(LEASE_BUSY_SLOT, "ingress", "lease", "busy", "refused: slot in use by another CPU") \
	X(LEASE_COLD, "ingress", "lease", "cold", "refused: the key is asked for too seldom") \
	X(TCP_RETRANSMITTED, "ingress", "tcp", "retransmitted", "segment with nothing new") \
	X(TCP_OUT_OF_ORDER, "ingress", "tcp", "out_of_order", "segment kept aside") \
	X(STAGE_OK, "ingress", "stage", "ok", "a write's value is in the log until STORED leaves") \
	X(STAGE_BESIDE, "ingress", "stage", "beside", "not staged: another write is in flight, or the connection was lost once") \
	X(STAGE_SHAPE, "ingress", "stage", "shape", "not staged: not whole in one segment, or not as memcached would write it") \
	X(STAGE_EXPIRY, "ingress", "stage", "expiry", "not staged: expiry not known, or over") \
	X(STAGE_HELD, "ingress", "stage", "held", "not staged: the server is held") \
	X(STAGE_COLD, "ingress", "stage", "cold", "not staged: the key is asked for too seldom") \
	X(STAGE_NO_SPACE, "ingress", "stage", "no_space", "not staged: log could not advance") \
	X(LOST_OVERFLOW, "ingress", "lost", "side_buffer", "position lost: no room for early segments") \
	X(LOST_MISSED, "ingress", "lost", "missed", "position lost: bytes went by unseen") \
	X(LOST_GRAMMAR, "ingress", "lost", "grammar", "position lost: a line whose extent is memcached's to judge") \
	X(LOST_CONTENDED, "ingress", "lost", "contended", "position lost: two CPUs on one connection") \
	X(LOST_REPLY, "egress", "lost", "reply", "position lost: a reply did not fit its request") \
	X(LOST_RING, "ingress", "lost", "pipeline", "more requests in flight than are kept track of") \
	X(LOST_OLD, "ingress", "lost", "older", "connection older than bmcd") \
	X(LOST_UNTRACKED, "ingress", "lost", "untracked", "no room for the connection's state") \
	X(IN_STEP, "egress", "tcp", "in_step", "a lost connection is in step again") \
	/* releases and fills */ \
	X(RELEASE_REPLY, "egress", "release", "reply", "write's reply left") \
	X(PUBLISH_OK, "egress", "publish", "ok", "STORED leaves: what was staged may be a hit") \
	X(PUBLISH_NOT_STORED, "egress", "publish", "not_stored", "another reply: what was staged is forgotten") \
	X(PUBLISH_MOVED, "egress", "publish", "moved", "forgotten: another write arrived, or the server is held") \
	X(PUBLISH_RECYCLED, "egress", "publish", "recycled", "forgotten: the log came around meanwhile") \
	X(PUBLISH_CONTENDED, "egress", "publish", "contended", "forgotten: another CPU took the way") \
	X(RELEASE_CLOSE, "release", "release", "close", "connection closed with writes in flight") \
	X(RELEASE_SWEEP, "sweep", "release", "sweep", "released by bmcd's audit") \
	X(SERVER_CLOSED, "release", "server", "closed", "a server socket was closed") \
	X(FILL_OK, "tc", "fill", "ok", "entry stored") \
	X(FILL_NO_LEASE, "tc", "refuse", "no_lease", "no lease for this reply") \
	X(FILL_MOVED, "tc", "refuse", "moved", "a write arrived since") \
	X(FILL_SHAPE, "tc", "refuse", "shape", "not one whole VALUE reply in one datagram") \
	X(FILL_MISS, "tc", "refuse", "miss", "memcached missed too") \
	X(FILL_NO_SPACE, "tc", "refuse", "no_space", "log could not advance") \
	X(FILL_CONTENDED, "tc", "refuse", "contended", "another CPU took the way") \
	X(COMPARE_EQUAL, "tc", "compare", "equal", "memcached's reply equals the entry") \
	X(COMPARE_MISMATCH, "tc", "compare", "mismatch", "it differs: entry killed") \
	X(EVENT_LOST, "tc", "event", "lost", "no room for a TTL request to bmcd") \
	/* beside the way out of a get */ \
	X(SAMPLE_TAKEN, "sample", "sample", "taken", "keys of gets counted in the sketch") \
	X(SAMPLE_LOST, "sample", "sample", "lost", "no room for a key on its way to bmcd")

enum cache_counter {
#define CACHE_COUNTER_ENUM(name, where, verdict, reason, text) CACHE_##name,
	CACHE_COUNTERS(CACHE_COUNTER_ENUM)
#undef CACHE_COUNTER_ENUM
	CACHE_COUNTER_COUNT
};

/* Log2 histogram of the miss path (lease taken -> reply leaves), nanoseconds; per CPU. */
#define CACHE_HISTOGRAM_BUCKETS 40u

/* ---- Events: programs -> bmcd (ring buffer `events`) --------------------------------------- */

enum cache_event_kind {
	CACHE_EVENT_TTL = 1,    /* a filled entry waits for its expiry */
	CACHE_EVENT_OUT_OF_STEP = 2, /* a connection's position was lost */
	CACHE_EVENT_CLOSED = 3, /* a server socket was closed */
	CACHE_EVENT_MISMATCH = 4,
	CACHE_EVENT_FLUSH_UNSEEN = 5, /* SERVER_FLUSH_UNSEEN was set */
};

struct cache_event {
	__u8 kind;
	__u8 server;
	__u8 key_len;
	__u8 reserved;
	__u32 reason;      /* OUT_OF_STEP: enum cache_counter; else 0 */
	__u64 way;         /* TTL: the way word of the entry */
	__u64 stamp;       /* TTL: of the lease that filled the entry */
	__u64 key_hash;    /* TTL, MISMATCH */
	__u64 connection;  /* OUT_OF_STEP: socket cookie */
	__u8 key[CACHE_KEY_MAX + 6];
};
CACHE_ABI_ASSERT(sizeof(struct cache_event) == 40 + 256, "cache_event");

/* ---- Samples: XDP -> bmcd (ring buffer `samples`), for `bmcctl top` -------------------------- */

struct cache_sample {
	__u64 key_hash;
	__u8 server;
	__u8 key_len;
	__u8 hit;         /* 1: answered from the cache; of a get of many: found there */
	__u8 reserved[5];
	__u8 key[CACHE_KEY_MAX + 6];
};
CACHE_ABI_ASSERT(sizeof(struct cache_sample) == 16 + 256, "cache_sample");

#endif
