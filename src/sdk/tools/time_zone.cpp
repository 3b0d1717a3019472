#include "sdk/tools/time_zone.h"

#include "sdk/tools/posix_zone.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

namespace isa::sdk {
namespace {

constexpr std::string_view kDatabase = "/usr/share/zoneinfo/";
constexpr std::size_t kFileMax = 1 << 20;

// One block of a TZif file (RFC 9636, section 3).
class Block {
 public:
  // `time_size`: 4 in the first block, 8 in the second.
  Block(std::string_view data, std::size_t time_size) : data_(data), time_size_(time_size) {
    for (std::size_t i = 0; i < 6; ++i) counts_[i] = static_cast<std::size_t>(number(20 + 4 * i, 4));
  }

  bool is_sound() const { return data_.starts_with("TZif") && type_count() > 0 && data_.size() >= size(); }
  char version() const { return data_[4]; }
  std::size_t size() const {
    return 44 + times() * (time_size_ + 1) + type_count() * 6 + counts_[5] + counts_[2] * (time_size_ + 4) +
           counts_[1] + counts_[0];
  }
  std::size_t times() const { return counts_[3]; }
  std::int64_t time(std::size_t i) const { return number(44 + i * time_size_, time_size_); }

  // What holds after transition i; type 0 before the first one.
  std::optional<ZoneOffset> offset_after(std::optional<std::size_t> i) const {
    const std::size_t types = 44 + times() * time_size_;
    const auto type = i ? static_cast<unsigned char>(data_[types + *i]) : std::size_t{0};
    if (type >= type_count()) return std::nullopt;
    const std::size_t record = types + times() + type * 6, names = types + times() + type_count() * 6;
    const auto name = static_cast<unsigned char>(data_[record + 5]);
    if (name >= counts_[5]) return std::nullopt;
    const auto text = data_.substr(names + name, counts_[5] - name);
    return ZoneOffset{std::chrono::seconds(number(record, 4)), std::string(text.substr(0, text.find('\0')))};
  }

 private:
  std::size_t type_count() const { return counts_[4]; }
  // Big-endian, two's complement; 0 where the data ends.
  std::int64_t number(std::size_t at, std::size_t size) const {
    if (at + size > data_.size()) return 0;
    std::uint64_t value = (static_cast<unsigned char>(data_[at]) & 0x80) ? ~std::uint64_t{0} : 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(data_[at + i]);
    return static_cast<std::int64_t>(value);
  }

  std::string_view data_;
  std::size_t time_size_;
  std::size_t counts_[6] = {};  // isut, isstd, leap, time, type, char
};

std::optional<ZoneOffset> read_zone(std::string_view data, std::int64_t at) {
  if (data.size() < 44) return std::nullopt;
  std::size_t time_size = 4;
  Block block(data, time_size);
  if (!block.is_sound()) return std::nullopt;
  std::string_view footer;
  if (block.version() >= '2') {
    data.remove_prefix(block.size());
    if (data.size() < 44) return std::nullopt;
    block = Block(data, 8);
    if (!block.is_sound()) return std::nullopt;
    footer = data.substr(block.size());
  }
  std::size_t passed = 0;
  while (passed < block.times() && block.time(passed) <= at) ++passed;
  if (passed == block.times() && footer.size() > 2) {
    footer.remove_prefix(1);
    const auto rule = PosixZone::parse(footer.substr(0, footer.find('\n')));
    if (rule) return rule->at(at);
  }
  return block.offset_after(passed == 0 ? std::nullopt : std::optional(passed - 1));
}

std::optional<ZoneOffset> fixed_offset(std::string_view zone) {
  if (zone == "UTC" || zone == "Z" || zone == "GMT" || zone == "Etc/UTC") return ZoneOffset{{}, "UTC"};
  int hours = 0, minutes = 0, used = 0;
  char sign = 0;
  const std::string text(zone);
  if (std::sscanf(text.c_str(), "%c%2d:%2d%n", &sign, &hours, &minutes, &used) != 3) return std::nullopt;
  if ((sign != '+' && sign != '-') || static_cast<std::size_t>(used) != text.size()) return std::nullopt;
  if (hours < 0 || hours > 14 || minutes < 0 || minutes > 59) return std::nullopt;
  const std::chrono::seconds east = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  return ZoneOffset{sign == '-' ? -east : east, "UTC" + text};
}

bool is_zone_name(std::string_view zone) {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '_' || c == '-' || c == '+';
  };
  return !zone.empty() && zone.size() < 64 && zone.front() != '/' && std::ranges::all_of(zone, is_allowed);
}

}  // namespace

Result<ZoneOffset> offset_of(std::string_view zone, Timestamp at) {
  if (auto fixed = fixed_offset(zone)) return *std::move(fixed);
  const auto unknown = [&](std::string_view why) {
    return validation_error(
        "/timezone: '{}' {}; give UTC, an offset such as +02:00, or a name such as Europe/Berlin", zone, why);
  };
  if (!is_zone_name(zone)) return unknown("is no time zone");
  const std::string path = std::string(kDatabase) + std::string(zone);
  std::error_code ec;
  const auto size = std::filesystem::file_size(path, ec);  // Fails for a folder.
  if (ec || size > kFileMax) return unknown("is not in the zone database of this machine");
  std::ifstream file(path, std::ios::binary);
  if (!file) return unknown("is not in the zone database of this machine");
  std::string data{std::istreambuf_iterator<char>(file), {}};
  auto found = read_zone(data, std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count());
  if (!found) return unknown("is no time zone");
  return *std::move(found);
}

}  // namespace isa::sdk
