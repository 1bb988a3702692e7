// SPDX-License-Identifier: Apache-2.0
// The tests of this binary run cache_get; see tested_program.h.
#include "cache_xdp.skel.h"
#include "xdp/tests/tested_program.h"

namespace bmc::test {

TestedImage tested_image() {
  TestedImage image{nullptr, 0, "cache_get"};
  image.elf = cache_xdp__elf_bytes(&image.bytes);
  return image;
}

}  // namespace bmc::test
