// SPDX-License-Identifier: Apache-2.0
// The replies of memcached's ASCII protocol, one piece at a time, from any bytes. Used by the TCP channel on
// its stream and by the UDP channel on a whole reply.
#ifndef BMC_LOADGEN_REPLY_PARSER_H
#define BMC_LOADGEN_REPLY_PARSER_H

#include <cstdint>
#include <string>
#include <string_view>

namespace bmc::loadgen {

struct ReplyPiece {
  enum class Kind {
    kIncomplete,  // what is there may yet become a piece
    kValue,       // one item of a get
    kEnd,         // END
    kStored,      // STORED
    kRefused,     // any other whole line: ERROR, SERVER_ERROR ..., NOT_STORED, ...
    kBroken,      // no reply of memcached begins so: nothing behind it can be read
  };
  Kind kind = Kind::kIncomplete;
  std::string_view key = {};  // of kValue, as are the next two
  std::uint32_t flags = 0;
  std::string_view data = {};
  std::string_view line = {};  // of kRefused, without its end
  std::size_t size = 0;        // bytes that the piece takes
};

// The piece at the head of `text`, which is advanced behind it (not for kIncomplete and kBroken). Views are
// into `text`. A line is at most 2048 bytes, data at most 1 MiB.
ReplyPiece next_piece(std::string_view& text);

// A stream of replies as it arrives, in parts of any size.
class ReplyStream {
 public:
  // Ends the life of all views given out.
  void feed(std::string_view bytes);
  ReplyPiece next();
  bool empty() const { return at_ == text_.size(); }
  void clear();

 private:
  std::string text_;
  std::size_t at_ = 0;
};

}  // namespace bmc::loadgen

#endif
