/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * State of observed connections and of UDP writes, shared by the cgroup programs, the sweep
 * program and bmcd's audit. Written by the cgroup programs; bmcd only reads and calls the sweep.
 */
#ifndef BMC_CONNECTION_ABI_H
#define BMC_CONNECTION_ABI_H

#include "apps/memcached-cache/abi/cache_abi.h"
#include "apps/memcached-cache/grammar/reply_parser.h"
#include "apps/memcached-cache/grammar/request_parser.h"

#define CONNECTION_RING 64u         /* requests of one connection awaiting their replies; power of two */
#define CONNECTIONS_MAX 65536u      /* 64 Ki x 4 KiB, allocated only as connections come */
#define UDP_WRITES_MAX 16384u
#define CONNECTION_DEFER_MAX 16u    /* replies; see connection.suspect */
#define SIDE_BUFFERS 64u            /* 64 x 64 KiB for segments that arrived early */
#define SIDE_BYTES 65536u
#define SIDE_EXTENTS 16u

/*
 * A request whose reply has not left. Reads of one shape in a row are merged. `count` is atomic:
 * ingress raises it while it is above 0; who takes it to 0 releases the guard and moves head on.
 */
struct pending {
	__u64 key_hash;   /* for the TTL hint; 0 if none */
	__u64 stamp;      /* guard + global generation right after it arrived; 0: another write was about */
	__u64 staged;     /* way to its value in the log, neither pending nor valid; 0: none. Written by ingress only */
	__u32 guard;      /* index, PENDING_NO_GUARD or PENDING_GLOBAL */
	__u32 opaque;     /* binary protocol */
	__u32 deadline;   /* what its success means for the key's expiry; CACHE_DEADLINE_UNKNOWN: not known */
	__u32 count;      /* requests merged into this one; 0: done */
	__u32 flush_from; /* delayed flush_all: as server_state.flush_from; 0 none */
	__u32 flush_delay; /* delayed flush_all: seconds from its reply to when it has acted */
	__u8 verb;
	__u8 shape;       /* of its reply */
	__u16 flags;      /* PENDING_* */
	__u32 answered_at; /* connection.replies when its reply left, of a suspect connection */
};
CACHE_ABI_ASSERT(sizeof(struct pending) == 56, "pending");

#define PENDING_NO_GUARD 0xffffffffu
#define PENDING_GLOBAL 0xfffffffeu

#define PENDING_NOREPLY 1u /* no reply of its own: the next reply on the connection releases it */
#define PENDING_QUIET 2u   /* may or may not be answered */
#define PENDING_PART 4u    /* another key of the request whose last part bears the reply */
#define PENDING_BINARY 8u
#define PENDING_KNOWN 16u  /* the store had an entry of its key */

/* connection.state: flags, and above them a count of losses; changed by compare-and-swap. */
#define CONNECTION_LOST 1u   /* position unknown */
#define CONNECTION_HOLD 2u   /* holds the server's global guard in flight; only while LOST */
#define CONNECTION_CLOSED 4u /* the application closed it: nothing more will be executed */
#define CONNECTION_STREAM 8u /* left the request/response protocol (watch): nothing more will be executed */
#define CONNECTION_LOSS 256u /* one loss */

/*
 * One per observed TCP connection of a watched port, keyed by socket cookie.
 * rx*, dirty, side: only by who holds rx_busy (ingress; egress and sweep take it to look);
 * tx*, streak: only by who holds tx_busy (egress; ingress takes it to begin a trial).
 * ring: pushed at tail by who holds rx_busy, popped at head by who holds tx_busy; see struct pending.
 */
struct connection {
	__u64 cookie;         /* its key: tells a reader whose element was reused */

	/* What every segment touches: in the map's element these are one cache line. */
	__u32 rx_busy;
	__u32 tx_busy;
	__u32 state;
	__u32 head;
	__u32 tail;
	__u32 rx_next;        /* next sequence number to parse */
	__u32 tx_next;        /* next sequence number of the server's stream to parse */
	__u32 side;           /* side buffer, index + 1; 0 none */
	__u32 answered;       /* requests at head whose reply left, not yet ended; under tx_busy */
	__u32 replies;        /* seen so far; under tx_busy */
	/*
	 * 1 since the connection was lost once: requests of the last exchange but one may still have been
	 * unanswered when the last one of the trial began (see is_quiet()), and then every reply seems to
	 * belong to a later request than it does, by at most as many as that exchange had. So a write is
	 * ended only `defer` replies later, or when the audit saw all executed, and what a reply says of its
	 * request is not believed.
	 */
	__u32 suspect;
	__u32 defer;          /* more than the replies of any exchange of the trial */
	__u64 last_ns;        /* last payload seen in either direction */
	__u64 reserved;

