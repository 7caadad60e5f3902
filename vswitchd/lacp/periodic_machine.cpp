#include "vswitchd/lacp/periodic_machine.hpp"

namespace bondway::lacp {

NeedToTransmit PeriodicMachine::update(PeriodicPace pace, TimePoint now) {
  if (pace == PeriodicPace::none) {
    state_ = PeriodicState::none;
    timer_.reset();
    return NeedToTransmit::no;
  }
  if (state_ == PeriodicState::none) enter(PeriodicState::fast, now);
  if (state_ == PeriodicState::fast && pace == PeriodicPace::slow) enter(PeriodicState::slow, now);
  if (state_ == PeriodicState::slow && pace == PeriodicPace::fast) {
    enter(PeriodicState::fast, now);  // by way of PERIODIC_TX
    return NeedToTransmit::yes;
  }
  return NeedToTransmit::no;
}

NeedToTransmit PeriodicMachine::expire(TimePoint now) {
  if (!timer_ || now < *timer_) return NeedToTransmit::no;
  enter(state_, now);  // by way of PERIODIC_TX
  return NeedToTransmit::yes;
}

void PeriodicMachine::enter(PeriodicState state, TimePoint now) {
  state_ = state;
  timer_ = now + (state == PeriodicState::fast ? kFastPeriodicTime : kSlowPeriodicTime);
}

}  // namespace bondway::lacp
