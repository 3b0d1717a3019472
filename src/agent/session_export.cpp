#include "agent/session_export.h"

#include <memory>
#include <stdexcept>

namespace isa::agent {
namespace {

// Pieces of about so many bytes go out together.
constexpr std::size_t kPiece = 64 << 10;

// Collects small pieces; throws what the framework understands as the end of a broken answer.
class Pen {
 public:
  explicit Pen(net::BodyWriter& out) : out_(out) {}

  Task<void> write(std::string_view text) {
    collected_ += text;
    if (collected_.size() >= kPiece) co_await flush();
  }
  Task<void> flush() {
    auto sent = co_await out_.write(std::exchange(collected_, {}));
    if (!sent) throw std::runtime_error(sent.error().message());
  }

 private:
  net::BodyWriter& out_;
  std::string collected_;
};

Task<std::vector<store::LoggedEvent>> events_of(const store::Run& run, store::RunStore& runs,
                                                RunEngine& engine) {
  // Live first: a run leaves the registry only when the store has it.
  if (const auto live = engine.registry().find(run.id)) co_return live->stream.events_after(0);
  auto events = co_await runs.events(run.id, 0);
  if (!events) throw std::runtime_error(events.error().message() + " " + events.error().detail());
  co_return *std::move(events);
}

std::string head_of(const SessionExport& document) {
  return fmt::format(R"({{"format":"isa.session","version":{},"exported_at":"{}","session":{},"messages":[)",
                     kExportVersion, to_rfc3339(now()), json::serialize(json::write(document.session)));
}

Task<void> write_document(std::shared_ptr<const SessionExport> document, store::RunStore& runs,
                          RunEngine& engine, net::BodyWriter& out) {
  Pen pen(out);
  co_await pen.write(head_of(*document));
  std::string_view comma;
  for (const auto& message : document->messages) {
    const auto text = json::serialize(json::write(message));
    co_await pen.write(comma);
    co_await pen.write(text);
    comma = ",";
  }
  co_await pen.write(R"(],"runs":[)");
  comma = "";
  for (const auto& run : document->runs) {
    const auto events = co_await events_of(run, runs, engine);
    const auto row = json::serialize(json::write(run));
    co_await pen.write(comma);
    co_await pen.write(R"({"run":)");
    co_await pen.write(row);
    co_await pen.write(R"(,"events":[)");
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (i > 0) co_await pen.write(",");
      co_await pen.write(*events[i].json);
    }
    co_await pen.write("]}");
    comma = ",";
  }
  co_await pen.write("]}");
  co_await pen.flush();
}

}  // namespace

net::Response export_response(SessionExport document, store::RunStore& runs, RunEngine& engine) {
  net::Response response;
  response.headers.set("Content-Type", "application/json");
  response.headers.set("Cache-Control", "no-store");
  response.headers.set("Content-Disposition", "attachment; filename=\"session.json\"");
  auto shared = std::make_shared<const SessionExport>(std::move(document));
  response.stream = [shared = std::move(shared), &runs, &engine](net::BodyWriter& out) {
    return write_document(shared, runs, engine, out);
  };
  return response;
}

}  // namespace isa::agent
