#include "vswitchd/bridge/trace.hpp"

#include <fmt/format.h>

namespace bondway::bridge {
namespace {

std::string describe(const VlanTag& tag) {
  std::string text = std::to_string(tag.vlan().number());
  if (tag.tpid != 0x8100) text += fmt::format(" type 0x{:04x}", tag.tpid);
  if (tag.priority() != 0) text += fmt::format(" priority {}", tag.priority());
  return text;
}

}  // namespace

void Trace::add(std::string_view line) {
  text_.append(static_cast<std::size_t>(2 * depth_), ' ');
  text_.append(line);
  text_ += '\n';
}

std::string describe_tags(const Headers& headers) {
  if (!headers.outer) return "untagged";
  if (!headers.inner) return "with tag " + describe(*headers.outer);
  return fmt::format("with tags {}, {}", describe(*headers.outer), describe(*headers.inner));
}

std::string describe(const Headers& headers) {
  return fmt::format("{} > {}, {}, type 0x{:04x}", to_string(headers.source),
                     to_string(headers.destination), describe_tags(headers),
                     static_cast<std::uint16_t>(headers.type));
}

std::string_view to_string(VlanMode mode) {
  switch (mode) {
    case VlanMode::access:
      return "access";
    case VlanMode::trunk:
      return "trunk";
    case VlanMode::native_tagged:
      return "native-tagged";
    case VlanMode::native_untagged:
      return "native-untagged";
    case VlanMode::dot1q_tunnel:
      return "dot1q-tunnel";
  }
  return "";
}

}  // namespace bondway::bridge
