// Where a server may listen, and what it says where it may not.
#include "net/server_test_support.h"

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <sys/un.h>

namespace isa::net {
namespace {

#define EXPECT_HOLDS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

Task<void> listen_twice(Server& server, const Endpoint at) {
  const auto again = server.listen(at);
  EXPECT_FALSE(again);
  if (again) co_return;
  EXPECT_EQ(again.error().kind(), ErrorKind::conflict);
  EXPECT_HOLDS(again.error().message(), std::to_string(at.port));
  EXPECT_HOLDS(again.error().message(), "choose another port");
}
TEST(ServerListen, NamesAPortThatIsInUse) {
  testing::run(with_server(Router(), {}, listen_twice));
}

// A socket file whose server died without removing it.
void leave_socket_file(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(fd);
}

Task<void> listen_on_unix(std::string path) {
  leave_socket_file(path);
  Server server(co_await asio::this_coro::executor, Router(), {});
  const auto bound = server.listen(Endpoint::unix_socket(path));
  EXPECT_TRUE(bound) << "a stale socket file is replaced: " << bound.error().message();
  struct stat status{};
  EXPECT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);

  Server second(co_await asio::this_coro::executor, Router(), {});
  const auto taken = second.listen(Endpoint::unix_socket(path));
  EXPECT_FALSE(taken);
  if (!taken) EXPECT_EQ(taken.error().kind(), ErrorKind::conflict);
  co_await server.stop();
}
TEST(ServerListen, ReplacesAStaleSocketFileButNoLiveOne) {
  const testing::TempFolder folder;
  testing::run(listen_on_unix(folder / "s"));
}

Task<void> listen_in_vain(std::string folder) {
  Server server(co_await asio::this_coro::executor, Router(), {});
  const auto too_long = server.listen(Endpoint::unix_socket(folder + "/" + std::string(120, 'x')));
  EXPECT_FALSE(too_long);
  if (!too_long) EXPECT_HOLDS(too_long.error().message(), "107");
  const std::string file = folder + "/file";
  fclose(fopen(file.c_str(), "w"));
  const auto no_socket = server.listen(Endpoint::unix_socket(file));
  EXPECT_FALSE(no_socket);
  EXPECT_TRUE(std::filesystem::exists(file)) << "somebody's file is not removed";
  EXPECT_FALSE(server.listen(Endpoint::tcp("example.com", 0)));
  co_await server.stop();
}
TEST(ServerListen, RefusesPathsAndHostsThatItCannotUse) {
  const testing::TempFolder folder;
  testing::run(listen_in_vain(folder.path()));
}

}  // namespace
}  // namespace isa::net
