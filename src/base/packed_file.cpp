#include "base/packed_file.h"

#include "base/utf8.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <set>

namespace isa {
namespace {

Error bad_path(std::string_view path, std::string_view why) {
  return validation_error("the file name '{}' {}", to_valid_utf8(std::string(cut_utf8(path, 80))), why);
}

void add(crypto_hash_sha256_state& to, std::string_view bytes) {
  crypto_hash_sha256_update(&to, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

// With its length in front, so that no two lists of files read alike.
void add_sized(crypto_hash_sha256_state& to, std::string_view bytes) {
  std::array<char, 8> length{};
  for (std::size_t i = 0; i < length.size(); ++i) length[i] = static_cast<char>(bytes.size() >> (8 * i));
  add(to, {length.data(), length.size()});
  add(to, bytes);
}

}  // namespace

Result<void> check_packed_path(std::string_view path) {
  if (path.empty()) return validation_error("a file has no name");
  if (path.size() > kPackedPathMax)
    return bad_path(path, fmt::format("is longer than {} bytes", kPackedPathMax));
  if (!is_utf8(path)) return bad_path(path, "is no UTF-8");
  if (std::ranges::any_of(path, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }))
    return bad_path(path, "holds a control character");
  if (path.contains('\\')) return bad_path(path, "holds a backslash; folders are separated by '/'");
  if (path.starts_with('/')) return bad_path(path, "is absolute; it must be relative");
  int depth = 0;
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..")
      return bad_path(path, "must hold no empty part, no '.' and no '..'");
    if (++depth > kPackedDepthMax)
      return bad_path(path, fmt::format("is more than {} folders deep", kPackedDepthMax));
    begin = end + 1;
  }
  return ok();
}

Result<void> check_packed_paths(const std::vector<PackedFile>& files) {
  std::set<std::string_view> names;
  std::set<std::string_view> folders;
  for (const auto& file : files) {
    ISA_TRYV(check_packed_path(file.path));
    if (!names.insert(file.path).second) return bad_path(file.path, "is there twice");
    const std::string_view path = file.path;
    for (auto at = path.find('/'); at != std::string_view::npos; at = path.find('/', at + 1))
      folders.insert(path.substr(0, at));
  }
  for (const auto name : names)
    if (folders.contains(name)) return bad_path(name, "is a file and a folder at once");
  return ok();
}

std::string content_hash(std::vector<PackedFile> files) {
  std::ranges::sort(files, {}, &PackedFile::path);
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  for (const auto& file : files) {
    add_sized(state, file.path);
    add_sized(state, file.is_executable ? "x" : "");
    add_sized(state, file.content);
  }
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256_final(&state, digest.data());
  std::string text;
  for (const auto byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace isa
