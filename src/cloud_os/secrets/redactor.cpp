#include "cloud_os/secrets/redactor.h"

#include "base/json.h"
#include "net/http.h"

#include <sodium.h>

#include <algorithm>

namespace isa::cloud_os {
namespace {

constexpr std::string_view kInstead = "[redacted]";
constexpr std::size_t kFormMin = 8;  // Shorter pieces are found everywhere.

std::string base64(std::string_view bytes, int variant) {
  std::string text(sodium_base64_encoded_len(bytes.size(), variant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), variant);
  text.resize(text.size() - 1);
  return text;
}

// The characters that `value` alone decides when `before` other bytes stand in front of it.
std::string base64_within(const std::string& value, std::size_t before, int variant) {
  auto text = base64(std::string(before, '\0') + value, variant);
  const auto first = (before * 8 + 5) / 6;
  const auto last = (before + value.size()) * 8 / 6;
  return text.substr(first, last - first);
}

std::string hexadecimal(std::string_view bytes) {
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace

Redactor::Redactor(const std::string& value) {
  std::vector<std::string> forms{value, net::percent_encode(value), hexadecimal(value)};
  const auto quoted = json::serialize(json::value(value));
  forms.push_back(quoted.substr(1, quoted.size() - 2));
  for (const int variant :
       {sodium_base64_VARIANT_ORIGINAL_NO_PADDING, sodium_base64_VARIANT_URLSAFE_NO_PADDING})
    for (std::size_t before = 0; before < 3; ++before) forms.push_back(base64_within(value, before, variant));
  std::ranges::sort(
      forms, [](const auto& a, const auto& b) { return a.size() != b.size() ? a.size() > b.size() : a < b; });
  for (auto& form : forms) {
    const bool is_known = !forms_.empty() && forms_.back().text() == form;
    if (form.size() >= kFormMin && !is_known) forms_.emplace_back(std::move(form));
  }
  if (!forms_.empty()) longest_ = forms_.front().text().size();
}

void Redactor::clean(std::string& text) const {
  for (const auto& form : forms_)
    for (auto at = text.find(form.text()); at != std::string::npos; at = text.find(form.text(), at))
      text.replace(at, form.text().size(), kInstead);
}

std::string Redactor::feed(std::string piece) {
  if (forms_.empty()) return piece;
  held_ += piece;
  clean(held_);
  // Only an end that begins a form has to wait; of a live stream that is next to never anything.
  std::size_t kept = 0;
  const auto most = std::min(held_.size(), longest_ - 1);
  for (std::size_t length = most; length > 0 && kept == 0; --length) {
    const auto end = std::string_view(held_).substr(held_.size() - length);
    if (std::ranges::any_of(forms_, [&](const auto& form) { return form.text().starts_with(end); }))
      kept = length;
  }
  std::string ready = held_.substr(0, held_.size() - kept);
  held_.erase(0, held_.size() - kept);
  return ready;
}

std::string Redactor::finish() {
  return std::exchange(held_, {});
}

std::string Redactor::whole(std::string text) const {
  clean(text);
  return text;
}

}  // namespace isa::cloud_os
