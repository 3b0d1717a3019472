#include "cloud_os/secrets/key.h"

#include "cloud_os/record.h"

#include <sodium.h>

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace isa::cloud_os {
namespace {

static_assert(crypto_secretbox_KEYBYTES == 32);

Result<std::string> read_or_make(const std::filesystem::path& file) {
  struct stat facts{};
  if (::stat(file.c_str(), &facts) == 0) {
    if ((facts.st_mode & 077) != 0)
      return failed_dependency("others can read the secrets' key {}; run: chmod 600 {}", file.string(),
                               file.string());
    return read_text(file, 4096);
  }
  if (errno != ENOENT)
    return from_errno(errno, fmt::format("cannot look at the secrets' key {}", file.string()));
  auto made = random_hex(crypto_secretbox_KEYBYTES);
  ISA_TRYV(write_atomically(file, made + "\n", 0600, Durable::yes));
  return made;
}

}  // namespace

Confidential& Confidential::operator=(Confidential&& other) noexcept {
  if (this == &other) return *this;
  wipe();
  text_ = std::move(other.text_);
  other.wipe();
  return *this;
}

void Confidential::wipe() noexcept {
  sodium_memzero(text_.data(), text_.size());
  text_.clear();
}

Result<SecretsKey> SecretsKey::load(const std::string& configured, const std::filesystem::path& file) {
  if (sodium_init() < 0) return internal_error("libsodium cannot be used on this machine");
  const bool is_configured = !configured.empty();
  auto text = is_configured ? Result<std::string>(configured) : read_or_make(file);
  if (!text) return Failure(std::move(text).error());
  while (!text->empty() && std::isspace(static_cast<unsigned char>(text->back()))) text->pop_back();
  SecretsKey key;
  std::size_t size = 0;
  const char* end = nullptr;
  const bool is_hex = sodium_hex2bin(key.bytes_.data(), key.bytes_.size(), text->data(), text->size(),
                                     nullptr, &size, &end) == 0 &&
                      size == key.bytes_.size() && end == text->data() + text->size();
  sodium_memzero(text->data(), text->size());
  if (!is_hex)
    return failed_dependency(
        "{} is no key for secrets: it must be 64 hexadecimal digits (openssl rand -hex 32)",
        is_configured ? "cloud_os.secrets_key" : file.string());
  return key;
}

SecretsKey::SecretsKey(SecretsKey&& other) noexcept : bytes_(other.bytes_) {
  sodium_memzero(other.bytes_.data(), other.bytes_.size());
}

SecretsKey::~SecretsKey() {
  sodium_memzero(bytes_.data(), bytes_.size());
}

std::string SecretsKey::seal(const std::string& text) const {
  std::string sealed(crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + text.size(), '\0');
  auto* const nonce = reinterpret_cast<unsigned char*>(sealed.data());
  randombytes_buf(nonce, crypto_secretbox_NONCEBYTES);
  crypto_secretbox_easy(nonce + crypto_secretbox_NONCEBYTES,
                        reinterpret_cast<const unsigned char*>(text.data()), text.size(), nonce,
                        bytes_.data());
  return sealed;
}

Result<Confidential> SecretsKey::open(const std::string& sealed) const {
  constexpr std::size_t kAround = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
  const auto* const nonce = reinterpret_cast<const unsigned char*>(sealed.data());
  std::string text(sealed.size() < kAround ? 0 : sealed.size() - kAround, '\0');
  if (sealed.size() < kAround ||
      crypto_secretbox_open_easy(reinterpret_cast<unsigned char*>(text.data()),
                                 nonce + crypto_secretbox_NONCEBYTES,
                                 sealed.size() - crypto_secretbox_NONCEBYTES, nonce, bytes_.data()) != 0)
    return failed_dependency(
               "the secret cannot be read with this server's key; start it with the key that it was set with "
               "(ISA_CLOUD_OS_SECRETS_KEY, or the file secrets.key of its data folder), or set the secret "
               "again")
        .with_code("secret_unreadable");
  return Confidential(std::move(text));
}

std::string SecretsKey::derive(std::string_view name) const {
  std::array<unsigned char, 16> digest;
  const auto salted = fmt::format("placeholder {}", name);
  crypto_generichash(digest.data(), digest.size(), reinterpret_cast<const unsigned char*>(salted.data()),
                     salted.size(), bytes_.data(), bytes_.size());
  std::string hex;
  for (const auto byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

}  // namespace isa::cloud_os
