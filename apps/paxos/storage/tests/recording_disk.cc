// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/storage/tests/recording_disk.h"

#include <algorithm>
#include <random>
#include <utility>

namespace bmc::paxos::test {

namespace {

constexpr std::size_t kFew = 8;
constexpr std::size_t kDrawn = 24;

void put(std::string& content, std::uint64_t offset, std::string_view data) {
  content.resize(std::max(content.size(), offset + data.size()));
  std::copy(data.begin(), data.end(), content.begin() + static_cast<std::ptrdiff_t>(offset));
}

}  // namespace

class RecordingFile : public DiskFile {
 public:
  RecordingFile(RecordingDisk& disk, std::size_t inode) : disk_(disk), inode_(inode) {}

  bmc::Result<std::uint64_t> size() const override { return std::uint64_t{content().size()}; }

  bmc::Result<std::string> read(std::uint64_t offset, std::size_t bytes) const override {
    return offset < content().size() ? content().substr(offset, bytes) : std::string();
  }

  bmc::Result<void> write(std::uint64_t offset, std::string_view data) override {
    const int code = disk_.failure();
    if (code != 0) data = data.substr(0, data.size() / 2);
    disk_.steps_.push_back({RecordingDisk::Step::Kind::kWrite, inode_, offset, std::string(data), {}, {}});
    put(disk_.inodes_[inode_], offset, data);
    if (code != 0) return bmc::Error{code, "write"};
    return {};
  }

  bmc::Result<void> truncate(std::uint64_t bytes) override {
    if (const int code = disk_.failure()) return bmc::Error{code, "truncate"};
    disk_.steps_.push_back({RecordingDisk::Step::Kind::kTruncate, inode_, bytes, {}, {}, {}});
    disk_.inodes_[inode_].resize(bytes);
    return {};
  }

  bmc::Result<void> sync() override {
    const int code = disk_.failure();
    const auto kind = code ? RecordingDisk::Step::Kind::kFailedSync : RecordingDisk::Step::Kind::kSync;
    disk_.steps_.push_back({kind, inode_, 0, {}, {}, {}});
    disk_.syncs_++;
    if (code != 0) return bmc::Error{code, "sync"};
    return {};
  }

 private:
  const std::string& content() const { return disk_.inodes_[inode_]; }

  RecordingDisk& disk_;
  std::size_t inode_;
};

// The disk after some steps: what is durable, and what is not yet.
struct RecordingDisk::Replay {
  struct Change {
    std::size_t inode = 0;
    std::uint64_t offset = 0;
    std::string data;
    bool is_size = false;  // the size becomes `offset`; of a write: at least so much
    bool may_shrink = false;
  };

  std::vector<std::string> contents;
  std::vector<std::vector<Change>> changes;  // by inode
  std::map<std::string, std::size_t> names;
  std::vector<const Step*> name_changes;

  static void apply(std::string& content, const Change& change) {
    if (!change.is_size) return put(content, change.offset, change.data);
    content.resize(change.may_shrink ? change.offset : std::max<std::size_t>(content.size(), change.offset));
  }

  void apply_name(const Step& step) {
    if (step.kind == Step::Kind::kCreate) names[step.name] = step.inode;
    if (step.kind == Step::Kind::kRemove) names.erase(step.name);
    if (step.kind == Step::Kind::kRename && names.erase(step.name) != 0) names[step.to] = step.inode;
  }

  void write(const Step& step) {
    changes[step.inode].push_back({step.inode, step.offset + step.data.size(), {}, true, false});
    for (std::size_t done = 0; done < step.data.size();) {
      const std::uint64_t at = step.offset + done;
      const std::size_t length = std::min(kSectorBytes - at % kSectorBytes, step.data.size() - done);
      changes[step.inode].push_back({step.inode, at, step.data.substr(done, length), false, false});
      done += length;
    }
  }

