#pragma once

#include <functional>
#include <string>
#include <vector>

#include "vswitchd/bridge/plan.hpp"

namespace bondway::bridge {

/// Why a frame goes where it goes, in words for a person: forward() and travel() write down what
/// they decide while they decide it.  Without one, which is what data traffic gets, they do not
/// even think of the words.
class Trace {
 public:
  explicit Trace(std::function<std::string(InterfaceId)> interface_name)
      : interface_name_(std::move(interface_name)) {}

  void add(std::string_view line);
  void enter() { ++depth_; }
  void leave() { --depth_; }
  void set_depth(int depth) { depth_ = depth; }
  int depth() const { return depth_; }

  std::string name(InterfaceId id) const { return interface_name_(id); }
  const std::string& text() const { return text_; }

 private:
  std::function<std::string(InterfaceId)> interface_name_;
  std::string text_;
  int depth_ = 0;
};

/// `50:54:00:00:00:01 > ff:ff:ff:ff:ff:ff, VLAN 10 priority 5, type 0x0800`
std::string describe(const Headers& headers);
/// `with tag 10`, `with tags 10 (0x88a8, priority 5), 20`, `untagged`: the tags that are looked at.
std::string describe_tags(const Headers& headers);
std::string_view to_string(VlanMode mode);

}  // namespace bondway::bridge
