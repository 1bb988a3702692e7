// SPDX-License-Identifier: Apache-2.0
// Prints a libFuzzer dictionary of the grammar's words, made from its table. Run by the build.
#include <cctype>
#include <cstdio>
#include <string_view>

#include "apps/memcached-cache/grammar/grammar_table.h"

namespace {

void print(std::string_view word) {
  if (word.empty() || word.front() == '(') return;
  std::printf("\"%.*s\"\n", static_cast<int>(word.size()), word.data());
}

}  // namespace

int main() {
#define PRINT_VERB(id, text, ...) print(text " ");
  GRAMMAR_VERBS(PRINT_VERB)
#undef PRINT_VERB
#define PRINT_REPLY(id, text) print(text);
  GRAMMAR_REPLIES(PRINT_REPLY)
#undef PRINT_REPLY
#define PRINT_OPCODE(opcode, ...) std::printf("\"\\x80\\x%02x\\x00\\x01\\x00\"\n", opcode);
  GRAMMAR_OPCODES(PRINT_OPCODE)
#undef PRINT_OPCODE
  for (const char* word :
       {"\\x0d\\x0a", " noreply\\x0d\\x0a", " 0 0 1\\x0d\\x0ax\\x0d\\x0a", "set a 0 0 1\\x0d\\x0ax\\x0d\\x0a",
        "VALUE a 0 1\\x0d\\x0ax\\x0d\\x0a", "VA 1\\x0d\\x0ax\\x0d\\x0a", "2147483645", "2147483646", " T30",
        " b", " q", " k", "gat 0 a b", "\\x81\\x10"})
    print(word);
  return 0;
}
