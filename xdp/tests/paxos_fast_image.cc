// SPDX-License-Identifier: Apache-2.0
// The tests of this binary run paxos_fast; see tested_program.h.
#include "paxos_fast.skel.h"
#include "xdp/tests/tested_program.h"

namespace bmc::test {

TestedImage tested_image() {
  TestedImage image{nullptr, 0, "paxos_fast"};
  image.elf = paxos_fast__elf_bytes(&image.bytes);
  return image;
}

}  // namespace bmc::test
