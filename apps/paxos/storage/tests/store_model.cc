// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/storage/tests/store_model.h"

#include <algorithm>
#include <memory>
#include <variant>

namespace bmc::paxos::test {

namespace {

void apply(StoreModel& model, const StoreState& store) {
  model.state = store.state;
  if (store.state.view == store.state.log_view) model.is_whole = true;
}

void apply(StoreModel& model, const StoreTruncation& store) { model.entries.resize(store.end - model.begin); }

void apply(StoreModel& model, const StoreCheckpoint& store) {
  model.checkpoint_op = store.op;
  model.checkpoint = store.bytes;
  if (model.end() < store.op) {
    model.begin = store.op;
    model.entries.clear();
    return;
  }
  const Op begin = std::max(model.begin, store.log_begin);
  model.entries.erase(model.entries.begin(),
                      model.entries.begin() + static_cast<std::ptrdiff_t>(begin - model.begin));
  model.begin = begin;
}

bool equal(const LogEntry& left, const LogEntry& right) {
  return left.op == right.op && left.view == right.view && left.chain == right.chain &&
         *left.batch == *right.batch;
}

std::string text_of(const DurableState& state) {
  return "view " + std::to_string(state.view) + ", log_view " + std::to_string(state.log_view);
}

std::string text_of(const std::vector<LogEntry>& entries) {
  if (entries.empty()) return "no entry";
  return "entries " + std::to_string(entries.front().op) + " to " + std::to_string(entries.back().op);
}

}  // namespace

std::vector<StoreModel> StoreModel::states_during(const std::vector<Store>& stores) const {
  std::vector<StoreModel> states{*this};
  for (const Store& store : stores) {
    if (const auto* added = std::get_if<StoreEntries>(&store.what)) {
      for (const LogEntry& entry : added->entries) {
        states.push_back(states.back());
        states.back().entries.push_back(entry);
      }
      continue;
    }
    states.push_back(states.back());
    if (const auto* changed = std::get_if<StoreState>(&store.what)) apply(states.back(), *changed);
    if (const auto* cut = std::get_if<StoreTruncation>(&store.what)) apply(states.back(), *cut);
    if (const auto* checkpoint_of = std::get_if<StoreCheckpoint>(&store.what)) {
      apply(states.back(), *checkpoint_of);
    }
  }
  return states;
}

std::string difference(const Restored& restored, const StoreModel& model) {
  if (restored.state.view != model.state.view || restored.state.log_view != model.state.log_view) {
    return text_of(restored.state) + " instead of " + text_of(model.state);
  }
  if (restored.log_is_whole != model.is_whole) {
    return model.is_whole ? "the log is not whole" : "the log is whole";
  }
  const StoreModel empty;
  const StoreModel& content = model.is_whole ? model : empty;
  if ((restored.checkpoint == nullptr) != (content.checkpoint == nullptr)) {
    return restored.checkpoint ? "a checkpoint too many" : "no checkpoint";
  }
  if (restored.checkpoint && *restored.checkpoint != *content.checkpoint) return "another checkpoint";
  if (!std::ranges::equal(restored.entries, content.entries, equal)) {
    return text_of(restored.entries) + " instead of " + text_of(content.entries);
  }
  return {};
}

LogEntry make_entry(Op op, std::uint64_t variant, std::size_t batch_bytes) {
  std::mt19937_64 random(op * 1000 + variant);
  std::string batch(batch_bytes, '\0');
  for (char& byte : batch) byte = static_cast<char>(random());
  return LogEntry{.op = op,
                  .view = variant,
                  .chain = random(),
                  .batch = std::make_shared<const std::string>(std::move(batch))};
}

Store store_entries(const StoreModel& model, std::size_t count, std::uint64_t variant,
                    std::size_t batch_bytes) {
  StoreEntries entries;
  for (std::size_t i = 1; i <= count; i++) {
    entries.entries.push_back(make_entry(model.end() + i, variant, batch_bytes));
  }
  return Store{.what = entries};
}

Store store_state(const StoreModel& model, View view, View log_view) {
  return Store{.what = StoreState{{view, log_view, model.state.incarnation}}};
}

Store store_truncation(Op end) { return Store{.what = StoreTruncation{end}}; }

Store store_checkpoint(Op op, Op log_begin) {
  const LogEntry entry = make_entry(op, 77, 900 + op % 700);
  return Store{.what = StoreCheckpoint{op, log_begin, entry.batch}};
}

std::vector<Store> draw_stores(std::mt19937_64& random, const StoreModel& before) {
  const auto below = [&random](std::uint64_t bound) { return random() % bound; };
  StoreModel model = before;
  std::vector<Store> stores;
  const std::size_t count = 1 + below(4);
  while (stores.size() < count) {
    const std::uint64_t kind = below(20);
    if (kind < 11) {
      const std::size_t batch_bytes = below(4) == 0 ? below(2000) : below(100);
      stores.push_back(store_entries(model, 1 + below(4), random(), batch_bytes));
    } else if (kind < 13) {
      const Op least = std::max(model.begin, model.checkpoint_op);
      stores.push_back(store_truncation(least + below(model.end() - least + 1)));
    } else if (kind < 17) {
      const View view = model.state.view + below(3);
      const View log_view = below(2) == 0 ? view : model.state.log_view;
      stores.push_back(store_state(model, view, log_view));
    } else if (kind < 19) {
      const Op op = model.checkpoint_op + below(model.end() - model.checkpoint_op + 1);
      stores.push_back(store_checkpoint(op, op - below(op - std::min(op, model.begin) + 1)));
    } else {
      const Op op = model.end() + 1 + below(20);  // of another replica
      stores.push_back(store_checkpoint(op, op - below(std::min<Op>(op, 5))));
    }
    model = model.states_during({stores.back()}).back();
  }
  return stores;
}

}  // namespace bmc::paxos::test
