// The last output of one command, addressed by position, so that a reader who comes back gets exactly what it
// has not seen, or learns how much of that is gone.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace isa::sdk {

class OutputRing {
 public:
  enum class Stream : std::uint8_t { out, err };
  struct Piece {
    Stream stream;
    std::string_view bytes;  // Until the next append().
    std::uint64_t end;       // The position behind its last byte.
  };

  explicit OutputRing(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // Drops the oldest output beyond bytes_max.
  void append(Stream stream, std::string_view bytes);
  // What follows position `after`, of one stream; nothing when there is no more. `after` is not below
  // begin().
  std::optional<Piece> next(std::uint64_t after) const;
  // All of what is kept of one stream.
  std::string all(Stream stream) const;

  // Positions count the bytes of both streams in the order of their arrival.
  std::uint64_t begin() const { return begin_; }
  std::uint64_t end() const { return end_; }
  std::size_t size() const { return static_cast<std::size_t>(end_ - begin_); }

 private:
  struct Kept {
    Stream stream;
    std::uint64_t begin;
    std::string bytes;
  };

  std::size_t bytes_max_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
  std::deque<Kept> kept_;
};

}  // namespace isa::sdk
