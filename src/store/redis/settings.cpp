#include "store/redis/settings.h"

#include <charconv>
#include <fstream>

namespace isa::store::redis {
namespace {

Result<std::int64_t> database_of(std::string_view text) {
  if (text.empty()) return 0;
  std::int64_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc() || end != text.data() + text.size() || number < 0 || number > 1'000'000)
    return validation_error("redis.url: '{}' is not the number of a database", text);
  return number;
}

Result<void> take_address(std::string_view url, Target& to) {
  if (url.starts_with("unix:")) {
    auto path = url.substr(5);
    const auto query = path.find("?db=");
    if (query != std::string_view::npos) {
      ISA_TRY(to.database, database_of(path.substr(query + 4)));
      path = path.substr(0, query);
    }
    if (!path.starts_with('/')) return validation_error("redis.url: unix:/path needs an absolute path");
    to.endpoint = net::Endpoint::unix_socket(std::string(path));
    return ok();
  }
  const bool is_tls = url.starts_with("rediss://");
  if (!is_tls && !url.starts_with("redis://"))
    return validation_error("redis.url: write redis://host:port/database, rediss://... or unix:/path");
  auto rest = url.substr(is_tls ? 9 : 8);
  if (const auto slash = rest.find('/'); slash != std::string_view::npos) {
    ISA_TRY(to.database, database_of(rest.substr(slash + 1)));
    rest = rest.substr(0, slash);
  }
  const bool has_port = rest.find(':', rest.starts_with('[') ? rest.find(']') : 0) != std::string_view::npos;
  auto endpoint = net::Endpoint::parse_listen(has_port ? std::string(rest) : std::string(rest) + ":6379");
  if (!endpoint || endpoint->host.empty()) return validation_error("redis.url: '{}' is not host:port", rest);
  to.endpoint = *std::move(endpoint);
  to.endpoint.tls = is_tls;
  return ok();
}

Result<std::string> read_password(const std::string& file) {
  std::ifstream from(file);
  std::string line;
  const bool is_read = static_cast<bool>(std::getline(from, line));
  if (line.ends_with('\r')) line.pop_back();  // Of an editor that ends lines so.
  if (!is_read || line.empty())
    return failed_dependency("redis.password_file: no password can be read from {}", file);
  return line;
}

}  // namespace

Result<Target> target_of(const Settings& settings) {
  // It would be shown wherever settings are shown.
  if (settings.url.find('@') != std::string::npos)
    return validation_error(
        "redis.url holds a user or a password; put them into redis.user and ISA_REDIS_PASSWORD");
  if (!settings.password.empty() && !settings.password_file.empty())
    return validation_error("redis.password and redis.password_file are both set; keep one");
  if (settings.prefix.empty() || settings.prefix.find_first_of("{}") != std::string::npos)
    return validation_error("redis.prefix must not be empty and holds no braces");
  Target target;
  ISA_TRYV(take_address(settings.url, target));
  target.user = settings.user;
  target.password = settings.password;
  if (!settings.password_file.empty()) {
    ISA_TRY(target.password, read_password(settings.password_file));
  }
  return target;
}

}  // namespace isa::store::redis
