// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/sim_disk.h"

#include <algorithm>
#include <utility>

namespace bmc::paxos::sim {
namespace {

bmc::Error dead_process() { return bmc::Error{EIO, "the simulated process has ended"}; }

}  // namespace

class SimFile : public DiskFile {
 public:
  SimFile(SimDisk& disk, std::shared_ptr<SimDisk::Inode> inode)
      : disk_(disk), inode_(std::move(inode)), process_(disk.process_) {}

  bmc::Result<std::uint64_t> size() const override {
    if (!alive()) return dead_process();
    return static_cast<std::uint64_t>(inode_->bytes.size());
  }

  bmc::Result<std::string> read(std::uint64_t offset, std::size_t bytes) const override {
    if (!alive()) return dead_process();
    if (offset >= inode_->bytes.size()) return std::string();
    return inode_->bytes.substr(offset, bytes);
  }

  bmc::Result<void> write(std::uint64_t offset, std::string_view data) override {
    if (!alive()) return dead_process();
    bool cut = false;
    if (bmc::Result<void> may = disk_.spend_change(&cut); !may) {
      if (cut) put(offset, data.substr(0, disk_.random_.below(data.size() + 1)));
      return may;
    }
    put(offset, data);
    return {};
  }

  bmc::Result<void> truncate(std::uint64_t bytes) override {
    if (!alive()) return dead_process();
    if (bmc::Result<void> may = disk_.spend_change(nullptr); !may) return may;
    std::string& content = inode_->bytes;
    inode_->unsynced.push_back(
        {bytes, bytes < content.size() ? content.substr(bytes) : std::string(), content.size()});
    content.resize(bytes);
    return {};
  }

  bmc::Result<void> sync() override {
    if (!alive()) return dead_process();
    if (bmc::Result<void> may = disk_.spend_sync(); !may) return may;
    inode_->unsynced.clear();
    inode_->last_fresh = std::exchange(inode_->fresh, {});
    return {};
  }

 private:
  bool alive() const { return process_ == disk_.process_; }

  void put(std::uint64_t offset, std::string_view data) {
    if (data.empty()) return;
    std::string& content = inode_->bytes;
    const std::uint64_t old_size = content.size();
    std::string old_bytes = offset < old_size ? content.substr(offset, data.size()) : std::string();
    if (old_bytes.find_first_not_of('\0') == std::string::npos) {
      inode_->fresh.push_back({offset, offset + data.size()});
    }
    inode_->unsynced.push_back({offset, std::move(old_bytes), old_size});
    if (content.size() < offset + data.size()) content.resize(offset + data.size());
    std::copy(data.begin(), data.end(), content.begin() + static_cast<std::ptrdiff_t>(offset));
  }

