// SPDX-License-Identifier: Apache-2.0
// Drives the stream parsers over a whole stream cut into pieces, and compares them with the
// reference. Called by the grammar's tests and fuzz target.
#ifndef BMC_GRAMMAR_FEED_H
#define BMC_GRAMMAR_FEED_H

#include <functional>
#include <string>
#include <string_view>

#include "apps/memcached-cache/grammar/reference/reference_reply.h"
#include "apps/memcached-cache/grammar/reference/reference_request.h"

namespace bmc::grammar_test {

// Size of the next piece, 1..GRAMMAR_CHUNK; asked again for each. Values are passed over as a caller would.
using Pieces = std::function<std::size_t()>;

Pieces pieces_of(std::size_t size);

reference::RequestStream feed_requests(std::string_view stream, std::uint64_t seed, const Pieces& next_piece);
reference::ReplyStream feed_replies(std::string_view stream, const Pieces& next_piece);

// Empty if automaton and reference agree, else what differs.
std::string difference(const reference::RequestStream& automaton, const reference::RequestStream& reference);
std::string difference(const reference::ReplyStream& automaton, const reference::ReplyStream& reference);

// The stream with everything unprintable escaped, for messages.
std::string printable(std::string_view stream);

}  // namespace bmc::grammar_test

#endif
