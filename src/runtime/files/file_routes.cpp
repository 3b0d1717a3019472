#include "runtime/files/file_routes.h"

#include "runtime/files/byte_range.h"
#include "runtime/files/watch.h"

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <memory>
#include <stdexcept>

#include <sys/stat.h>
#include <unistd.h>

namespace isa::runtime {
namespace {

constexpr std::size_t kPiece = 64 << 10;  // Bytes of a file that are in memory at a time.
constexpr std::int64_t kDepthMax = 32;
constexpr std::size_t kBodyMax = 16 << 20;

Result<std::int64_t> number_of(const net::Request& request, std::string_view name, int base,
                               std::int64_t otherwise, std::int64_t min, std::int64_t max) {
  const auto text = request.query_value(name);
  if (text.empty()) return otherwise;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error == std::errc() && end == text.data() + text.size() && number >= min && number <= max)
    return number;
  return validation_error("{}: '{}' is not a number from {} to {}{}", name, text,
                          base == 8 ? fmt::format("{:o}", min) : std::to_string(min),
                          base == 8 ? fmt::format("{:o}", max) : std::to_string(max),
                          base == 8 ? " (octal)" : "")
      .with_param(std::string(name));
}

Result<bool> flag_of(const net::Request& request, std::string_view name) {
  const auto text = request.query_value(name);
  if (text.empty() || text == "false") return false;
  if (text == "true") return true;
  return validation_error("{} must be true or false, not '{}'", name, text).with_param(std::string(name));
}

Error unknown_op(const net::Request& request, std::string_view known) {
  return validation_error("op must be {}, not '{}'", known, request.query_value("op")).with_param("op");
}

struct Download {
  sdk::Fd file;
  ByteRange range;
};

Task<void> send(std::shared_ptr<Download> from, asio::thread_pool& worker, net::BodyWriter& to) {
  while (from->range.count > 0) {
    const auto read = [from]() -> Result<std::string> {
      std::string piece(static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, from->range.count)), '\0');
      const auto size =
          ::pread(from->file.get(), piece.data(), piece.size(), static_cast<off_t>(from->range.first));
      if (size < 0) return from_errno(errno, "the file cannot be read on");
      piece.resize(static_cast<std::size_t>(size));
      return piece;
    };
    auto piece = co_await offload<std::string>(worker, read);
    // What was promised cannot be kept: the answer breaks off, so that nobody takes it for whole.
    if (!piece) throw std::runtime_error(piece.error().message() + ": " + piece.error().detail());
    if (piece->empty()) throw std::runtime_error("the file became shorter while it was read");
    from->range.first += piece->size();
    from->range.count -= piece->size();
    if (!co_await to.write(std::move(*piece))) co_return;
  }
}

// Files of the kernel have no size: they are read until there is no more.
Task<void> send_to_end(std::shared_ptr<Download> from, asio::thread_pool& worker, net::BodyWriter& to) {
  for (;;) {
    const auto read = [from]() -> Result<std::string> {
      std::string piece(kPiece, '\0');
      const auto size = ::read(from->file.get(), piece.data(), piece.size());
      if (size < 0) return from_errno(errno, "the file cannot be read on");
      piece.resize(static_cast<std::size_t>(size));
      return piece;
    };
    auto piece = co_await offload<std::string>(worker, read);
    if (!piece) throw std::runtime_error(piece.error().message() + ": " + piece.error().detail());
    if (piece->empty() || !co_await to.write(std::move(*piece))) co_return;
  }
}

}  // namespace

void FileRoutes::add_routes(net::Router& to) {
  using net::Method;
  using net::Request;
  const net::RouteOptions open{.is_public = true};
  const net::RouteOptions upload{.body_max = kBodyMax, .is_public = true};
  to.add({Method::get, "/files/{path...}", [this](Request& request) { return get(request); }, open});
  to.add({Method::put, "/files/{path...}", [this](Request& request) { return put(request); }, upload});
  to.add({Method::post, "/files/{path...}", [this](Request& request) { return post(request); }, open});
  to.add({Method::del, "/files/{path...}", [this](Request& request) { return remove(request); }, open});
}

FileRoutes::Answer FileRoutes::get(net::Request& request) {
  ISA_CO_TRY(auto path, files_.absolute(request.param("path")));
  const auto op = request.query_value("op");
  if (op.empty() || op == "read") co_return co_await read(request, std::move(path));
  if (op == "stat") co_return co_await describe(std::move(path), 200);
  if (op == "list") co_return co_await list(request, std::move(path));
  if (op == "watch") co_return co_await watch(request, std::move(path));
  co_return unknown_op(request, "read, stat, list or watch");
}

