#include "vswitchd/lacp/member_status.hpp"

namespace bondway::lacp {

void StatusMachine::update(const RxMachine& rx, Activity activity, TimePoint now) {
  const RxState before = rx_;
  rx_ = rx.state();
  if (rx_ != RxState::port_disabled) timer_.reset();
  switch (rx_) {
    case RxState::initialize:
      break;
    case RxState::port_disabled:
      if (before != RxState::port_disabled) lose_link(activity, now);
      break;
    case RxState::current:
      enter(MemberStatus::current);
      break;
    case RxState::expired: {
      if (before == RxState::expired) break;  // becoming active is no reason to wait for anybody
      const bool silent = activity == Activity::passive && rx.defaulted();
      if (!silent) enter(MemberStatus::expired);
      break;
    }
    case RxState::lacp_disabled:
    case RxState::defaulted:
      enter(MemberStatus::defaulted);
      break;
  }
}

void StatusMachine::expire(TimePoint now) {
  if (!timer_ || now < *timer_) return;
  timer_.reset();
  enter(MemberStatus::defaulted);
}

void StatusMachine::enter(MemberStatus status) {
  if (status_ == MemberStatus::expired && status == MemberStatus::defaulted) ++times_defaulted_;
  status_ = status;
}

void StatusMachine::lose_link(Activity activity, TimePoint now) {
  if (activity == Activity::passive && status_ == MemberStatus::defaulted) return;
  enter(MemberStatus::expired);
  timer_ = now + kShortTimeout;
}

}  // namespace bondway::lacp
