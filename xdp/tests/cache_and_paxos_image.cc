// SPDX-License-Identifier: Apache-2.0
// The tests of this binary run cache_and_paxos; see tested_program.h.
#include "cache_and_paxos.skel.h"
#include "xdp/tests/tested_program.h"

namespace bmc::test {

TestedImage tested_image() {
  TestedImage image{nullptr, 0, "cache_and_paxos"};
  image.elf = cache_and_paxos__elf_bytes(&image.bytes);
  return image;
}

}  // namespace bmc::test