  SimDisk& disk_;
  std::shared_ptr<SimDisk::Inode> inode_;
  std::uint64_t process_;
};

bmc::Result<std::vector<std::string>> SimDisk::list() const {
  std::vector<std::string> names;
  for (const auto& [name, inode] : names_) names.push_back(name);
  return names;
}

bmc::Result<std::unique_ptr<DiskFile>> SimDisk::open(const std::string& name) {
  const auto found = names_.find(name);
  if (found == names_.end()) return bmc::Error{ENOENT, "open " + name + ": no such file"};
  return std::unique_ptr<DiskFile>(std::make_unique<SimFile>(*this, found->second));
}

bmc::Result<std::unique_ptr<DiskFile>> SimDisk::create(const std::string& name) {
  if (names_.contains(name)) return bmc::Error{EEXIST, "create " + name + ": the file exists"};
  if (bmc::Result<void> may = spend_change(nullptr); !may) return may.error();
  const auto inode = std::make_shared<Inode>();
  unsynced_.push_back({DirectoryChange::Kind::kCreate, name, {}, inode});
  carry_out(names_, unsynced_.back());
  return std::unique_ptr<DiskFile>(std::make_unique<SimFile>(*this, inode));
}

bmc::Result<void> SimDisk::rename(const std::string& from, const std::string& to) {
  const auto found = names_.find(from);
  if (found == names_.end()) return bmc::Error{ENOENT, "rename " + from + ": no such file"};
  if (bmc::Result<void> may = spend_change(nullptr); !may) return may;
  unsynced_.push_back({DirectoryChange::Kind::kRename, from, to, found->second});
  carry_out(names_, unsynced_.back());
  return {};
}

bmc::Result<void> SimDisk::remove(const std::string& name) {
  if (!names_.contains(name)) return bmc::Error{ENOENT, "remove " + name + ": no such file"};
  if (bmc::Result<void> may = spend_change(nullptr); !may) return may;
  unsynced_.push_back({DirectoryChange::Kind::kRemove, name, {}, nullptr});
  carry_out(names_, unsynced_.back());
  return {};
}

bmc::Result<void> SimDisk::sync() {
  if (bmc::Result<void> may = spend_sync(); !may) return may;
  synced_ = names_;
  unsynced_.clear();
  return {};
}

void SimDisk::end_of_process() {
  ++process_;
  fail_never();
}

void SimDisk::fail_never() {
  changes_left_.reset();
  sync_fails_ = false;
}

void SimDisk::power_loss() {
  end_of_process();
  lose_unsynced_names();
  for (auto& [name, inode] : names_) lose_unsynced_data(*inode);
}

void SimDisk::replace() {
  end_of_process();
  names_.clear();
  synced_.clear();
  unsynced_.clear();
}

bool SimDisk::rot(const std::string& name, std::uint64_t offset) {
  const auto found = names_.find(name);
  if (found == names_.end()) return false;
  Inode& inode = *found->second;
  const bool is_new = std::ranges::any_of(
      inode.last_fresh, [&](const Range& range) { return offset >= range.begin && offset < range.end; });
  if (!inode.unsynced.empty() || is_new || offset >= inode.bytes.size()) return false;
  inode.bytes[offset] = static_cast<char>(inode.bytes[offset] ^ (1 << random_.below(8)));
  return true;
}

std::optional<std::uint64_t> SimDisk::size_of(const std::string& name) const {
  const auto found = names_.find(name);
  if (found == names_.end()) return std::nullopt;
  return found->second->bytes.size();
}

bmc::Result<void> SimDisk::spend_change(bool* cut) {
  if (!changes_left_) return {};
  if (*changes_left_ > 0) {
    --*changes_left_;
    return {};
  }
  if (cut != nullptr) *cut = true;
  end_of_process();  // whatever is still tried fails: nothing after this moment happens
  changes_left_ = 0;
  return dead_process();
}

bmc::Result<void> SimDisk::spend_sync() {
  if (bmc::Result<void> may = spend_change(nullptr); !may) return may;
  if (sync_fails_) return bmc::Error{EIO, "fsync: the simulated disk fails"};
  return {};
}

// Any mixture of old and new sectors may be on the disk, and any size between.
void SimDisk::lose_unsynced_data(Inode& inode) {
  if (inode.unsynced.empty()) return;
  const std::string newest = inode.bytes;
  std::string& content = inode.bytes;
  for (auto undo = inode.unsynced.rbegin(); undo != inode.unsynced.rend(); ++undo) {
    content.resize(std::max<std::uint64_t>(undo->old_size, undo->offset));
    std::copy(undo->old_bytes.begin(), undo->old_bytes.end(),
              content.begin() + static_cast<std::ptrdiff_t>(undo->offset));
    content.resize(undo->old_size);
  }
  inode.unsynced.clear();
  const std::uint64_t fate = random_.below(4);
  if (fate == 0) return;  // nothing had reached the disk
  if (fate == 1) {
    content = newest;
    return;
  }
  const std::uint64_t least = std::min(content.size(), newest.size());
  const std::uint64_t most = std::max(content.size(), newest.size());
  const std::string oldest = std::exchange(content, std::string(random_.between(least, most), '\0'));
  for (std::size_t from = 0; from < content.size(); from += kSectorBytes) {
    const std::string& source = random_.chance(0.5) ? oldest : newest;
    if (from >= source.size()) continue;
    content.replace(from, std::min({kSectorBytes, source.size() - from, content.size() - from}),
                    source.substr(from, std::min(kSectorBytes, content.size() - from)));
  }
}

// Either the first few changes are on the disk, as a journal would do it, or any of them.
void SimDisk::lose_unsynced_names() {
  const bool journal = random_.chance(0.5);
  std::size_t kept = journal ? random_.below(unsynced_.size() + 1) : unsynced_.size();
  for (std::size_t index = 0; index < kept; ++index) {
    if (journal || random_.chance(0.5)) carry_out(synced_, unsynced_[index]);
  }
  unsynced_.clear();
  names_ = synced_;
}

void SimDisk::carry_out(Directory& directory, const DirectoryChange& change) {
  switch (change.kind) {
    case DirectoryChange::Kind::kCreate:
      directory[change.name] = change.inode;
      return;
    case DirectoryChange::Kind::kRename:
      if (directory.erase(change.name) != 0) directory[change.to] = change.inode;
      return;
    case DirectoryChange::Kind::kRemove:
      directory.erase(change.name);
      return;
  }
}

}  // namespace bmc::paxos::sim