FileRoutes::Answer FileRoutes::read(const net::Request& request, std::string path) {
  auto from = std::make_shared<Download>();
  const auto open = [this, path]() -> Result<sdk::Fd> { return files_.open_file(path); };
  ISA_CO_TRY(from->file, co_await offload<sdk::Fd>(worker(), open));
  struct stat status{};
  ::fstat(from->file.get(), &status);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  net::Response answer;
  answer.headers.set("Content-Type", "application/octet-stream");
  answer.headers.set("Accept-Ranges", "bytes");
  switch (find_range(request.headers.get("Range"), size, from->range)) {
    case RangeVerdict::whole: break;
    case RangeVerdict::part:
      answer.status = 206;
      answer.headers.set("Content-Range", fmt::format("bytes {}-{}/{}", from->range.first,
                                                      from->range.first + from->range.count - 1, size));
      break;
    case RangeVerdict::unsatisfiable:
      answer.status = 416;
      answer.headers.set("Content-Range", fmt::format("bytes */{}", size));
      co_return answer;
  }
  auto& pool = worker();
  const bool has_no_size = size == 0;
  answer.stream = [from, &pool, has_no_size](net::BodyWriter& to) {
    return has_no_size ? send_to_end(from, pool, to) : send(from, pool, to);
  };
  co_return answer;
}

FileRoutes::Answer FileRoutes::list(const net::Request& request, std::string path) {
  ISA_CO_TRY(const auto depth, number_of(request, "depth", 10, 1, 1, kDepthMax));
  const auto look = [this, path, depth]() -> Result<sdk::FileList> {
    return files_.list(path, static_cast<int>(depth));
  };
  ISA_CO_TRY(const auto found, co_await offload<sdk::FileList>(worker(), look));
  co_return net::Response::json(200, json::write(found));
}

FileRoutes::Answer FileRoutes::watch(const net::Request& request, std::string path) {
  ISA_CO_TRY(const auto recursive, flag_of(request, "recursive"));
  ISA_CO_TRY(auto folder, files_.open_folder(path));
  const auto executor = co_await asio::this_coro::executor;
  ISA_CO_TRY(auto watch, Watch::open(executor, std::move(folder), recursive));
  std::shared_ptr<Watch> shared = std::move(watch);
  auto body = [shared](net::BodyWriter& to) { return Watch::stream(shared, to); };
  co_return net::Response::sse(std::move(body));
}

FileRoutes::Answer FileRoutes::describe(std::string path, int status) {
  const auto look = [this, path]() -> Result<sdk::FileEntry> { return files_.stat(path); };
  ISA_CO_TRY(const auto entry, co_await offload<sdk::FileEntry>(worker(), look));
  co_return net::Response::json(status, json::write(entry));
}

FileRoutes::Answer FileRoutes::put(net::Request& request) {
  ISA_CO_TRY(const auto path, files_.absolute(request.param("path")));
  ISA_CO_TRY(const auto mode, number_of(request, "mode", 8, -1, 0, 07777));
  ISA_CO_TRY(const auto offset, number_of(request, "offset", 10, -1, 0, INT64_MAX));
  const auto permissions = mode < 0 ? std::nullopt : std::optional(static_cast<mode_t>(mode));
  const auto write = [this, &path, permissions, offset, &body = request.body]() -> Result<bool> {
    if (offset >= 0) return files_.write_part(path, permissions, offset, body);
    ISA_TRY(auto writer, FileWriter::open(files_, path, permissions));
    ISA_TRYV(writer.write(body));
    ISA_TRYV(writer.finish());
    return writer.replaces();
  };
  ISA_CO_TRY(const auto replaced, co_await offload<bool>(worker(), write));
  co_return co_await describe(path, replaced ? 200 : 201);
}

FileRoutes::Answer FileRoutes::post(net::Request& request) {
  ISA_CO_TRY(auto path, files_.absolute(request.param("path")));
  const auto op = request.query_value("op");
  if (op == "mkdir") {
    const auto make = [this, path]() -> Result<void> { return files_.make_folders(path); };
    ISA_CO_TRYV(co_await offload<void>(worker(), make));
    co_return co_await describe(std::move(path), 200);
  }
  if (op != "move") co_return unknown_op(request, "mkdir or move");
  if (request.query_value("to").empty())
    co_return validation_error("to: say where the file is to go").with_param("to");
  ISA_CO_TRY(auto to, files_.absolute(request.query_value("to")));
  const auto move = [this, path, to]() -> Result<void> { return files_.move(path, to); };
  ISA_CO_TRYV(co_await offload<void>(worker(), move));
  co_return co_await describe(std::move(to), 200);
}

FileRoutes::Answer FileRoutes::remove(net::Request& request) {
  ISA_CO_TRY(const auto path, files_.absolute(request.param("path")));
  ISA_CO_TRY(const auto recursive, flag_of(request, "recursive"));
  const auto how = recursive ? Files::Removal::recursive : Files::Removal::one;
  const auto take_away = [this, path, how]() -> Result<void> { return files_.remove(path, how); };
  ISA_CO_TRYV(co_await offload<void>(worker(), take_away));
  const json::object removed{{"path", path}, {"removed", true}};
  co_return net::Response::json(200, removed);
}

}  // namespace isa::runtime