  void carry_out(const Step& step) {
    switch (step.kind) {
      case Step::Kind::kWrite:
        return write(step);
      case Step::Kind::kTruncate:
        changes[step.inode].push_back({step.inode, step.offset, {}, true, true});
        return;
      case Step::Kind::kSync:
        for (const Change& change : changes[step.inode]) apply(contents[step.inode], change);
        changes[step.inode].clear();
        return;
      case Step::Kind::kFailedSync:
        changes[step.inode].clear();
        return;
      case Step::Kind::kCreate:
      case Step::Kind::kRename:
      case Step::Kind::kRemove:
        name_changes.push_back(&step);
        return;
      case Step::Kind::kSyncNames:
        for (const Step* change : name_changes) apply_name(*change);
        name_changes.clear();
        return;
    }
  }
};

RecordingDisk::RecordingDisk(const Image& image) : initial_(image) {
  for (const auto& [name, content] : image) {
    names_[name] = inodes_.size();
    inodes_.push_back(content);
  }
}

bmc::Result<std::vector<std::string>> RecordingDisk::list() const {
  std::vector<std::string> names;
  for (const auto& [name, inode] : names_) names.push_back(name);
  return names;
}

bmc::Result<std::unique_ptr<DiskFile>> RecordingDisk::open(const std::string& name) {
  const auto found = names_.find(name);
  if (found == names_.end()) return bmc::Error{ENOENT, "open " + name};
  return std::unique_ptr<DiskFile>(std::make_unique<RecordingFile>(*this, found->second));
}

bmc::Result<std::unique_ptr<DiskFile>> RecordingDisk::create(const std::string& name) {
  if (names_.contains(name)) return bmc::Error{EEXIST, "create " + name};
  if (const int code = failure()) return bmc::Error{code, "create " + name};
  steps_.push_back({Step::Kind::kCreate, inodes_.size(), 0, {}, name, {}});
  names_[name] = inodes_.size();
  inodes_.emplace_back();
  return std::unique_ptr<DiskFile>(std::make_unique<RecordingFile>(*this, inodes_.size() - 1));
}

bmc::Result<void> RecordingDisk::rename(const std::string& from, const std::string& to) {
  const auto found = names_.find(from);
  if (found == names_.end()) return bmc::Error{ENOENT, "rename " + from};
  if (const int code = failure()) return bmc::Error{code, "rename " + from};
  const std::size_t inode = found->second;
  steps_.push_back({Step::Kind::kRename, inode, 0, {}, from, to});
  names_.erase(found);
  names_[to] = inode;
  return {};
}

bmc::Result<void> RecordingDisk::remove(const std::string& name) {
  if (!names_.contains(name)) return bmc::Error{ENOENT, "remove " + name};
  if (const int code = failure()) return bmc::Error{code, "remove " + name};
  steps_.push_back({Step::Kind::kRemove, 0, 0, {}, name, {}});
  names_.erase(name);
  return {};
}

bmc::Result<void> RecordingDisk::sync() {
  if (const int code = failure()) return bmc::Error{code, "sync"};
  steps_.push_back({Step::Kind::kSyncNames, 0, 0, {}, {}, {}});
  syncs_++;
  return {};
}

Image RecordingDisk::image() const {
  Image image;
  for (const auto& [name, inode] : names_) image[name] = inodes_[inode];
  return image;
}

void RecordingDisk::fail_after(std::size_t steps, int code) { failure_ = {steps_.size() + steps, code}; }

int RecordingDisk::failure() const { return failure_ && steps_.size() >= failure_->at ? failure_->code : 0; }

RecordingDisk::Replay RecordingDisk::replay(std::size_t steps) const {
  Replay replay;
  for (const auto& [name, content] : initial_) {
    replay.names[name] = replay.contents.size();
    replay.contents.push_back(content);
  }
  replay.contents.resize(inodes_.size());
  replay.changes.resize(inodes_.size());
  for (std::size_t i = 0; i < steps; i++) replay.carry_out(steps_[i]);
  return replay;
}

std::size_t RecordingDisk::unsynced(std::size_t steps) const {
  const Replay after = replay(steps);
  std::size_t count = after.name_changes.size();
  for (const auto& changes : after.changes) count += changes.size();
  return count;
}

Image RecordingDisk::crash_image(std::size_t steps, const std::vector<bool>& kept) const {
  Replay after = replay(steps);
  std::size_t next = 0;
  for (std::size_t inode = 0; inode < after.contents.size(); inode++) {
    for (const auto& change : after.changes[inode]) {
      if (kept.at(next++)) Replay::apply(after.contents[inode], change);
    }
  }
  for (const Step* change : after.name_changes) {
    if (kept.at(next++)) after.apply_name(*change);
  }
  Image image;
  for (const auto& [name, inode] : after.names) image[name] = after.contents[inode];
  return image;
}

Image RecordingDisk::rubbish_image(std::size_t steps) const {
  Replay after = replay(steps);
  for (std::size_t inode = 0; inode < after.contents.size(); inode++) {
    for (Replay::Change& change : after.changes[inode]) {
      for (char& byte : change.data) byte = static_cast<char>(~byte);
      if (!change.is_size) Replay::apply(after.contents[inode], change);
    }
  }
  Image image;
  for (const auto& [name, inode] : after.names) image[name] = after.contents[inode];
  return image;
}

std::vector<std::vector<bool>> choices(std::size_t unsynced, std::uint64_t seed) {
  std::vector<std::vector<bool>> all;
  if (unsynced <= kFew) {
    for (std::size_t bits = 0; bits < std::size_t{1} << unsynced; bits++) {
      std::vector<bool> kept(unsynced);
      for (std::size_t i = 0; i < unsynced; i++) kept[i] = bits >> i & 1;
      all.push_back(kept);
    }
    return all;
  }
  for (std::size_t i = 0; i <= unsynced; i++) {
    std::vector<bool> first(unsynced, false);
    std::fill_n(first.begin(), i, true);
    all.push_back(first);  // none … all
    if (i == unsynced) break;
    std::vector<bool> one(unsynced, false);
    one[i] = true;
    all.push_back(one);
    one.flip();
    all.push_back(one);
  }
  std::mt19937_64 random(seed);
  for (std::size_t i = 0; i < kDrawn; i++) {
    std::vector<bool> kept(unsynced);
    for (std::size_t j = 0; j < unsynced; j++) kept[j] = random() & 1;
    all.push_back(kept);
  }
  return all;
}

}  // namespace bmc::paxos::test
