#pragma once

#include <cstdint>
#include <optional>

#include "vswitchd/lacp/config.hpp"
#include "vswitchd/lacp/periodic_machine.hpp"
#include "vswitchd/net/time.hpp"

namespace bondway::lacp {

enum class Selected : std::uint8_t { unselected, standby, selected };  ///< 6.4.8

enum class MuxState : std::uint8_t {
  detached,
  waiting,
  attached,
  collecting,               ///< independent control only
  distributing,             ///< independent control only; collects as well
  collecting_distributing,  ///< coupled control only
};

/// What the mux machine looks at.
struct MuxInputs {
  Selected selected = Selected::unselected;
  bool ready = false;  ///< all ports that wait for the aggregator have waited long enough
  bool partner_in_sync = false;
  bool partner_collecting = false;
};

/// The mux machine of one port: attaches it to its aggregator, and lets it collect and distribute
/// when the partner is ready for it.  IEEE 802.1AX-2014, 6.4.15, Figure 6-21 (independent control)
/// and 6-22 (coupled control).
class MuxMachine {
 public:
  explicit MuxMachine(MuxControl control = MuxControl::coupled) : control_(control) {}

  /// Follows the inputs as far as they lead.  `aggregate_wait` counts when waiting begins.
  NeedToTransmit update(const MuxInputs& inputs, Duration aggregate_wait, TimePoint now);

  /// Another kind of control: a port that carries frames is put back to ATTACHED.
  NeedToTransmit set_control(MuxControl control);

  /// Ready_N: waiting, and long enough.
  bool waited(TimePoint now) const;

  /// The end of wait_while.
  std::optional<TimePoint> deadline() const { return wait_while_; }

  /// wait_while has ended; waited() goes on to hold.
  void expire(TimePoint now);

  MuxState state() const { return state_; }
  bool attached() const { return state_ >= MuxState::attached; }  ///< actor's synchronization
  bool collecting() const { return state_ >= MuxState::collecting; }
  bool distributing() const { return state_ >= MuxState::distributing; }

 private:
  /// The state that follows the present one, the present one if none does.
  MuxState next(const MuxInputs& inputs) const;
  MuxState next_coupled(const MuxInputs& inputs) const;
  MuxState next_independent(const MuxInputs& inputs) const;

  MuxControl control_;
  MuxState state_ = MuxState::detached;
  std::optional<TimePoint> wait_while_;
};

}  // namespace bondway::lacp
