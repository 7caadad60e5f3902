#include "vswitchd/netdev/kernel_device.hpp"

#include <cassert>

#include "vswitchd/netdev/ethtool.hpp"
#include "vswitchd/netdev/rtnl.hpp"

namespace bondway::netdev {

KernelDevice::KernelDevice(const Link& link, WhenMoved when_moved) : when_moved_(when_moved) {
  read_driver(link.name, state_);
  take(link);
}

bool KernelDevice::update(const LinkEvent& event) {
  const bool ours = event.before && event.before->namespace_id == link_.namespace_id &&
                    event.before->ifindex == link_.ifindex;
  // A device that comes home is new there; its address tells it from another of its name.
  const bool home = !event.before && event.after && when_moved_ == WhenMoved::followed &&
                    link_.namespace_id != Link::kHere && event.after->name == link_.name &&
                    event.after->mac == link_.mac;
  if (gone() || !(ours || home)) return false;
  if (is_lost(event.after)) {
    gone_.store(true, std::memory_order_relaxed);
    return true;
  }
  if (!event.after) return false;
  const DeviceState last = state_;
  take(*event.after);
  return state_ != last;
}

bool KernelDevice::is_lost(const std::optional<Link>& after) const {
  // From another namespace, a device that comes home and one that is deleted look alike: the
  // tap's descriptor tells, see Tap.
  if (!after) return link_.namespace_id == Link::kHere;
  if (when_moved_ == WhenMoved::followed) return false;
  return after->namespace_id != Link::kHere || after->name != link_.name;
}

void KernelDevice::take(const Link& link) {
  const bool first = link_.ifindex == 0;
  const bool lost_carrier = state_.carrier && !link.carrier;
  if (!first && link.carrier != state_.carrier) ++state_.link_resets;
  state_.name = link.name;
  state_.mac = link.mac;
  state_.mtu = link.mtu;
  state_.admin_up = link.admin_up;
  state_.carrier = link.carrier;
  state_.ifindex = link.ifindex;
  link_ = link;
  // Nobody waits for the speed of a link that has failed, but frames do for another link.
  const bool put_off = lost_carrier || (speed_is_old_ && !link.carrier);
  speed_is_old_ = true;
  if (!put_off) read_speed();
}

void KernelDevice::read_speed() {
  speed_is_old_ = false;
  if (link_.namespace_id == Link::kHere) netdev::read_speed(link_.name, state_);
}

bool KernelDevice::catch_up() {
  if (!speed_is_old_ || gone()) return false;
  const DeviceState last = state_;
  read_speed();
  return state_ != last;
}

Statistics KernelDevice::statistics() const {
  return query_statistics(link_.namespace_id, link_.ifindex);
}

Result<void> KernelDevice::set_mac(const MacAddress& mac) {
  auto done = beside_link([&] { return set_link_mac(link_.ifindex, mac); });
  if (done) state_.mac = link_.mac = mac;
  return done;
}

Result<void> KernelDevice::set_mtu(int mtu) {
  auto done = beside_link([&] { return set_link_mtu(link_.ifindex, mtu); });
  if (done) state_.mtu = link_.mtu = mtu;
  return done;
}

void gather(const FrameView& frame, const TagEdit& edit, Gathered& out) {
  constexpr std::size_t kAddresses = 12, kTag = 4;
  const std::size_t stripped = kTag * edit.strip;
  assert(frame.octets.size() >= kAddresses + 2 + stripped);
  const auto piece = [](const std::uint8_t* data, std::size_t size) {
    return iovec{const_cast<std::uint8_t*>(data), size};
  };

  out.header = to_kernel(frame.offload);
  out.pieces[0] = {&out.header, sizeof(out.header)};
  out.octets = frame.octets.size();
  if (edit == TagEdit{}) {
    out.pieces[1] = piece(frame.octets.data(), frame.octets.size());
    out.piece_count = 2;
    return;
  }

  const std::size_t pushed = kTag * edit.push_count;
  for (std::size_t i = 0; i < edit.push_count; ++i) {
    const VlanTag& tag = edit.push[i];
    out.tags[kTag * i] = static_cast<std::uint8_t>(tag.tpid >> 8);
    out.tags[kTag * i + 1] = static_cast<std::uint8_t>(tag.tpid & 0xff);
    out.tags[kTag * i + 2] = static_cast<std::uint8_t>(tag.tci >> 8);
    out.tags[kTag * i + 3] = static_cast<std::uint8_t>(tag.tci & 0xff);
  }
  const auto rest = frame.octets.subspan(kAddresses + stripped);
  out.pieces[1] = piece(frame.octets.data(), kAddresses);
  out.pieces[2] = piece(out.tags.data(), pushed);
  out.pieces[3] = piece(rest.data(), rest.size());
  out.piece_count = 4;
  out.octets = kAddresses + pushed + rest.size();
  const Offload moved =
      shifted(frame.offload, static_cast<int>(pushed) - static_cast<int>(stripped));
  out.header = to_kernel(moved);
}

}  // namespace bondway::netdev
