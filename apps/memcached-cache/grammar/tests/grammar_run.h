/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What grammar_test.bpf.c and its runners exchange: one stream, how to cut it, and what the parser
 * made of it. Map `run`, one element, mmapable.
 */
#ifndef BMC_GRAMMAR_RUN_H
#define BMC_GRAMMAR_RUN_H

#include "apps/memcached-cache/grammar/reply_state.h"
#include "apps/memcached-cache/grammar/request_state.h"

#define GRAMMAR_RUN_BYTES 4096u
#define GRAMMAR_RUN_EVENTS GRAMMAR_RUN_BYTES /* an event takes at least a byte */
#define GRAMMAR_RUN_PIECES 64u

struct grammar_run_event {
  __u32 what;
  __u32 end; /* bytes of the stream consumed so far */
  union {
    struct request_command command;
    struct reply reply;
  };
};
GRAMMAR_ASSERT(sizeof(struct grammar_run_event) == 40, "grammar_run_event");

struct grammar_run {
  /* writer: the runner */
  __u64 seed;
  __u32 length;
  __u32 replies;                   /* 0: requests */
  __u8 pieces[GRAMMAR_RUN_PIECES]; /* sizes of the pieces, again and again; 1..GRAMMAR_CHUNK */
  __u8 bytes[GRAMMAR_RUN_BYTES];
  /* writer: the program */
  __u64 skip;
  __u32 offset; /* bytes consumed */
  __u32 pending;
  __u32 events;
  __u32 lost;
  __u32 boundary;
  __u32 reserved;
  struct request_parser request;
  struct reply_parser reply;
  struct grammar_run_event event[GRAMMAR_RUN_EVENTS];
};

#endif
