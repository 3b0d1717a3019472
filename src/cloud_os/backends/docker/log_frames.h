#pragma once

#include <string>
#include <string_view>

namespace isa::cloud_os::docker {

// The text of a container's output stream, standard output and error as they came. The stream is made of
// frames: the number of the stream (0 to 2), three zero bytes, the size of the text (big-endian, 4 bytes),
// the text (Docker Engine API, "ContainerAttach", stream format). What does not follow that form, and what an
// interrupted stream left of its last frame, is the end of it.
std::string text_of_frames(std::string_view stream);

}  // namespace isa::cloud_os::docker
