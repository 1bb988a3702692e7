// SPDX-License-Identifier: Apache-2.0
// Framing of the control protocol: 4 bytes of length, little-endian, then a protobuf message.
// Used by ControlServer and ControlClient.
#ifndef BMC_CONTROL_PLANE_CONTROL_FRAME_H
#define BMC_CONTROL_PLANE_CONTROL_FRAME_H

#include <google/protobuf/message_lite.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "control-plane/result.h"

namespace bmc {

inline constexpr std::size_t kFrameHeaderBytes = 4;
// Of a message without its header. The largest in use is a `get` reply: 8 servers' values of 1400 bytes.
inline constexpr std::size_t kFrameBytesMax = 1 << 20;

using FrameHeader = std::array<unsigned char, kFrameHeaderBytes>;

// Length of the message that follows; EMSGSIZE above kFrameBytesMax.
Result<std::size_t> decode_frame_header(const FrameHeader& header);

// Header and message; EMSGSIZE above kFrameBytesMax.
Result<std::string> encode_frame(const google::protobuf::MessageLite& message);

}  // namespace bmc

#endif
