// SPDX-License-Identifier: Apache-2.0
// Framing of the control protocol; see control_frame.h.
#include "control-plane/control_frame.h"

namespace bmc {

Result<std::size_t> decode_frame_header(const FrameHeader& header) {
  std::size_t length = 0;
  for (std::size_t i = kFrameHeaderBytes; i-- > 0;) length = length << 8 | header[i];
  if (length > kFrameBytesMax)
    return Error{EMSGSIZE, "a control message of " + std::to_string(length) + " bytes is more than " +
                               std::to_string(kFrameBytesMax)};
  return length;
}

Result<std::string> encode_frame(const google::protobuf::MessageLite& message) {
  const std::size_t length = message.ByteSizeLong();
  if (length > kFrameBytesMax)
    return Error{EMSGSIZE, "a control message of " + std::to_string(length) + " bytes is more than " +
                               std::to_string(kFrameBytesMax)};
  std::string frame(kFrameHeaderBytes, '\0');
  for (std::size_t i = 0; i < kFrameHeaderBytes; ++i) frame[i] = static_cast<char>(length >> (8 * i) & 0xff);
  if (!message.AppendToString(&frame)) return Error{EINVAL, "a control message lacks a required field"};
  return frame;
}

}  // namespace bmc
