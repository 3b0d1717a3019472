#include "runtime/listener.h"

#include "base/testing.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace isa::runtime {
namespace {

// Serves one connection: with a descriptor, or with nothing but its end.
class Giver {
 public:
  Giver(const std::filesystem::path& at, int descriptor) : door_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, at.c_str(), sizeof address.sun_path - 1);
    if (::bind(door_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(door_, 1) != 0)
      throw std::runtime_error("cannot listen");
    thread_ = std::thread([this, descriptor] { serve(descriptor); });
  }
  ~Giver() {
    thread_.join();
    ::close(door_);
  }

 private:
  void serve(int descriptor) const {
    const int peer = ::accept(door_, nullptr, nullptr);
    if (descriptor >= 0) {
      char byte = 'l';
      iovec bytes{&byte, 1};
      alignas(cmsghdr) char room[CMSG_SPACE(sizeof descriptor)] = {};
      msghdr message{};
      message.msg_iov = &bytes;
      message.msg_iovlen = 1;
      message.msg_control = room;
      message.msg_controllen = sizeof room;
      cmsghdr* head = CMSG_FIRSTHDR(&message);
      head->cmsg_level = SOL_SOCKET;
      head->cmsg_type = SCM_RIGHTS;
      head->cmsg_len = CMSG_LEN(sizeof descriptor);
      std::memcpy(CMSG_DATA(head), &descriptor, sizeof descriptor);
      EXPECT_EQ(::sendmsg(peer, &message, MSG_NOSIGNAL), 1);
    }
    ::close(peer);
  }

  int door_;
  std::thread thread_;
};

TEST(Listener, TheDescriptorThatIsHandedOverIsTheVeryOne) {
  const isa::testing::TempFolder folder;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const Giver giver(folder / "door", ends[1]);
  const auto got = receive_listener(folder / "door", std::chrono::seconds(10));
  ASSERT_TRUE(got.has_value()) << got.error().message();
  struct stat given{}, received{};
  EXPECT_EQ(::fstat(ends[1], &given), 0);
  EXPECT_EQ(::fstat(*got, &received), 0);
  EXPECT_EQ(given.st_ino, received.st_ino);
  for (const int fd : {ends[0], ends[1], *got}) ::close(fd);
}

TEST(Listener, AStarterThatHasNoneToGiveIsAnErrorThatSaysWhoStartsSandboxes) {
  const isa::testing::TempFolder folder;
  const Giver giver(folder / "door", -1);
  const auto got = receive_listener(folder / "door", std::chrono::seconds(10));
  EXPECT_NE(got.error().message().find("cloud_os"), std::string::npos) << got.error().message();
}

TEST(Listener, AStarterThatIsGoneIsAnError) {
  EXPECT_EQ(receive_listener("/nonexistent/door", std::chrono::seconds(1)).error().kind(),
            ErrorKind::service_unavailable);
}

}  // namespace
}  // namespace isa::runtime
