// SPDX-License-Identifier: Apache-2.0
// Prints docs/grammar.md from the grammar table. Run by the target `grammar_doc_update`, which writes
// the file, and by the ctest `grammar_doc`, which fails if the file says something else.
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "apps/memcached-cache/grammar/grammar_table.h"

namespace {

constexpr const char* kIntroduction = R"(<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Made from apps/memcached-cache/grammar/grammar_table.h by `ninja grammar_doc_update`; do not edit. -->

# memcached's grammar, as bmcd reads it

Two stream parsers follow each connection: `request_parser.h` finds where a command ends and what it may
change, `reply_parser.h` where a reply ends and what it is. Both take the stream in pieces of any size and
run in BPF and natively. The facts are those of memcached 1.6.18; `reference/` holds an independent parser
that must agree on every byte, and a test asks a real memcached.

## What a line is

* Tokens are separated by spaces only; a line ends at `\n`, and one `\r` before it is dropped.
* The first byte of a connection, or of a datagram, decides: 0x80 is the binary protocol, anything else ASCII.
* A verb is exact and case counts. An unknown verb may write any key and must be answered `ERROR`.
* `noreply` counts as the last token only, and only where the table says so.
* After a storage line come exactly *length* bytes and `\r\n`, whatever they contain.

## Where the position is lost

The parser never guesses. Where the extent of a command, or of its reply, is memcached's to judge, it says
so, and the connection holds the global guard until it is in step again:

* a storage line with another number of tokens, or whose numbers are not plain digits in range (client flags
  up to 4294967295, exptime up to 2147483647 with an optional minus, length up to 2147483645; ten digits at
  most, nineteen for the unique of `cas`): memcached may take the value's bytes as commands;
* a value that is not followed by `\r\n`;
* a key of more than 250 bytes, in a `get` too: its error throws away replies of commands before it;
* any known verb with a number of tokens that the table does not list;
* a line of more than 2048 bytes, unless it begins with at most 100 spaces and `get ` or `gets `: memcached
  closes the connection or not, depending on how the line arrives;
* a NUL or a `\r` inside a line that is not a get;
* `noreply` at the end of a line where "lost" stands below: it depends on the subcommand;
* `mg` with the flags `b` and `k`, and `me` with `b`: the reply echoes a key that may hold a newline;
* `stats` with more than one argument: `cachedump` and `detail dump` print keys unescaped;
* a binary packet with another magic byte, with lengths that do not fit its opcode, or an unknown opcode with
  a body: memcached closes the connection or reads on somewhere else;
* any byte after `quit`, or after a `watch` that was not refused.

## Meta flags

`mg` is a read with the flags `b k s t c f v l h u q O P L` only; any other letter makes it a write of its key.
`ms`, `md` and `ma` always write. With `b` the key is encoded, so a write with it may be any key. `q` asks not to
be told of success (`mg`: of a miss). The exptime of `ms` is that of its `T` (0 without) if it has no other flags
than `T F C q k O c b s`.
)";

void print_head(const std::vector<std::string_view>& columns) {
  std::string head = "|";
  std::string rule = "|";
  for (const std::string_view column : columns) {
    head += " " + std::string(column) + " |";
    rule += "---|";
  }
  std::printf("\n%s\n%s\n", head.c_str(), rule.c_str());
}

constexpr std::string_view kEffects[] = {
#define TEXT(name, text) text,
    GRAMMAR_EFFECTS(TEXT)};
constexpr std::string_view kShapes[] = {GRAMMAR_SHAPES(TEXT)};
constexpr std::string_view kReplies[] = {GRAMMAR_REPLIES(TEXT)};
constexpr std::string_view kNoreply[] = {GRAMMAR_NOREPLY(TEXT)};
constexpr std::string_view kBinaryForms[] = {GRAMMAR_BINARY_FORMS(TEXT)};
#undef TEXT
constexpr std::string_view kForms[] = {
#define FORM_TEXT(name, text, roles) text,
    GRAMMAR_FORMS(FORM_TEXT)
#undef FORM_TEXT
};
constexpr std::string_view kVerbs[] = {
#define VERB_TEXT(id, text, ...) text,
    GRAMMAR_VERBS(VERB_TEXT)
#undef VERB_TEXT
};
constexpr std::string_view kOpcodes[] = {
#define OPCODE_TEXT(opcode, text, ...) text,
    GRAMMAR_OPCODES(OPCODE_TEXT)
#undef OPCODE_TEXT
};

std::string code(std::string_view text) {
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (text.empty()) return "";
  if (text.front() == '(') return std::string(text);
  std::string out = "`";
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out + "`";
}

std::string replies(unsigned mask) {
  std::string text;
  for (unsigned kind = 0; kind < REPLY_COUNT; kind++) {
    if (!(mask >> kind & 1)) continue;
    if (!text.empty()) text += ", ";
    text += code(kReplies[kind]);
  }
  return text.empty() ? "none" : text;
}

std::string tokens(unsigned min, unsigned max) {
  if (max == 65535) return std::to_string(min) + " or more";
  return min == max ? std::to_string(min) : std::to_string(min) + "–" + std::to_string(max);
}

void print_verbs() {
  std::printf("\n## Verbs\n");
  print_head({"verb", "then", "tokens", "effect", "noreply", "reply", "replies that fit"});
  for (unsigned verb = 0; verb < VERB_COUNT; verb++) {
    const grammar_verb_info& info = grammar_verbs[verb];
    std::printf("| %s | %s | %s | %s | %s | %s | %s |\n", code(kVerbs[verb]).c_str(),
                code(kForms[info.form]).c_str(), tokens(info.tokens_min, info.tokens_max).c_str(),
                kEffects[info.effect].data(), kNoreply[info.noreply].data(), kShapes[info.shape].data(),
                replies(info.replies).c_str());
  }
  std::printf("| (any other) | | | %s | no | %s | `ERROR` |\n", kEffects[EFFECT_WRITE_GLOBAL].data(),
              kShapes[SHAPE_LINE].data());
  std::printf("| (empty line) | | | %s | no | %s | `ERROR` |\n", kEffects[EFFECT_NONE].data(),
              kShapes[SHAPE_LINE].data());
  std::printf("\nWith the flag `q` these replies may come all the same:\n\n");
  for (unsigned verb = 0; verb < VERB_COUNT; verb++)
    if (grammar_verbs[verb].quiet_replies)
      std::printf("* %s: %s\n", code(kVerbs[verb]).c_str(),
                  replies(grammar_verbs[verb].quiet_replies).c_str());
}

void print_opcodes() {
  std::printf("\n## Binary opcodes\n");
  print_head({"opcode", "name", "body", "effect", "quiet", "reply"});
  for (unsigned opcode = 0; opcode <= GRAMMAR_OPCODE_OTHER; opcode++) {
    const grammar_opcode_info& info = grammar_opcodes[opcode];
    std::printf("| 0x%02x%s | %s | %s | %s | %s | %s |\n", opcode, opcode == GRAMMAR_OPCODE_OTHER ? " …" : "",
                kOpcodes[opcode].data(), kBinaryForms[info.form].data(), kEffects[info.effect].data(),
                info.quiet ? "yes" : "no", kShapes[info.shape].data());
  }
}

}  // namespace

int main() {
  std::printf("%s", kIntroduction);
  print_verbs();
  print_opcodes();
  return 0;
}
