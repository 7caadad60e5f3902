#pragma once

#include <sys/uio.h>

#include <array>
#include <functional>

#include "vswitchd/netdev/links.hpp"
#include "vswitchd/netdev/netdev.hpp"
#include "vswitchd/netdev/vnet_header.hpp"

namespace bondway::netdev {

/// What system and internal devices have in common: a network device of the kernel behind them.
class KernelDevice : public Netdev {
 public:
  bool update(const LinkEvent& event) override;
  bool catch_up() override;
  Statistics statistics() const override;
  Result<void> set_mac(const MacAddress& mac) override;
  Result<void> set_mtu(int mtu) override;

 protected:
  /// Whether the device still serves us when its link has another name or namespace.
  enum class WhenMoved : bool { lost, followed };

  KernelDevice(const Link& link, WhenMoved when_moved);

  const Link& link() const { return link_; }

 private:
  /// Does `work` in the network namespace of the link, and returns what it does.
  virtual Result<void> beside_link(const std::function<Result<void>()>& work) { return work(); }

  bool is_lost(const std::optional<Link>& after) const;
  void take(const Link& link);
  void read_speed();

  const WhenMoved when_moved_;
  Link link_;
  bool speed_is_old_ = false;
};

/// A frame on its way out, with its tags edited, as the pieces that the kernel gathers.
struct Gathered {
  VnetHeader header;
  std::array<std::uint8_t, 8> tags;
  std::array<iovec, 4> pieces;
  std::size_t piece_count;
  std::size_t octets;  ///< of the frame
};

/// Fills `out`, which stays where it is while its pieces are used.
void gather(const FrameView& frame, const TagEdit& edit, Gathered& out);

}  // namespace bondway::netdev
