#include "vswitchd/netdev/pcap.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <system_error>

namespace bondway::netdev {
namespace {

struct FileHeader {
  std::uint32_t magic = 0xa1b2c3d4;  ///< its order is that of all numbers in the file
  std::uint16_t major = 2, minor = 4;
  std::uint32_t zone = 0, accuracy = 0;
  std::uint32_t longest = 262144;
  std::uint32_t link_type = 1;  ///< LINKTYPE_ETHERNET
};
static_assert(sizeof(FileHeader) == 24);

struct FrameHeader {
  std::uint32_t seconds, microseconds, captured, length;
};

FrameHeader header_of(const FrameView& frame) {
  using namespace std::chrono;
  const auto now = system_clock::now().time_since_epoch();
  const auto whole = duration_cast<seconds>(now);
  const auto size = static_cast<std::uint32_t>(frame.octets.size());
  return {static_cast<std::uint32_t>(whole.count()),
          static_cast<std::uint32_t>(duration_cast<microseconds>(now - whole).count()), size, size};
}

}  // namespace

Result<PcapWriter> PcapWriter::open(const std::string& path) {
  const auto reason = [] { return tl::unexpected(Error{std::generic_category().message(errno)}); };
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0644));
  struct stat status {};
  if (!fd || fstat(fd.get(), &status) != 0) return reason();
  const FileHeader header;
  if (status.st_size == 0 && ::write(fd.get(), &header, sizeof(header)) != sizeof(header)) {
    return reason();
  }
  return PcapWriter(std::move(fd));
}

void PcapWriter::write(const FrameView& frame) {
  FrameHeader header = header_of(frame);
  const std::array pieces{
      iovec{&header, sizeof(header)},
      iovec{const_cast<std::uint8_t*>(frame.octets.data()), frame.octets.size()}};
  // One call writes all or, when there is no room, leaves an end that readers know how to pass.
  static_cast<void>(!writev(fd_.get(), pieces.data(), static_cast<int>(pieces.size())));
}

}  // namespace bondway::netdev
