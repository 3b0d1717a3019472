#pragma once

#include "base/result.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace isa::store {

// The folder of an event log: NNNNNNNN.log, numbered upwards. Used by one thread at a time.
class SegmentFolder {
 public:
  static Result<SegmentFolder> open(std::filesystem::path path);  // Made when missing, mode 0700.
  SegmentFolder(SegmentFolder&& other) noexcept;
  SegmentFolder& operator=(SegmentFolder&& other) noexcept;
  ~SegmentFolder();

  Result<std::vector<std::uint64_t>> list() const;  // In order.
  Result<std::string> read(std::uint64_t number) const;
  Result<void> remove(std::uint64_t number) const;
  std::filesystem::path file(std::uint64_t number) const;
  // Makes what was created or removed in the folder survive a power cut.
  Result<void> sync() const;

 private:
  SegmentFolder(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::filesystem::path path_;
  int fd_;
};

// The segment that is being written.
class SegmentFile {
 public:
  static Result<SegmentFile> create(const SegmentFolder& folder, std::uint64_t number);
  SegmentFile(SegmentFile&& other) noexcept;
  SegmentFile& operator=(SegmentFile&& other) noexcept;
  ~SegmentFile();

  std::uint64_t number() const { return number_; }
  std::size_t size() const { return size_; }
  // False after a failed append that could not be cut off: nothing may follow in this file.
  bool is_usable() const { return is_usable_; }

  // Appends all of `bytes`, or nothing: when the disk is full, what was half written is cut off again.
  Result<void> append(std::string_view bytes);
  Result<void> sync();

 private:
  SegmentFile(std::filesystem::path path, std::uint64_t number, int fd);

  std::filesystem::path path_;
  std::uint64_t number_;
  int fd_;
  std::size_t size_ = 0;
  bool is_usable_ = true;
};

}  // namespace isa::store