	/* A line for each parser. */
	struct reply_parser tx;
	__u64 reserved1;
	struct request_parser rx;
	struct request_command command; /* the one being parsed; here because the stack of BPF programs is short */

	/* While it is lost; and who it is. */
	__u32 dirty;          /* the exchange did not begin in a quiet moment */
	__u32 trial;          /* state for which rx and tx are being tried; 0 none; under rx_busy */
	__u32 streak;         /* exchanges in step */
	__u32 lost_reason;    /* enum cache_counter */
	__u32 exchange;       /* replies when this exchange of the trial began */
	__u16 remote_port;    /* host order; for the log line */
	__u16 local_port;
	__u32 server;
	__u32 remote_be[4];

	struct pending ring[CONNECTION_RING];
};

/* A UDP write whose reply has not left. */
struct udp_write_key {
	__u32 remote_be[4];
	__u16 remote_port_be;
	__u16 request_id_be;
	__u16 server;
	__u16 ended_by; /* UDP_WRITE_* */
};

/* What ends it. Only under UDP_WRITE_REPLY does the key name its client; else it is just unique. */
#define UDP_WRITE_REPLY 0u   /* the datagram that answers it, or as the next */
#define UDP_WRITE_BARRIER 1u /* no single datagram answers it (noreply, several commands): the sweep, when the
			      * queue was drained and a quarantine has passed */
#define UDP_WRITE_RESTART 2u /* its value is unfinished and may be completed at any time: the sweep, when
			      * the server's process is gone (server_state.closed_ns) */

CACHE_ABI_ASSERT(sizeof(struct udp_write_key) == 24, "udp_write_key");

struct udp_write {
	struct udp_write_key key; /* tells who finds the element whether it was used again meanwhile */
	__u64 arrival_ns;
	__u32 guard;       /* index or PENDING_GLOBAL */
	__u32 flush_from;  /* as in struct pending */
	__u32 flush_delay;
	__u32 claimed;     /* atomic: who takes it from 0 to 1 ends the write */
	__u32 opaque;      /* with shape and verb: which reply is its own, as in struct pending */
	__u8 shape;
	__u8 verb;
	__u8 binary;
	__u8 reserved;
};
CACHE_ABI_ASSERT(sizeof(struct udp_write) == 56, "udp_write");

/*
 * Listening TCP and UDP sockets of the servers: map `server_sockets`, cookie -> server index. Filled by
 * bmcd from sock_diag before it clears SERVER_DOWN; when one of them is closed the release program
 * sets SERVER_DOWN and kills everything of the server at once.
 */
#define SERVER_SOCKETS_MAX 256u

/* Early segments of one connection: byte `s` of the stream stands at data[s % SIDE_BYTES]. */
struct side_extent {
	__u32 begin;
	__u32 end;
};

struct side_buffer {
	__u64 owner; /* socket cookie; 0 free; compare-and-swap */
	__u32 extents;
	__u32 reserved;
	struct side_extent extent[SIDE_EXTENTS];
	__u8 data[SIDE_BYTES];
	__u8 slack[64]; /* never used: the verifier does not follow that no copy reaches past the end */
};

/* Call of the sweep program (BPF_PROG_TEST_RUN of program `cache_sweep`, context = this struct). */
enum sweep_operation {
	SWEEP_CONNECTION_GONE = 1,    /* no such socket any more: release all it holds, forget it */
	SWEEP_CONNECTION_DRAINED = 2, /* its queue was seen empty after `before_ns`, a barrier and a quarantine
	                               * passed: if no payload came after `before_ns`, release its noreply and
	                               * quiet writes, and its hold if it is lost */
	SWEEP_UDP_WRITE = 3,          /* the datagram is answered or gone (barrier and quarantine passed) */
	SWEEP_GLOBAL_BUMP = 4,        /* everything of `server` is dead from now on */
	SWEEP_KEY_BUMP = 5,           /* the key whose hash is in `cookie` is dead from now on */
	SWEEP_FLUSH_ACTED = 6,        /* before_ns = the 64-bit flush word (flush_from << 32 | flush_to) that bmcd
	                               * judged: every delayed flush_all in it has acted; bump and clear it */
	SWEEP_UNTRACKED = 7,          /* takes away `cookie` holds that have no owner's record */
	SWEEP_FLUSH_SCHEDULED = 8,    /* memcached told of a delayed flush_all that acts from before_ns >> 32 (in
	                               * CACHE_DEADLINE units) on, and within the seconds in its lower half */
};

struct sweep_call {
	__u32 operation;
	__u32 server;
	__u64 cookie;
	__u64 before_ns;
	struct udp_write_key udp;
	__u32 released; /* out: guards released */
	__u32 found;    /* out: 1 if the object existed */
};
CACHE_ABI_ASSERT(sizeof(struct sweep_call) == 56, "sweep_call");

#endif
