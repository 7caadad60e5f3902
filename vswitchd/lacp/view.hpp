#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vswitchd/lacp/churn_machine.hpp"
#include "vswitchd/lacp/config.hpp"
#include "vswitchd/lacp/member_status.hpp"
#include "vswitchd/lacp/mux_machine.hpp"
#include "vswitchd/lacp/pdu.hpp"
#include "vswitchd/lacp/periodic_machine.hpp"
#include "vswitchd/lacp/rx_machine.hpp"
#include "vswitchd/net/mac_address.hpp"
#include "vswitchd/net/time.hpp"

namespace bondway::lacp {

/// What happened on a member since it was added; wraps at 32 bits.
struct Counters {
  std::uint32_t tx_pdus = 0;  ///< LACPDUs sent
  std::uint32_t rx_pdus = 0;  ///< frames received, bad and marker ones included
  std::uint32_t rx_bad_pdus = 0;
  std::uint32_t rx_markers = 0;      ///< "RX Marker Request PDUs"
  std::uint32_t link_expired = 0;    ///< the partner fell silent
  std::uint32_t link_defaulted = 0;  ///< and stayed silent
  std::uint32_t carrier_changed = 0;
  std::uint32_t marker_responses = 0;                ///< sent by us
  std::uint32_t actor_churn = 0, partner_churn = 0;  ///< times that churn was detected

  bool operator==(const Counters&) const = default;
};

/// One member, at one instant.  The first part is what lacp/show prints; the rest are the machines.
struct MemberView {
  std::string name{};
  MemberStatus status = MemberStatus::defaulted;
  bool attached = false;
  bool may_enable = false;
  PortInfo actor{}, partner{};

  Counters counters{};
  bool link_up = false;
  RxState rx = RxState::initialize;
  Selected selected = Selected::unselected;
  MuxState mux = MuxState::detached;
  PeriodicState periodic = PeriodicState::none;
  ChurnState actor_churn = ChurnState::monitor, partner_churn = ChurnState::monitor;
  bool need_to_transmit = false;                   ///< held back by the limit of three per second
  std::optional<Duration> partner_times_out_in{};  ///< current_while
  std::optional<Duration> next_periodic_in{};
  std::optional<std::uint8_t> partner_version{};  ///< of the last LACPDU

  bool operator==(const MemberView&) const = default;
};

/// One port's LACP, at one instant; members are sorted by name.
struct LagView {
  std::string name{};
  Activity activity = Activity::passive;
  bool negotiated = false;
  MacAddress system_id{};
  std::uint16_t system_priority = 0;
  std::optional<std::uint16_t> key{};  ///< empty without a member
  LacpTime time = LacpTime::slow;
  Fallback fallback = Fallback::none;
  MuxControl control = MuxControl::coupled;
  Duration aggregate_wait{0};
  std::uint32_t min_links = 0, max_bundle = 0, timeout_multiplier = 3;
  std::vector<MemberView> members{};

  bool operator==(const LagView&) const = default;
};

/// Which release's layout: 3.1 is what current scripts expect; 2.0 says "slave" and indents with a
/// tab; 1.4 also has no may_enable.
enum class Layout : std::uint8_t { v3_1, v2_0, v1_4 };

/// The answer of lacp/show for this port.
std::string to_text(const LagView& view, Layout layout = Layout::v3_1);

/// The answer of lacp/show-stats for this port.
std::string stats_to_text(const LagView& view, Layout layout = Layout::v3_1);

/// Lower-case words for the JSON form and logs: "port_disabled", "collecting_distributing", ...
std::string_view to_string(Activity activity);
std::string_view to_string(LacpTime time);
std::string_view to_string(MemberStatus status);
std::string_view to_string(RxState state);
std::string_view to_string(Selected selected);
std::string_view to_string(MuxState state);
std::string_view to_string(PeriodicState state);
std::string_view to_string(ChurnState state);

}  // namespace bondway::lacp
