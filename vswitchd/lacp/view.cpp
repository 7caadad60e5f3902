#include "vswitchd/lacp/view.hpp"

#include <fmt/format.h>

#include <iterator>

namespace bondway::lacp {
namespace {

/// What differs between the layouts.
struct Words {
  std::string_view member, indent;
  bool shows_may_enable = true;
};

Words words_of(Layout layout) {
  switch (layout) {
    case Layout::v2_0:
      return {.member = "slave", .indent = "\t"};
    case Layout::v1_4:
      return {.member = "slave", .indent = "\t", .shows_may_enable = false};
    case Layout::v3_1:
      break;
  }
  return {.member = "member", .indent = "  "};
}

/// Appends indented lines to a text.
class Writer {
 public:
  Writer(std::string& text, std::string_view indent) : text_(text), indent_(indent) {}

  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    text_ += indent_;
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
  }

 private:
  std::string& text_;
  std::string_view indent_;
};

void write_port(Writer& writer, std::string_view end, const PortInfo& port) {
  writer.line("{} sys_id: {}", end, to_string(port.system_id));
  writer.line("{} sys_priority: {}", end, port.system_priority);
  writer.line("{} port_id: {}", end, port.port_id);
  writer.line("{} port_priority: {}", end, port.port_priority);
  writer.line("{} key: {}", end, port.key);
  writer.line("{} state:{}", end, to_string(port.state));
}

void write_member(std::string& text, const Words& words, const MemberView& member) {
  Writer writer(text, words.indent);
  fmt::format_to(std::back_inserter(text), "\n{}: {}: {} {}\n", words.member, member.name,
                 to_string(member.status), member.attached ? "attached" : "detached");
  writer.line("port_id: {}", member.actor.port_id);
  writer.line("port_priority: {}", member.actor.port_priority);
  if (words.shows_may_enable) writer.line("may_enable: {}", member.may_enable);
  text += '\n';
  write_port(writer, "actor", member.actor);
  text += '\n';
  write_port(writer, "partner", member.partner);
}

}  // namespace

std::string to_text(const LagView& view, Layout layout) {
  const Words words = words_of(layout);
  std::string text = fmt::format("---- {} ----\n", view.name);
  Writer writer(text, words.indent);
  writer.line("status: {}{}", to_string(view.activity), view.negotiated ? " negotiated" : "");
  writer.line("sys_id: {}", to_string(view.system_id));
  writer.line("sys_priority: {}", view.system_priority);
  writer.line("aggregation key: {}", view.key ? std::to_string(*view.key) : "none");
  writer.line("lacp_time: {}", to_string(view.time));
  for (const MemberView& member : view.members) write_member(text, words, member);
  return text;
}

std::string stats_to_text(const LagView& view, Layout layout) {
  const Words words = words_of(layout);
  std::string text = fmt::format("---- {} statistics ----\n", view.name);
  Writer writer(text, words.indent);
  for (const MemberView& member : view.members) {
    const Counters& counters = member.counters;
    fmt::format_to(std::back_inserter(text), "\n{}: {}:\n", words.member, member.name);
    writer.line("TX PDUs: {}", counters.tx_pdus);
    writer.line("RX PDUs: {}", counters.rx_pdus);
    writer.line("RX Bad PDUs: {}", counters.rx_bad_pdus);
    writer.line("RX Marker Request PDUs: {}", counters.rx_markers);
    writer.line("Link Expired: {}", counters.link_expired);
    writer.line("Link Defaulted: {}", counters.link_defaulted);
    writer.line("Carrier Status Changed: {}", counters.carrier_changed);
  }
  return text;
}

std::string_view to_string(Activity activity) {
  return activity == Activity::active ? "active" : "passive";
}

std::string_view to_string(LacpTime time) { return time == LacpTime::fast ? "fast" : "slow"; }

std::string_view to_string(MemberStatus status) {
  switch (status) {
    case MemberStatus::current:
      return "current";
    case MemberStatus::expired:
      return "expired";
    case MemberStatus::defaulted:
      break;
  }
  return "defaulted";
}

std::string_view to_string(RxState state) {
  switch (state) {
    case RxState::initialize:
      return "initialize";
    case RxState::port_disabled:
      return "port_disabled";
    case RxState::expired:
      return "expired";
    case RxState::lacp_disabled:
      return "lacp_disabled";
    case RxState::defaulted:
      return "defaulted";
    case RxState::current:
      break;
  }
  return "current";
}

std::string_view to_string(Selected selected) {
  switch (selected) {
    case Selected::unselected:
      return "unselected";
    case Selected::standby:
      return "standby";
    case Selected::selected:
      break;
  }
  return "selected";
}

std::string_view to_string(MuxState state) {
  switch (state) {
    case MuxState::detached:
      return "detached";
    case MuxState::waiting:
      return "waiting";
    case MuxState::attached:
      return "attached";
    case MuxState::collecting:
      return "collecting";
    case MuxState::distributing:
      return "distributing";
    case MuxState::collecting_distributing:
      break;
  }
  return "collecting_distributing";
}

std::string_view to_string(PeriodicState state) {
  switch (state) {
    case PeriodicState::none:
      return "no_periodic";
    case PeriodicState::fast:
      return "fast_periodic";
    case PeriodicState::slow:
      break;
  }
  return "slow_periodic";
}

std::string_view to_string(ChurnState state) {
  switch (state) {
    case ChurnState::monitor:
      return "monitor";
    case ChurnState::no_churn:
      return "no_churn";
    case ChurnState::churn:
      break;
  }
  return "churn";
}

}  // namespace bondway::lacp
